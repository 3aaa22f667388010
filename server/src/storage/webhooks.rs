//! Webhooks out: addresses, secrets, and what is still to be delivered.

use ledger::Timestamp;

use super::{Row, Store, StoreError, Value, Write};

/// Where an endpoint is. What opens doors is sealed, see [`crate::secrets`].
#[derive(Debug, Clone)]
pub struct Address {
    /// The endpoint's id.
    pub id: String,
    /// Its address, whole; sealed.
    pub url: String,
    /// `whsec_` and base64; sealed.
    pub secret: String,
    /// The secret before the latest rotation, sealed, and until when it signs too.
    pub old: Option<(String, Timestamp)>,
    /// Entries before this one are dealt with.
    pub cursor: u64,
}

/// How a delivery stands.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The endpoint's id.
    pub webhook: String,
    /// The entry.
    pub seq: u64,
    /// `pending`, `delivered` or `dead`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, while pending.
    pub next_at: Timestamp,
    /// HTTP status of the latest answer.
    pub status: Option<u16>,
    /// Why the latest attempt failed.
    pub error: Option<String>,
    /// When it came up.
    pub created_at: Timestamp,
    /// When it was delivered or given up.
    pub ended_at: Option<Timestamp>,
}

/// A delivery that this server has taken on until `lease`.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The endpoint's id.
    pub webhook: String,
    /// The entry.
    pub seq: u64,
    /// Attempts made before this one.
    pub attempts: u32,
    /// Until when no other server takes it on.
    pub lease: Timestamp,
}

/// What became of an attempt.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Why it failed; nothing if it did not.
    pub error: Option<String>,
    /// When to try again; nothing if delivered or given up.
    pub again: Option<Timestamp>,
}

/// Deliveries of one endpoint by state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Still to be delivered.
    pub pending: u64,
    /// Given up.
    pub dead: u64,
}

const DELIVERY: &str =
    "SELECT webhook, seq, state, attempts, next_at, status, error, created_at, ended_at FROM webhook_delivery";

const ADDRESS: &str = "SELECT id, url, secret, cursor, old_secret, old_until FROM webhook ORDER BY id";

fn small<T: TryFrom<i64>>(row: &Row, column: usize) -> Result<T, StoreError> {
    T::try_from(row.int(column)?).map_err(|_| StoreError::Inconsistent("a number of a delivery is out of range".into()))
}

fn delivery(row: &Row) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        webhook: row.text(0)?.to_owned(),
        seq: row.count(1)?,
        state: row.text(2)?.to_owned(),
        attempts: small(row, 3)?,
        next_at: row.time(4)?,
        status: row.opt_int(5)?.map(|_| small(row, 5)).transpose()?,
        error: row.opt_text(6)?.map(str::to_owned),
        created_at: row.time(7)?,
        ended_at: row.opt_int(8)?.map(Timestamp::from_micros),
    })
}

impl Store {
    /// Every endpoint's address.
    pub async fn webhook_addresses(&self) -> Result<Vec<Address>, StoreError> {
        let rows = self.fetch(ADDRESS, Vec::new()).await?;
        rows.iter().map(address).collect()
    }

    /// Deliveries of an endpoint in a state, the newest entries first.
    pub async fn deliveries(&self, webhook: &str, state: &str, limit: u64) -> Result<Vec<Delivery>, StoreError> {
        let sql = format!("{DELIVERY} WHERE webhook = $1 AND state = $2 ORDER BY seq DESC LIMIT $3");
        self.fetch(sql, vec![webhook.into(), state.into(), limit.into()]).await?.iter().map(delivery).collect()
    }

    /// How many deliveries of an endpoint are pending and dead.
    pub async fn delivery_tally(&self, webhook: &str) -> Result<Tally, StoreError> {
        let sql = "SELECT COUNT(CASE WHEN state = 'pending' THEN 1 END), COUNT(CASE WHEN state = 'dead' THEN 1 END) \
                   FROM webhook_delivery WHERE webhook = $1";
        let row = self.fetch_one(sql, vec![webhook.into()]).await?;
        row.map_or(Ok(Tally::default()), |row| Ok(Tally { pending: row.count(0)?, dead: row.count(1)? }))
    }

    /// Whether anything is to be delivered by `now`.
    pub async fn has_deliveries(&self, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT seq FROM webhook_delivery WHERE state = 'pending' AND next_at <= $1 LIMIT 1";
        Ok(self.fetch_one(sql, vec![now.into()]).await?.is_some())
    }

