//! From states to view rows: what pages list, filter and sort. Derived entirely, so it can be rebuilt.

pub mod impact;
pub mod privacy;

use std::collections::BTreeMap;

use domain::{
    Aggregate, AggregateId, Market, ModelName, Recorded, VersionId, VersionNumber,
    account::Role,
    approval::Package,
    campaign::Campaign,
    deployment::{self, Deployment, Rollout, clock},
    inventory,
    policy::AdoptedPolicy,
    privacy::PrivacyFile,
    promotion::{Question, Topic},
    registry::{Model, Version},
    stage::Stage,
};
use ledger::Timestamp;

use crate::storage::Value;

/// Rows to be written for one state.
#[derive(Debug, Clone)]
pub enum ViewRow {
    /// Of `model_view`.
    Model(Vec<Value>),
    /// Of `version_view`.
    Version(Vec<Value>),
    /// Of `dpia_view`.
    Dpia(Vec<Value>),
    /// Of `review_view`.
    Review(Vec<Value>),
    /// The `work_item` rows of one kind and number that concern a model itself, whose version is 0.
    ModelWork {
        /// The model.
        model: String,
        /// The kind.
        kind: &'static str,
        /// The number within the kind.
        number: u32,
        /// The rows.
        items: Vec<Vec<Value>>,
    },
    /// Of `deployment_view`.
    Deployment(Vec<Value>),
    /// All `work_item` rows of what waits on a market's deployment.
    DeploymentWork {
        /// The model.
        model: String,
        /// The market.
        market: String,
        /// The rows.
        items: Vec<Vec<Value>>,
    },
    /// All of a version's `work_item` rows.
    Work {
        /// The model.
        model: String,
        /// The version's number.
        version: u32,
        /// The rows.
        items: Vec<Vec<Value>>,
        /// Whether there may be earlier rows to remove.
        replaces: bool,
    },
    /// All of a version's `lineage_input` rows.
    Inputs {
        /// The model.
        model: String,
        /// The version's number.
        version: u32,
        /// The rows.
        rows: Vec<Vec<Value>>,
        /// Whether there may be earlier rows to remove.
        replaces: bool,
    },
    /// What waits on a campaign.
    Attest {
        /// The campaign's number.
        campaign: u32,
        /// Models that were answered for.
        answered: Vec<String>,
        /// The rows of models that are called now.
        items: Vec<Vec<Value>>,
    },
}

/// Stands in a work item's slot for whoever owns the model at the time of reading.
pub const OWNER_SLOT: &str = "owner";

/// The market of a work item that is of none.
pub const IN_NO_MARKET: &str = "";

/// The kind of a work item that asks for a rollback drill.
pub const DRILL_WORK: &str = "drill";

/// Stands in a work item where everybody in its slot may act.
pub const FOR_ANYBODY: Value = Value::Text(None);

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The row of a model.
pub fn model_row(model: &Model) -> ViewRow {
    let champions: BTreeMap<_, _> =
        model.champions.iter().map(|(market, champion)| (market.to_string(), champion.version.get())).collect();
    ViewRow::Model(vec![
        model.name.to_string().into(),
        model.title.as_str().into(),
        model.tier.id().into(),
        model.profile.to_string().into(),
        model.owner.to_string().into(),
        (model.next_version.get() - 1).into(),
        json(&model.markets).into(),
        json(&champions).into(),
        model.registered_at.into(),
        inventory::status(model).id().into(),
        model.last_validation.as_ref().map_or(Timestamp::EPOCH, |last| last.at).into(),
    ])
}

/// What waits on a model itself: its next validation. Depends on the model and the policy, never on the clock; it
/// begins to wait the policy's notice before it is due.
pub fn model_work(model: &Model, policy: &AdoptedPolicy) -> Vec<Vec<Value>> {
    let Some(due) = inventory::next_validation(model, &policy.policy) else { return Vec::new() };
    let rules = policy.policy.profiles.get(&model.profile).and_then(|profile| profile.validation.as_ref());
    let notice = rules.map_or(0, |rules| rules.notice_days);
    vec![vec![
        model.name.to_string().into(),
        0_u32.into(),
        "revalidate".into(),
        0_u32.into(),
        Role::MrmValidator.id().into(),
        format!("Periodic validation, tier {}", model.tier.id()).into(),
        Value::Text(None),
        due.plus_days(-i64::from(notice)).into(),
        due.into(),
        IN_NO_MARKET.into(),
        FOR_ANYBODY,
    ]]
}

