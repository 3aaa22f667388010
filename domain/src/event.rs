//! Events: facts in the past tense, small and versioned; each becomes the payload of one ledger entry.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    account::{AccountKind, Role, Scope},
    aggregate::AggregateId,
    command::AttachEvidence,
    id::{AccountId, Market, ModelName, ProfileName, VersionId},
    lineage::Lineage,
    registry::{Origin, Tier},
    stage::Stage,
    validation::{Outcome, Section, Severity},
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
        /// The digest of the weights that serve from now on, where it leads into Production.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weights: Option<Digest>,
    },
    #[serde(rename = "validation.recorded")]
    ReportRecorded { sections: BTreeMap<Section, String>, outcome: Outcome },
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
    #[serde(rename = "version.archived")]
    VersionArchived { reason: String },
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
    pub const KINDS: [&str; 21] = [
        "account.created",
        "account.disabled",
        "account.enabled",
        "account.roles_changed",
        "evidence.attached",
        "finding.closed",
        "finding.raised",
        "finding.remediated",
        "lineage.amended",
        "model.registered",
        "policy.adopted",
        "promotion.declined",
        "promotion.requested",
        "promotion.signed",
        "promotion.withdrawn",
        "stage.transitioned",
        "token.issued",
        "token.revoked",
        "validation.recorded",
        "version.archived",
        "version.registered",
    ];

    /// The events that decide which version serves a market.
    pub const OF_SERVICE: [&str; 3] = ["model.registered", "stage.transitioned", "version.archived"];

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
            Self::VersionArchived { .. } => "version.archived",
            Self::PolicyAdopted { .. } => "policy.adopted",
            Self::AccountCreated { .. } => "account.created",
            Self::RolesChanged { .. } => "account.roles_changed",
            Self::AccountDisabled {} => "account.disabled",
            Self::AccountEnabled {} => "account.enabled",
            Self::TokenIssued { .. } => "token.issued",
            Self::TokenRevoked { .. } => "token.revoked",
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
                | Event::VersionArchived { .. }
        );
        let mut touched = vec![self.subject.clone()];
        if let (AggregateId::Version(VersionId { model, .. }), true) = (&self.subject, also_model) {
            touched.push(AggregateId::Model(ModelName::clone(model)));
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
