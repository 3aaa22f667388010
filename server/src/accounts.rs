//! Accounts as people use them: passwords, sessions, tokens, the first administrator, names from the vault. What of
//! it concerns the record is sealed as commands; secrets and personal data go beside the ledger.

use std::{
    collections::{BTreeSet, HashMap},
    num::NonZeroU32,
    sync::Arc,
};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::{
    AccountId, Aggregate, AggregateId, Command, Refusal,
    account::{Account, AccountKind, Role, Scope},
    command::{CreateAccount, IssueToken},
    refusal::InputCheck,
    refusal::Missing,
};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use ledger::{Digest, Timestamp};
use subtle::ConstantTimeEq as _;

use crate::{
    seal::{Beside, Caller, Order, Receipt, SealError},
    service::Service,
    storage::StoreError,
    vault,
};

/// Fewest characters of a password (NIST SP 800-63B asks for eight; twelve holds better).
pub const MIN_PASSWORD: usize = 12;
/// Most characters of a password, so that hashing stays bounded.
const MAX_PASSWORD: usize = 256;
/// Characters of an e-mail address at most (RFC 5321, section 4.5.3.1.3).
const MAX_EMAIL: usize = 254;
/// Attempts to sign in to one account each minute.
const ATTEMPTS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// Acts each minute for which somebody who is signed in states their password again. Right ones count as well: a
/// committee member may sign a whole agenda in a row.
const SIGNED_ACTS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(30).unwrap();
/// Attempts to sign in from one network address each minute.
const ORIGIN_ATTEMPTS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();
/// Accounts listed at most.
const MAX_ACCOUNTS: u64 = 10_000;
/// Days after which even a session in use ends.
const SESSION_DAYS: i64 = 7;
/// Days for which an invitation works.
pub const INVITATION_DAYS: i64 = 7;
/// The setting that holds the digest of the one-time link for the first administrator.
const SETUP: &str = "setup_token";

/// Why somebody is not let in. Says no more than an outsider may know.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Address or password is wrong.
    #[error("The e-mail address or the password is not right.")]
    Wrong,
    /// Too many attempts.
    #[error("Too many attempts. Wait a minute, then try again.")]
    TooMany,
    /// The account is disabled.
    #[error("This account is disabled; ask an administrator.")]
    Disabled,
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Limits how often passwords can be tried: at one account, and from one network address, behind which a whole company may
/// sit.
pub struct AttemptLimiter {
    accounts: DefaultKeyedRateLimiter<String>,
    signed_in: DefaultKeyedRateLimiter<AccountId>,
    origins: DefaultKeyedRateLimiter<String>,
}

impl Default for AttemptLimiter {
    fn default() -> Self {
        Self {
            accounts: RateLimiter::keyed(Quota::per_minute(ATTEMPTS_PER_MINUTE)),
            signed_in: RateLimiter::keyed(Quota::per_minute(SIGNED_ACTS_PER_MINUTE)),
            origins: RateLimiter::keyed(Quota::per_minute(ORIGIN_ATTEMPTS_PER_MINUTE)),
        }
    }
}

impl AttemptLimiter {
    fn allows(&self, email: &str) -> bool {
        self.accounts.check_key(&email.to_owned()).is_ok()
    }

    fn allows_signed_in(&self, account: &AccountId) -> bool {
        self.signed_in.check_key(account).is_ok()
    }

    fn allows_origin(&self, origin: &str) -> bool {
        self.origins.check_key(&origin.to_owned()).is_ok()
    }

    /// Forgets keys that have not been tried lately.
    pub fn tidy(&self) {
        self.accounts.retain_recent();
        self.signed_in.retain_recent();
        self.origins.retain_recent();
    }
}

/// 32 random bytes as text, for links, sessions and tokens.
fn secret() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(random_bytes())
}

/// 32 random bytes from the operating system.
///
/// # Panics
/// The operating system has no randomness to give; nothing secret can be made then.
pub(crate) fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

fn hash_password(password: &str) -> Result<String, Refusal> {
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(|error| {
        Refusal::rule(
            "password.hash",
            format!("the password could not be hashed: {error}"),
            Missing::from("password", "Look at the server\u{2019}s log, then try again.", Role::Administrator),
        )
    })
}

fn password_matches(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// A hash that no password matches, checked where an address is unknown so that the answer takes as long.
fn nobodys_hash() -> &'static str {
    static HASH: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    HASH.get_or_init(|| hash_password(&secret()).unwrap_or_default())
}

