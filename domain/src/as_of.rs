//! What held at a past instant: which version served a market, who approved it, under which policy, with which
//! validation in force. Told from states that were folded up to that instant only.

use std::collections::BTreeMap;

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    account::Role,
    aggregate::AggregateId,
    committee::Voice,
    deployment::{
        Deployment, KillTarget, Routing,
        routing::{Fallback, Part, Target},
    },
    event::{Event, Recorded},
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
    /// Who approved its steps into this market and the shares of users that it reached, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// How it came to serve; absent in a list of many models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grounds: Option<Grounds>,
}

/// How the users of a market were shared between versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = TrafficThen))]
pub struct Traffic {
    /// The market.
    pub market: Market,
    /// Since when they were shared so.
    pub since: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// Versions that answered users.
    pub shares: Vec<Share>,
    /// What answered the rest.
    pub fallback: Fallback,
    /// The version on its way in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenger: Option<Challenger>,
    /// Versions that scored a copy of the traffic and answered nobody.
    pub mirror: Vec<VersionNumber>,
    /// The kill switch, if it was in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kill_switch: Option<KillSwitch>,
    /// The former champion, kept ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby: Option<KeptReady>,
}

/// A version that answered users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ShareThen))]
pub struct Share {
    /// The version.
    pub version: VersionNumber,
    /// The part that it played.
    pub part: Part,
    /// Its share of users, in percent.
    pub percent: u8,
}

/// A version on its way in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ChallengerThen))]
pub struct Challenger {
    /// The version.
    pub version: VersionNumber,
    /// Its share of users by its rollout, in percent; while the kill switch was in use, it answered nobody.
    pub percent: u8,
    /// Since when it had that share.
    pub since: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// Whether it was promoted to Production; before, it stayed at the canary's share.
    pub promoted: bool,
    /// Strikes against it.
    pub strikes: usize,
    /// Since when its rollout was on hold, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_since: Option<Timestamp>,
    /// Who approved its steps into this market and the shares of users that it reached, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// How it came so far; absent in a list of many models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grounds: Option<Grounds>,
}

/// The kill switch in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = KillSwitchThen))]
pub struct KillSwitch {
    /// Where all users were sent.
    pub to: KillTarget,
    /// The version that answered them instead; else the fallback did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionNumber>,
    /// Since when.
    pub since: Timestamp,
    /// By whom.
    pub by: AccountId,
    /// Why.
    pub reason: String,
    /// By which entry.
    pub entry: u64,
    /// When its use had been reviewed, if it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed_at: Option<Timestamp>,
}

/// A version in warm standby.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeptReady {
    /// The version.
    pub version: VersionNumber,
    /// Since when.
    pub since: Timestamp,
    /// Until when it was to be kept.
    pub until: Timestamp,
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
    /// The shares of users that its rollout reached from there on, each with who approved it; absent in what was told
    /// before they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<GrantedShare>,
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

/// A step of a rollout that was made: a share of users reached, or its end as the market's champion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GrantedShare {
    /// The share of users before, in percent; absent where the entry does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_percent: Option<u8>,
    /// The share of users from then on, in percent.
    pub percent: u8,
    /// Whether the version became the market's champion with it.
    pub completed: bool,
    /// When.
    pub granted_at: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// The signatures on which it was granted; none where the market asks for none.
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
            approvals: Vec::new(),
            grounds: None,
        })
    };
    model.markets.iter().filter_map(of).collect()
}

