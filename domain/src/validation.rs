//! Independent validation: the report's sections, its conclusion, and findings from being raised to verified closure.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    account::{UnknownWord, find_word},
    id::AccountId,
    promotion::Request,
    registry::Version,
};

/// Section of a validation report (SR 11-7, section V).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// What was validated and for which use.
    PurposeAndScope,
    /// Whether the construction suits the purpose.
    ConceptualSoundness,
    /// Whether the data are fit.
    DataReview,
    /// Whether outcomes match what was expected.
    OutcomesAnalysis,
    /// How it will be watched.
    OngoingMonitoring,
    /// Where it must not be used.
    Limitations,
    /// What was found, in prose.
    Findings,
    /// The validator's conclusion.
    Conclusion,
}

impl Section {
    /// Every section, in the report's order.
    pub const ALL: [Self; 8] = [
        Self::PurposeAndScope,
        Self::ConceptualSoundness,
        Self::DataReview,
        Self::OutcomesAnalysis,
        Self::OngoingMonitoring,
        Self::Limitations,
        Self::Findings,
        Self::Conclusion,
    ];

    /// The section's id in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::PurposeAndScope => "purpose_and_scope",
            Self::ConceptualSoundness => "conceptual_soundness",
            Self::DataReview => "data_review",
            Self::OutcomesAnalysis => "outcomes_analysis",
            Self::OngoingMonitoring => "ongoing_monitoring",
            Self::Limitations => "limitations",
            Self::Findings => "findings",
            Self::Conclusion => "conclusion",
        }
    }

    /// The section's heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::PurposeAndScope => "Purpose and scope",
            Self::ConceptualSoundness => "Conceptual soundness",
            Self::DataReview => "Data review",
            Self::OutcomesAnalysis => "Outcomes analysis",
            Self::OngoingMonitoring => "Ongoing monitoring",
            Self::Limitations => "Limitations",
            Self::Findings => "Findings",
            Self::Conclusion => "Conclusion",
        }
    }
}

/// How deep a validation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// The sections that the policy names.
    Abbreviated,
    /// Every section.
    Full,
}

impl Depth {
    /// The depth as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Abbreviated => "abbreviated",
            Self::Full => "full",
        }
    }
}

/// The sections that a full report must hold; the findings have their own records.
pub fn full_sections() -> BTreeSet<Section> {
    Section::ALL.into_iter().filter(|section| *section != Section::Findings).collect()
}

/// The sections that a report on a version must hold: those of its open requests; of the latest one, if none is open; all,
/// if none was made. `of` names those of one request.
///
/// # Errors
/// `of` failed.
pub fn sections_wanted<E>(
    version: &Version,
    of: impl Fn(&Request) -> Result<BTreeSet<Section>, E>,
) -> Result<BTreeSet<Section>, E> {
    let latest = version.requests.last();
    let open: Vec<&Request> = version.requests.iter().filter(|request| request.is_open()).collect();
    let asked = if open.is_empty() { latest.into_iter().collect() } else { open };
    if asked.is_empty() {
        return Ok(full_sections());
    }
    let mut wanted = BTreeSet::new();
    for request in asked {
        wanted.extend(of(request)?);
    }
    Ok(wanted)
}

/// How deep a report with these sections goes.
pub fn depth_of(sections: &BTreeMap<Section, String>) -> Depth {
    if unwritten(sections, &full_sections()).is_empty() { Depth::Full } else { Depth::Abbreviated }
}

/// The sections among `wanted` that hold no text.
pub fn unwritten(sections: &BTreeMap<Section, String>, wanted: &BTreeSet<Section>) -> Vec<Section> {
    let blank = |section: &Section| sections.get(section).is_none_or(|text| text.trim().is_empty());
    wanted.iter().copied().filter(blank).collect()
}

/// What a validation concludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Fit for its purpose.
    Approved,
    /// Fit within stated conditions.
    ApprovedWithConditions,
    /// Not fit.
    Rejected,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Approved, Self::ApprovedWithConditions, Self::Rejected];

    /// The outcome's id in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::ApprovedWithConditions => "approved_with_conditions",
            Self::Rejected => "rejected",
        }
    }

    /// The outcome as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Approved => "Approved",
            Self::ApprovedWithConditions => "Approved with conditions",
            Self::Rejected => "Rejected",
        }
    }
}

impl FromStr for Outcome {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("validation outcome", text, &Self::ALL, Self::id)
    }
}

/// A recorded validation report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Report {
    /// The sections' texts.
    pub sections: BTreeMap<Section, String>,
    /// The conclusion.
    pub outcome: Outcome,
    /// Who wrote it.
    pub author: AccountId,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth mending.
    Low,
    /// Mend by the due date.
    Medium,
    /// Blocks promotion under the shipped policy.
    High,
    /// Blocks promotion and needs attention at once.
    Critical,
}

impl Severity {
    /// Every severity, gravest first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// The severity's id in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl FromStr for Severity {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("severity", text, &Self::ALL, Self::id)
    }
}

/// A finding of the validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// Number within the version, from 1.
    pub number: u32,
    /// How grave.
    pub severity: Severity,
    /// What is wrong, in a line.
    pub title: String,
    /// What is wrong, in full.
    pub description: String,
    /// Who mends it.
    pub owner: AccountId,
    /// By when.
    pub due_at: Timestamp,
    /// Who raised it.
    pub raised_by: AccountId,
    /// When.
    pub raised_at: Timestamp,
    /// How it was mended, once it is.
    pub remediation: Option<Remediation>,
    /// Its verified closure.
    pub closure: Option<Closure>,
    /// Entries that concern it, oldest first.
    pub entries: Vec<u64>,
    /// How often it was opened again after its closure.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reopened: u32,
}

/// A finding that was closed is open again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reopened {
    /// The finding.
    pub finding: u32,
    /// Why.
    pub reason: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// How a finding was mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Remediation {
    /// What was done.
    pub note: String,
    /// By whom.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
}

/// The verification that a finding is mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Closure {
    /// How it was verified.
    pub note: String,
    /// By whom: never by whoever mended it.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
}

impl Finding {
    /// Whether it still waits for somebody.
    pub fn is_open(&self) -> bool {
        self.closure.is_none()
    }

    /// Its state in a word: `open`, `remediated` or `closed`.
    pub fn state(&self) -> &'static str {
        match (&self.remediation, &self.closure) {
            (_, Some(_)) => "closed",
            (Some(_), None) => "remediated",
            (None, None) => "open",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_requests_and_entries_spell() {
        for section in Section::ALL {
            assert_eq!(serde_json::to_value(section).unwrap(), section.id());
        }
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.id());
            assert_eq!(outcome.id().parse::<Outcome>().unwrap(), outcome);
        }
        for severity in Severity::ALL {
            assert_eq!(serde_json::to_value(severity).unwrap(), severity.id());
            assert_eq!(severity.id().parse::<Severity>().unwrap(), severity);
        }
    }

    #[test]
    fn severities_are_ordered_by_gravity() {
        assert!(Severity::Low < Severity::Medium && Severity::Medium < Severity::High);
        assert!(Severity::High < Severity::Critical);
    }
}