/// A person or machine to be let in.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Name as it is printed on reports.
    pub name: String,
    /// E-mail address; absent for services.
    pub email: Option<String>,
    /// First password; absent for services.
    pub password: Option<String>,
    /// Team.
    pub team: String,
    /// Roles.
    pub roles: BTreeSet<Role>,
    /// Person or machine.
    pub kind: AccountKind,
}

/// Who commands, and whether with the password once more.
#[derive(Debug, Clone)]
pub struct By {
    /// The caller.
    pub caller: Caller,
    /// Whether the caller proved its identity again for this very command.
    pub reauthenticated: bool,
}

impl From<Caller> for By {
    fn from(caller: Caller) -> Self {
        Self { caller, reauthenticated: false }
    }
}

impl By {
    /// An order in this caller's name.
    pub fn order(self, command: Command) -> Order {
        Order { reauthenticated: self.reauthenticated, ..Order::new(self.caller, command) }
    }
}

/// Somebody invited by a one-time link.
#[derive(Debug, Clone)]
pub struct Invited {
    /// The account.
    pub account: String,
    /// Its name.
    pub name: String,
    /// Its address.
    pub email: String,
}

fn invitation_setting(token: &str) -> String {
    format!("invitation {}", Digest::of(token.as_bytes()).hex())
}

/// A token just issued: the only time its secret is shown.
#[derive(Debug, Clone)]
pub struct IssuedToken {
    /// Public id.
    pub id: String,
    /// The whole token, as the client sends it.
    pub token: String,
    /// The proof that it was sealed.
    pub receipt: Receipt,
}

fn check_password(check: &mut InputCheck, password: &str) {
    let length = password.chars().count();
    check.holds(
        "password",
        (MIN_PASSWORD..=MAX_PASSWORD).contains(&length),
        format!("A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters; a sentence works well."),
    );
}

/// The address in the form it is kept in, or why it is none.
fn check_email(check: &mut InputCheck, email: &str) -> String {
    let email = email.trim().to_lowercase();
    let shape =
        email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'));
    check.holds(
        "email",
        shape && email.len() <= 254 && !email.contains(|c: char| c.is_whitespace() || c.is_control()),
        "This is no e-mail address; write it like ana@bank.example.",
    );
    email
}

impl Service {
    /// The caller, proved by its password once more. Without a password the command is decided unproven: the rule says
    /// what it needs.
    ///
    /// # Errors
    /// The password is wrong or was tried too often, or the storage failed.
    pub async fn prove(&self, caller: Caller, password: &str) -> Result<By, SealError> {
        let (Caller::Account(account) | Caller::Token(account, _)) = &caller else { return Ok(caller.into()) };
        let reauthenticated = !password.is_empty();
        if reauthenticated {
            self.reauthenticate(account, password).await.map_err(reauthentication_refusal)?;
        }
        Ok(By { caller, reauthenticated })
    }

    /// Makes an account.
    ///
    /// # Errors
    /// The input is malformed, the caller may not, or the address is taken.
    pub async fn create_account(&self, by: impl Into<By>, new: NewAccount) -> Result<Receipt, SealError> {
        self.create_account_consuming(by.into(), new, None).await
    }

    /// Makes an account; a person gets a one-time link, answered here, to choose a password.
    ///
    /// # Errors
    /// The input is malformed, the caller may not, or the address is taken.
    pub async fn invite(&self, by: impl Into<By>, new: NewAccount) -> Result<(Receipt, Option<String>), SealError> {
        if new.kind == AccountKind::Service {
            return Ok((self.create_account(by, new).await?, None));
        }
        // Until the link is followed, nobody knows the password.
        let receipt = self.create_account(by, NewAccount { password: Some(secret()), ..new }).await?;
        let token = secret();
        let account = receipt.subject.trim_start_matches("account/");
        let expires = receipt.time.plus_days(INVITATION_DAYS);
        self.store.put_setting(&invitation_setting(&token), Some(&format!("{account} {expires}"))).await?;
        Ok((receipt, Some(format!("{}/setup/{token}", self.config.public_url))))
    }

