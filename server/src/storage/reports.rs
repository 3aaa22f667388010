//! Report jobs and the files that came of them.

use ledger::Timestamp;

use super::{Row, Store, StoreError, Value, Write};

/// A report job as stored.
#[derive(Debug, Clone)]
pub struct StoredJob {
    /// Its id.
    pub id: String,
    /// Who asked.
    pub account: String,
    /// What was asked for, as JSON.
    pub asked: String,
    /// `waiting`, `running`, `done`, `failed` or `withdrawn`.
    pub state: String,
    /// Steps done.
    pub done: u64,
    /// Steps in all, as far as known.
    pub total: u64,
    /// Why it failed or was withdrawn.
    pub problem: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "SELECT id, account, asked, state, done, total, problem, created_at FROM report_job";

fn job(row: &Row) -> Result<StoredJob, StoreError> {
    Ok(StoredJob {
        id: row.text(0)?.to_owned(),
        account: row.text(1)?.to_owned(),
        asked: row.text(2)?.to_owned(),
        state: row.text(3)?.to_owned(),
        done: row.count(4)?,
        total: row.count(5)?,
        problem: row.opt_text(6)?.map(str::to_owned),
        created_at: row.time(7)?,
    })
}

impl Store {
    /// Queues a job.
    pub async fn add_report(&self, id: &str, account: &str, asked: &str, now: Timestamp) -> Result<(), StoreError> {
        let sql = "INSERT INTO report_job (id, account, asked, state, done, total, created_at, lease_until) \
                   VALUES ($1, $2, $3, 'waiting', 0, 0, $4, 0)";
        self.change(sql, vec![id.into(), account.into(), asked.into(), now.into()]).await
    }

    /// One job.
    pub async fn report(&self, id: &str) -> Result<Option<StoredJob>, StoreError> {
        let row = self.fetch_one(format!("{COLUMNS} WHERE id = $1"), vec![id.into()]).await?;
        row.as_ref().map(job).transpose()
    }

    /// The jobs of an account, newest first.
    pub async fn reports_of(&self, account: &str, limit: u64) -> Result<Vec<StoredJob>, StoreError> {
        let sql = format!("{COLUMNS} WHERE account = $1 ORDER BY created_at DESC, id DESC LIMIT $2");
        self.fetch(sql, vec![account.into(), limit.into()]).await?.iter().map(job).collect()
    }

    /// Takes the job that waits longest, or one whose worker has not been heard of; nobody else gets it until `lease`.
    pub async fn claim_report(&self, now: Timestamp, lease: Timestamp) -> Result<Option<StoredJob>, StoreError> {
        let free = "SELECT id FROM report_job WHERE state = 'waiting' OR (state = 'running' AND lease_until < $1) \
                    ORDER BY created_at, id LIMIT 1";
        if self.fetch_one(free, vec![now.into()]).await?.is_none() {
            return Ok(None);
        }
        // Asked again under the write lock, which only one server holds.
        let mut write = self.begin().await?;
        let Some(row) = write.fetch(free, vec![now.into()]).await?.into_iter().next() else { return Ok(None) };
        let id = row.text(0)?.to_owned();
        let sql = "UPDATE report_job SET state = 'running', lease_until = $2 WHERE id = $1";
        write.fetch(sql, vec![id.as_str().into(), lease.into()]).await?;
        write.commit().await?;
        self.report(&id).await
    }

    /// Notes how far a job is, and that its worker lives.
    pub async fn report_progress(
        &self,
        id: &str,
        (done, total): (u64, u64),
        lease: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE report_job SET done = $2, total = $3, lease_until = $4 WHERE id = $1";
        self.change(sql, vec![id.into(), done.into(), total.into(), lease.into()]).await
    }

    /// Ends a job with its files by format, or with why there are none. What was made of names that have been erased since
    /// the ledger had `begun_at` entries is thrown away, and the job waits again.
    pub async fn end_report(
        &self,
        id: &str,
        begun_at: u64,
        outcome: Result<Vec<(&'static str, Vec<u8>)>, String>,
    ) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        let erased = "SELECT seq FROM entry WHERE event = 'erasure.performed' AND seq >= $1 LIMIT 1";
        if outcome.is_ok() && !write.fetch(erased, vec![begun_at.into()]).await?.is_empty() {
            let sql = "UPDATE report_job SET state = 'waiting', done = 0, total = 0, lease_until = 0 WHERE id = $1";
            write.fetch(sql, vec![id.into()]).await?;
            return write.commit().await;
        }
        let (state, problem) = match outcome {
            Ok(files) => {
                for (format, bytes) in files {
                    let sql = "INSERT INTO report_file (job, format, bytes) VALUES ($1, $2, $3) \
                               ON CONFLICT (job, format) DO UPDATE SET bytes = excluded.bytes";
                    write.fetch(sql, vec![id.into(), format.into(), bytes.into()]).await?;
                }
                ("done", None)
            }
            Err(problem) => ("failed", Some(problem)),
        };
        let sql = "UPDATE report_job SET state = $2, problem = $3, done = total WHERE id = $1";
        write.fetch(sql, vec![id.into(), state.into(), Value::Text(problem)]).await?;
        write.commit().await
    }

    /// A file of a job.
    pub async fn report_file(&self, id: &str, format: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT bytes FROM report_file WHERE job = $1 AND format = $2";
        let row = self.fetch_one(sql, vec![id.into(), format.into()]).await?;
        row.map(|row| Ok(row.bytes(0)?.to_vec())).transpose()
    }

    /// Forgets jobs asked for before `time`, with their files.
    pub async fn forget_reports(&self, time: Timestamp) -> Result<(), StoreError> {
        self.change("DELETE FROM report_job WHERE created_at < $1", vec![time.into()]).await
    }
}

impl Write {
    /// Deletes the files of every report that was made, and says in each job why.
    pub async fn withdraw_reports(&mut self, why: &str) -> Result<(), StoreError> {
        self.fetch("DELETE FROM report_file", Vec::new()).await?;
        let sql = "UPDATE report_job SET state = 'withdrawn', problem = $1 WHERE state = 'done'";
        self.fetch(sql, vec![why.into()]).await.map(drop)
    }
}
