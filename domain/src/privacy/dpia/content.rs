//! What an assessment says, by the sections of GDPR Art. 35(7), and what an approval still misses in it.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Digest, canonical_json};
use serde::{Deserialize, Serialize};

use crate::{
    account::{Role, UnknownWord, find_word},
    id::{AccountId, Market, VersionNumber},
    lineage::Class,
    privacy::policy::PrivacyPolicy,
    refusal::{InputCheck, Missing, Refusal},
};

/// Characters in one part of sections (a) and (b).
pub const MAX_PART: usize = 2_500;
/// Risks, and measures, that one assessment lists at most.
pub const MAX_LISTED: usize = 40;

/// A part of the description (a) or of necessity and proportionality (b), the questions of the CNIL's PIA method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What is processed, in which context.
    Processing,
    /// Controller, processors, joint controllers.
    Responsibilities,
    /// Codes of conduct and certifications, Art. 35(8).
    Standards,
    /// Which personal data, of whom, for how long, who sees them.
    Data,
    /// From collection to deletion.
    LifeCycle,
    /// Systems on which the data lie.
    Assets,
    /// Why it is processed, and legitimate interests pursued.
    Purposes,
    /// Lawfulness, Art. 6.
    LegalBasis,
    /// Only the data needed, Art. 5(1)(c).
    Minimisation,
    /// Kept accurate, Art. 5(1)(d).
    Accuracy,
    /// For how long, Art. 5(1)(e).
    StorageDuration,
    /// How people are told, Art. 12–14.
    Information,
    /// How consent is obtained, Art. 7–8.
    Consent,
    /// Art. 15 and 20.
    AccessAndPortability,
    /// Art. 16 and 17.
    RectificationAndErasure,
    /// Art. 18 and 21.
    RestrictionAndObjection,
    /// Contracts with processors, Art. 28.
    Processors,
    /// Transfers to third countries, Art. 44–49.
    Transfers,
}

impl Part {
    /// Every part, in reading order.
    pub const ALL: [Self; 18] = [
        Self::Processing,
        Self::Responsibilities,
        Self::Standards,
        Self::Data,
        Self::LifeCycle,
        Self::Assets,
        Self::Purposes,
        Self::LegalBasis,
        Self::Minimisation,
        Self::Accuracy,
        Self::StorageDuration,
        Self::Information,
        Self::Consent,
        Self::AccessAndPortability,
        Self::RectificationAndErasure,
        Self::RestrictionAndObjection,
        Self::Processors,
        Self::Transfers,
    ];

    /// The part's id in requests and entries.
    pub fn id(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Responsibilities => "responsibilities",
            Self::Standards => "standards",
            Self::Data => "data",
            Self::LifeCycle => "life_cycle",
            Self::Assets => "assets",
            Self::Purposes => "purposes",
            Self::LegalBasis => "legal_basis",
            Self::Minimisation => "minimisation",
            Self::Accuracy => "accuracy",
            Self::StorageDuration => "storage_duration",
            Self::Information => "information",
            Self::Consent => "consent",
            Self::AccessAndPortability => "access_and_portability",
            Self::RectificationAndErasure => "rectification_and_erasure",
            Self::RestrictionAndObjection => "restriction_and_objection",
            Self::Processors => "processors",
            Self::Transfers => "transfers",
        }
    }

    /// The part's heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Processing => "The processing",
            Self::Responsibilities => "Responsibilities",
            Self::Standards => "Standards and codes of conduct",
            Self::Data => "Personal data",
            Self::LifeCycle => "Life cycle of the data",
            Self::Assets => "Supporting assets",
            Self::Purposes => "Purposes",
            Self::LegalBasis => "Legal basis",
            Self::Minimisation => "Data minimisation",
            Self::Accuracy => "Accuracy",
            Self::StorageDuration => "Storage duration",
            Self::Information => "Information of data subjects",
            Self::Consent => "Consent",
            Self::AccessAndPortability => "Access and portability",
            Self::RectificationAndErasure => "Rectification and erasure",
            Self::RestrictionAndObjection => "Restriction and objection",
            Self::Processors => "Processors",
            Self::Transfers => "Transfers outside the Union",
        }
    }

    /// Whether it belongs to section (b), necessity and proportionality; else to (a), description and purposes.
    pub fn is_necessity(self) -> bool {
        self > Self::Purposes
    }

    /// Whether an approval needs it. The others apply to some processing only.
    pub fn is_required(self) -> bool {
        !matches!(self, Self::Standards | Self::Assets | Self::Consent | Self::Processors | Self::Transfers)
    }
}

