//! The data protection impact assessment: its content ([`Content`]), what is said about it, and which models and markets
//! an approved one covers.
//!
//! The texts stand in the entry itself, so the whole content must fit into one: each text is limited, and a content
//! beyond 64 KiB is refused with the advice to attach the long part as a file.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Months, Utc};
use ledger::{Digest, Timestamp, canonical_json};
use serde::{Deserialize, Serialize};

use crate::{
    id::{AccountId, VersionNumber},
    lineage::{Class, Lineage},
};

mod content;

pub use content::{Content, Level, MAX_LISTED, MAX_PART, Measure, Part, Rating, Risk, RiskKind, Scope, SubjectViews};

/// A digest of what a class of the lineage says, without what every training on fresh data changes: data version and
/// digest, weights, run and metrics. Two versions with equal fingerprints of a class are the same to an assessment.
pub fn fingerprint(lineage: &Lineage, class: Class) -> Digest {
    let fields: BTreeMap<String, String> = lineage
        .fields()
        .into_iter()
        .filter(|field| field.class == class)
        .filter(|field| {
            !matches!(
                field.path.as_str(),
                "data.version" | "data.digest" | "model.weights_digest" | "training.id" | "training.random_seed"
            ) && class != Class::Metrics
                && class != Class::Parents
        })
        .map(|field| (field.path, field.value))
        .collect();
    Digest::of(&canonical_json(&fields).unwrap_or_default())
}

/// A content as it was written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Draft {
    /// The content.
    pub content: Content,
    /// Its digest.
    pub digest: Digest,
    /// Fingerprints of the assessed version, of the classes that the scope names.
    pub fingerprints: BTreeMap<Class, Digest>,
    /// Everybody who wrote on it since the last approval: none of them approves.
    pub authors: BTreeSet<AccountId>,
    /// When it was last changed.
    pub drafted_at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// The DPO's advice, Art. 35(2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Advice {
    /// The words.
    pub text: String,
    /// Whether it speaks for the processing.
    pub favourable: bool,
    /// The content that it is about.
    pub content: Digest,
    /// Who gave it.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// A prior consultation of the supervisory authority, Art. 36.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Consultation {
    /// The content that it is about; entries of earlier releases do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
    /// The authority.
    pub authority: String,
    /// Its file reference.
    pub reference: String,
    /// What it answered.
    pub answer: String,
    /// When it was recorded.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

impl Consultation {
    /// Whether it is about exactly this text: the one that it names or, where it names none, the one that had been
    /// written last when it was recorded.
    pub fn is_about(&self, draft: &Draft) -> bool {
        self.content.map_or(self.entry > draft.entry, |content| content == draft.digest)
    }
}

/// An approved assessment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Approved {
    /// What was approved.
    pub draft: Draft,
    /// The advice that it followed, or did not.
    pub advice: Advice,
    /// The consultation, where one was needed.
    pub consultation: Option<Consultation>,
    /// Who approved.
    pub by: AccountId,
    /// What the signature means.
    pub meaning: String,
    /// What the approver added.
    pub comment: String,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
    /// When it must be looked at again.
    pub review_at: Timestamp,
    /// Why and when it lost its force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopened: Option<Reopening>,
}

/// Why an assessment is looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Cause {
    /// The risk changed (Art. 35(11)), as somebody says.
    Risk {
        /// In which way.
        reason: String,
    },
    /// A version asks for promotion that differs in what the scope names.
    Version {
        /// The version.
        version: VersionNumber,
        /// Classes that differ from the assessed version.
        classes: BTreeSet<Class>,
    },
    /// Its review date came.
    ReviewDate {},
}

impl Cause {
    /// The cause in a sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::Risk { reason } => format!("The risk changed: {reason}"),
            Self::Version { version, classes } => {
                format!("Version {version} asks for promotion and differs in {}.", class_names(classes))
            }
            Self::ReviewDate {} => "Its review date came.".to_owned(),
        }
    }
}

/// `Features and Model`.
pub fn class_names(classes: &BTreeSet<Class>) -> String {
    classes.iter().map(|class| class.title().to_lowercase()).collect::<Vec<_>>().join(", ")
}

/// When and why an approved assessment lost its force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reopening {
    /// Why.
    #[serde(flatten)]
    pub cause: Cause,
    /// By whom.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

impl Approved {
    /// Whether it is in force.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.reopened.is_none() && now < self.review_at
    }

    /// Classes of the scope in which `lineage` differs from the assessed version.
    pub fn outside(&self, lineage: &Lineage) -> BTreeSet<Class> {
        let differs = |(class, digest): (&Class, &Digest)| (fingerprint(lineage, *class) != *digest).then_some(*class);
        self.draft.fingerprints.iter().filter_map(differs).collect()
    }
}

/// The same day and time `months` later; the last day of the month where it has no such day.
pub fn plus_months(from: Timestamp, months: u32) -> Timestamp {
    DateTime::<Utc>::from(from).checked_add_months(Months::new(months)).map_or(from, Timestamp::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lineage::tests::complete;

    #[test]
    fn fresh_data_leave_the_fingerprint_and_a_new_feature_does_not() {
        let (before, mut after) = (complete(1), complete(2));
        after.code = before.code.clone();
        for class in [Class::Data, Class::Features, Class::Model, Class::Metrics, Class::Parents] {
            assert_eq!(fingerprint(&before, class), fingerprint(&after, class), "{class:?}");
        }
        after.features.names.insert("postcode".into());
        assert_ne!(fingerprint(&before, Class::Features), fingerprint(&after, Class::Features));
        after.model.architecture = Some("transformer".into());
        assert_ne!(fingerprint(&before, Class::Model), fingerprint(&after, Class::Model));
        after.data.dataset = Some("other".into());
        assert_ne!(fingerprint(&before, Class::Data), fingerprint(&after, Class::Data));
    }

    #[test]
    fn months_end_where_the_calendar_does() {
        let at: Timestamp = "2026-01-31T10:00:00.000000Z".parse().unwrap();
        assert_eq!(plus_months(at, 1).to_string(), "2026-02-28T10:00:00.000000Z");
        assert_eq!(plus_months(at, 12).to_string(), "2027-01-31T10:00:00.000000Z");
    }
}
