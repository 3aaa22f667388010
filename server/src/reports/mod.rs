//! Reports that are made while nobody waits: asked for, queued, made by whichever server is free, and kept for a while.
//! Each comes as PDF, JSON and CSV of the same data, read at one checkpoint.

mod dpia;
mod inventory;
mod papers;
mod places;
pub mod worker;

use domain::{AccountId, Market, ModelName, Refusal, VersionNumber, refusal::Missing};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    as_of::settled,
    seal::SealError,
    service::Service,
    storage::{StoreError, reports::StoredJob},
};

/// What can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "report", rename_all = "snake_case", deny_unknown_fields)]
pub enum Asked {
    /// Every model: status, tier and why, owner, markets served, validations, findings, exceptions, attestation.
    ModelInventory {},
    /// What held at an instant, of one model with its grounds or of all.
    AsOf {
        /// The instant: RFC 3339, `2026-05-01T12:30` in UTC, or a date, which means its end in UTC; today's, now.
        #[schema(value_type = String)]
        #[serde(deserialize_with = "instant")]
        at: Timestamp,
        /// The model; all, if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<ModelName>,
    },
    /// What happened to a model in one market.
    MarketTimeline {
        /// The model.
        model: ModelName,
        /// The market.
        market: Market,
    },
    /// Ledger entries with their hashes.
    AuditExtract {
        /// Of this model only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<ModelName>,
        /// Of this type only, such as `promotion.signed`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<String>,
        /// Sealed at this time or later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        from: Option<Timestamp>,
        /// Sealed before this time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        until: Option<Timestamp>,
    },
    /// The data protection impact assessment of a model: sections, risks and measures, advice, decision, what it was
    /// checked against, entries.
    Dpia {
        /// The model.
        model: ModelName,
    },
    /// The validation reports of a version with findings and signatures.
    Validation {
        /// The model.
        model: ModelName,
        /// The version.
        version: VersionNumber,
    },
}

/// Reports of one account that wait or are being made at the same time, so that nobody's queue holds up the others'.
const MAX_OPEN: usize = 10;
/// An account's newest reports, among which those still to be made are counted.
const LOOKED_THROUGH: u64 = 100;
/// Characters of a report's file name at most, without the ending.
const MAX_FILE_NAME: usize = 100;

impl Asked {
    /// What is wrong with it, if anything is.
    pub fn wrong(&self) -> Option<Missing> {
        match self {
            Self::AuditExtract { from: Some(from), until: Some(until), .. } if from >= until => Some(Missing::field(
                "from",
                "The extract would begin after it ends: choose a beginning before the end.",
            )),
            _ => None,
        }
    }

    /// What kind of report it is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ModelInventory {} => "Model inventory",
            Self::AsOf { .. } => "As-of statement",
            Self::MarketTimeline { .. } => "Market timeline",
            Self::AuditExtract { .. } => "Audit extract",
            Self::Dpia { .. } => "Impact assessment",
            Self::Validation { .. } => "Validation report",
        }
    }

    /// What it is about, in a few words.
    pub fn about(&self) -> String {
        match self {
            Self::ModelInventory {} => "all models".to_owned(),
            Self::AsOf { at, model } => {
                let model = model.as_ref().map_or("all models", ModelName::as_str);
                format!("{model} on {at}")
            }
            Self::MarketTimeline { model, market } => format!("{model} in {market}"),
            Self::AuditExtract { model, event, .. } => {
                let model = model.as_ref().map_or("all models", ModelName::as_str);
                event.as_ref().map_or_else(|| model.to_owned(), |event| format!("{model}, {event}"))
            }
            Self::Dpia { model } => model.to_string(),
            Self::Validation { model, version } => format!("{model} v{version}"),
        }
    }

    /// The name of its files, without the ending.
    pub fn file_name(&self) -> String {
        let words = format!("{} {}", self.kind(), self.about());
        let name: String =
            words.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
        let name = name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
        name.chars().take(MAX_FILE_NAME).collect()
    }
}

