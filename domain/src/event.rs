//! Events: facts in the past tense, small and versioned; each becomes the payload of one ledger entry.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    account::{AccountKind, Role, Scope},
    aggregate::AggregateId,
    campaign,
    command::AttachEvidence,
    committee,
    deployment::{self, Serving, event as serving},
    id::{AccountId, Market, ModelName, ProfileName, VersionId},
    inventory,
    lineage::Lineage,
    materiality::{self, Assessed, Materiality},
    privacy::{
        dpia::Cause,
        erasure::ErasureBasis,
        event::{Advised, Approval, Consulted, Drafted, Extended, KeeperLeft, Received},
        review::ReviewOutcome,
        safeguards::Article22,
    },
    registry::{Origin, Tier},
    stage::Stage,
    trigger,
    validation::{Depth, Outcome, Reopened, Section, Severity},
    waiver, webhook,
};

/// Something that happened. The subject (which model, version or account) stands beside it in the entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "payload")]
#[expect(missing_docs, reason = "the fields are those of the commands of the same name")]
pub enum Event {
    #[serde(rename = "model.registered")]
    ModelRegistered {
        title: String,
        purpose: String,
        team: String,
        tier: Tier,
        profile: ProfileName,
        markets: Vec<Market>,
    },
    #[serde(rename = "version.registered")]
    VersionRegistered {
        lineage: Lineage,
        note: String,
        team: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<Origin>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prompt: Option<trigger::Prompt>,
    },
    #[serde(rename = "lineage.amended")]
    LineageAmended { lineage: Lineage, reason: String },
    #[serde(rename = "evidence.attached")]
    EvidenceAttached(Box<AttachEvidence>),
    #[serde(rename = "promotion.requested")]
    PromotionRequested {
        request: u32,
        to: Stage,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        market: Option<Market>,
        note: String,
        due_at: Timestamp,
        /// How material the change is, where the profile asks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        assessed: Option<Box<Assessed>>,
        /// The committee as of now, where the gate has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        committee: Option<committee::Convened>,
        /// Why the version is to take over at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        blue_green: Option<String>,
    },
    #[serde(rename = "promotion.withdrawn")]
    PromotionWithdrawn { request: u32 },
    #[serde(rename = "promotion.declined")]
    PromotionDeclined { request: u32, reason: String },
    #[serde(rename = "promotion.signed")]
    PromotionSigned {
        request: u32,
        role: Role,
        meaning: String,
        comment: String,
        package: Digest,
        parts: BTreeMap<String, Digest>,
    },
    #[serde(rename = "stage.transitioned")]
    StageTransitioned {
        request: u32,
        from: Stage,
        to: Stage,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        market: Option<Market>,
        /// Digest of the package on which it was decided.
        package: Digest,
        policy: Digest,
        /// Rules that were checked and held.
        requirements: Vec<String>,
        /// Until when the champion that this version replaces is kept in warm standby.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        standby_until: Option<Timestamp>,
        /// How material the change was taken to be, where the profile asks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        materiality: Option<Materiality>,
        /// How the version begins to serve, from Shadow on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        serving: Option<Box<Serving>>,
        /// The digest of the weights that serve from now on, where it leads into Production.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weights: Option<Digest>,
    },
    #[serde(rename = "validation.recorded")]
    ReportRecorded {
        sections: BTreeMap<Section, String>,
        outcome: Outcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        depth: Option<Depth>,
    },
    #[serde(rename = "finding.raised")]
    FindingRaised {
        finding: u32,
        severity: Severity,
        title: String,
        description: String,
        owner: AccountId,
        due_at: Timestamp,
    },
    #[serde(rename = "finding.remediated")]
    FindingRemediated { finding: u32, note: String },
    #[serde(rename = "finding.closed")]
    FindingClosed { finding: u32, note: String },
    #[serde(rename = "finding.reopened")]
    FindingReopened(Reopened),
    #[serde(rename = "materiality.set")]
    MaterialitySet(materiality::Set),
    #[serde(rename = "committee.voted")]
    CommitteeVoted(committee::Voted),
    #[serde(rename = "committee.recused")]
    CommitteeRecused(committee::Recused),
    #[serde(rename = "waiver.granted")]
    WaiverGranted(waiver::Granted),
    #[serde(rename = "waiver.revoked")]
    WaiverRevoked(waiver::Revoked),
    #[serde(rename = "tier.assessed")]
    TierAssessed(inventory::TierAssessed),
    #[serde(rename = "model.inventory_amended")]
    InventoryAmended(inventory::Amended),
    #[serde(rename = "model.market_added")]
    MarketAdded(inventory::MarketAdded),
    #[serde(rename = "model.owner_changed")]
    OwnerChanged(inventory::OwnerChanged),
    #[serde(rename = "model.retired")]
    ModelRetired(inventory::ModelRetired),
    #[serde(rename = "attestation.campaign_opened")]
    CampaignOpened(campaign::Opened),
    #[serde(rename = "attestation.called")]
    CampaignCalled(campaign::Called),
    #[serde(rename = "attestation.given")]
    AttestationGiven(campaign::Given),
    #[serde(rename = "version.archived")]
    VersionArchived {
        reason: String,
        /// Markets whose traffic it saw, as shadow or standby.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        markets: Vec<Market>,
    },
    #[serde(rename = "policy.adopted")]
    PolicyAdopted { toml: String, digest: Digest },
    #[serde(rename = "account.created")]
    AccountCreated { kind: AccountKind, roles: BTreeSet<Role>, team: String, commitments: BTreeMap<String, Digest> },
    #[serde(rename = "account.roles_changed")]
    RolesChanged { roles: BTreeSet<Role>, team: String },
    #[serde(rename = "account.disabled")]
    AccountDisabled {},
    #[serde(rename = "account.enabled")]
    AccountEnabled {},
    #[serde(rename = "token.issued")]
    TokenIssued { token: String, label: String, scopes: BTreeSet<Scope>, expires_at: Timestamp },
    #[serde(rename = "token.revoked")]
    TokenRevoked { token: String },
    #[serde(rename = "triggers.configured")]
    TriggersConfigured(trigger::Configured),
    #[serde(rename = "drift.observed")]
    DriftObserved(trigger::DriftObserved),
    #[serde(rename = "performance.observed")]
    PerformanceObserved(trigger::ObservePerformance),
    #[serde(rename = "trigger.fired")]
    TriggerFired(trigger::Fired),
    #[serde(rename = "trigger.suppressed")]
    TriggerSuppressed(trigger::Suppressed),
    #[serde(rename = "drift.approved")]
    DriftApproved(trigger::DriftApproved),
    #[serde(rename = "webhook.registered")]
    WebhookRegistered(webhook::Registered),
    #[serde(rename = "webhook.rotated")]
    WebhookRotated(webhook::Rotated),
    #[serde(rename = "webhook.removed")]
    WebhookRemoved(webhook::Removed),
    #[serde(rename = "dpia.drafted")]
    DpiaDrafted(Box<Drafted>),
    #[serde(rename = "dpia.advised")]
    DpiaAdvised(Advised),
    #[serde(rename = "dpia.consulted")]
    DpiaConsulted(Consulted),
    #[serde(rename = "dpia.approved")]
    DpiaApproved(Box<Approval>),
    #[serde(rename = "dpia.reopened")]
    DpiaReopened(Cause),
    #[serde(rename = "safeguards.stated")]
    SafeguardsStated(Box<Article22>),
    #[serde(rename = "safeguards.confirmed")]
    SafeguardsConfirmed { statement: Digest },
    #[serde(rename = "safeguards.lapsed")]
    SafeguardsLapsed(KeeperLeft),
    #[serde(rename = "review.received")]
    ReviewReceived(Box<Received>),
    #[serde(rename = "review.assigned")]
    ReviewAssigned { assignee: AccountId },
    #[serde(rename = "review.extended")]
    ReviewExtended(Box<Extended>),
    #[serde(rename = "review.answered")]
    ReviewAnswered { outcome: ReviewOutcome, commitments: BTreeMap<String, Digest> },
    #[serde(rename = "hold.placed")]
    HoldPlaced { hold: u32, reason: String },
    #[serde(rename = "hold.released")]
    HoldReleased { hold: u32, reason: String },
    #[serde(rename = "erasure.performed")]
    ErasurePerformed { fields: BTreeSet<String>, basis: ErasureBasis, note: String },
    #[serde(rename = "erasure.refused")]
    ErasureRefused {
        hold: u32,
        /// The aggregate on which the hold stands.
        by: String,
        basis: ErasureBasis,
        note: String,
    },
    #[serde(rename = "rollout.observed")]
    RolloutObserved(Box<serving::Observed>),
    #[serde(rename = "rollout.struck")]
    RolloutStruck(Box<serving::Struck>),
    #[serde(rename = "rollout.advanced")]
    RolloutAdvanced(serving::Advanced),
    #[serde(rename = "rollout.approved")]
    RolloutApproved(Box<serving::Approved>),
    #[serde(rename = "rollout.held")]
    RolloutHeld(serving::Held),
    #[serde(rename = "rollout.resumed")]
    RolloutResumed(serving::Held),
    #[serde(rename = "rollout.completed")]
    RolloutCompleted(serving::Completed),
    #[serde(rename = "rollout.rolled_back")]
    RolloutRolledBack(serving::RolledBack),
    #[serde(rename = "champion.rolled_back")]
    ChampionRolledBack(serving::ChampionRolledBack),
    #[serde(rename = "rollback.blocked")]
    RollbackBlocked(serving::RollbackBlocked),
    #[serde(rename = "standby.reported")]
    StandbyReported(serving::StandbyReported),
    #[serde(rename = "standby.released")]
    StandbyReleased(serving::StandbyReleased),
    #[serde(rename = "drill.started")]
    DrillStarted(serving::DrillStarted),
    #[serde(rename = "drill.finished")]
    DrillFinished(serving::DrillFinished),
    #[serde(rename = "kill_switch.engaged")]
    KillEngaged(Box<serving::KillEngaged>),
    #[serde(rename = "kill_switch.reviewed")]
    KillReviewed(serving::KillReviewed),
    #[serde(rename = "kill_switch.lifted")]
    KillLifted(serving::KillLifted),
    #[serde(rename = "routing.applied")]
    RoutingApplied(serving::RoutingApplied),
    #[serde(rename = "gate.answered")]
    GateAnswered(serving::GateAnswered),
}

