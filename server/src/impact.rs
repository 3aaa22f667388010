//! Which versions were made of an input, and whom they reached: told alike by the page, the API and the program.

use std::collections::BTreeMap;

use domain::{
    ModelName,
    impact::{Input, InputKind, NoInput},
};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::storage::{
    Store, StoreError,
    impact::{MOST_COUNTED, MadeOf, Reach, Reached},
};

/// Versions on one page, unless stated.
pub const PAGE: u64 = 50;
/// Versions on one page at most.
pub const MAX_PAGE: u64 = 200;

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct ImpactQuery {
    /// `dataset`, `partition`, `data_digest`, `feature`, `commit`, `image`, `run`, `weights` or `parent`.
    pub what: String,
    /// Its name, id, number or digits. A commit or digest is found by its first seven digits.
    pub value: String,
    /// Of a partition its version, of a parent its model, of a run its system (optional).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// `any` version, those that answer users `now`, or those that `ever` did.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub served: String,
    /// Skip so many.
    #[serde(skip_serializing_if = "is_zero")]
    pub after: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands in a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Why nothing can be looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotAsked {
    /// The parameter at fault.
    pub field: &'static str,
    /// A sentence.
    pub why: String,
}

impl ImpactQuery {
    /// The input and the reach that are asked for.
    ///
    /// # Errors
    /// A word is not known, or something is missing.
    pub fn read(&self) -> Result<(Input, Reach), NotAsked> {
        let wrong = |field, why: String| NotAsked { field, why };
        let kind: InputKind = self.what.parse().map_err(|error| wrong("what", format!("{error}.")))?;
        let reach = match self.served.as_str() {
            "" => Reach::Any,
            word => Reach::ALL
                .into_iter()
                .find(|reach| reach.id() == word)
                .ok_or_else(|| wrong("served", "served is any, now or ever.".to_owned()))?,
        };
        let input = Input::asked(kind, &self.value, &self.part).map_err(|error| {
            let field = if matches!(error, NoInput::NoPart(_)) { "part" } else { "value" };
            wrong(field, error.to_string())
        })?;
        if kind == InputKind::Parent
            && (input.value.parse::<u32>().is_err() || input.part.parse::<ModelName>().is_err())
        {
            return Err(wrong("value", "State the parent's number, and its model as the part.".to_owned()));
        }
        Ok((input, reach))
    }
}

/// The address of the page that shows what was made of an input.
pub fn href(kind: InputKind, value: &str, part: &str) -> String {
    let escape = crate::http::escape;
    let part = if part.is_empty() { String::new() } else { format!("&part={}", escape(part)) };
    format!("/lineage?what={}&value={}{part}", kind.id(), escape(value))
}

/// Versions made of an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Impact {
    /// The input.
    pub input: Input,
    /// How many versions there are; told up to 10,000.
    pub total: u64,
    /// The versions of this page, by model, the latest first.
    pub versions: Vec<Affected>,
}

/// A version made of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Affected {
    /// The model.
    pub model: String,
    /// The version.
    pub version: u32,
    /// The furthest stage in any market.
    pub stage: String,
    /// The stage by market.
    pub tracks: BTreeMap<String, String>,
    /// When it was registered.
    #[schema(value_type = String)]
    pub registered_at: Timestamp,
    /// The markets whose users it answers now.
    pub serves: Vec<Service>,
    /// The markets whose users it answered before, and does not now.
    pub served: Vec<Service>,
}

/// The users of a market whom a version answers or answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ServiceOfVersion)]
pub struct Service {
    /// The market.
    pub market: String,
    /// The share of users that it answers, in percent; 0 where it is over.
    pub percent: u32,
    /// The largest share that it ever answered.
    pub peak: u32,
    /// Since when it answered any.
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// Since when it answers nobody, if it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub until: Option<Timestamp>,
    /// By which entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_entry: Option<u64>,
}

impl From<Reached> for Service {
    fn from(row: Reached) -> Self {
        let over = (row.percent == 0).then_some(row.changed);
        Self {
            market: row.market,
            percent: row.percent,
            peak: row.peak,
            since: row.first.0,
            entry: row.first.1,
            until: over.map(|(at, _)| at),
            until_entry: over.map(|(_, entry)| entry),
        }
    }
}

impl From<MadeOf> for Affected {
    fn from(row: MadeOf) -> Self {
        let all = row.reach.into_iter().map(Service::from);
        let (now, before) = all.partition(|service| service.percent > 0);
        Self {
            model: row.model,
            version: row.version,
            stage: row.stage,
            tracks: row.tracks,
            registered_at: row.registered_at,
            serves: now,
            served: before,
        }
    }
}

impl Impact {
    /// How many versions there are, in words.
    pub fn count(&self) -> String {
        match self.total {
            1 => "1 version".to_owned(),
            MOST_COUNTED.. => format!("{MOST_COUNTED} versions or more"),
            many => format!("{many} versions"),
        }
    }
}

/// The versions made of an input, `limit` of them after `offset`.
///
/// # Errors
/// The storage failed.
pub async fn find(
    store: &Store,
    (input, reach): (Input, Reach),
    (offset, limit): (u64, u64),
) -> Result<Impact, StoreError> {
    let (versions, total) = store.made_of(&input, reach, (offset, limit.clamp(1, MAX_PAGE))).await?;
    Ok(Impact { input, total, versions: versions.into_iter().map(Affected::from).collect() })
}
