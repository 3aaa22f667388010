//! Makes the reports that wait. A job is leased: whoever dies over it loses it to the next server, which begins anew.

use std::{sync::Arc, time::Duration};

use ledger::Timestamp;
use tokio::sync::watch;

use super::{Asked, papers};
use crate::{
    report::paper,
    service::Service,
    storage::{StoreError, reports::StoredJob},
};

/// Seconds for which a job is taken at a time.
const LEASE_SECONDS: i64 = 30;
/// How often a worker says that it lives, and how far it is.
const BEAT: Duration = Duration::from_secs(2);
/// How often a worker looks for jobs that another server queued.
const LOOK: Duration = Duration::from_secs(3);

/// Counts the steps of a report.
#[derive(Debug, Clone)]
pub struct Progress(watch::Sender<(u64, u64)>);

impl Progress {
    /// Says how many steps there are.
    pub fn total(&self, total: u64) {
        self.0.send_modify(|steps| steps.1 = total);
    }

    /// Says that so many more steps are done.
    pub fn done(&self, more: u64) {
        self.0.send_modify(|steps| steps.0 += more);
    }
}

/// Why a report could not be made, for whoever asked.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// What was asked about is not there.
    #[error("{0}")]
    Unknown(String),
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The document could not be set.
    #[error(transparent)]
    Report(#[from] crate::report::ReportError),
    /// Setting it broke off.
    #[error("setting the report broke off: {0}")]
    Broken(String),
}

impl MakeError {
    /// What whoever asked is told. What failed within is the log's, found there by the job's id.
    fn told(&self, job: &str) -> String {
        match self {
            Self::Unknown(sentence) => sentence.clone(),
            Self::Store(StoreError::Full) => StoreError::Full.to_string(),
            Self::Store(_) | Self::Report(_) | Self::Broken(_) => format!(
                "The report could not be made: something failed in the server. Ask for it again; if that does not help, give an administrator the reference {job}, under which the server's log says more."
            ),
        }
    }
}

fn lease(app: &Service) -> Timestamp {
    app.clock.now().plus_seconds(LEASE_SECONDS)
}

/// Makes one report, if one waits; answers whether there was one.
///
/// # Errors
/// The storage failed. A report that cannot be made says so in its job.
pub async fn turn(app: &Arc<Service>) -> Result<bool, StoreError> {
    let begun_at = app.store.head().await?.size;
    let Some(job) = app.store.claim_report(app.clock.now(), lease(app)).await? else { return Ok(false) };
    let (steps, mut seen) = watch::channel((0, 0));
    let making = make(app.clone(), job.clone(), Progress(steps));
    tokio::pin!(making);
    let mut beat = tokio::time::interval(BEAT);
    let outcome = loop {
        tokio::select! {
            outcome = &mut making => break outcome,
            _ = beat.tick() => {
                let steps = *seen.borrow_and_update();
                app.store.report_progress(&job.id, steps, lease(app)).await?;
            }
        }
    };
    let steps = *seen.borrow_and_update();
    app.store.report_progress(&job.id, (steps.0, steps.1.max(steps.0)), lease(app)).await?;
    let outcome = outcome.map_err(|error| {
        if !matches!(error, MakeError::Unknown(_)) {
            tracing::error!(%error, job = job.id, "a report could not be made");
        }
        error.told(&job.id)
    });
    app.store.end_report(&job.id, begun_at, outcome).await?;
    Ok(true)
}

async fn make(
    app: Arc<Service>,
    job: StoredJob,
    progress: Progress,
) -> Result<Vec<(&'static str, Vec<u8>)>, MakeError> {
    let asked: Asked = serde_json::from_str(&job.asked)
        .map_err(|error| MakeError::Broken(format!("what was asked cannot be read: {error}")))?;
    let made = papers::collect(&app, &asked, &progress).await?;
    let set = tokio::task::spawn_blocking(move || {
        Ok(vec![("json", paper::json(&made)?), ("csv", paper::csv(&made).into_bytes()), ("pdf", paper::pdf(&made)?)])
    });
    set.await.unwrap_or_else(|error| Err(MakeError::Broken(error.to_string())))
}

/// Makes reports for as long as the program runs.
pub async fn run(app: Arc<Service>) {
    loop {
        match turn(&app).await {
            Ok(true) => {}
            Ok(false) => {
                // Whatever wakes it: a job of this server, or the time to look for another's.
                let _ = tokio::time::timeout(LOOK, app.report_bell.notified()).await;
            }
            Err(error) => {
                tracing::warn!(%error, "reports could not be looked for");
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}