/// How likely or how grave, on the four steps of the CNIL's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// 1.
    Negligible,
    /// 2.
    Limited,
    /// 3.
    Significant,
    /// 4.
    Maximum,
}

impl Level {
    /// Every level, lowest first.
    pub const ALL: [Self; 4] = [Self::Negligible, Self::Limited, Self::Significant, Self::Maximum];

    /// The level's id in requests and policies.
    pub fn id(self) -> &'static str {
        match self {
            Self::Negligible => "negligible",
            Self::Limited => "limited",
            Self::Significant => "significant",
            Self::Maximum => "maximum",
        }
    }

    /// 1 to 4.
    pub fn grade(self) -> u8 {
        match self {
            Self::Negligible => 1,
            Self::Limited => 2,
            Self::Significant => 3,
            Self::Maximum => 4,
        }
    }

    /// The level of a grade from 1 to 4.
    pub fn of_grade(grade: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|level| u64::from(level.grade()) == grade)
    }
}

impl std::str::FromStr for Level {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("level", text, &Self::ALL, Self::id)
    }
}

/// What kind of event a risk is about: the three of the CNIL's method, or any other harm, such as an unfair decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RiskKind {
    /// Somebody sees what is not theirs to see.
    IllegitimateAccess,
    /// Data are changed against the will of those they are about.
    UnwantedModification,
    /// Data are gone.
    Disappearance,
    /// Any other risk to rights and freedoms.
    Other,
}

impl RiskKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::IllegitimateAccess, Self::UnwantedModification, Self::Disappearance, Self::Other];

    /// The kind's id in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::IllegitimateAccess => "illegitimate_access",
            Self::UnwantedModification => "unwanted_modification",
            Self::Disappearance => "disappearance",
            Self::Other => "other",
        }
    }

    /// The kind as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::IllegitimateAccess => "Illegitimate access to data",
            Self::UnwantedModification => "Unwanted modification of data",
            Self::Disappearance => "Disappearance of data",
            Self::Other => "Another risk to rights and freedoms",
        }
    }
}

impl std::str::FromStr for RiskKind {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("kind of risk", text, &Self::ALL, Self::id)
    }
}

/// How likely and how grave a risk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Rating {
    /// How likely.
    pub likelihood: Level,
    /// How grave for those concerned.
    pub severity: Level,
}

impl Rating {
    /// Whether policy calls such a risk high.
    pub fn is_high(self, policy: &PrivacyPolicy) -> bool {
        self.likelihood >= policy.high_likelihood && self.severity >= policy.high_severity
    }
}

/// A risk to rights and freedoms, Art. 35(7)(c).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Risk {
    /// What kind of event.
    pub kind: RiskKind,
    /// The risk in a line; at most 200 characters.
    pub title: String,
    /// Why it is rated so; at most 1,500 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What it would do to people; at most 20 of 300 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub impacts: Vec<String>,
    /// What could bring it about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub threats: Vec<String>,
    /// Whom or what it could come from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Before the measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Rating>,
    /// With the measures in place: the residual risk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual: Option<Rating>,
}

/// A measure against the risks, Art. 35(7)(d).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// The measure in a line; at most 200 characters.
    pub title: String,
    /// What is done; at most 1,500 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Who answers for it. An approval needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<AccountId>,
    /// Kinds of risk that it treats.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub treats: BTreeSet<RiskKind>,
}