/// An entry's `event` and `payload` are not those of a known event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event {kind:?} cannot be read: {reason}")]
pub struct UnknownEvent {
    kind: String,
    reason: String,
}

impl Event {
    /// Every event type, for filters.
    pub const KINDS: [&str; 79] = [
        "account.created",
        "account.disabled",
        "account.enabled",
        "account.roles_changed",
        "attestation.called",
        "attestation.campaign_opened",
        "attestation.given",
        "champion.rolled_back",
        "committee.recused",
        "committee.voted",
        "dpia.advised",
        "dpia.approved",
        "dpia.consulted",
        "dpia.drafted",
        "dpia.reopened",
        "drift.approved",
        "drift.observed",
        "drill.finished",
        "drill.started",
        "erasure.performed",
        "erasure.refused",
        "evidence.attached",
        "finding.closed",
        "finding.raised",
        "finding.remediated",
        "finding.reopened",
        "gate.answered",
        "hold.placed",
        "hold.released",
        "kill_switch.engaged",
        "kill_switch.lifted",
        "kill_switch.reviewed",
        "lineage.amended",
        "materiality.set",
        "model.inventory_amended",
        "model.market_added",
        "model.owner_changed",
        "model.registered",
        "model.retired",
        "performance.observed",
        "policy.adopted",
        "promotion.declined",
        "promotion.requested",
        "promotion.signed",
        "promotion.withdrawn",
        "review.answered",
        "review.assigned",
        "review.extended",
        "review.received",
        "rollback.blocked",
        "rollout.advanced",
        "rollout.approved",
        "rollout.completed",
        "rollout.held",
        "rollout.observed",
        "rollout.resumed",
        "rollout.rolled_back",
        "rollout.struck",
        "routing.applied",
        "safeguards.confirmed",
        "safeguards.lapsed",
        "safeguards.stated",
        "stage.transitioned",
        "standby.released",
        "standby.reported",
        "tier.assessed",
        "token.issued",
        "token.revoked",
        "trigger.fired",
        "trigger.suppressed",
        "triggers.configured",
        "validation.recorded",
        "version.archived",
        "version.registered",
        "waiver.granted",
        "waiver.revoked",
        "webhook.registered",
        "webhook.removed",
        "webhook.rotated",
    ];

