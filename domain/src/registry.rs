//! Models and their versions: what the registry knows of each, folded from entries.

mod way;

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    account::{UnknownWord, find_word},
    approval::SignOff,
    deployment::Strike,
    evidence::{Evidence, EvidencePath},
    id::{AccountId, Market, ModelName, ProfileName, VersionId, VersionNumber},
    inventory::{Card, LastValidation, Retirement, TierBasis},
    lineage::Lineage,
    materiality::{Baselines, SetBy},
    promotion::Request,
    stage::Stage,
    trigger::{Cause, DriftApproval, Prompt},
    validation::{Finding, Report},
    waiver::{Covers, Waiver},
};

pub use way::{Fate, Place, Stop};

/// The weight of a model: exposure × purpose (SR 26-2), 1 being the heaviest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Tier {
    /// Heaviest.
    #[serde(rename = "1")]
    One,
    /// Middle.
    #[serde(rename = "2")]
    Two,
    /// Lightest.
    #[serde(rename = "3")]
    Three,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Self; 3] = [Self::One, Self::Two, Self::Three];

    /// The tier's id in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Two => "2",
            Self::Three => "3",
        }
    }
}

impl std::str::FromStr for Tier {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("tier", text, &Self::ALL, Self::id)
    }
}

/// A model in the inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Model {
    /// Registry name.
    pub name: ModelName,
    /// What people call it.
    pub title: String,
    /// What it is for.
    pub purpose: String,
    /// Who answers for it.
    pub owner: AccountId,
    /// The team that develops it.
    pub team: String,
    /// Its weight.
    pub tier: Tier,
    /// The policy profile that it falls under.
    pub profile: ProfileName,
    /// Where it may serve.
    pub markets: Vec<Market>,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// The number that the next version gets.
    pub next_version: VersionNumber,
    /// Who serves each market.
    pub champions: BTreeMap<Market, Champion>,
    /// The replaced champion of each market, ready to come back.
    pub standbys: BTreeMap<Market, Standby>,
    /// The versions validated in full that later changes are measured from.
    #[serde(default, skip_serializing_if = "Baselines::is_empty")]
    pub baselines: Baselines,
    /// The latest validation that did not reject a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_validation: Option<LastValidation>,
    /// On what the tier rests, once it was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_basis: Option<TierBasis>,
    /// What else the inventory says.
    #[serde(default, skip_serializing_if = "Card::is_empty")]
    pub card: Card,
    /// The end of its use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<Retirement>,
    /// The version on its way into each market: in Canary, or in Production and not yet champion.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rolling_out: BTreeMap<Market, VersionNumber>,
    /// Digests of the weights of the versions that were promoted to Production.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub promoted_weights: BTreeMap<VersionNumber, Digest>,
}

/// The version that serves a market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Champion {
    /// The version.
    pub version: VersionNumber,
    /// Since when.
    pub since: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// The digest of its weights; not known of champions from before it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Digest>,
}

/// A former champion kept ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Standby {
    /// The version.
    pub version: VersionNumber,
    /// Since when.
    pub since: Timestamp,
    /// Until when it must be kept.
    pub until: Timestamp,
    /// The digest of its weights, as far as known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Digest>,
}

/// What a version is in one market beyond its stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Serves the market.
    Champion,
    /// Served it before and is kept ready.
    WarmStandby,
    /// Serves a part of its users, on its way in.
    RollingOut,
    /// Neither.
    Other,
}

impl Model {
    /// The tier that sets the depth of validation: the heaviest until somebody independent has judged the model's exposure
    /// and purpose, for what the registering team stated is not yet a judgement.
    pub fn judged_tier(&self) -> Tier {
        if self.tier_basis.is_some() { self.tier } else { Tier::One }
    }

    /// What `version` is in `market`.
    pub fn standing(&self, version: VersionNumber, market: &Market) -> Standing {
        if self.champions.get(market).is_some_and(|champion| champion.version == version) {
            Standing::Champion
        } else if self.standbys.get(market).is_some_and(|standby| standby.version == version) {
            Standing::WarmStandby
        } else if self.rolling_out.get(market) == Some(&version) {
            Standing::RollingOut
        } else {
            Standing::Other
        }
    }
}

/// Where a version stands in one market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Track {
    /// Shadow, Canary or Production; Archived once it was taken out of the market.
    pub stage: Stage,
    /// Since when.
    pub since: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// Where a version came from, if it was imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The foreign registry, such as `mlflow`.
    pub system: String,
    /// The version's address there, such as `models:/credit/3`.
    pub reference: String,
}