/// An instant as the page and the API of any past instant take it.
fn instant<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(from)?;
    crate::as_of::read_instant(&text).map_err(serde::de::Error::custom)
}

/// The formats of a report, with their media types.
pub const FORMATS: [(&str, &str); 3] =
    [("pdf", "application/pdf"), ("json", "application/json"), ("csv", "text/csv; charset=utf-8")];

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Nobody has begun.
    Waiting,
    /// A server is at it.
    Running,
    /// Its files can be fetched.
    Done,
    /// It could not be made.
    Failed,
    /// It was made, and its files were deleted since.
    Withdrawn,
}

/// A report that was asked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What was asked for.
    pub asked: Asked,
    /// How it stands.
    pub state: JobState,
    /// Steps done.
    pub done: u64,
    /// Steps in all, as far as known; 0 if not.
    pub total: u64,
    /// Why it could not be made, or was withdrawn.
    pub problem: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
}

impl TryFrom<StoredJob> for Job {
    type Error = StoreError;
    fn try_from(stored: StoredJob) -> Result<Self, StoreError> {
        let unread = |what: &str| StoreError::Inconsistent(format!("report {} has an unknown {what}", stored.id));
        let state = match stored.state.as_str() {
            "waiting" => JobState::Waiting,
            "running" => JobState::Running,
            "done" => JobState::Done,
            "failed" => JobState::Failed,
            "withdrawn" => JobState::Withdrawn,
            _ => return Err(unread("state")),
        };
        let asked = serde_json::from_str(&stored.asked).map_err(|_| unread("question"))?;
        Ok(Self {
            id: stored.id,
            asked,
            state,
            done: stored.done,
            total: stored.total,
            problem: stored.problem,
            created_at: stored.created_at,
        })
    }
}

/// Queues a report; whoever may export may ask.
///
/// # Errors
/// The storage failed.
pub async fn ask(app: &Service, account: &AccountId, asked: &Asked) -> Result<Job, SealError> {
    if let Some(wrong) = asked.wrong() {
        return Err(Refusal::invalid(vec![wrong]).into());
    }
    let open = |job: &Job| matches!(job.state, JobState::Waiting | JobState::Running);
    let lately = list(app, account, LOOKED_THROUGH).await?;
    if lately.iter().filter(|job| open(job)).count() >= MAX_OPEN {
        let message = format!("{MAX_OPEN} reports of yours are being made already; wait for one of them.");
        return Err(Refusal::conflict(
            "report.queue",
            message,
            Missing::field("queue", "Room for one more: wait until one of yours is made."),
        )
        .into());
    }
    let id = uuid::Uuid::now_v7().simple().to_string();
    // Which instant today's date means is settled when it is asked for, not when somebody gets to it.
    let now = app.clock.now();
    let asked = match asked {
        Asked::AsOf { at, model } => &Asked::AsOf { at: settled(*at, now), model: model.clone() },
        other => other,
    };
    let text = serde_json::to_string(asked).map_err(|error| StoreError::Inconsistent(error.to_string()))?;
    app.store.add_report(&id, account.as_str(), &text, now).await?;
    app.report_bell.notify_one();
    let stored = app.store.report(&id).await?;
    Ok(stored.ok_or_else(|| StoreError::Inconsistent("a report was lost".into()))?.try_into()?)
}

/// A job, if it is this account's.
///
/// # Errors
/// The storage failed.
pub async fn find(app: &Service, account: &AccountId, id: &str) -> Result<Option<Job>, StoreError> {
    let stored = app.store.report(id).await?.filter(|job| job.account == account.as_str());
    stored.map(Job::try_from).transpose()
}

/// An account's jobs, newest first.
///
/// # Errors
/// The storage failed.
pub async fn list(app: &Service, account: &AccountId, limit: u64) -> Result<Vec<Job>, StoreError> {
    app.store.reports_of(account.as_str(), limit).await?.into_iter().map(Job::try_from).collect()
}
