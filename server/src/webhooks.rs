//! Webhooks out: entries that an endpoint wants to hear of are sent to it, signed as Standard Webhooks signs
//! (`webhook-id`, `webhook-timestamp`, `webhook-signature: v1,…` over `id.timestamp.body`), as `CloudEvents` 1.0.
//!
//! What is to be sent lies in a table, written from the ledger by a cursor, so nothing is lost while no server runs. A
//! server takes a delivery on with a lease; several servers over one database therefore send it once, and one that
//! dies in the middle leaves it to another. An endpoint may still hear an entry twice (it answered and the answer was
//! lost): the message's id is the same then.

mod ranges;
mod send;

use std::{sync::Arc, time::Duration};

use domain::{
    Aggregate, AggregateId, Command,
    refusal::Missing,
    webhook::{Filter, RegisterWebhook, RotateWebhook, Webhooks},
};
use futures_util::future::join_all;
use ledger::Timestamp;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::{
    seal::{Beside, Caller, Order, Receipt, SealError},
    secrets::{SecretError, Secrets, is_sealed},
    service::{Service, StartError},
    storage::{
        Store, StoreError,
        webhooks::{Address, Attempt, Claim},
    },
};
use send::Outgoing;
pub use send::{check_url, signature};

/// How often it looks for what another server sealed and for what is to be tried again.
const PERIOD: Duration = Duration::from_secs(1);
/// How long it gathers what else is sealed before it looks.
const GATHER: Duration = Duration::from_millis(20);
/// Entries looked through at a time.
const PAGE: u64 = 500;
/// Deliveries sent at the same time.
const TOGETHER: u32 = 16;
/// Seconds for which a delivery is taken on: longer than the longest attempt.
const LEASE_SECONDS: i64 = 60;
/// Seconds before the second attempt; each later pause is three times as long.
const FIRST_PAUSE_SECONDS: i64 = 5;
/// Longest pause.
const LONGEST_PAUSE_SECONDS: i64 = 6 * 3_600;
/// Attempts before a delivery is given up: some 17 hours after the first.
pub const MAX_ATTEMPTS: u32 = 11;

/// An endpoint just registered.
#[derive(Clone)]
pub struct NewWebhook {
    /// Public id.
    pub id: String,
    /// The secret: `whsec_` and base64. It is shown this once.
    pub secret: String,
    /// The proof that it was sealed.
    pub receipt: Receipt,
}

impl std::fmt::Debug for NewWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewWebhook").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What the sealed address of an endpoint is bound to.
fn url_of(id: &str) -> String {
    format!("webhook/{id}/url")
}

/// What the sealed secrets of an endpoint are bound to.
fn secret_of(id: &str) -> String {
    format!("webhook/{id}/secret")
}

/// Seals the addresses and secrets that an earlier release left as they are, and rids the files of them. Answers how
/// many endpoints it were.
///
/// # Errors
/// The storage or the sealing failed.
pub async fn seal_stored(store: &Store, secrets: &Secrets) -> Result<usize, StartError> {
    let is_plain = |address: &Address| !is_sealed(&address.secret) || !is_sealed(&address.url);
    if !store.webhook_addresses().await?.iter().any(is_plain) {
        return Ok(0);
    }
    let mut write = store.begin().await?;
    // Read again with the write lock: another server may be quicker.
    let plain: Vec<Address> = write.webhook_addresses().await?.into_iter().filter(is_plain).collect();
    let sealed = |purpose: &str, value: &str| {
        if is_sealed(value) { Ok(value.to_owned()) } else { secrets.seal(purpose, value) }
    };
    for address in &plain {
        let url = sealed(&url_of(&address.id), &address.url)?;
        let secret = sealed(&secret_of(&address.id), &address.secret)?;
        write.reseal_webhook(&address.id, &url, &secret).await?;
    }
    write.commit().await?;
    store.scrub().await?;
    tracing::info!(endpoints = plain.len(), "webhook addresses and secrets are sealed now");
    Ok(plain.len())
}

