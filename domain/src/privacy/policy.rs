//! What policy says of privacy: the numbers of the assessment, what each market asks for, which features it prohibits.

use serde::{Deserialize, Serialize};

use super::dpia::Level;
use crate::{policy::Policy, registry::Model, stage::Stage};

/// `[privacy]`: the rules that all markets share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PrivacyPolicy {
    /// Longest time until an approved assessment is looked at again, in months.
    pub review_months: u32,
    /// Days within which the privacy officer acts on what waits for them.
    pub answer_days: u32,
    /// A residual risk is high from this likelihood …
    pub high_likelihood: Level,
    /// … and this severity on; it then needs prior consultation (Art. 36).
    pub high_severity: Level,
    /// What the approval's signature means (21 CFR 11.50), as a sentence in the first person.
    pub approval_meaning: String,
    /// Days within which a request for human review is answered (Art. 12(3): one month).
    pub review_request_days: u32,
    /// How that deadline may be extended; never, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_extension: Option<ReviewExtension>,
}

/// `[privacy.review_extension]`: how the deadline of a request may be extended (GDPR Art. 12(3)). A month has 28 days at
/// least and two have 59, so these numbers are never longer than the regulation's months.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReviewExtension {
    /// Days that an extension adds to the deadline at most (two further months).
    pub days: u32,
    /// Days after the request within which the person is told of the extension and of its reasons (one month).
    pub inform_days: u32,
}

/// `[markets.X.privacy]`: what one market asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MarketPrivacy {
    /// The first stage that asks for it, from Shadow on.
    #[serde(default = "canary")]
    pub from: Stage,
    /// An approved assessment that covers the version (GDPR Art. 35).
    #[serde(default)]
    pub dpia: bool,
    /// Safeguards for automated decisions (GDPR Art. 22).
    #[serde(default)]
    pub article22: bool,
    /// Features that no model may read here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prohibited_features: Vec<ProhibitedFeature>,
}

fn canary() -> Stage {
    Stage::Canary
}

/// A characteristic that no model may read, and the names under which it turns up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ProhibitedFeature {
    /// The characteristic, as people say it.
    pub name: String,
    /// Names of features that are it; `*` stands for any characters. Letter case and separators do not count.
    pub patterns: Vec<String>,
    /// Names of features that may stand in for it: each must be justified in the assessment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adjacent: Vec<String>,
}

/// Names where a policy contradicts itself on privacy.
///
/// # Errors
/// The contradiction.
pub fn check(policy: &Policy) -> Result<(), String> {
    if let Some(privacy) = &policy.privacy {
        if privacy.approval_meaning.trim().is_empty() {
            return Err("privacy: the approval's signature needs a meaning".into());
        }
        for (name, number) in [
            ("review_months", privacy.review_months),
            ("answer_days", privacy.answer_days),
            ("review_request_days", privacy.review_request_days),
        ] {
            if number == 0 {
                return Err(format!("privacy: {name} is 0, so everything would be overdue when it begins"));
            }
        }
        if privacy.review_extension.is_some_and(|rules| rules.days == 0 || rules.inform_days == 0) {
            return Err("privacy, review_extension: of 0 days it could never be used; leave the section out".into());
        }
    }
    for (name, market) in &policy.markets {
        let Some(rules) = &market.privacy else { continue };
        if policy.privacy.is_none() {
            return Err(format!("market {name} asks for privacy, but the policy has no section [privacy]"));
        }
        if !rules.from.is_per_market() {
            return Err(format!("market {name}: privacy is asked from {} on, which all markets share", rules.from));
        }
        for feature in &rules.prohibited_features {
            let blank = |pattern: &String| super::features::normalised(pattern).replace('*', "").is_empty();
            if feature.name.trim().is_empty() || feature.patterns.is_empty() {
                return Err(format!("market {name}: a prohibited feature needs a name and a pattern"));
            }
            if feature.patterns.iter().chain(&feature.adjacent).any(blank) {
                return Err(format!("market {name}: a pattern of {:?} would match every feature", feature.name));
            }
        }
    }
    Ok(())
}

/// A rule that says for how long records are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetentionRule {
    /// Who asks for it: the profile's citation or the market.
    pub source: String,
    /// For how long, in years.
    pub years: u32,
}

/// For how long the records of a model are kept: the longest rule wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Retention {
    /// Years after the record was made.
    pub years: u32,
    /// Every rule that applies, longest first.
    pub rules: Vec<RetentionRule>,
}

/// The retention of a model's records under a policy.
pub fn retention(policy: &Policy, model: &Model) -> Retention {
    let profile = policy.profiles.get(&model.profile);
    let profile =
        profile.map(|profile| RetentionRule { source: profile.citation.clone(), years: profile.retention_years });
    let markets = model.markets.iter().filter_map(|market| {
        let rules = policy.markets.get(market)?;
        Some(RetentionRule { source: format!("{} ({market})", rules.title), years: rules.retention_years? })
    });
    let mut rules: Vec<RetentionRule> = profile.into_iter().chain(markets).collect();
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.years));
    Retention { years: rules.first().map_or(0, |rule| rule.years), rules }
}