/// The same as rows to be written.
pub fn model_work_rows(model: &Model, policy: &AdoptedPolicy) -> ViewRow {
    let (model, items) = (model.name.to_string(), model_work(model, policy));
    ViewRow::ModelWork { model, kind: "revalidate", number: 0, items }
}

/// What a campaign waits for: an answer of each owner who has not given one.
pub fn campaign_work(campaign: &Campaign) -> Vec<Vec<Value>> {
    campaign.outstanding().map(|(model, _)| attest_row(campaign, model)).collect()
}

fn attest_row(campaign: &Campaign, model: &ModelName) -> Vec<Value> {
    vec![
        model.to_string().into(),
        0_u32.into(),
        "attest".into(),
        campaign.number.into(),
        OWNER_SLOT.into(),
        campaign.title.as_str().into(),
        Value::Text(None),
        campaign.opened_at.into(),
        campaign.due_at.into(),
        IN_NO_MARKET.into(),
        FOR_ANYBODY,
    ]
}

/// The rows that a change of a campaign adds and removes.
pub fn campaign_rows(before: Option<&Campaign>, after: &Campaign) -> ViewRow {
    let known = |model: &ModelName| before.is_some_and(|before| before.models.contains_key(model));
    let answered = |model: &ModelName| before.is_some_and(|before| before.given.contains_key(model));
    ViewRow::Attest {
        campaign: after.number,
        answered: after
            .given
            .keys()
            .filter(|model| known(model) && !answered(model))
            .map(ToString::to_string)
            .collect(),
        items: after
            .outstanding()
            .filter(|(model, _)| !known(model))
            .map(|(model, _)| attest_row(after, model))
            .collect(),
    }
}

/// The key under which an import is found again.
pub fn origin_key(origin: &domain::registry::Origin) -> String {
    format!("{} {}", origin.system, origin.reference)
}

/// The row of a version.
pub fn version_row(version: &Version) -> ViewRow {
    let tracks: BTreeMap<_, _> =
        version.tracks.iter().map(|(market, track)| (market.to_string(), stage_id(track.stage))).collect();
    ViewRow::Version(vec![
        version.id.model.to_string().into(),
        version.id.number.get().into(),
        stage_id(version.furthest_stage()).into(),
        json(&tracks).into(),
        version.note.as_str().into(),
        version.origin.as_ref().map(origin_key).into(),
        version.registered_by.to_string().into(),
        version.registered_at.into(),
        version.updated_at.into(),
    ])
}

/// How a deployment stands, in a word that lists filter by: the gravest comes first.
pub const DEPLOYMENT_STATES: [&str; 6] = ["off", "held", "struck", "rolling_out", "serving", "idle"];

/// The word for a deployment.
pub fn deployment_state(deployment: &Deployment) -> &'static str {
    match (&deployment.kill_switch, &deployment.rollout, &deployment.champion) {
        (Some(_), ..) => "off",
        (_, Some(Rollout { held: Some(_), .. }), _) => "held",
        (_, Some(rollout), _) if !rollout.strikes.is_empty() => "struck",
        (_, Some(_), _) => "rolling_out",
        (_, _, Some(_)) => "serving",
        _ => "idle",
    }
}

/// The row of a deployment.
pub fn deployment_row(deployment: &Deployment) -> ViewRow {
    let number = |number: Option<VersionNumber>| Value::Int(number.map(|number| i64::from(number.get())));
    let rollout = deployment.rollout.as_ref();
    let kill = deployment.kill_switch.as_ref();
    ViewRow::Deployment(vec![
        deployment.model.to_string().into(),
        deployment.market.to_string().into(),
        number(deployment.champion.as_ref().map(|champion| champion.artifact.version)),
        number(rollout.map(|rollout| rollout.artifact.version)),
        u32::from(rollout.map_or(0, Rollout::percent)).into(),
        u32::try_from(rollout.map_or(0, |rollout| rollout.strikes.len())).unwrap_or(u32::MAX).into(),
        number(deployment.standby.as_ref().map(|standby| standby.artifact.version)),
        deployment_state(deployment).into(),
        Value::Int(kill.map(|kill| kill.review_due.unwrap_or(kill.at).micros())),
        deployment.updated_at.into(),
    ])
}