/// The views of data subjects, or why they were not sought, Art. 35(9).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SubjectViews {
    /// Whether they were asked.
    #[serde(default)]
    pub sought: bool,
    /// What they said, or why they were not asked; at most 2,500 characters.
    #[serde(default)]
    pub text: String,
}

/// What an assessment covers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// Markets in which the processing was assessed.
    pub markets: BTreeSet<Market>,
    /// Classes of lineage change that ask for a new look (Art. 35(11)); fresh data alone is no such change.
    pub reopened_by: BTreeSet<Class>,
    /// The version whose lineage was assessed; needed where `reopened_by` names a class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionNumber>,
}

/// The whole content, which an approval signs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Content {
    /// What it covers.
    pub scope: Scope,
    /// Sections (a) and (b), by part; at most 2,500 characters each.
    pub parts: BTreeMap<Part, String>,
    /// Section (c); at most 40.
    pub risks: Vec<Risk>,
    /// Section (d); at most 40.
    pub measures: Vec<Measure>,
    /// Art. 35(9).
    pub views: SubjectViews,
    /// Features that may stand in for a prohibited one, with why each is needed and how its effect is watched; at most
    /// 500 characters each.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub justified_features: BTreeMap<String, String>,
}

impl Content {
    /// Digest of the canonical JSON: what advice, consultation and approval are about.
    pub fn digest(&self) -> Digest {
        Digest::of(&canonical_json(self).unwrap_or_default())
    }

    /// The same without blank texts and space around them, so that equal content has one digest.
    #[must_use]
    pub fn tidied(mut self) -> Self {
        let tidy = |text: &mut String| text.replace("\r\n", "\n").trim().clone_into(text);
        self.parts.values_mut().for_each(tidy);
        self.parts.retain(|_, text| !text.is_empty());
        for risk in &mut self.risks {
            tidy(&mut risk.title);
            tidy(&mut risk.description);
            for list in [&mut risk.impacts, &mut risk.threats, &mut risk.sources] {
                list.iter_mut().for_each(tidy);
                list.retain(|text| !text.is_empty());
            }
        }
        for measure in &mut self.measures {
            tidy(&mut measure.title);
            tidy(&mut measure.description);
        }
        tidy(&mut self.views.text);
        self.justified_features.values_mut().for_each(tidy);
        self
    }

    /// Checks lengths and counts; a draft may be incomplete.
    ///
    /// # Errors
    /// One refusal that names every field at fault.
    pub fn check(&self) -> Result<(), Refusal> {
        let mut check = InputCheck::default();
        for (part, text) in &self.parts {
            check.optional_text(&format!("parts.{}", part.id()), text, MAX_PART);
        }
        for (name, count) in [
            ("risks", self.risks.len()),
            ("measures", self.measures.len()),
            ("justified_features", self.justified_features.len()),
        ] {
            check.holds(
                name,
                count <= MAX_LISTED,
                format!("{name} lists {count}; at most {MAX_LISTED} are kept. Put the lesser ones together."),
            );
        }
        for (index, risk) in self.risks.iter().take(MAX_LISTED).enumerate() {
            let at = |field: &str| format!("risks.{}.{field}", index + 1);
            check.text(&at("title"), &risk.title, 200).optional_text(&at("description"), &risk.description, 1_500);
            for (name, list) in [("impacts", &risk.impacts), ("threats", &risk.threats), ("sources", &risk.sources)] {
                check.holds(&at(name), list.len() <= 20, format!("{name} lists {}; at most 20 are kept.", list.len()));
                for text in list.iter().take(20) {
                    check.text(&at(name), text, 300);
                }
            }
        }
        for (index, measure) in self.measures.iter().take(MAX_LISTED).enumerate() {
            let at = |field: &str| format!("measures.{}.{field}", index + 1);
            check.text(&at("title"), &measure.title, 200).optional_text(
                &at("description"),
                &measure.description,
                1_500,
            );
        }
        check.optional_text("views", &self.views.text, MAX_PART);
        for (feature, why) in &self.justified_features {
            check.text("justified_features", feature, 200).text("justified_features", why, 500);
        }
        check.holds(
            "scope.version",
            self.scope.reopened_by.is_empty() || self.scope.version.is_some(),
            "Name the version that was assessed: without it a later change cannot be told.",
        );
        check.finish()
    }