impl Service {
    /// Where news is sent.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn webhooks(&self) -> Result<Arc<Webhooks>, StoreError> {
        Ok(match self.store.aggregate(&AggregateId::Webhooks).await? {
            Some(Aggregate::Webhooks(webhooks)) => webhooks,
            _ => Arc::default(),
        })
    }

    /// Registers an endpoint and makes its secret.
    ///
    /// # Errors
    /// The address cannot be sent to, a rule refused, or the storage failed.
    pub async fn register_webhook(
        &self,
        caller: Caller,
        label: String,
        url: &str,
        filter: Filter,
    ) -> Result<NewWebhook, SealError> {
        let host = check_url(url, self.config.webhooks)
            .map_err(|message| domain::Refusal::invalid(vec![Missing::field("url", message)]))?;
        let id = uuid::Uuid::new_v4().simple().to_string()[..16].to_owned();
        let secret = send::new_secret();
        let closed = |purpose: String, value: &str| self.secrets.seal(&purpose, value).map_err(unsealable);
        let (sealed_url, sealed_secret) = (closed(url_of(&id), url)?, closed(secret_of(&id), &secret)?);
        let beside = Beside { webhook: Some((id.clone(), sealed_url, sealed_secret)), ..Beside::default() };
        let command = Command::RegisterWebhook(RegisterWebhook { id: id.clone(), label, host, filter });
        let receipt = self.sealer.seal(Order { beside, ..Order::new(caller, command) }).await?;
        Ok(NewWebhook { id, secret, receipt })
    }

    /// Gives an endpoint a new secret. Messages are signed with the old one too until the overlap ends, so that the
    /// receiver can change over; `overlap_hours` left out is what policy says.
    ///
    /// # Errors
    /// There is no such endpoint, a rule refused, or the storage failed.
    pub async fn rotate_webhook(
        &self,
        caller: Caller,
        id: &str,
        overlap_hours: Option<u32>,
    ) -> Result<NewWebhook, SealError> {
        let secret = send::new_secret();
        let sealed = self.secrets.seal(&secret_of(id), &secret).map_err(unsealable)?;
        let beside = Beside { rotates_webhook: Some(sealed), ..Beside::default() };
        let command = Command::RotateWebhook(RotateWebhook { id: id.to_owned(), overlap_hours });
        let receipt = self.sealer.seal(Order { beside, ..Order::new(caller, command) }).await?;
        Ok(NewWebhook { id: id.to_owned(), secret, receipt })
    }

    /// Stops sending to an endpoint and forgets its address, its secret and what was still to be sent.
    ///
    /// # Errors
    /// There is none, or the storage failed.
    pub async fn remove_webhook(&self, caller: Caller, id: &str) -> Result<Receipt, SealError> {
        let beside = Beside { forgets_webhook: Some(id.to_owned()), ..Beside::default() };
        self.sealer.seal(Order { beside, ..Order::new(caller, Command::RemoveWebhook(id.to_owned())) }).await
    }
}

fn unsealable(error: SecretError) -> SealError {
    StoreError::Inconsistent(error.to_string()).into()
}

/// Forgets the secrets whose overlap with a newer one is over.
///
/// # Errors
/// The storage failed.
async fn forget_old_secrets(app: &Service) -> Result<(), StoreError> {
    let now = app.clock.now();
    let is_over = |address: &Address| address.old.as_ref().is_some_and(|(_, until)| *until <= now);
    if !app.store.webhook_addresses().await?.iter().any(is_over) {
        return Ok(());
    }
    let mut write = app.store.begin().await?;
    write.forget_old_secrets(now).await?;
    write.commit().await
}

/// Puts up for delivery what was sealed since it was last done.
///
/// # Errors
/// The storage failed.
pub async fn post(app: &Service) -> Result<(), StoreError> {
    loop {
        let addresses = app.store.webhook_addresses().await?;
        if addresses.is_empty() {
            return Ok(());
        }
        let size = app.store.head().await?.size;
        let is_behind = |address: &Address| address.cursor < size;
        if !addresses.iter().any(is_behind) {
            return Ok(());
        }
        let mut write = app.store.begin().await?;
        let webhooks = match write.aggregates(&[AggregateId::Webhooks]).await?.pop() {
            Some((_, Aggregate::Webhooks(webhooks))) => webhooks,
            _ => Arc::default(),
        };
        for address in write.webhook_addresses().await?.into_iter().filter(is_behind) {
            let Some(endpoint) = webhooks.endpoints.get(&address.id) else {
                // The ledger knows of no such endpoint: nobody asked for anything to be sent there.
                write.remove_webhook(&address.id).await?;
                continue;
            };
            // What came before the endpoint was registered is no news to it.
            let from = address.cursor.max(endpoint.entry + 1);
            let entries = app.store.entries_from(from, PAGE).await?;
            let cursor = entries.last().map_or(size.max(from), |entry| entry.seq + 1);
            let news: Vec<u64> = entries
                .iter()
                .filter(|entry| endpoint.filter.admits(&entry.event, entry.model.as_deref()))
                .map(|entry| entry.seq)
                .collect();
            write.post_deliveries(&address.id, &news, cursor, app.clock.now()).await?;
        }
        write.commit().await?;
    }
}

/// Sends all that is due by the service's clock, and answers how many attempts were made.
///
/// # Errors
/// The storage failed. An endpoint that fails is no error here.
pub async fn deliver(app: &Service) -> Result<usize, StoreError> {
    let mut attempts = 0;
    loop {
        let now = app.clock.now();
        if !app.store.has_deliveries(now).await? {
            return Ok(attempts);
        }
        let claims = app.store.claim_deliveries(now, now.plus_seconds(LEASE_SECONDS), TOGETHER).await?;
        if claims.is_empty() {
            return Ok(attempts);
        }
        attempts += claims.len();
        let addresses = app.store.webhook_addresses().await?;
        let outcomes = join_all(claims.iter().map(|claim| attempt(app, claim, &addresses))).await;
        for (claim, outcome) in claims.iter().zip(outcomes) {
            app.store.settle_delivery(claim, &outcome?, app.clock.now()).await?;
        }
    }
}

