//! Sealing: the one way in. Commands queue up; whoever waits for the lock is sealed in the same transaction, so one
//! fsync serves many. Within the transaction every command is decided on the state that the ones before it left.
//!
//! An answer is given only after the commit: entries, tree, states and views are then durable together.

mod batch;
mod cache;

use std::{collections::BTreeSet, sync::Arc};

use domain::{
    AccountId, AggregateId, Command, Refusal, account::Scope, deployment::ServingCommand,
    privacy::command::PrivacyCommand, refusal::Missing,
};
use ledger::{Digest, SigningKey, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::{
    clock::Clock,
    storage::{Store, StoreError, accounts::VaultField},
};
use batch::Batch;
use cache::Cache;

/// How many commands are sealed in one transaction at most.
const MAX_BATCH: usize = 256;
/// How many commands may queue up before callers wait.
const QUEUE: usize = 1_024;

/// Who commands, as far as the caller could establish; roles are looked up when the command is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A signed-in account.
    Account(AccountId),
    /// An account through a token: its id.
    Token(AccountId, String),
    /// The program itself, with the rights of an administrator.
    System,
    /// A person whose session had ended while a form was written: the form is to come back with its text, and nothing is
    /// sealed until that person sends it again.
    Resumed,
}

/// The rule by which a form that outlived its session is shown again rather than acted upon.
pub const RESUMED_RULE: &str = "session.resumed";

/// What is written beside the ledger together with a command, and what must hold for it.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// A new login: e-mail address in lower case and password hash. Refused if the address is taken.
    pub login: Option<(String, String)>,
    /// Personal fields for the vault.
    pub vault: Vec<VaultField>,
    /// A token's id and the hash of its secret.
    pub token: Option<(String, Digest)>,
    /// A setting that must have this value and is consumed.
    pub consumes: Option<(&'static str, String)>,
    /// A webhook's id, and its address and secret, both sealed.
    pub webhook: Option<(String, String, String)>,
    /// The new secret, sealed, of the webhook that the command rotates.
    pub rotates_webhook: Option<String>,
    /// A webhook whose address and secret are forgotten.
    pub forgets_webhook: Option<String>,
    /// End the sessions of the account that the command concerns.
    pub ends_sessions: bool,
}

/// A command to be sealed.
#[derive(Debug, Clone)]
pub struct Order {
    /// Who commands.
    pub caller: Caller,
    /// What.
    pub command: Command,
    /// Whether the caller proved its identity again for this command.
    pub reauthenticated: bool,
    /// The revision of the version that the caller saw.
    pub expected_revision: Option<u64>,
    /// Idempotency key and digest of the request.
    pub idempotency: Option<(String, Digest)>,
    /// What goes beside the ledger.
    pub beside: Beside,
}

impl Order {
    /// A plain order.
    pub fn new(caller: Caller, command: Command) -> Self {
        Self {
            caller,
            command,
            reauthenticated: false,
            expected_revision: None,
            idempotency: None,
            beside: Beside::default(),
        }
    }
}

/// An entry as told to whoever commanded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SealedEntry {
    /// Number in the ledger.
    pub seq: u64,
    /// Event type.
    pub event: String,
    /// SHA-256 of the entry's bytes.
    #[schema(value_type = String)]
    pub hash: Digest,
}

/// The proof of having been sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Receipt {
    /// What the command concerned, such as `version/credit/3`.
    pub subject: String,
    /// When it was sealed.
    #[schema(value_type = String)]
    pub time: Timestamp,
    /// The entries.
    pub entries: Vec<SealedEntry>,
    /// Whether this is the answer to an earlier, equal request.
    #[serde(default)]
    pub repeated: bool,
}

impl Receipt {
    /// The version number, where a version is concerned.
    pub fn version(&self) -> Option<u32> {
        match self.subject.parse() {
            Ok(AggregateId::Version(id)) => Some(id.number.get()),
            _ => None,
        }
    }

    /// The number of the last entry.
    pub fn last_seq(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.seq)
    }
}

/// Why an order was not sealed. Nothing of it was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SealError {
    /// A rule says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The storage failed.
    #[error("{0}")]
    Store(Arc<StoreError>),
    /// The program is shutting down.
    #[error("the server is shutting down; nothing was written")]
    Closed,
}