    /// The events that decide which version serves a market.
    pub const OF_SERVICE: [&str; 16] = [
        "champion.rolled_back",
        "kill_switch.engaged",
        "kill_switch.lifted",
        "kill_switch.reviewed",
        "model.market_added",
        "model.registered",
        "model.retired",
        "rollout.advanced",
        "rollout.completed",
        "rollout.held",
        "rollout.resumed",
        "rollout.rolled_back",
        "rollout.struck",
        "stage.transitioned",
        "standby.released",
        "version.archived",
    ];

    /// Types of the entries that say what happened to a model in matters of privacy: its assessment, its statement on
    /// automated decisions, requests for human review, holds and erasures.
    pub const OF_PRIVACY: [&str; 16] = [
        "dpia.advised",
        "dpia.approved",
        "dpia.consulted",
        "dpia.drafted",
        "dpia.reopened",
        "erasure.performed",
        "erasure.refused",
        "hold.placed",
        "hold.released",
        "review.answered",
        "review.assigned",
        "review.extended",
        "review.received",
        "safeguards.confirmed",
        "safeguards.lapsed",
        "safeguards.stated",
    ];

    /// What the entry is about, where that is not what its command acted upon.
    pub fn own_subject(&self) -> Option<AggregateId> {
        match self {
            Self::SafeguardsLapsed(body) => Some(AggregateId::Dpia(body.model.clone())),
            _ => None,
        }
    }

