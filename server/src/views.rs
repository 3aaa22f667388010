//! From states to view rows: what pages list, filter and sort. Derived entirely, so it can be rebuilt.

use std::collections::BTreeMap;

use domain::{
    Aggregate, VersionId, VersionNumber,
    account::Role,
    deployment::{Deployment, Rollout},
    policy::AdoptedPolicy,
    promotion::{Question, Topic},
    registry::{Model, Version},
    stage::Stage,
};

use crate::storage::Value;

/// Rows to be written for one state.
#[derive(Debug, Clone)]
pub enum ViewRow {
    /// Of `model_view`.
    Model(Vec<Value>),
    /// Of `version_view`.
    Version(Vec<Value>),
    /// Of `deployment_view`.
    Deployment(Vec<Value>),
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
}

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
    ])
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

/// The stage's id as stored and in addresses.
pub fn stage_id(stage: Stage) -> String {
    stage.title().to_lowercase()
}

/// What waits on a version, and for whom. Depends on the version, its model and the policy, never on the clock.
pub fn work_items(model: &Model, version: &Version, policy: &AdoptedPolicy) -> Vec<Vec<Value>> {
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
        ]);
    };
    for request in version.requests.iter().filter(|request| request.is_open()) {
        let place = request.market.as_ref().map(|market| format!(" in {market}")).unwrap_or_default();
        let title = format!("Promotion to {}{place}", request.to);
        let question = Question {
            model,
            version,
            policy,
            to: request.to,
            market: request.market.as_ref(),
            now: request.requested_at,
        };
        let unmet: Vec<_> = question.requirements().unwrap_or_default().into_iter().filter(|r| !r.met).collect();
        // Signatures wait for everything else: who is asked to sign can sign.
        let signable = unmet.iter().all(|requirement| requirement.topic == Topic::SignOff);
        for requirement in unmet {
            let kind = match requirement.topic {
                Topic::SignOff if signable => "sign",
                Topic::Validation => "validate",
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
    items
}

/// Every row of a state but work items, which need the model and the policy beside the version.
pub fn rows(state: &Aggregate) -> Option<ViewRow> {
    match state {
        Aggregate::Model(model) => Some(model_row(model)),
        Aggregate::Version(version) => Some(version_row(version)),
        Aggregate::Deployment(deployment) => Some(deployment_row(deployment)),
        Aggregate::Policy(_) | Aggregate::Account(_) => None,
    }
}
