//! What somebody who approves a step reads: a signature covers its digest.

use ledger::{Digest, canonical_json};
use serde::Serialize;

use super::{Deployment, Judged, Verdict};
use crate::id::{Market, ModelName, VersionNumber};

/// A step as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StepPackage {
    /// Form of this document.
    pub schema: &'static str,
    /// The model.
    pub model: ModelName,
    /// The market.
    pub market: Market,
    /// The version.
    pub version: VersionNumber,
    /// Its share of users, in percent.
    pub percent: u8,
    /// The share that is approved; absent at the last step, where it is to become champion.
    pub next_percent: Option<u8>,
    /// The entry of the last change of its share.
    pub step_entry: u64,
    /// Windows observed at this step: entry, verdict, requests, what the guardrails said.
    pub windows: Vec<Window>,
    /// Entries of its strikes.
    pub strikes: Vec<u64>,
    /// Digest of the policy in force.
    pub policy: Digest,
}

/// A window in a package.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Window {
    /// Its entry.
    pub entry: u64,
    /// Its verdict.
    pub verdict: Verdict,
    /// Requests answered.
    pub sample: u64,
    /// What the guardrails said.
    pub judged: Vec<Judged>,
}

impl StepPackage {
    /// The step of the rollout under way, if there is one.
    pub fn of(deployment: &Deployment, policy: Digest) -> Option<Self> {
        let rollout = deployment.rollout.as_ref()?;
        Some(Self {
            schema: "countersign/step@1",
            model: deployment.model.clone(),
            market: deployment.market.clone(),
            version: rollout.artifact.version,
            percent: rollout.percent(),
            next_percent: rollout.next_percent(),
            step_entry: rollout.moves.last().map_or(rollout.entry, |last| last.entry),
            windows: rollout
                .observations
                .iter()
                .filter(|observation| observation.from >= rollout.since)
                .map(|o| Window { entry: o.entry, verdict: o.verdict, sample: o.sample, judged: o.judged.clone() })
                .collect(),
            strikes: rollout.strikes.iter().map(|strike| strike.entry).collect(),
            policy,
        })
    }

    /// Digest of its canonical JSON.
    pub fn digest(&self) -> Digest {
        Digest::of(&canonical_json(self).unwrap_or_default())
    }
}
