//! Computing the figures of an entry again. Some follow from a file that the entry names
//! ([`crate::evidence::recompute()`]); the others follow from the entry itself and from the entries before it: verdicts on
//! windows of traffic, strikes, times of drills, due dates, materiality, digests of what was signed. These are computed
//! here, by the rules that decided them and the policy in force then.
//!
//! [`Past`] folds the states that an entry was decided on; [`of_entry`] compares. What a person or a system told (a metric's
//! value, a reason, a date of their choice) is no computed figure: the ledger keeps what was said, and nobody can derive it.

mod past;

use serde::Serialize;
use serde_json::Value;

pub use past::Past;

use crate::{
    decide,
    event::{Event, Recorded},
    evidence::{EvidenceKind, Recomputed},
    privacy::dpia::Cause,
};

/// Two figures that differ by less than this part of their size are the same: the logarithm of one machine is not
/// always to the last bit that of another.
pub(crate) const TOLERANCE: f64 = 1e-9;

/// Whether two figures are the same.
pub(crate) fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1.0)
}

/// What the figures of an entry follow from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Grounds {
    /// It holds no computed figure.
    Nothing,
    /// The file that it names.
    File,
    /// The entry and those before it.
    Ledger,
}

/// What the figures of an entry follow from. Each kind of event has its answer here: a new one does not compile without.
pub fn grounds(event: &Event) -> Grounds {
    match event {
        Event::EvidenceAttached(body) if body.facts.kind != EvidenceKind::Attachment => Grounds::File,
        // Indices that a sender reckoned were told, not computed.
        Event::DriftObserved(body) if body.features.values().all(|measured| measured.reference.is_empty()) => {
            Grounds::Nothing
        }
        Event::VersionRegistered { prompt: Some(_), .. }
        | Event::PromotionRequested { .. }
        | Event::PromotionSigned { .. }
        | Event::StageTransitioned { .. }
        | Event::ReportRecorded { depth: Some(_), .. }
        | Event::MaterialitySet(_)
        | Event::CommitteeVoted(_)
        | Event::WaiverGranted(_)
        | Event::TierAssessed(_)
        | Event::CampaignOpened(_)
        | Event::PolicyAdopted { .. }
        | Event::DriftObserved(_)
        | Event::TriggerFired(_)
        | Event::TriggerSuppressed(_)
        | Event::WebhookRotated(_)
        | Event::DpiaDrafted(_)
        | Event::DpiaAdvised(_)
        | Event::DpiaApproved(_)
        | Event::DpiaReopened(Cause::Version { .. })
        | Event::SafeguardsConfirmed { .. }
        | Event::SafeguardsLapsed(_)
        | Event::ReviewReceived(_)
        | Event::ReviewExtended(_)
        | Event::RolloutObserved(_)
        | Event::RolloutStruck(_)
        | Event::RolloutAdvanced(_)
        | Event::RolloutApproved(_)
        | Event::RolloutCompleted(_)
        | Event::RolloutRolledBack(_)
        | Event::ChampionRolledBack(_)
        | Event::RollbackBlocked(_)
        | Event::DrillFinished(_)
        | Event::KillEngaged(_)
        | Event::RoutingApplied(_)
        | Event::GateAnswered(_) => Grounds::Ledger,
        Event::ModelRegistered { .. }
        | Event::VersionRegistered { .. }
        | Event::LineageAmended { .. }
        | Event::EvidenceAttached(_)
        | Event::PromotionWithdrawn { .. }
        | Event::PromotionDeclined { .. }
        | Event::ReportRecorded { .. }
        | Event::FindingRaised { .. }
        | Event::FindingRemediated { .. }
        | Event::FindingClosed { .. }
        | Event::FindingReopened(_)
        | Event::CommitteeRecused(_)
        | Event::WaiverRevoked(_)
        | Event::InventoryAmended(_)
        | Event::MarketAdded(_)
        | Event::OwnerChanged(_)
        | Event::ModelRetired(_)
        | Event::CampaignCalled(_)
        | Event::AttestationGiven(_)
        | Event::VersionArchived { .. }
        | Event::AccountCreated { .. }
        | Event::RolesChanged { .. }
        | Event::AccountDisabled {}
        | Event::AccountEnabled {}
        | Event::TokenIssued { .. }
        | Event::TokenRevoked { .. }
        | Event::TriggersConfigured(_)
        | Event::PerformanceObserved(_)
        | Event::DriftApproved(_)
        | Event::WebhookRegistered(_)
        | Event::WebhookRemoved(_)
        | Event::DpiaConsulted(_)
        | Event::DpiaReopened(Cause::Risk { .. } | Cause::ReviewDate {})
        | Event::SafeguardsStated(_)
        | Event::ReviewAssigned { .. }
        | Event::ReviewAnswered { .. }
        | Event::HoldPlaced { .. }
        | Event::HoldReleased { .. }
        | Event::ErasurePerformed { .. }
        | Event::ErasureRefused { .. }
        | Event::RolloutHeld(_)
        | Event::RolloutResumed(_)
        | Event::StandbyReported(_)
        | Event::StandbyReleased(_)
        | Event::DrillStarted(_)
        | Event::KillReviewed(_)
        | Event::KillLifted(_) => Grounds::Nothing,
    }
}

/// Computes again what follows from the entry and those before it; nothing is compared where [`grounds`] says so.
pub fn of_entry(recorded: &Recorded, past: &Past) -> Recomputed {
    let mut comparison = Comparison::default();
    if grounds(&recorded.event) == Grounds::Ledger {
        decide::recompute(recorded, &past.world(recorded), past.following(), &mut comparison);
    }
    comparison.into()
}

/// What was compared so far.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    figures: usize,
    differences: Vec<String>,
}

impl From<Comparison> for Recomputed {
    fn from(done: Comparison) -> Self {
        Self { figures: done.figures, differences: done.differences }
    }
}

impl Comparison {
    /// Compares one figure as it stands with what comes out now.
    pub(crate) fn same<R: Serialize, A: Serialize>(&mut self, what: &str, recorded: R, again: A) -> &mut Self {
        self.figures += 1;
        match (serde_json::to_value(recorded), serde_json::to_value(again)) {
            (Ok(was), Ok(now)) if alike(&was, &now) => {}
            (Ok(was), Ok(now)) => {
                self.differences.push(format!("{what}: the entry says {}, it comes out as {}", told(&was), told(&now)));
            }
            _ => self.differences.push(format!("{what} is no number that JSON can express")),
        }
        self
    }

    /// Compares the payloads of two events field by field.
    pub(crate) fn payloads(&mut self, recorded: &Event, again: &Event) -> &mut Self {
        self.same("event", recorded.kind(), again.kind());
        let (Ok(Value::Object(was)), Ok(Value::Object(now))) = (recorded.payload(), again.payload()) else {
            self.differences.push("the payload is not what such an event holds".to_owned());
            return self;
        };
        for name in was.keys().chain(now.keys().filter(|name| !was.contains_key(*name))) {
            self.same(name, was.get(name), now.get(name));
        }
        self
    }

    /// Notes that a figure cannot come about at all.
    pub(crate) fn fails(&mut self, why: impl Into<String>) -> &mut Self {
        self.figures += 1;
        self.differences.push(why.into());
        self
    }
}

fn told(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| close(a, b))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| alike(a, b)))
        }
        _ => a == b,
    }
}
