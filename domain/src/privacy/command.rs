//! What can be asked for in matters of privacy.

use std::collections::BTreeMap;

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    dpia::Content,
    erasure::ErasureBasis,
    review::{ReviewId, ReviewOutcome},
    safeguards::{Article22, Safeguard},
};
use crate::{
    access::Action,
    aggregate::AggregateId,
    id::{AccountId, Market, ModelName, VersionId, VersionNumber},
};

/// Gives the DPO's advice on the content (Art. 35(2)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AdviseDpia {
    /// Digest of the content that was read.
    pub content: Digest,
    /// The advice; at most 4,000 characters.
    pub advice: String,
    /// Whether it speaks for the processing.
    pub favourable: bool,
}

/// Records a prior consultation of the supervisory authority (Art. 36).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RecordConsultation {
    /// Digest of the content that was read, and that the authority was asked about.
    pub content: Digest,
    /// The authority; at most 200 characters.
    pub authority: String,
    /// Its file reference; at most 200 characters.
    pub reference: String,
    /// What it answered; at most 4,000 characters.
    pub answer: String,
}

/// Approves the content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ApproveDpia {
    /// Digest of the content that was read.
    pub content: Digest,
    /// The meaning, word for word as the policy states it.
    pub meaning: String,
    /// What the approver adds; at most 4,000 characters. Needed where the advice was not favourable.
    #[serde(default)]
    pub comment: String,
    /// Months until it is looked at again; the policy's longest, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_months: Option<u32>,
}

/// Says that the risk changed (Art. 35(11)): the approval loses its force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReopenDpia {
    /// What changed; at most 2,000 characters.
    pub reason: String,
}

/// Confirms a statement under Art. 22.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfirmSafeguards {
    /// Digest of the statement that was read.
    pub statement: Digest,
}

/// Enters a request for human review into the register. Personal fields go to the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiveReview {
    /// What is asked for.
    pub asks: Safeguard,
    /// The version that decided, if known.
    pub version: Option<VersionNumber>,
    /// The market.
    pub market: Option<Market>,
    /// A pseudonymous reference of the decision: letters, digits, `.`, `_`, `-`, `/` and `:`.
    pub decision: String,
    /// When the person asked; now, if left out.
    pub received_at: Option<Timestamp>,
    /// Commitments to the personal fields.
    pub commitments: BTreeMap<String, Digest>,
}

/// Answers a request. The words go to the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerReview {
    /// What became of it.
    pub outcome: ReviewOutcome,
    /// Commitment to the answer's words.
    pub commitments: BTreeMap<String, Digest>,
}

/// Extends the deadline of a request (Art. 12(3)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ExtendReview {
    /// Why it is necessary, as the person was told, without personal data; at most 2,000 characters.
    pub reason: String,
    /// Days to add; as many as policy allows, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// When the person was told of the extension and its reasons; now, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub informed_at: Option<Timestamp>,
}

/// Why a hold is placed or released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HoldReason {
    /// Why, without personal data, such as a court's file reference; at most 1,000 characters.
    pub reason: String,
}

/// Erases personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Erase {
    /// Why, Art. 17(1).
    pub basis: ErasureBasis,
    /// More on it, without personal data; at most 500 characters.
    #[serde(default)]
    pub note: String,
}

/// Everything that can be asked for in matters of privacy.
#[derive(Debug, Clone, PartialEq)]
pub enum PrivacyCommand {
    /// Writes the whole assessment anew.
    DraftDpia(ModelName, Box<Content>),
    /// See [`AdviseDpia`].
    AdviseDpia(ModelName, AdviseDpia),
    /// See [`RecordConsultation`].
    RecordConsultation(ModelName, RecordConsultation),
    /// See [`ApproveDpia`].
    ApproveDpia(ModelName, ApproveDpia),
    /// See [`ReopenDpia`].
    ReopenDpia(ModelName, ReopenDpia),
    /// States what Art. 22 asks of the model.
    StateSafeguards(ModelName, Box<Article22>),
    /// See [`ConfirmSafeguards`].
    ConfirmSafeguards(ModelName, ConfirmSafeguards),
    /// See [`ReceiveReview`].
    ReceiveReview(ModelName, ReceiveReview),
    /// Gives a request to somebody to look at.
    AssignReview(ReviewId, AccountId),
    /// See [`ExtendReview`].
    ExtendReview(ReviewId, ExtendReview),
    /// See [`AnswerReview`].
    AnswerReview(ReviewId, AnswerReview),
    /// Holds the personal data of an account, of a request, or of all requests on a model (its privacy file).
    PlaceHold(AggregateId, HoldReason),
    /// Releases a hold by its number.
    ReleaseHold(AggregateId, u32, HoldReason),
    /// Erases the personal data of a disabled account or of an answered request.
    Erase(AggregateId, Erase),
}

impl PrivacyCommand {
    /// What it takes to be allowed.
    pub fn action(&self) -> Action {
        match self {
            Self::DraftDpia(..) | Self::ReopenDpia(..) | Self::StateSafeguards(..) => Action::DraftPrivacy,
            Self::ReceiveReview(..) => Action::RecordReview,
            Self::ExtendReview(..) | Self::AnswerReview(..) => Action::AnswerReview,
            Self::AdviseDpia(..)
            | Self::RecordConsultation(..)
            | Self::ApproveDpia(..)
            | Self::ConfirmSafeguards(..)
            | Self::AssignReview(..)
            | Self::PlaceHold(..)
            | Self::ReleaseHold(..)
            | Self::Erase(..) => Action::DecidePrivacy,
        }
    }

    /// The aggregates that the decision looks at; the first one is the one acted upon.
    pub fn reads(&self) -> Vec<AggregateId> {
        let account = |id: &AccountId| AggregateId::Account(id.clone());
        match self {
            Self::DraftDpia(model, content) => {
                let mut read = file(model);
                read.extend(
                    content
                        .scope
                        .version
                        .map(|number| AggregateId::Version(VersionId { model: model.clone(), number })),
                );
                read.extend(content.measures.iter().filter_map(|measure| measure.owner.as_ref()).map(account));
                read
            }
            Self::StateSafeguards(model, statement) => {
                let mut read = file(model);
                read.extend(statement.safeguards.values().map(|keeper| account(&keeper.owner)));
                read
            }
            Self::AdviseDpia(model, _)
            | Self::RecordConsultation(model, _)
            | Self::ApproveDpia(model, _)
            | Self::ReopenDpia(model, _)
            | Self::ConfirmSafeguards(model, _)
            | Self::ReceiveReview(model, _) => file(model),
            Self::AssignReview(id, assignee) => vec![AggregateId::ReviewRequest(id.clone()), account(assignee)],
            Self::ExtendReview(id, _) | Self::AnswerReview(id, _) => vec![AggregateId::ReviewRequest(id.clone())],
            Self::PlaceHold(target, _) | Self::ReleaseHold(target, ..) | Self::Erase(target, _) => match target {
                AggregateId::Dpia(model) => file(model),
                AggregateId::ReviewRequest(id) => vec![target.clone(), AggregateId::Dpia(id.model.clone())],
                other => vec![other.clone()],
            },
        }
    }
}

fn file(model: &ModelName) -> Vec<AggregateId> {
    vec![AggregateId::Dpia(model.clone()), AggregateId::Model(model.clone())]
}
