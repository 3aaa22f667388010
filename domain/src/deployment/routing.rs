//! The routing document: what a serving system does with the users of one model in one market. A pure function of the
//! deployment's state.

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Artifact, Deployment, KillTarget};
use crate::id::{Market, ModelName, VersionNumber};

/// Number of buckets that users are split into.
pub const BUCKETS: u32 = 10_000;

/// How traffic is routed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Routing {
    /// The model.
    pub model: ModelName,
    /// The market.
    pub market: Market,
    /// The ledger entry that decided it; rises with each change.
    pub revision: u64,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// Which event decided it.
    pub decided_by: Option<String>,
    /// Which users go where.
    pub split: Split,
    /// Versions that answer users; their weights and the fallback's sum to 100.
    pub targets: Vec<Target>,
    /// What answers the rest.
    pub fallback: Fallback,
    /// Versions that get a copy of the traffic and never answer.
    pub mirror: Vec<Artifact>,
    /// The kill switch, while it is in use; weights above already follow it.
    pub kill_switch: Option<KillState>,
    /// The drill under way: acknowledge this revision as any other.
    pub drill: Option<u32>,
}

/// How users are assigned: the first eight bytes of SHA-256(salt ‖ user id), read as a big-endian number, modulo the
/// number of buckets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = RoutingSplit))]
pub struct Split {
    /// The function's name.
    pub function: String,
    /// What is hashed before the user's id. Another rollout has another salt; the steps of one rollout share it, so
    /// that a user who was let in stays in.
    pub salt: String,
    /// Number of buckets.
    pub buckets: u32,
}

/// The part that a version plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// On its way in.
    Challenger,
    /// Serves the market.
    Champion,
    /// The previous version, which the kill switch chose.
    Previous,
}

/// A version that answers users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Target {
    /// The version.
    pub version: VersionNumber,
    /// Its part.
    pub part: Part,
    /// Its share of users, in percent.
    pub weight: u8,
    /// First bucket that it serves.
    pub from_bucket: u32,
    /// Bucket after the last one that it serves.
    pub to_bucket: u32,
    /// Digest of the weights that it must run.
    pub weights_digest: Option<Digest>,
    /// Digest of the image that it must run.
    pub image_digest: Option<Digest>,
}

/// The rule-based fallback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fallback {
    /// Its name.
    pub name: String,
    /// Its share of users, in percent.
    pub weight: u8,
}

/// The kill switch as serving systems see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KillState {
    /// Where traffic goes.
    pub to: KillTarget,
    /// Since when.
    pub since: Timestamp,
    /// The entry.
    pub entry: u64,
}

impl Routing {
    /// The document of a deployment.
    pub fn of(deployment: &Deployment) -> Self {
        let mut shares: Vec<(&Artifact, Part, u8)> = Vec::new();
        let kill = deployment.kill_switch.as_ref();
        if let Some(kill) = kill {
            shares.extend(kill.artifact.as_ref().map(|artifact| (artifact, Part::Previous, 100)));
        } else {
            let rollout = deployment.rollout.as_ref();
            let share = rollout.map_or(0, super::Rollout::percent);
            shares.extend(rollout.map(|rollout| (&rollout.artifact, Part::Challenger, share)));
            let champion = deployment.champion.as_ref();
            shares.extend(champion.map(|champion| (&champion.artifact, Part::Champion, 100 - share)));
        }
        let mut next = 0;
        let targets: Vec<Target> = shares
            .into_iter()
            .map(|(artifact, part, weight)| {
                let from = next;
                next += u32::from(weight) * (BUCKETS / 100);
                Target {
                    version: artifact.version,
                    part,
                    weight,
                    from_bucket: from,
                    to_bucket: next,
                    weights_digest: artifact.weights_digest,
                    image_digest: artifact.image_digest,
                }
            })
            .collect();
        let served: u8 = targets.iter().map(|target| target.weight).sum();
        let last = deployment.revisions.last();
        Self {
            model: deployment.model.clone(),
            market: deployment.market.clone(),
            revision: deployment.revision(),
            decided_at: last.map(|last| last.at),
            decided_by: last.map(|last| last.what.clone()),
            split: Split { function: "sha256-10000".into(), salt: salt(deployment), buckets: BUCKETS },
            targets,
            fallback: Fallback { name: deployment.fallback.clone(), weight: 100 - served },
            mirror: if kill.is_some() { Vec::new() } else { deployment.shadows.clone() },
            kill_switch: kill.map(|kill| KillState { to: kill.to, since: kill.at, entry: kill.entry }),
            drill: deployment.open_drill().map(|drill| drill.number),
        }
    }
}

/// `model/version/market:` of the version that is rolled out (or serves), such as `credit/3/EU:`.
fn salt(deployment: &Deployment) -> String {
    let version = match (&deployment.rollout, &deployment.champion) {
        (Some(rollout), _) => rollout.artifact.version.get(),
        (None, Some(champion)) => champion.artifact.version.get(),
        (None, None) => 0,
    };
    format!("{}/{version}/{}:", deployment.model, deployment.market)
}