/// What waits on a deployment: the review of a use of the kill switch, for somebody else than who used it, the approval
/// of a rollout's next step from the time on when nothing else is missing, the next rollback drill. Depends on the deployment and the policy, never
/// on the clock.
pub fn deployment_work(deployment: &Deployment, policy: &AdoptedPolicy) -> Vec<Vec<Value>> {
    let row = |kind: &str, number: u32, role: Role, title: String, [since, due_at, not_for]: [Value; 3]| {
        vec![
            deployment.model.to_string().into(),
            0_u32.into(),
            kind.into(),
            number.into(),
            role.id().into(),
            title.into(),
            Value::Text(None),
            since,
            due_at,
            deployment.market.to_string().into(),
            not_for,
        ]
    };
    let mut items = Vec::new();
    if let Some(kill) = deployment.kill_switch.as_ref().filter(|kill| kill.review.is_none()) {
        let dates = [kill.at.into(), kill.review_due.unwrap_or(kill.at).into(), kill.by.to_string().into()];
        items.push(row("kill", 0, kill.review_role, kill.reason.clone(), dates));
    }
    if let Some((since, due)) = clock::drill_wanted(deployment, &policy.policy) {
        let title = "The way back is exercised".to_owned();
        items.push(vec![
            deployment.model.to_string().into(),
            0_u32.into(),
            DRILL_WORK.into(),
            0_u32.into(),
            OWNER_SLOT.into(),
            title.into(),
            Value::Text(None),
            since.into(),
            due.into(),
            deployment.market.to_string().into(),
            FOR_ANYBODY,
        ]);
    }
    let wanted = clock::approval_wanted(deployment, &policy.policy);
    if let Some((rollout, (role, since))) = deployment.rollout.as_ref().zip(wanted) {
        let number = rollout.artifact.version;
        let title = format!("Version {number} at {} % of users", rollout.percent());
        items.push(row("step", number.get(), role, title, [since.into(), Value::Int(None), FOR_ANYBODY]));
    }
    items
}

/// The same as rows to be written.
pub fn deployment_work_rows(deployment: &Deployment, policy: &AdoptedPolicy) -> ViewRow {
    let items = deployment_work(deployment, policy);
    ViewRow::DeploymentWork { model: deployment.model.to_string(), market: deployment.market.to_string(), items }
}

/// That an entry concerns a version though its subject is a market's deployment: a row of `entry_about`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct About {
    /// The model.
    pub model: String,
    /// The version's number.
    pub version: u32,
    /// The entry.
    pub seq: u64,
}

/// The versions that an entry concerns beside its subject; `state` answers with states as the entry found them.
pub fn about<'s>(recorded: &Recorded, state: impl Fn(&AggregateId) -> Option<&'s Aggregate>) -> Vec<About> {
    let AggregateId::Deployment(model, _) = &recorded.subject else { return Vec::new() };
    let before = match state(&recorded.subject) {
        Some(Aggregate::Deployment(before)) => Some(&**before),
        _ => None,
    };
    let concerned = deployment::concerned(&recorded.event, before);
    let row = |number: VersionNumber| About { model: model.to_string(), version: number.get(), seq: recorded.seq };
    concerned.into_iter().map(row).collect()
}

/// The stage's id as stored and in addresses.
pub fn stage_id(stage: Stage) -> String {
    stage.title().to_lowercase()
}