    /// The event's type, such as `version.registered`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ModelRegistered { .. } => "model.registered",
            Self::VersionRegistered { .. } => "version.registered",
            Self::LineageAmended { .. } => "lineage.amended",
            Self::EvidenceAttached(_) => "evidence.attached",
            Self::PromotionRequested { .. } => "promotion.requested",
            Self::PromotionWithdrawn { .. } => "promotion.withdrawn",
            Self::PromotionDeclined { .. } => "promotion.declined",
            Self::PromotionSigned { .. } => "promotion.signed",
            Self::StageTransitioned { .. } => "stage.transitioned",
            Self::ReportRecorded { .. } => "validation.recorded",
            Self::FindingRaised { .. } => "finding.raised",
            Self::FindingRemediated { .. } => "finding.remediated",
            Self::FindingClosed { .. } => "finding.closed",
            Self::FindingReopened(_) => "finding.reopened",
            Self::MaterialitySet(_) => "materiality.set",
            Self::CommitteeVoted(_) => "committee.voted",
            Self::CommitteeRecused(_) => "committee.recused",
            Self::WaiverGranted(_) => "waiver.granted",
            Self::WaiverRevoked(_) => "waiver.revoked",
            Self::TierAssessed(_) => "tier.assessed",
            Self::InventoryAmended(_) => "model.inventory_amended",
            Self::MarketAdded(_) => "model.market_added",
            Self::OwnerChanged(_) => "model.owner_changed",
            Self::ModelRetired(_) => "model.retired",
            Self::CampaignOpened(_) => "attestation.campaign_opened",
            Self::CampaignCalled(_) => "attestation.called",
            Self::AttestationGiven(_) => "attestation.given",
            Self::VersionArchived { .. } => "version.archived",
            Self::PolicyAdopted { .. } => "policy.adopted",
            Self::AccountCreated { .. } => "account.created",
            Self::RolesChanged { .. } => "account.roles_changed",
            Self::AccountDisabled {} => "account.disabled",
            Self::AccountEnabled {} => "account.enabled",
            Self::TokenIssued { .. } => "token.issued",
            Self::TokenRevoked { .. } => "token.revoked",
            Self::TriggersConfigured(_) => "triggers.configured",
            Self::DriftObserved(_) => "drift.observed",
            Self::PerformanceObserved(_) => "performance.observed",
            Self::TriggerFired(_) => "trigger.fired",
            Self::TriggerSuppressed(_) => "trigger.suppressed",
            Self::DriftApproved(_) => "drift.approved",
            Self::WebhookRegistered(_) => "webhook.registered",
            Self::WebhookRotated(_) => "webhook.rotated",
            Self::WebhookRemoved(_) => "webhook.removed",
            Self::DpiaDrafted(_) => "dpia.drafted",
            Self::DpiaAdvised(_) => "dpia.advised",
            Self::DpiaConsulted(_) => "dpia.consulted",
            Self::DpiaApproved(_) => "dpia.approved",
            Self::DpiaReopened(_) => "dpia.reopened",
            Self::SafeguardsStated(_) => "safeguards.stated",
            Self::SafeguardsConfirmed { .. } => "safeguards.confirmed",
            Self::SafeguardsLapsed(_) => "safeguards.lapsed",
            Self::ReviewReceived(_) => "review.received",
            Self::ReviewAssigned { .. } => "review.assigned",
            Self::ReviewExtended(_) => "review.extended",
            Self::ReviewAnswered { .. } => "review.answered",
            Self::HoldPlaced { .. } => "hold.placed",
            Self::HoldReleased { .. } => "hold.released",
            Self::ErasurePerformed { .. } => "erasure.performed",
            Self::ErasureRefused { .. } => "erasure.refused",
            Self::RolloutObserved(_) => "rollout.observed",
            Self::RolloutStruck(_) => "rollout.struck",
            Self::RolloutAdvanced(_) => "rollout.advanced",
            Self::RolloutApproved(_) => "rollout.approved",
            Self::RolloutHeld(_) => "rollout.held",
            Self::RolloutResumed(_) => "rollout.resumed",
            Self::RolloutCompleted(_) => "rollout.completed",
            Self::RolloutRolledBack(_) => "rollout.rolled_back",
            Self::ChampionRolledBack(_) => "champion.rolled_back",
            Self::RollbackBlocked(_) => "rollback.blocked",
            Self::StandbyReported(_) => "standby.reported",
            Self::StandbyReleased(_) => "standby.released",
            Self::DrillStarted(_) => "drill.started",
            Self::DrillFinished(_) => "drill.finished",
            Self::KillEngaged(_) => "kill_switch.engaged",
            Self::KillReviewed(_) => "kill_switch.reviewed",
            Self::KillLifted(_) => "kill_switch.lifted",
            Self::RoutingApplied(_) => "routing.applied",
            Self::GateAnswered(_) => "gate.answered",
        }
    }

    /// The payload as JSON, as it stands in the entry.
    ///
    /// # Errors
    /// The event holds a number that JSON cannot express.
    pub fn payload(&self) -> Result<serde_json::Value, serde_json::Error> {
        let mut whole = serde_json::to_value(self)?;
        Ok(whole.get_mut("payload").map(serde_json::Value::take).unwrap_or_default())
    }

    /// Reads an event back from an entry.
    ///
    /// # Errors
    /// The type is unknown or the payload has another shape.
    pub fn from_entry(kind: &str, payload: &serde_json::Value) -> Result<Self, UnknownEvent> {
        serde_json::from_value(serde_json::json!({"event": kind, "payload": payload}))
            .map_err(|error| UnknownEvent { kind: kind.to_owned(), reason: error.to_string() })
    }

    /// Files that the entry refers to.
    pub fn evidence(&self) -> Vec<Digest> {
        match self {
            Self::EvidenceAttached(body) => vec![body.file],
            _ => Vec::new(),
        }
    }
}