impl From<StoreError> for SealError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// What subscribers hear after each commit.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Number of the entry.
    pub seq: u64,
    /// Event type.
    pub event: &'static str,
    /// What it concerns.
    pub subject: AggregateId,
}

/// How much of a batch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Entries, tree, states, views, what is due, kept answers.
    Whole,
    /// Entries, tree and states only: for the kill switch, where the tables beside them are broken. `countersign rebuild`
    /// makes up for the rest.
    Bare,
}

impl Order {
    /// Whether this is the kill switch, which works when all else fails.
    fn is_kill(&self) -> bool {
        matches!(&self.command, Command::Serve(_, _, ServingCommand::Kill(_)))
    }
}

struct Job {
    order: Order,
    reply: oneshot::Sender<Result<Receipt, SealError>>,
}

/// The handle through which commands are sealed.
#[derive(Clone)]
pub struct Sealer {
    queue: mpsc::Sender<Job>,
    news: broadcast::Sender<Sealed>,
}

impl Sealer {
    /// Starts the task that seals.
    pub fn start(store: Store, key: Arc<SigningKey>, clock: Arc<dyn Clock>) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (news, _) = broadcast::channel(QUEUE);
        let worker = Worker { store, key, clock, news: news.clone(), cache: Cache::default() };
        tokio::spawn(worker.run(jobs));
        Self { queue, news }
    }

    /// Seals an order and answers when it is durable.
    ///
    /// # Errors
    /// A rule refused it, or the storage failed; nothing of it was written then.
    pub async fn seal(&self, order: Order) -> Result<Receipt, SealError> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Job { order, reply }).await.map_err(|_| SealError::Closed)?;
        answer.await.map_err(|_| SealError::Closed)?
    }

    /// Hears of every entry sealed from now on by this server.
    pub fn subscribe(&self) -> broadcast::Receiver<Sealed> {
        self.news.subscribe()
    }
}

/// The task that seals, with all it works with.
struct Worker {
    store: Store,
    key: Arc<SigningKey>,
    clock: Arc<dyn Clock>,
    news: broadcast::Sender<Sealed>,
    cache: Cache,
}

impl Worker {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut waiting = Vec::with_capacity(MAX_BATCH);
        while jobs.recv_many(&mut waiting, MAX_BATCH).await > 0 {
            let group = std::mem::replace(&mut waiting, Vec::with_capacity(MAX_BATCH));
            let Err((error, group)) = self.seal_group(group, Extent::Whole).await else { continue };
            if !error.may_be_of_one_command() {
                Self::fail(group, error);
                continue;
            }
            // One command that the engine does not take must not fail those that happened to wait beside it.
            let alone = group.len() == 1;
            for job in group {
                self.seal_single(job, alone.then_some(&error)).await;
            }
        }
    }

    /// Seals one command by itself, unless it has `failed` by itself already; the kill switch a last time with nothing
    /// but what proves it.
    async fn seal_single(&mut self, job: Job, failed: Option<&StoreError>) {
        let extents: &[Extent] = match (job.order.is_kill(), failed) {
            (true, Some(_)) => &[Extent::Bare],
            (true, None) => &[Extent::Whole, Extent::Bare],
            (false, None) => &[Extent::Whole],
            (false, Some(_)) => &[],
        };
        let mut left = vec![job];
        let mut last = failed.map(ToString::to_string);
        for extent in extents {
            match self.seal_group(left, *extent).await {
                Ok(()) => return,
                Err((error, group)) => {
                    last = Some(error.to_string());
                    left = group;
                }
            }
        }
        Self::fail(left, StoreError::Inconsistent(last.unwrap_or_default()));
    }

    /// Seals a group and answers its members; gives the group back if the storage failed, and nothing is written then.
    async fn seal_group(&mut self, group: Vec<Job>, extent: Extent) -> Result<(), (StoreError, Vec<Job>)> {
        match seal_batch(&group, extent, &self.store, &self.key, &*self.clock, &mut self.cache).await {
            Ok((answers, sealed)) => {
                for (job, answer) in group.into_iter().zip(answers) {
                    // Whoever asked may have gone away; the entry stands all the same.
                    let _ = job.reply.send(answer);
                }
                for entry in sealed {
                    // Nobody listening is fine.
                    let _ = self.news.send(entry);
                }
                Ok(())
            }
            Err(error) => {
                self.cache.forget();
                Err((error, group))
            }
        }
    }

    fn fail(group: Vec<Job>, error: StoreError) {
        tracing::error!(%error, "a group of {} commands was not sealed", group.len());
        let error = Arc::new(error);
        for job in group {
            let _ = job.reply.send(Err(SealError::Store(error.clone())));
        }
    }
}