/// How the users of a deployment's market are shared, by the routing document that serving systems read; `None` where no
/// version takes part and nothing was switched off.
pub fn traffic(deployment: &Deployment) -> Option<Traffic> {
    let routing = Routing::of(deployment);
    let last = deployment.revisions.last()?;
    let share = |target: &Target| Share { version: target.version, part: target.part, percent: target.weight };
    let challenger = deployment.rollout.as_ref().map(|rollout| {
        let (since, entry) =
            rollout.moves.last().map_or((rollout.since, rollout.entry), |latest| (latest.at, latest.entry));
        Challenger {
            version: rollout.artifact.version,
            percent: rollout.percent(),
            since,
            entry,
            promoted: rollout.promoted,
            strikes: rollout.strikes.len(),
            held_since: rollout.held.as_ref().map(|hold| hold.since),
            approvals: Vec::new(),
            grounds: None,
        }
    });
    let traffic = Traffic {
        market: deployment.market.clone(),
        since: last.at,
        entry: last.number,
        shares: routing.targets.iter().filter(|target| target.weight > 0).map(share).collect(),
        fallback: routing.fallback,
        challenger,
        mirror: routing.mirror.iter().map(|shadow| shadow.version).collect(),
        kill_switch: deployment.kill_switch.as_ref().map(|kill| KillSwitch {
            to: kill.to,
            version: kill.artifact.as_ref().map(|artifact| artifact.version),
            since: kill.at,
            by: kill.by.clone(),
            reason: kill.reason.clone(),
            entry: kill.entry,
            reviewed_at: kill.review.as_ref().map(|review| review.at),
        }),
        standby: deployment.standby.as_ref().map(|standby| KeptReady {
            version: standby.artifact.version,
            since: standby.since,
            until: standby.until,
        }),
    };
    let is_empty = traffic.shares.is_empty() && traffic.mirror.is_empty() && traffic.kill_switch.is_none();
    (!is_empty || traffic.standby.is_some()).then_some(traffic)
}

impl Challenger {
    /// Its share and how its rollout stood, such as `10 % of users, on hold, 1 strike`.
    pub fn standing(&self) -> String {
        let stage = if self.promoted { "" } else { ", in canary" };
        let held = if self.held_since.is_some() { ", on hold" } else { "" };
        let strikes = match self.strikes {
            0 => String::new(),
            1 => ", 1 strike".to_owned(),
            many => format!(", {many} strikes"),
        };
        format!("{} % of users{stage}{held}{strikes}", self.percent)
    }
}

/// What answered a part of a market's users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// A version, and its share in percent.
    Version(VersionNumber, u8),
    /// The rule-based fallback of that name, and its share in percent.
    Fallback(String, u8),
}

/// What answered a market's users, so that the shares sum to 100. A champion from before there were deployments answered
/// everybody.
pub fn answered(serving: Option<&Serving>, traffic: Option<&Traffic>) -> Vec<Answered> {
    let Some(traffic) = traffic else {
        return serving.map(|serving| Answered::Version(serving.version, 100)).into_iter().collect();
    };
    let versions = traffic.shares.iter().map(|share| Answered::Version(share.version, share.percent));
    let fallback = Answered::Fallback(traffic.fallback.name.clone(), traffic.fallback.weight);
    versions.chain((traffic.fallback.weight > 0).then_some(fallback)).collect()
}

/// The events from which [`Shares`] are told.
pub const OF_SHARES: [&str; 5] =
    ["rollout.advanced", "rollout.approved", "rollout.completed", "rollout.rolled_back", "rollout.struck"];

/// The steps of a model's rollouts with who approved them, gathered from entries in their order. States hold no
/// approvals: an approval takes effect with the step that it is sealed with.
#[derive(Debug, Clone, Default)]
pub struct Shares {
    made: BTreeMap<(Market, VersionNumber), Vec<GrantedShare>>,
    signed: BTreeMap<(Market, VersionNumber), Vec<Approval>>,
}

impl Shares {
    /// Takes in the next entry.
    pub fn take(&mut self, recorded: &Recorded) {
        let AggregateId::Deployment(_, market) = &recorded.subject else { return };
        let place = |version: VersionNumber| (market.clone(), version);
        let (version, from_percent, percent, completed) = match &recorded.event {
            Event::RolloutApproved(body) => {
                self.signed.entry(place(body.version)).or_default().push(Approval {
                    role: body.role,
                    signer: recorded.actor.clone(),
                    meaning: body.meaning.clone(),
                    signed_at: recorded.time,
                    entry: recorded.seq,
                    package: body.package,
                });
                return;
            }
            Event::RolloutAdvanced(body) => (body.version, Some(body.from_percent), body.to_percent, false),
            Event::RolloutCompleted(body) => (body.version, None, 100, true),
            // What was signed for a step that was not made speaks for no later one.
            Event::RolloutStruck(body) => return drop(self.signed.remove(&place(body.version))),
            Event::RolloutRolledBack(body) => return drop(self.signed.remove(&place(body.version))),
            _ => return,
        };
        let approvals = self.signed.remove(&place(version)).unwrap_or_default();
        let (granted_at, entry) = (recorded.time, recorded.seq);
        let step = GrantedShare { from_percent, percent, completed, granted_at, entry, approvals };
        self.made.entry(place(version)).or_default().push(step);
    }