/// A version of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Version {
    /// Which one.
    pub id: VersionId,
    /// Who registered it.
    pub registered_by: AccountId,
    /// Whoever registered it or amended its lineage: none of them validates or approves it.
    pub developers: BTreeSet<AccountId>,
    /// The team of whoever registered it, as it was then.
    pub team: String,
    /// When.
    pub registered_at: Timestamp,
    /// A line on what is new.
    pub note: String,
    /// Where it was imported from.
    pub origin: Option<Origin>,
    /// Because of which retraining trigger it was trained, if one fired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Prompt>,
    /// Markets in which a person approved the drift it was trained on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub drift_approvals: BTreeMap<Market, DriftApproval>,
    /// Strikes against it on its way into a market, oldest first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub strikes: BTreeMap<Market, Vec<Strike>>,
    /// Its lineage.
    pub lineage: Lineage,
    /// None, Staging or Archived: the part of the way that all markets share.
    pub stage: Stage,
    /// The entry that led into `stage`.
    pub stage_entry: u64,
    /// The markets in which it went further.
    pub tracks: BTreeMap<Market, Track>,
    /// What was attached, oldest first.
    pub evidence: Vec<Evidence>,
    /// Promotion requests, oldest first.
    pub requests: Vec<Request>,
    /// The validation report in force.
    pub report: Option<Report>,
    /// Whoever wrote one, in force or not, with the entry of their latest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub authors: BTreeMap<AccountId, u64>,
    /// Findings, by number.
    pub findings: Vec<Finding>,
    /// Signatures, oldest first.
    pub sign_offs: Vec<SignOff>,
    /// Why it was archived.
    pub archived: Option<String>,
    /// What people said of its materiality, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub materiality: Vec<SetBy>,
    /// Waivers, by number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
    /// Digest of the lineage in force.
    pub lineage_digest: Digest,
    /// How many entries touched this version.
    pub revision: u64,
    /// Time of the latest of them.
    pub updated_at: Timestamp,
}

impl Version {
    /// The stage in `market`: the market's own track where there is one, else the shared part.
    pub fn stage_in(&self, market: Option<&Market>) -> Stage {
        if self.stage == Stage::Archived {
            return Stage::Archived;
        }
        market.and_then(|market| self.tracks.get(market)).map_or(self.stage, |track| track.stage)
    }

    /// When the version entered the stage whose trial evidence of this path speaks of, if it is in that stage now.
    pub fn entered(&self, path: EvidencePath, market: &Market) -> Option<Timestamp> {
        let stage = match path {
            EvidencePath::Shadow => Stage::Shadow,
            EvidencePath::Canary => Stage::Canary,
            _ => return None,
        };
        self.tracks.get(market).filter(|track| track.stage == stage).map(|track| track.since)
    }

    /// The furthest stage in any market.
    pub fn furthest_stage(&self) -> Stage {
        if self.stage == Stage::Archived {
            return Stage::Archived;
        }
        // A market that it was taken out of says nothing of the others.
        let live = self.tracks.values().map(|track| track.stage).filter(|stage| *stage != Stage::Archived);
        live.fold(self.stage, Stage::max)
    }

    /// Why it was trained: because of the trigger that fired, or because somebody wanted it.
    pub fn cause(&self) -> Cause {
        self.prompt.as_ref().map_or(Cause::Manual, |prompt| prompt.cause)
    }

    /// The open request for `market`, of which there is at most one; `None` is the shared request for Staging.
    pub fn open_request(&self, market: Option<&Market>) -> Option<&Request> {
        self.requests.iter().rev().find(|request| request.is_open() && request.market.as_ref() == market)
    }

    /// The later evidence that took this one's place, if any did that speaks of the present artifacts.
    pub fn replacement(&self, older: &Evidence) -> Option<&Evidence> {
        self.evidence.iter().rev().find(|later| later.replaces(older) && later.speaks_of(&self.lineage))
    }

    /// The request with this number.
    pub fn request(&self, number: u32) -> Option<&Request> {
        self.requests.iter().find(|request| request.number == number)
    }

    /// The finding with this number.
    pub fn finding(&self, number: u32) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.number == number)
    }

    /// The waiver with this number.
    pub fn waiver(&self, number: u32) -> Option<&Waiver> {
        self.waivers.iter().find(|waiver| waiver.number == number)
    }

    /// The waiver that covers this at `now` for the gates of `market` longest.
    pub fn waived(&self, covers: &Covers, market: Option<&Market>, now: Timestamp) -> Option<&Waiver> {
        self.waivers
            .iter()
            .filter(|waiver| waiver.covers == *covers && waiver.opens(market, now))
            .max_by_key(|waiver| waiver.expires_at)
    }
}
