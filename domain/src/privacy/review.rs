//! The human-review register: what people ask for under GDPR Art. 22(3), with deadlines.
//!
//! Each request is an aggregate of its own, numbered within its model. A register kept whole in one aggregate would be
//! read, changed and written again for each of thousands of requests, and two clerks who answer two people would stand
//! in each other's way; the model's privacy file only counts them. Name, contact and words of the person lie in the
//! vault; the entry holds salted commitments.

use std::{collections::BTreeMap, fmt, str::FromStr};

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    erasure::{Erased, Hold},
    policy::ReviewExtension,
    safeguards::Safeguard,
};
use crate::{
    access::Principal,
    account::{Role, UnknownWord, find_word},
    id::{AccountId, Market, ModelName, VersionNumber},
};

/// Fields that a request keeps in the vault.
pub const PERSONAL_FIELDS: [&str; 4] = ["name", "contact", "text", "answer"];

/// Which request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReviewId {
    /// The model whose decision it is about.
    pub model: ModelName,
    /// Number within the model, from 1.
    pub number: u32,
}

impl fmt::Display for ReviewId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "review request {} on {}", self.number, self.model)
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReviewOutcome {
    /// A human looked at it and the decision stands.
    Upheld,
    /// A human decided otherwise.
    Overturned,
    /// The person took the request back.
    Withdrawn,
    /// There was nothing to review, such as another company's decision.
    Inadmissible,
}

impl ReviewOutcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Upheld, Self::Overturned, Self::Withdrawn, Self::Inadmissible];

    /// The outcome's id in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::Upheld => "upheld",
            Self::Overturned => "overturned",
            Self::Withdrawn => "withdrawn",
            Self::Inadmissible => "inadmissible",
        }
    }

    /// The outcome as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Upheld => "decision upheld",
            Self::Overturned => "decision overturned",
            Self::Withdrawn => "withdrawn by the person",
            Self::Inadmissible => "nothing to review",
        }
    }
}

impl FromStr for ReviewOutcome {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("outcome of a review", text, &Self::ALL, Self::id)
    }
}

/// A request for human review, as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Review {
    /// Which one.
    pub id: ReviewId,
    /// What is asked for.
    pub asks: Safeguard,
    /// The version that decided, if known.
    pub version: Option<VersionNumber>,
    /// The market.
    pub market: Option<Market>,
    /// A pseudonymous reference of the decision in the serving system.
    pub decision: String,
    /// Salted commitments to the personal fields in the vault.
    pub commitments: BTreeMap<String, Digest>,
    /// When the person asked.
    pub received_at: Timestamp,
    /// By when it is answered.
    pub due_at: Timestamp,
    /// Who recorded it.
    pub recorded_by: AccountId,
    /// Who looks at it.
    pub assignee: Option<AccountId>,
    /// The extension of its deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<Extension>,
    /// What became of it.
    pub answer: Option<Answer>,
    /// Legal holds on its personal fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// The erasure of its personal fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<Erased>,
    /// Entries that concern it, oldest first.
    pub entries: Vec<u64>,
}

/// An extension of a request's deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Extension {
    /// Why it is necessary, as the person was told.
    pub reason: String,
    /// When the person was told.
    pub informed_at: Timestamp,
    /// By when it was to be answered before.
    pub was_due_at: Timestamp,
    /// Who extended it.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// How a request was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Answer {
    /// What became of it.
    pub outcome: ReviewOutcome,
    /// By whom.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

impl Review {
    /// Whether it still waits for an answer.
    pub fn is_open(&self) -> bool {
        self.answer.is_none()
    }

    /// Until when its deadline may still be extended, as far as the request itself goes; nothing if it no longer may.
    pub fn extendable_until(&self, rules: ReviewExtension) -> Option<Timestamp> {
        let open = self.is_open() && self.extension.is_none();
        open.then(|| self.received_at.plus_days(i64::from(rules.inform_days)).min(self.due_at))
    }

    /// Whether it is open past its deadline.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.is_open() && now > self.due_at
    }

    /// `unassigned`, `assigned` or `answered`.
    pub fn state(&self) -> &'static str {
        match (&self.answer, &self.assignee) {
            (Some(_), _) => "answered",
            (None, Some(_)) => "assigned",
            (None, None) => "unassigned",
        }
    }

    /// Whether somebody may read the personal fields: the privacy officer, and whoever the request is assigned to.
    pub fn shows_person_to(&self, principal: &Principal) -> bool {
        principal.is(Role::PrivacyOfficer) || self.assignee.as_ref() == Some(&principal.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_requests_and_entries_spell() {
        for outcome in ReviewOutcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.id());
            assert_eq!(outcome.id().parse::<ReviewOutcome>().unwrap(), outcome);
        }
    }
}