    /// The steps of a version in a market, oldest first.
    pub fn of(&self, market: &Market, version: VersionNumber) -> Vec<GrantedShare> {
        self.made.get(&(market.clone(), version)).cloned().unwrap_or_default()
    }
}

/// The events from which [`Approvals`] are told.
pub const OF_APPROVALS: [&str; 9] = [
    "committee.recused",
    "committee.voted",
    "promotion.signed",
    "rollout.advanced",
    "rollout.approved",
    "rollout.completed",
    "rollout.rolled_back",
    "rollout.struck",
    "stage.transitioned",
];

/// Who approved the granted steps of a model's versions, gathered from entries in their order: what [`Grounds`] tell of
/// one version, without reading the whole of it.
#[derive(Debug, Clone, Default)]
pub struct Approvals {
    signed: BTreeMap<(VersionNumber, u32), BTreeMap<Role, Approval>>,
    voted: BTreeMap<(VersionNumber, u32), BTreeMap<AccountId, Approval>>,
    granted: BTreeMap<VersionNumber, Vec<GrantedStep>>,
    shares: Shares,
}

/// A step that was granted: its market, `None` where all share it, and on whose word.
type GrantedStep = (Option<Market>, Vec<Approval>);

impl Approvals {
    /// Takes in the next entry.
    pub fn take(&mut self, recorded: &Recorded) {
        self.shares.take(recorded);
        let AggregateId::Version(id) = &recorded.subject else { return };
        let approval = |role: Role, meaning: &str, package: Digest| Approval {
            role,
            signer: recorded.actor.clone(),
            meaning: meaning.to_owned(),
            signed_at: recorded.time,
            entry: recorded.seq,
            package,
        };
        match &recorded.event {
            Event::PromotionSigned { request, role, meaning, package, .. } => {
                let of_request = self.signed.entry((id.number, *request)).or_default();
                of_request.insert(*role, approval(*role, meaning, *package));
            }
            Event::CommitteeVoted(body) => {
                let of_request = self.voted.entry((id.number, body.request)).or_default();
                of_request.remove(&recorded.actor);
                if body.voice == Voice::Approve {
                    let vote = approval(Role::RiskCommittee, &body.meaning, body.package);
                    of_request.insert(recorded.actor.clone(), vote);
                }
            }
            Event::CommitteeRecused(body) => {
                self.voted.entry((id.number, body.request)).or_default().remove(&recorded.actor);
            }
            Event::StageTransitioned { request, market, .. } => {
                let key = (id.number, *request);
                let signed = self.signed.remove(&key).unwrap_or_default().into_values();
                let voted = self.voted.remove(&key).unwrap_or_default().into_values();
                self.granted.entry(id.number).or_default().push((market.clone(), signed.chain(voted).collect()));
            }
            _ => {}
        }
    }

    /// Those that let a version into a market and further, oldest first.
    pub fn of(&self, market: &Market, version: VersionNumber) -> Vec<Approval> {
        let steps = self.granted.get(&version).into_iter().flatten();
        let steps = steps.filter(|(place, _)| place.as_ref().is_none_or(|place| place == market));
        let mut all: Vec<Approval> = steps.flat_map(|(_, approvals)| approvals.clone()).collect();
        all.extend(self.shares.of(market, version).into_iter().flat_map(|share| share.approvals));
        all.sort_by_key(|approval| approval.entry);
        all
    }
}

impl GrantedShare {
    /// What was reached, such as `25 % of users` or `100 % of users, champion`.
    pub fn reached(&self) -> String {
        let champion = if self.completed { ", champion" } else { "" };
        format!("{} % of users{champion}", self.percent)
    }
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
        shares: Vec::new(),
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