/// What waits on a version, and for whom. Depends on the version, its model, the model's privacy file and the policy,
/// never on the clock.
pub fn work_items(
    model: &Model,
    version: &Version,
    policy: &AdoptedPolicy,
    privacy: Option<&PrivacyFile>,
) -> Vec<Vec<Value>> {
    let mut items = Vec::new();
    let VersionId { model: name, number } = &version.id;
    let mut put = |kind: &str, number_of: u32, slot: &str, title: String, severity: Option<&str>, since, due| {
        items.push(vec![
            name.to_string().into(),
            number.get().into(),
            kind.into(),
            number_of.into(),
            slot.into(),
            title.into(),
            Value::Text(severity.map(str::to_owned)),
            Value::from(since),
            Value::from(due),
            IN_NO_MARKET.into(),
            FOR_ANYBODY,
        ]);
    };
    for request in version.requests.iter().filter(|request| request.is_open()) {
        let place = request.market.as_ref().map(|market| format!(" in {market}")).unwrap_or_default();
        let title = format!("Promotion to {}{place}", request.to);
        let question = Question {
            model,
            version,
            policy,
            privacy,
            to: request.to,
            market: request.market.as_ref(),
            now: request.requested_at,
        };
        let unmet: Vec<_> = question.requirements().unwrap_or_default().into_iter().filter(|r| !r.met).collect();
        // Signatures wait for everything else but time and approvals: who is asked to sign can sign.
        let signable = unmet.iter().all(|requirement| requirement.topic.may_follow_signatures());
        for requirement in unmet {
            let kind = match requirement.topic {
                Topic::SignOff if signable => "sign",
                Topic::Committee if signable => {
                    let package = Package::of(&question).digest();
                    for member in request.committee.iter().flat_map(|committee| committee.waiting(&package)) {
                        put(
                            "vote",
                            request.number,
                            member.as_str(),
                            title.clone(),
                            None,
                            request.requested_at,
                            request.due_at,
                        );
                    }
                    continue;
                }
                Topic::Validation => "validate",
                // Approvals of drift are asked for below, whether promotion is or not.
                _ => continue,
            };
            let slot = requirement.supplier.id();
            put(kind, request.number, slot, title.clone(), None, request.requested_at, request.due_at);
        }
        put(
            "requested",
            request.number,
            request.requested_by.as_str(),
            title,
            None,
            request.requested_at,
            request.due_at,
        );
    }
    for wanted in version.drift_to_approve() {
        let Some(rules) = &policy.policy.triggers else { break };
        let (market, due) = (wanted.market, wanted.due(model, &policy.policy));
        for role in &rules.drift_approvers {
            let title = format!("Drift before Canary in {market}");
            put("approve", market_number(model, market), role.id(), title, None, wanted.since, due);
        }
    }
    for finding in version.findings.iter().filter(|finding| finding.is_open()) {
        let (kind, slot) = match &finding.remediation {
            None => ("remediate", finding.owner.as_str()),
            Some(_) => ("verify", Role::MrmValidator.id()),
        };
        put(
            kind,
            finding.number,
            slot,
            format!("Finding {}: {}", finding.number, finding.title),
            Some(finding.severity.id()),
            finding.raised_at,
            finding.due_at,
        );
    }
    let rules = policy.policy.profiles.get(&model.profile).and_then(|profile| profile.validation.as_ref());
    let notice = rules.map_or(0, |rules| i64::from(rules.notice_days));
    for waiver in version.latest_waivers() {
        let since = waiver.expires_at.plus_days(-notice).max(waiver.granted_at);
        let title = format!("Waiver {} on {}", waiver.number, waiver.covers);
        put("waiver", waiver.number, Role::MrmValidator.id(), title.clone(), None, since, waiver.expires_at);
        put("waiver", waiver.number, waiver.requested_by.as_str(), title, None, since, waiver.expires_at);
    }
    items
}

/// A market's place in the model's list, from 1: what tells its items of work apart.
fn market_number(model: &Model, market: &Market) -> u32 {
    let place = model.markets.iter().position(|known| known == market).unwrap_or_default();
    u32::try_from(place).unwrap_or_default() + 1
}

/// Every row of a state but work items, which need the model and the policy beside the version.
pub fn rows(state: &Aggregate) -> Option<ViewRow> {
    match state {
        Aggregate::Model(model) => Some(model_row(model)),
        Aggregate::Version(version) => Some(version_row(version)),
        Aggregate::Deployment(deployment) => Some(deployment_row(deployment)),
        // Those of privacy need the policy too: see [`privacy::rows`].
        Aggregate::Policy(_)
        | Aggregate::Account(_)
        | Aggregate::Campaign(_)
        | Aggregate::Triggers(_)
        | Aggregate::Webhooks(_)
        | Aggregate::Dpia(_)
        | Aggregate::ReviewRequest(_) => None,
    }
}