    /// Whom a one-time link invites, if it still works.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn invitation(&self, token: &str) -> Result<Option<Invited>, StoreError> {
        let Some(value) = self.store.setting(&invitation_setting(token)).await? else { return Ok(None) };
        let Some((account, expires)) = value.split_once(' ') else { return Ok(None) };
        if expires.parse::<Timestamp>().is_ok_and(|expires| expires < self.clock.now()) {
            return Ok(None);
        }
        let fields = self.store.vault(&[account.to_owned()]).await?;
        let get = |name: &str| fields.iter().find(|f| f.field == name).map(|f| f.value.clone()).unwrap_or_default();
        Ok(Some(Invited { account: account.to_owned(), name: get("name"), email: get("email") }))
    }

    /// Sets an invited person's password; the link is used up with it.
    ///
    /// # Errors
    /// The link does not work, or the password is unfit.
    pub async fn accept_invitation(&self, token: &str, password: &str) -> Result<(), SealError> {
        let mut check = InputCheck::default();
        check_password(&mut check, password);
        check.finish()?;
        let Some(invited) = self.invitation(token).await? else {
            return Err(Refusal::forbidden(
                "setup.once",
                "This link was used already or has expired. Ask an administrator for a new one.",
                Missing::from("link", "A new link.", Role::Administrator),
            )
            .into());
        };
        let password = password.to_owned();
        let hash =
            tokio::task::spawn_blocking(move || hash_password(&password)).await.map_err(|_| SealError::Closed)??;
        self.store.set_password(&invited.account, &hash).await?;
        Ok(self.store.put_setting(&invitation_setting(token), None).await?)
    }

    async fn create_account_consuming(
        &self,
        by: By,
        new: NewAccount,
        consumes: Option<(&'static str, String)>,
    ) -> Result<Receipt, SealError> {
        let mut check = InputCheck::default();
        check.text("name", &new.name, 200);
        let email = new.email.as_deref().map(|email| check_email(&mut check, email));
        if new.kind == AccountKind::Human {
            check.holds("email", email.is_some(), "A person needs an e-mail address to sign in with.");
            check_password(&mut check, new.password.as_deref().unwrap_or(""));
        }
        check.finish()?;
        let id: AccountId = uuid::Uuid::now_v7().simple().to_string().parse().map_err(Refusal::from)?;
        let personal = [("name", Some(new.name.trim().to_owned())), ("email", email.clone())];
        let personal = personal.into_iter().filter_map(|(field, value)| Some((field, value?)));
        let (vault, commitments) = vault::salted(id.as_str(), personal);
        let login = match (email, new.password) {
            (Some(email), Some(password)) => {
                let hash = tokio::task::spawn_blocking(move || hash_password(&password))
                    .await
                    .map_err(|_| SealError::Closed)??;
                Some((email, hash))
            }
            _ => None,
        };
        let command =
            Command::CreateAccount(CreateAccount { id, kind: new.kind, roles: new.roles, team: new.team, commitments });
        let beside = Beside { login, vault, consumes, ..Beside::default() };
        self.sealer.seal(Order { beside, ..by.order(command) }).await
    }

    /// A fresh one-time link for the first administrator, while there is no account that signs in.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn setup_link(&self) -> Result<Option<String>, StoreError> {
        if self.has_people().await? {
            self.store.put_setting(SETUP, None).await?;
            return Ok(None);
        }
        let token = secret();
        self.store.put_setting(SETUP, Some(&Digest::of(token.as_bytes()).hex())).await?;
        Ok(Some(format!("{}/setup/{token}", self.config.public_url)))
    }

    async fn has_people(&self) -> Result<bool, StoreError> {
        Ok(!self.store.account_ids(1).await?.is_empty())
    }

    /// Whether a one-time link is the one in force.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn setup_link_is_good(&self, token: &str) -> Result<bool, StoreError> {
        let expected = self.store.setting(SETUP).await?;
        let found = Digest::of(token.as_bytes()).hex();
        Ok(expected.is_some_and(|expected| expected.as_bytes().ct_eq(found.as_bytes()).into()))
    }

    /// Makes the first administrator; the link is used up with it.
    ///
    /// # Errors
    /// The link is not the one in force, or the input is malformed.
    pub async fn set_up(&self, token: &str, name: &str, email: &str, password: &str) -> Result<Receipt, SealError> {
        if !self.setup_link_is_good(token).await? {
            return Err(Refusal::forbidden(
                "setup.once",
                "This link was used already or is not the right one. Start the server again for a new one.",
                Missing::from("link", "A new link: start the server again.", Role::Administrator),
            )
            .into());
        }
        let new = NewAccount {
            name: name.to_owned(),
            email: Some(email.to_owned()),
            password: Some(password.to_owned()),
            team: String::new(),
            roles: BTreeSet::from([Role::Administrator]),
            kind: AccountKind::Human,
        };
        let consumes = Some((SETUP, Digest::of(token.as_bytes()).hex()));
        self.create_account_consuming(Caller::System.into(), new, consumes).await
    }

    /// The state of an account.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn account(&self, id: &AccountId) -> Result<Option<Arc<Account>>, StoreError> {
        Ok(match self.store.aggregate(&AggregateId::Account(id.clone())).await? {
            Some(Aggregate::Account(account)) => Some(account),
            _ => None,
        })
    }

    /// Every account, oldest first.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn all_accounts(&self) -> Result<Vec<Arc<Account>>, StoreError> {
        let ids = self.store.account_ids(MAX_ACCOUNTS).await?;
        let mut accounts = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(200) {
            let wanted: Vec<AggregateId> =
                chunk.iter().filter_map(|id| Some(AggregateId::Account(id.parse().ok()?))).collect();
            for (_, state) in self.store.aggregates(&wanted).await? {
                if let Aggregate::Account(account) = state {
                    accounts.push(account);
                }
            }
        }
        accounts.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(accounts)
    }

    async fn check_login(&self, login: Option<crate::storage::accounts::Login>, password: &str) -> Option<AccountId> {
        let (account, hash) = match login {
            Some(login) => (login.account.parse().ok(), login.password),
            None => (None, nobodys_hash().to_owned()),
        };
        let password: String = password.chars().take(MAX_PASSWORD + 1).collect();
        let matches = tokio::task::spawn_blocking(move || password_matches(&password, &hash)).await.unwrap_or(false);
        account.filter(|_| matches)
    }

    /// Signs in and answers the session's secret for the cookie. `origin` is where the attempt came from.
    ///
    /// # Errors
    /// See [`SignInError`].
    pub async fn sign_in(&self, email: &str, password: &str, origin: &str) -> Result<(AccountId, String), SignInError> {
        let email = email.trim().to_lowercase();
        // The origin first, and no key longer than an address can be: guesses must not fill the memory.
        if !self.attempts.allows_origin(origin) {
            return Err(SignInError::TooMany);
        }
        if email.len() > MAX_EMAIL {
            return Err(SignInError::Wrong);
        }
        if !self.attempts.allows(&email) {
            return Err(SignInError::TooMany);
        }
        let login = self.store.login_by_email(&email).await?;
        let id = self.check_login(login, password).await.ok_or(SignInError::Wrong)?;
        if self.account(&id).await?.is_none_or(|account| account.disabled) {
            return Err(SignInError::Disabled);
        }
        let secret = secret();
        self.store.add_session(Digest::of(secret.as_bytes()), id.as_str(), self.clock.now()).await?;
        Ok((id, secret))
    }

    /// Whether `password` is the account's, for signing and other acts that ask for it again.
    ///
    /// # Errors
    /// [`SignInError::Wrong`] or [`SignInError::TooMany`], or the storage failed.
    pub async fn reauthenticate(&self, id: &AccountId, password: &str) -> Result<(), SignInError> {
        if !self.attempts.allows_signed_in(id) {
            return Err(SignInError::TooMany);
        }
        let login = self.store.login_of(id.as_str()).await?;
        self.check_login(login, password).await.map(drop).ok_or(SignInError::Wrong)
    }

    /// The account behind a session's secret, if the session still counts.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn session_account(&self, secret: &str) -> Result<Option<Arc<Account>>, StoreError> {
        let hash = Digest::of(secret.as_bytes());
        let Some(session) = self.store.session(hash).await? else { return Ok(None) };
        let now = self.clock.now();
        let idle_since = now.micros() - i64::from(self.config.session_idle_minutes) * 60_000_000;
        if session.seen_at.micros() < idle_since || session.created_at.plus_days(SESSION_DAYS) < now {
            self.store.end_session(hash).await?;
            return Ok(None);
        }
        if now.micros() - session.seen_at.micros() > 60_000_000 {
            self.store.touch_session(hash, now).await?;
        }
        let Ok(id) = session.account.parse() else { return Ok(None) };
        Ok(self.account(&id).await?.filter(|account| !account.disabled))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn sign_out(&self, secret: &str) -> Result<(), StoreError> {
        self.store.end_session(Digest::of(secret.as_bytes())).await
    }

    /// Changes one's own password; every session of the account ends.
    ///
    /// # Errors
    /// The present password is wrong or the new one unfit.
    pub async fn change_password(&self, id: &AccountId, present: &str, new: &str) -> Result<(), SealError> {
        let mut check = InputCheck::default();
        check_password(&mut check, new);
        check.finish()?;
        self.reauthenticate(id, present).await.map_err(reauthentication_refusal)?;
        let new = new.to_owned();
        let hash = tokio::task::spawn_blocking(move || hash_password(&new)).await.map_err(|_| SealError::Closed)??;
        Ok(self.store.set_password(id.as_str(), &hash).await?)
    }

    /// Issues a token for `account`.
    ///
    /// # Errors
    /// The caller may not, or the input is malformed.
    pub async fn issue_token(
        &self,
        caller: Caller,
        account: AccountId,
        label: String,
        scopes: BTreeSet<Scope>,
        expires_at: Timestamp,
    ) -> Result<IssuedToken, SealError> {
        let id = uuid::Uuid::new_v4().simple().to_string()[..16].to_owned();
        let secret = secret();
        let beside = Beside { token: Some((id.clone(), Digest::of(secret.as_bytes()))), ..Beside::default() };
        let command = Command::IssueToken(IssueToken { account, id: id.clone(), label, scopes, expires_at });
        let receipt = self.sealer.seal(Order { beside, ..Order::new(caller, command) }).await?;
        Ok(IssuedToken { token: format!("cs_{id}_{secret}"), id, receipt })
    }

    /// The caller behind a token; whether it still counts is judged on the account's state.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn token_caller(&self, token: &str) -> Result<Option<Caller>, StoreError> {
        let Some((id, secret)) = token.strip_prefix("cs_").and_then(|rest| rest.split_once('_')) else {
            return Ok(None);
        };
        let remembered = self.tokens.get(id);
        let known = if remembered.is_some() { remembered } else { self.store.token_secret(id).await? };
        let Some((account, expected)) = known else { return Ok(None) };
        self.tokens.put(id, (account.clone(), expected));
        let found = Digest::of(secret.as_bytes());
        if !bool::from(found.as_bytes().ct_eq(expected.as_bytes())) {
            return Ok(None);
        }
        Ok(account.parse().ok().map(|account| Caller::Token(account, id.to_owned())))
    }

    /// Names from the vault for the accounts asked for; an erased or unknown one shows its id's first digits.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn names(&self, ids: impl IntoIterator<Item = &str>) -> Result<Names, StoreError> {
        let mut wanted: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        wanted.sort();
        wanted.dedup();
        let fields = self.store.vault(&wanted).await?;
        Ok(Names(fields.into_iter().filter(|field| field.field == "name").map(|f| (f.account, f.value)).collect()))
    }
}

