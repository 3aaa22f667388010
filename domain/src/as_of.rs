//! What held at a past instant: which version served a market, who approved it, under which policy, with which
//! validation in force. Told from states that were folded up to that instant only.

use std::collections::BTreeMap;

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    account::Role,
    committee::Voice,
    id::{AccountId, Market, VersionNumber},
    promotion::RequestState,
    registry::{Model, Standby, Version},
    stage::Stage,
    validation::{Outcome, Severity},
};

/// The version that served a market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Serving {
    /// The market.
    pub market: Market,
    /// The champion.
    pub version: VersionNumber,
    /// Since when it served.
    pub since: Timestamp,
    /// The entry that made it champion.
    pub entry: u64,
    /// The version kept ready beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby: Option<Standby>,
    /// How it came to serve; absent in a list of many models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grounds: Option<Grounds>,
}

/// Why a version could serve a market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Grounds {
    /// SHA-256 of its weights.
    pub weights_digest: Option<Digest>,
    /// Git commit of its code.
    pub git_commit: Option<String>,
    /// Version of its training data.
    pub data_version: Option<String>,
    /// Its steps through the stages, with who asked and who approved.
    pub steps: Vec<Step>,
    /// The validation report in force.
    pub validation: Option<Validation>,
    /// Findings open then.
    pub open_findings: Vec<OpenFinding>,
}

/// One granted promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Step {
    /// The stage entered.
    pub to: Stage,
    /// The market; absent where all markets share the step.
    pub market: Option<Market>,
    /// Who asked.
    pub requested_by: AccountId,
    /// When it was granted.
    pub granted_at: Timestamp,
    /// The entry of the transition.
    pub entry: u64,
    /// The signatures on which it was granted.
    pub approvals: Vec<Approval>,
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Approval {
    /// The role in which.
    pub role: Role,
    /// By whom.
    pub signer: AccountId,
    /// What it meant.
    pub meaning: String,
    /// When.
    pub signed_at: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// Digest of the package that was signed.
    pub package: Digest,
}

/// The validation report in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Validation {
    /// Its conclusion.
    pub outcome: Outcome,
    /// Who wrote it.
    pub author: AccountId,
    /// When.
    pub recorded_at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// A finding that was open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpenFinding {
    /// Number within the version.
    pub number: u32,
    /// How grave.
    pub severity: Severity,
    /// What was wrong, in a line.
    pub title: String,
}

/// Who serves each market of `model`, in the order of the markets; without grounds.
pub fn serving(model: &Model) -> Vec<Serving> {
    let of = |market: &Market| {
        model.champions.get(market).map(|champion| Serving {
            market: market.clone(),
            version: champion.version,
            since: champion.since,
            entry: champion.entry,
            standby: model.standbys.get(market).cloned(),
            grounds: None,
        })
    };
    model.markets.iter().filter_map(of).collect()
}

/// Why `version` can serve `market`.
pub fn grounds(version: &Version, market: &Market) -> Grounds {
    let counts = |of: &Option<Market>| of.is_none() || of.as_ref() == Some(market);
    let steps = version.requests.iter().filter(|request| counts(&request.market)).filter_map(|request| {
        let RequestState::Granted { at, entry } = request.state else { return None };
        // Who signed again after something had changed counts once, with the later signature.
        let mut latest: BTreeMap<Role, Approval> = BTreeMap::new();
        for signature in version.sign_offs.iter().filter(|signature| signature.request == request.number) {
            let approval = Approval {
                role: signature.role,
                signer: signature.signer.clone(),
                meaning: signature.meaning.clone(),
                signed_at: signature.signed_at,
                entry: signature.entry,
                package: signature.package,
            };
            latest.insert(signature.role, approval);
        }
        let mut approvals: Vec<Approval> = latest.into_values().collect();
        // A committee's yes is an approval too: of each member the vote that counted.
        if let Some(committee) = &request.committee {
            let counted = committee.members.iter().filter(|member| !committee.is_recused(member));
            let votes = counted.filter_map(|member| committee.vote_of(member));
            approvals.extend(votes.filter(|vote| vote.voice == Voice::Approve).map(|vote| Approval {
                role: Role::RiskCommittee,
                signer: vote.member.clone(),
                meaning: vote.meaning.clone(),
                signed_at: vote.at,
                entry: vote.entry,
                package: vote.package,
            }));
        }
        approvals.sort_by_key(|approval| approval.entry);
        Some(Step {
            to: request.to,
            market: request.market.clone(),
            requested_by: request.requested_by.clone(),
            granted_at: at,
            entry,
            approvals,
        })
    });
    Grounds {
        weights_digest: version.lineage.model.weights_digest,
        git_commit: version.lineage.code.git_commit.clone(),
        data_version: version.lineage.data.version.clone(),
        steps: steps.collect(),
        validation: version.report.as_ref().map(|report| Validation {
            outcome: report.outcome,
            author: report.author.clone(),
            recorded_at: report.recorded_at,
            entry: report.entry,
        }),
        open_findings: version
            .findings
            .iter()
            .filter(|finding| finding.is_open())
            .map(|finding| OpenFinding {
                number: finding.number,
                severity: finding.severity,
                title: finding.title.clone(),
            })
            .collect(),
    }
}