/// An endpoint as it is sent to: its address, and the secrets that sign, the newest first.
struct Opened {
    id: String,
    url: String,
    secrets: Vec<String>,
}

impl Opened {
    fn of(address: &Address, secrets: &Secrets, now: Timestamp) -> Result<Self, SecretError> {
        let purpose = secret_of(&address.id);
        let mut signing = vec![secrets.open(&purpose, &address.secret)?];
        if let Some((old, _)) = address.old.as_ref().filter(|(_, until)| now < *until) {
            signing.push(secrets.open(&purpose, old)?);
        }
        Ok(Self { id: address.id.clone(), url: secrets.open(&url_of(&address.id), &address.url)?, secrets: signing })
    }
}

/// One attempt at one delivery.
async fn attempt(app: &Service, claim: &Claim, addresses: &[Address]) -> Result<Attempt, StoreError> {
    let given_up = |error: &str| Attempt { status: None, error: Some(error.to_owned()), again: None };
    let Some(address) = addresses.iter().find(|address| address.id == claim.webhook) else {
        return Ok(given_up("the endpoint is no longer registered"));
    };
    let Some(entry) = app.store.entry(claim.seq).await? else {
        return Err(StoreError::Inconsistent(format!("entry {} is to be delivered but is not there", claim.seq)));
    };
    let now = app.clock.now();
    let outgoing = Opened::of(address, &app.secrets, now)
        .map_err(|error| error.to_string())
        .and_then(|opened| Outgoing::new(&opened, &entry, &app.config.public_url, now));
    let outgoing = match outgoing {
        Ok(outgoing) => outgoing,
        Err(error) => return Ok(given_up(&error)),
    };
    let settings = app.config.webhooks;
    let sent = tokio::task::spawn_blocking(move || outgoing.send(settings)).await;
    let (status, error) = match sent {
        Ok(Ok(status)) => (Some(status), failure(status)),
        Ok(Err(error)) => (None, Some(error)),
        Err(_) => (None, Some("the attempt was broken off".to_owned())),
    };
    let made = claim.attempts + 1;
    // 410 Gone says that nobody listens there any more.
    let is_over = error.is_none() || made >= MAX_ATTEMPTS || status == Some(410);
    let again = (!is_over).then(|| app.clock.now().plus_micros(pause_micros(made)));
    Ok(Attempt { status, error, again })
}

fn failure(status: u16) -> Option<String> {
    match status {
        200..=299 => None,
        300..=399 => Some(format!("it answered {status}; redirects are not followed")),
        410 => Some("it answered 410: nobody listens there any more".to_owned()),
        _ => Some(format!("it answered {status}")),
    }
}

/// The pause after the attempt of that number, a fifth longer or shorter by chance, so that endpoints which failed
/// together are not all tried again together.
fn pause_micros(made: u32) -> i64 {
    let steps = made.saturating_sub(1).min(20);
    let seconds = FIRST_PAUSE_SECONDS.saturating_mul(3_i64.saturating_pow(steps)).min(LONGEST_PAUSE_SECONDS);
    let mut random = [0; 2];
    // Without randomness the pause is the middle one.
    let chance = getrandom::fill(&mut random).map_or(500, |()| i64::from(u16::from_be_bytes(random)) % 1_001);
    seconds * 1_000 * (800 + chance * 400 / 1_000)
}

/// Posts and delivers for as long as the program runs: at once what this server seals, soon what others do.
pub async fn run(app: Arc<Service>) {
    let mut news = app.sealer.subscribe();
    let mut every = tokio::time::interval(PERIOD);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut hears = true;
    loop {
        tokio::select! {
            _ = every.tick() => {}
            outcome = news.recv(), if hears => hears = !matches!(outcome, Err(RecvError::Closed)),
        }
        // What else is sealed within a moment is looked through in the same go: a busy ledger costs few looks.
        tokio::time::sleep(GATHER).await;
        while !matches!(news.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
        if let Err(error) = turn(&app).await {
            tracing::warn!(%error, "webhooks could not be delivered");
        }
    }
}

/// Posts what is new and delivers what is due; forgets secrets that no longer sign.
///
/// # Errors
/// The storage failed.
pub async fn turn(app: &Service) -> Result<usize, StoreError> {
    forget_old_secrets(app).await?;
    post(app).await?;
    deliver(app).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit_and_vary() {
        for (made, seconds) in [(1, 5), (2, 15), (3, 45), (8, 10_935), (9, 21_600), (10, 21_600), (500, 21_600)] {
            let found = pause_micros(made) / 1_000;
            assert!((seconds * 800..=seconds * 1_200).contains(&found), "{made}: {found} ms");
        }
        let several: Vec<i64> = (0..20).map(|_| pause_micros(5)).collect();
        assert!(several.iter().any(|pause| *pause != several[0]), "no two servers wait alike");
    }

    #[test]
    fn only_a_2xx_is_a_delivery() {
        assert_eq!(failure(204), None);
        assert!(failure(302).unwrap().contains("not followed"));
        assert!(failure(410).unwrap().contains("nobody listens"));
        assert!(failure(500).is_some());
    }
}