/// How a failed proof of identity is told to somebody who is signed in already.
pub fn reauthentication_refusal(error: SignInError) -> SealError {
    match error {
        SignInError::Store(error) => error.into(),
        SignInError::Wrong => {
            let message = "The password is not right. Nothing was signed or changed.";
            Refusal::forbidden("signing.reauthentication", message, Missing::field("password", message)).into()
        }
        other => Refusal::forbidden(
            "signing.reauthentication",
            other.to_string(),
            Missing::field("password", "Your password, once signing in works again."),
        )
        .into(),
    }
}

/// Display names by account.
#[derive(Debug, Clone, Default)]
pub struct Names(HashMap<String, String>);

impl Names {
    /// The name to show for an account.
    pub fn of(&self, id: &str) -> String {
        match (self.0.get(id), id) {
            (Some(name), _) => name.clone(),
            (None, "system") => "Countersign".to_owned(),
            // The last digits of a time-ordered id differ more than the first.
            (None, id) => format!("account …{}", &id[id.len().saturating_sub(6)..]),
        }
    }
}

/// Token secrets seen lately. They never change, so remembering them is safe; whether a token still counts is
/// judged elsewhere, each time.
#[derive(Debug, Default)]
pub struct TokenCache(std::sync::RwLock<HashMap<String, (String, Digest)>>);

impl TokenCache {
    const MAX: usize = 10_000;

    fn get(&self, id: &str) -> Option<(String, Digest)> {
        self.0.read().ok()?.get(id).cloned()
    }

    fn put(&self, id: &str, known: (String, Digest)) {
        if self.get(id).is_some() {
            return;
        }
        if let Ok(mut tokens) = self.0.write() {
            if tokens.len() >= Self::MAX {
                tokens.clear();
            }
            tokens.insert(id.to_owned(), known);
        }
    }
}
