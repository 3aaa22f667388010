//! The thresholds that a file was judged by, kept with its facts: whoever holds both can judge again.

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    canary::CanaryCriteria,
    id::{Market, ProfileName, VersionId},
    policy::{MarketPolicy, Policy, Profile},
    shadow::ShadowCriteria,
    split::{Split, buckets_of_percent},
};

use super::{
    EvidenceKind, EvidencePath, Facts, Thresholds,
    thresholds::{BehaviourLimits, ChampionLimits, DriftLimits, EvaluationLimits, LintLimits, overlaid},
};

/// The thresholds in force when a file was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Criteria {
    /// Of lint results.
    Lint(LintLimits),
    /// Of drift.
    Drift(DriftLimits),
    /// Of an offline evaluation.
    Evaluation(EvaluationLimits),
    /// Of behavioural tests.
    Behaviour(BehaviourLimits),
    /// Of the comparison with the champion.
    ChampionChallenger(ChampionLimits),
    /// Of a shadow evaluation.
    Shadow(ShadowCriteria),
    /// Of a canary evaluation.
    Canary(CanaryCriteria),
}

impl Criteria {
    /// The thresholds with these and no others.
    pub fn thresholds(&self) -> Thresholds {
        let mut asked = Thresholds::default();
        match self {
            Self::Lint(limits) => asked.lint = Some(*limits),
            Self::Drift(limits) => asked.drift = Some(limits.clone()),
            Self::Evaluation(limits) => asked.evaluation = Some(limits.clone()),
            Self::Behaviour(limits) => asked.behaviour = Some(limits.clone()),
            Self::ChampionChallenger(limits) => asked.champion = Some(limits.clone()),
            // Row files are judged by a market's criteria, not by a profile's thresholds.
            Self::Shadow(_) | Self::Canary(_) => {}
        }
        asked
    }

    /// What policy asks of row files on the shadow or canary path of a version in a market; none where it states no
    /// such thresholds.
    ///
    /// # Errors
    /// A market's own thresholds do not fit the profile's, which adopting the policy should have found.
    pub fn of_market(
        policy: &Policy,
        profile: &Profile,
        path: EvidencePath,
        version: &VersionId,
        market: &Market,
    ) -> Result<Option<Self>, String> {
        let Some(rules) = policy.markets.get(market) else { return Ok(None) };
        match path {
            EvidencePath::Shadow => Ok(shadow(profile, rules)?.map(Self::Shadow)),
            EvidencePath::Canary => Ok(canary(profile, rules, version, market)?.map(Self::Canary)),
            _ => Ok(None),
        }
    }

    /// What is said where a profile states no thresholds for row files on a path: the section that is missing.
    pub fn missing_for(profile: &ProfileName, path: EvidencePath) -> String {
        format!(
            "The policy in force has no section [profiles.{profile}.thresholds.{path}], so a file with a row for each request cannot be judged on the {path} path of models of that profile; an administrator can adopt a policy that has it."
        )
    }

    /// When the version entered the stage that is judged, as it was recorded.
    pub fn entered(&self) -> Option<Timestamp> {
        match self {
            Self::Shadow(criteria) => criteria.since,
            Self::Canary(criteria) => criteria.since,
            Self::Lint(_) | Self::Drift(_) | Self::Evaluation(_) | Self::Behaviour(_) | Self::ChampionChallenger(_) => {
                None
            }
        }
    }

    /// The same, with the instant at which the version entered the stage that is judged.
    #[must_use]
    pub fn since(mut self, entered: Option<Timestamp>) -> Self {
        match &mut self {
            Self::Shadow(criteria) => criteria.since = entered,
            Self::Canary(criteria) => criteria.since = entered,
            // The others are of no stage.
            Self::Lint(_) | Self::Drift(_) | Self::Evaluation(_) | Self::Behaviour(_) | Self::ChampionChallenger(_) => {
            }
        }
        self
    }
}

impl Thresholds {
    /// What these thresholds ask of a file of that kind.
    pub fn of(&self, kind: EvidenceKind) -> Option<Criteria> {
        match kind {
            EvidenceKind::Lint => self.lint.map(Criteria::Lint),
            EvidenceKind::Evidently | EvidenceKind::Columns => self.drift.clone().map(Criteria::Drift),
            EvidenceKind::Evaluation => self.evaluation.clone().map(Criteria::Evaluation),
            EvidenceKind::Behaviour => self.behaviour.clone().map(Criteria::Behaviour),
            EvidenceKind::ChampionChallenger => self.champion.clone().map(Criteria::ChampionChallenger),
            _ => None,
        }
    }

    /// Whether facts were judged by just these thresholds, as far as thresholds apply to their kind on that path.
    pub fn judged(&self, facts: &Facts, path: EvidencePath) -> bool {
        match facts.kind {
            // A summary of a trial, where policy takes one, has the bounds that it brings along.
            EvidenceKind::Evaluation if path != EvidencePath::Model => true,
            EvidenceKind::Evaluation
            | EvidenceKind::Lint
            | EvidenceKind::Evidently
            | EvidenceKind::Columns
            | EvidenceKind::Behaviour
            | EvidenceKind::ChampionChallenger => facts.criteria == self.of(facts.kind),
            _ => true,
        }
    }
}

fn shadow(profile: &Profile, rules: &MarketPolicy) -> Result<Option<ShadowCriteria>, String> {
    let Some(base) = &profile.thresholds.shadow else { return Ok(None) };
    let limits = overlaid(base, &rules.thresholds.shadow)?;
    limits.check()?;
    Ok(Some(ShadowCriteria { min_days: rules.min_shadow_days, since: None, limits }))
}

fn canary(
    profile: &Profile,
    rules: &MarketPolicy,
    version: &VersionId,
    market: &Market,
) -> Result<Option<CanaryCriteria>, String> {
    let Some(base) = &profile.thresholds.canary else { return Ok(None) };
    let limits = overlaid(base, &rules.thresholds.canary)?;
    limits.check()?;
    let split = Split::for_canary(version, market, buckets_of_percent(limits.challenger_percent));
    Ok(Some(CanaryCriteria { min_days: rules.min_canary_days, since: None, split, limits }))
}

/// Refuses a policy in which a market's own thresholds do not fit a profile's.
///
/// # Errors
/// The profile, the market and the threshold.
pub fn check_policy(policy: &Policy) -> Result<(), String> {
    for (name, profile) in &policy.profiles {
        profile.thresholds.check().map_err(|why| format!("profile {name}, thresholds: {why}"))?;
        for (market, rules) in &policy.markets {
            let of_shadow = profile
                .thresholds
                .shadow
                .as_ref()
                .map(|base| overlaid(base, &rules.thresholds.shadow).and_then(|limits| limits.check()));
            let of_canary = profile
                .thresholds
                .canary
                .as_ref()
                .map(|base| overlaid(base, &rules.thresholds.canary).and_then(|limits| limits.check()));
            for outcome in [of_shadow, of_canary].into_iter().flatten() {
                outcome.map_err(|why| format!("market {market}, thresholds over those of profile {name}: {why}"))?;
            }
        }
    }
    Ok(())
}
