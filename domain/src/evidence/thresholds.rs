//! What policy asks of evidence beyond what a file says of itself. Each limit is recorded with the facts that were
//! judged by it, so that anyone can judge the file again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{canary::CanaryLimits, shadow::ShadowLimits};

/// The limits that a profile sets. An absent one is not asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Of shadow evaluations, row by row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowLimits>,
    /// Of canary evaluations, row by row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryLimits>,
}

impl Thresholds {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is contradictory or out of range, in a sentence.
    ///
    /// # Errors
    /// The limit at fault.
    pub fn check(&self) -> Result<(), String> {
        if let Some(shadow) = &self.shadow {
            shadow.check()?;
        }
        if let Some(canary) = &self.canary {
            canary.check()?;
        }
        Ok(())
    }
}

/// One market's own limits, by name; what it does not name is the profile's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MarketThresholds {
    /// Of shadow evaluations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub shadow: Overrides,
    /// Of canary evaluations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub canary: Overrides,
}

impl MarketThresholds {
    /// Whether the market has none of its own.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Limits by name.
pub type Overrides = BTreeMap<String, Limit>;

/// The value of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Limit {
    /// Yes or no.
    Flag(bool),
    /// A number, whole or not: JSON does not tell 5 from 5.0, and policies are kept as JSON.
    Number(f64),
}

/// The limits of a profile with those of a market laid over them.
///
/// # Errors
/// A name that is no limit, or a value of the wrong kind.
pub(crate) fn overlaid<T: Serialize + DeserializeOwned>(base: &T, own: &Overrides) -> Result<T, String> {
    let mut table = toml::Table::try_from(base).map_err(|error| error.to_string())?;
    for (name, limit) in own {
        let Some(known) = table.get_mut(name) else {
            return Err(format!("there is no threshold {name}"));
        };
        *known = match (limit, known.is_integer()) {
            (Limit::Flag(value), _) => (*value).into(),
            #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
            (Limit::Number(value), true) if value.fract() == 0.0 && value.abs() < 1e15 => (*value as i64).into(),
            (Limit::Number(value), _) => (*value).into(),
        };
    }
    table.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

pub(crate) fn within(what: &str, value: f64, low: f64, high: f64) -> Result<(), String> {
    if value.is_finite() && value >= low && value <= high {
        Ok(())
    } else {
        Err(format!("{what} is {value}; it lies between {low} and {high}"))
    }
}
