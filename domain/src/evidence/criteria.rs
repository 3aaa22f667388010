//! The thresholds that a file was judged by, kept with its facts: whoever holds both can judge again.

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    canary::CanaryCriteria,
    id::{Market, VersionId},
    policy::{MarketPolicy, Policy, Profile},
    shadow::ShadowCriteria,
    split::{Split, buckets_of_percent},
};

use super::{EvidencePath, thresholds::overlaid};

/// The thresholds in force when a file was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Criteria {
    /// Of a shadow evaluation.
    Shadow(ShadowCriteria),
    /// Of a canary evaluation.
    Canary(CanaryCriteria),
}

impl Criteria {
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

    /// The same, with the instant at which the version entered the stage that is judged.
    #[must_use]
    pub fn since(mut self, entered: Option<Timestamp>) -> Self {
        match &mut self {
            Self::Shadow(criteria) => criteria.since = entered,
            Self::Canary(criteria) => criteria.since = entered,
        }
        self
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