/// An event as it was sealed.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Sequence number of its entry.
    pub seq: u64,
    /// When it was sealed.
    pub time: Timestamp,
    /// Whose command it was.
    pub actor: AccountId,
    /// What it concerns.
    pub subject: AggregateId,
    /// What happened.
    pub event: Event,
}

impl Recorded {
    /// The aggregates whose state it changes.
    pub fn touches(&self) -> Vec<AggregateId> {
        let also_model = matches!(
            self.event,
            Event::VersionRegistered { .. }
                | Event::StageTransitioned { to: Stage::Production, .. }
                // Entries from before these two fields change no model, so that an old ledger folds as it did.
                | Event::StageTransitioned { to: Stage::Staging, materiality: Some(_), .. }
                | Event::ReportRecorded { depth: Some(_), .. }
                | Event::VersionArchived { .. }
        );
        // A version's request reopens the assessment of its model; the version itself is told by its own event.
        if let (AggregateId::Version(VersionId { model, .. }), Event::DpiaReopened(_)) = (&self.subject, &self.event) {
            return vec![AggregateId::Dpia(model.clone())];
        }
        let mut touched = vec![self.subject.clone()];
        if let (AggregateId::ReviewRequest(id), Event::ReviewReceived(_)) = (&self.subject, &self.event) {
            touched.push(AggregateId::Dpia(id.model.clone()));
        }
        touched.extend(deployment::touches(&self.subject, &self.event));
        if let (AggregateId::Version(VersionId { model, .. }), true) = (&self.subject, also_model) {
            touched.push(AggregateId::Model(ModelName::clone(model)));
        }
        if let (AggregateId::Version(id), Event::VersionRegistered { prompt: Some(_), .. }) =
            (&self.subject, &self.event)
        {
            touched.push(AggregateId::Triggers(id.model.clone()));
        }
        touched
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_reads_back_from_its_entry() {
        let events = [
            Event::AccountDisabled {},
            Event::PromotionWithdrawn { request: 3 },
            Event::StageTransitioned {
                request: 1,
                from: Stage::None,
                to: Stage::Staging,
                market: None,
                package: Digest::of(b"p"),
                policy: Digest::of(b"q"),
                requirements: vec!["lineage.complete".into()],
                standby_until: None,
                materiality: None,
                serving: None,
                weights: None,
            },
        ];
        for event in events {
            let payload = event.payload().unwrap();
            assert_eq!(Event::from_entry(event.kind(), &payload).unwrap(), event);
            assert!(Event::KINDS.contains(&event.kind()));
        }
        assert!(Event::from_entry("version.deleted", &serde_json::json!({})).is_err());
    }
}