type Answers = Vec<Result<Receipt, SealError>>;

async fn seal_batch(
    jobs: &[Job],
    extent: Extent,
    store: &Store,
    key: &SigningKey,
    clock: &dyn Clock,
    cache: &mut Cache,
) -> Result<(Answers, Vec<Sealed>), StoreError> {
    let mut write = store.begin().await?;
    cache.catch_up(&mut write).await?;
    cache.load(&mut write, jobs.iter().map(|job| &job.order)).await?;
    let mut batch = Batch::new(cache, clock.now(), extent);
    let mut answers = Vec::with_capacity(jobs.len());
    for job in jobs {
        answers.push(batch.add(&mut write, &job.order).await?);
    }
    let (sealed, end) = batch.write(&mut write, key).await?;
    write.commit().await?;
    cache.advance(end);
    if jobs.iter().any(|job| matches!(job.order.command, Command::Privacy(PrivacyCommand::Erase(..))))
        && let Err(error) = store.cut_log().await
    {
        tracing::warn!(%error, "the write-ahead log may hold what was erased until it is written over");
    }
    Ok((answers, sealed))
}

/// Scopes of a token at `now`, or why it does not count.
fn token_scopes(account: &domain::account::Account, token: &str, now: Timestamp) -> Result<BTreeSet<Scope>, Refusal> {
    match account.tokens.get(token) {
        None => Err(Refusal::forbidden(
            "token.known",
            "This token is not known.",
            Missing::field("token", "A token that was issued here."),
        )),
        Some(known) if known.revoked => Err(Refusal::forbidden(
            "token.active",
            "This token was revoked; use another.",
            Missing::field("token", "A token that is in force; whoever owns the account issues it."),
        )),
        Some(known) if known.expires_at <= now => Err(Refusal::forbidden(
            "token.active",
            format!("This token expired on {}; issue a new one.", known.expires_at),
            Missing::field("token", "A token that is in force; whoever owns the account issues it."),
        )),
        Some(known) => Ok(known.scopes.clone()),
    }
}

/// The principal that a caller is, on the account's state.
///
/// # Errors
/// The account is unknown or disabled, or the token does not count.
pub fn principal(
    caller: &Caller,
    account: Option<&domain::account::Account>,
    now: Timestamp,
) -> Result<domain::access::Principal, Refusal> {
    use domain::{
        access::Principal,
        account::{AccountKind, Role},
    };
    let (id, token) = match caller {
        Caller::System => {
            let account = "system".parse().map_err(Refusal::from)?;
            return Ok(Principal {
                account,
                kind: AccountKind::Service,
                roles: BTreeSet::from([Role::Administrator]),
                team: String::new(),
                scopes: None,
            });
        }
        Caller::Resumed => {
            return Err(Refusal::conflict(
                RESUMED_RULE,
                "This form was sent after its session had ended, so nothing was recorded.",
                Missing::field(
                    "form",
                    "What you had written is in the form again; passwords and files are not kept. Read it, and send it once more.",
                ),
            ));
        }
        Caller::Account(id) => (id, None),
        Caller::Token(id, token) => (id, Some(token)),
    };
    let Some(account) = account.filter(|account| account.id == *id) else {
        return Err(Refusal::forbidden(
            "account.known",
            "This account is not known.",
            Missing::from("account", "An account that exists.", Role::Administrator),
        ));
    };
    if account.disabled {
        return Err(Refusal::forbidden(
            "account.enabled",
            "This account is disabled; ask an administrator.",
            Missing::from("account", "Enable the account.", Role::Administrator),
        ));
    }
    let scopes = token.map(|token| token_scopes(account, token, now)).transpose()?;
    Ok(Principal::of(account, scopes))
}