    /// What an approval still needs, one by one.
    pub fn missing(&self) -> Vec<Missing> {
        let mut missing = Vec::new();
        let mut put = |what: String, message: String| missing.push(Missing::from(what, message, Role::DataScientist));
        for part in Part::ALL.into_iter().filter(|part| part.is_required() && !self.parts.contains_key(part)) {
            put(format!("dpia.parts.{}", part.id()), format!("Write the part \u{201c}{}\u{201d}.", part.title()));
        }
        if self.scope.markets.is_empty() {
            put("dpia.scope.markets".into(), "Name the markets in which the processing is assessed.".into());
        }
        if self.risks.is_empty() {
            put("dpia.risks".into(), "List the risks to rights and freedoms.".into());
        }
        for (index, risk) in self.risks.iter().enumerate() {
            if risk.initial.is_none() || risk.residual.is_none() {
                put(
                    format!("dpia.risks.{}", index + 1),
                    format!("Rate \u{201c}{}\u{201d} before and after the measures.", risk.title),
                );
            }
        }
        if self.measures.is_empty() {
            put("dpia.measures".into(), "List the measures against the risks.".into());
        }
        for (index, measure) in self.measures.iter().enumerate().filter(|(_, measure)| measure.owner.is_none()) {
            put(format!("dpia.measures.{}", index + 1), format!("Name who owns \u{201c}{}\u{201d}.", measure.title));
        }
        if self.views.text.is_empty() {
            put("dpia.views".into(), "Say what data subjects think of it, or why they were not asked.".into());
        }
        missing
    }

    /// Risks that stay high with the measures in place: each asks for prior consultation (Art. 36).
    pub fn high_residual<'c>(&'c self, policy: &'c PrivacyPolicy) -> impl Iterator<Item = &'c Risk> {
        self.risks.iter().filter(|risk| risk.residual.is_some_and(|rating| rating.is_high(policy)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_requests_and_entries_spell() {
        for part in Part::ALL {
            assert_eq!(serde_json::to_value(part).unwrap(), part.id());
        }
        for level in Level::ALL {
            assert_eq!(serde_json::to_value(level).unwrap(), level.id());
            assert_eq!(level.id().parse::<Level>().unwrap(), level);
            assert_eq!(Level::of_grade(level.grade().into()), Some(level));
        }
        for kind in RiskKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.id());
            assert_eq!(kind.id().parse::<RiskKind>().unwrap(), kind);
        }
        assert_eq!(Part::ALL.iter().filter(|part| part.is_necessity()).count(), 11);
    }

    #[test]
    fn an_empty_content_lists_everything_and_limits_are_told_by_field() {
        let missing = Content::default().missing();
        assert_eq!(missing.iter().filter(|m| m.what.starts_with("dpia.parts.")).count(), 13);
        assert!(missing.iter().any(|m| m.what == "dpia.risks") && missing.iter().any(|m| m.what == "dpia.views"));
        let content = Content {
            parts: BTreeMap::from([(Part::Data, "x".repeat(MAX_PART + 1))]),
            scope: Scope { reopened_by: [Class::Features].into(), ..Scope::default() },
            ..Content::default()
        };
        let refusal = content.check().unwrap_err();
        let fields: Vec<&str> = refusal.missing.iter().map(|missing| missing.what.as_str()).collect();
        assert_eq!(fields, ["parts.data", "scope.version"]);
    }
}