    /// Takes deliveries on until `lease`: those due by `now` that nobody else has.
    pub async fn claim_deliveries(
        &self,
        now: Timestamp,
        lease: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claim>, StoreError> {
        let mut write = self.begin().await?;
        let sql = "SELECT webhook, seq, attempts FROM webhook_delivery WHERE state = 'pending' AND next_at <= $1 \
                   AND (lease IS NULL OR lease < $1) ORDER BY next_at, webhook, seq LIMIT $2";
        let rows = write.fetch(sql, vec![now.into(), limit.into()]).await?;
        let mut claims = Vec::with_capacity(rows.len());
        for row in &rows {
            let claim = Claim { webhook: row.text(0)?.to_owned(), seq: row.count(1)?, attempts: small(row, 2)?, lease };
            let sql = "UPDATE webhook_delivery SET lease = $3 WHERE webhook = $1 AND seq = $2";
            write.fetch(sql, vec![claim.webhook.as_str().into(), claim.seq.into(), lease.into()]).await?;
            claims.push(claim);
        }
        write.commit().await?;
        Ok(claims)
    }

    /// Writes down what became of a claimed delivery, unless another server has it by now.
    pub async fn settle_delivery(&self, claim: &Claim, attempt: &Attempt, now: Timestamp) -> Result<(), StoreError> {
        let state = match (&attempt.error, attempt.again) {
            (None, _) => "delivered",
            (Some(_), Some(_)) => "pending",
            (Some(_), None) => "dead",
        };
        let ended = (state != "pending").then(|| now.micros());
        let sql = "UPDATE webhook_delivery SET state = $4, attempts = $5, next_at = $6, lease = NULL, status = $7, \
                   error = $8, ended_at = $9 WHERE webhook = $1 AND seq = $2 AND lease = $3 AND state = 'pending'";
        let args = vec![
            claim.webhook.as_str().into(),
            claim.seq.into(),
            claim.lease.into(),
            state.into(),
            (claim.attempts + 1).into(),
            attempt.again.unwrap_or(now).into(),
            Value::Int(attempt.status.map(i64::from)),
            attempt.error.clone().into(),
            Value::Int(ended),
        ];
        let mut write = self.begin().await?;
        write.fetch(sql, args).await?;
        write.commit().await
    }

    /// Has dead deliveries of an endpoint tried again, one entry's or all; answers how many.
    pub async fn replay_deliveries(&self, webhook: &str, seq: Option<u64>, now: Timestamp) -> Result<u64, StoreError> {
        let mut sql = "UPDATE webhook_delivery SET state = 'pending', attempts = 0, next_at = $2, ended_at = NULL \
                       WHERE webhook = $1 AND state = 'dead'"
            .to_owned();
        let mut args = vec![webhook.into(), now.into()];
        if let Some(seq) = seq {
            sql.push_str(" AND seq = $3");
            args.push(seq.into());
        }
        sql.push_str(" RETURNING seq");
        let mut write = self.begin().await?;
        let replayed = write.fetch(sql, args).await?.len() as u64;
        write.commit().await?;
        Ok(replayed)
    }

    /// Forgets what was delivered before `limit`.
    pub async fn forget_deliveries(&self, limit: Timestamp) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        write
            .fetch("DELETE FROM webhook_delivery WHERE state = 'delivered' AND ended_at < $1", vec![limit.into()])
            .await?;
        write.commit().await
    }
}

fn address(row: &Row) -> Result<Address, StoreError> {
    Ok(Address {
        id: row.text(0)?.to_owned(),
        url: row.text(1)?.to_owned(),
        secret: row.text(2)?.to_owned(),
        cursor: row.count(3)?,
        old: match (row.opt_text(4)?, row.opt_int(5)?) {
            (Some(secret), Some(until)) => Some((secret.to_owned(), Timestamp::from_micros(until))),
            _ => None,
        },
    })
}

impl Write {
    /// Keeps a new endpoint's address and secret.
    pub async fn add_webhook(&mut self, id: &str, url: &str, secret: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO webhook (id, url, secret, cursor) VALUES ($1, $2, $3, 0)";
        self.fetch(sql, vec![id.into(), url.into(), secret.into()]).await.map(drop)
    }

    /// Puts an address and a secret that are sealed in the place of those that were not.
    pub async fn reseal_webhook(&mut self, id: &str, url: &str, secret: &str) -> Result<(), StoreError> {
        let sql = "UPDATE webhook SET url = $2, secret = $3 WHERE id = $1";
        self.fetch(sql, vec![id.into(), url.into(), secret.into()]).await.map(drop)
    }

    /// Gives an endpoint a new secret; the present one signs beside it until `until`, if that is said.
    pub async fn rotate_webhook(&mut self, id: &str, secret: &str, until: Option<Timestamp>) -> Result<(), StoreError> {
        let kept = if until.is_some() { "secret" } else { "NULL" };
        let sql = format!("UPDATE webhook SET old_secret = {kept}, old_until = $3, secret = $2 WHERE id = $1");
        let until = Value::Int(until.map(Timestamp::micros));
        self.fetch(sql, vec![id.into(), secret.into(), until]).await.map(drop)
    }

    /// Forgets secrets whose overlap is over.
    pub async fn forget_old_secrets(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE webhook SET old_secret = NULL, old_until = NULL WHERE old_until <= $1";
        self.fetch(sql, vec![now.into()]).await.map(drop)
    }

    /// Forgets an endpoint and all that was to be delivered to it.
    pub async fn remove_webhook(&mut self, id: &str) -> Result<(), StoreError> {
        self.fetch("DELETE FROM webhook WHERE id = $1", vec![id.into()]).await?;
        self.fetch("DELETE FROM webhook_delivery WHERE webhook = $1", vec![id.into()]).await.map(drop)
    }

    /// Every endpoint's address, as of this transaction.
    pub async fn webhook_addresses(&mut self) -> Result<Vec<Address>, StoreError> {
        let rows = self.fetch(ADDRESS, Vec::new()).await?;
        rows.iter().map(address).collect()
    }

    /// Puts entries up for delivery to an endpoint and moves its cursor.
    pub async fn post_deliveries(
        &mut self,
        webhook: &str,
        seqs: &[u64],
        cursor: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = |seq: &u64| -> Vec<Value> {
            vec![webhook.into(), (*seq).into(), "pending".into(), 0_i64.into(), now.into(), now.into()]
        };
        let columns = "webhook_delivery (webhook, seq, state, attempts, next_at, created_at)";
        self.insert(columns, 6, " ON CONFLICT (webhook, seq) DO NOTHING", seqs.iter().map(row).collect()).await?;
        let sql = "UPDATE webhook SET cursor = $2 WHERE id = $1";
        self.fetch(sql, vec![webhook.into(), cursor.into()]).await.map(drop)
    }
}
