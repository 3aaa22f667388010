//! The numbers of the triggers: policy's, the bounds within which a model may choose its own, and those in force.

use serde::{Deserialize, Serialize};

use super::Configuration;
use crate::account::Role;

/// A number of the policy that a model may choose for itself within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Bounded<T> {
    /// What holds where the model chooses nothing.
    pub default: T,
    /// The least that a model may choose.
    pub lowest: T,
    /// The most that a model may choose.
    pub highest: T,
}

impl<T: PartialOrd + Copy> Bounded<T> {
    /// Whether a model may choose this.
    pub fn allows(&self, value: T) -> bool {
        self.lowest <= value && value <= self.highest
    }

    fn is_ordered(&self) -> bool {
        self.lowest <= self.default && self.default <= self.highest
    }
}

/// Policy's rules for retraining triggers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TriggerPolicy {
    /// Shortest time between two firings, in hours; priority 1 passes it.
    pub min_retrain_interval_hours: Bounded<u32>,
    /// Population stability index of a feature above which drift fires.
    pub psi_threshold: Bounded<f64>,
    /// Index from which the field calls a shift moderate; for reading, it fires nothing.
    pub psi_moderate: f64,
    /// Index from which the field calls a shift significant; for reading, it fires nothing.
    pub psi_significant: f64,
    /// Index above which drift is priority 1.
    pub psi_emergency: f64,
    /// Least share of a bin when an index is reckoned from counts.
    pub psi_bin_floor: f64,
    /// Whether the counts of each feature are asked for, so that its index is reckoned here; where not, a sender may tell
    /// the index itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counts_required: bool,
    /// Rows that reference and observed data must each hold of a feature; any number, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_rows: Option<u64>,
    /// Days of data on which drift must rest.
    pub min_data_days: u32,
    /// Loss below a metric's floor, in per cent of the floor, above which performance is priority 1.
    pub severe_loss_percent: f64,
    /// Age of the end of an observation up to which it counts, in days.
    pub observation_days: u32,
    /// Roles of which one approves a version trained because of drift before Canary; nobody needs to if empty.
    pub drift_approvers: Vec<Role>,
}

impl TriggerPolicy {
    pub(crate) fn check(&self) -> Result<(), String> {
        if !self.min_retrain_interval_hours.is_ordered() || !self.psi_threshold.is_ordered() {
            return Err("a default lies outside of its bounds".into());
        }
        if self.min_retrain_interval_hours.lowest == 0 {
            return Err("min_retrain_interval_hours must be above 0, or every slot of a schedule would fire".into());
        }
        let indices = [self.psi_moderate, self.psi_significant, self.psi_emergency];
        if !indices.is_sorted() || indices.iter().any(|index| !index.is_finite() || *index <= 0.0) {
            return Err("psi_moderate, psi_significant and psi_emergency must be above 0 and rise in this order".into());
        }
        if !(self.psi_threshold.lowest > 0.0 && self.psi_threshold.highest.is_finite()) {
            return Err("psi_threshold must be above 0".into());
        }
        if self.psi_threshold.highest > self.psi_emergency {
            return Err("a psi_threshold above psi_emergency would let an emergency pass unseen".into());
        }
        if !(self.psi_bin_floor > 0.0 && self.psi_bin_floor < 0.01) {
            return Err("psi_bin_floor must lie between 0 and 0.01".into());
        }
        if !(self.severe_loss_percent > 0.0 && self.severe_loss_percent <= 100.0) {
            return Err("severe_loss_percent must lie between 0 and 100".into());
        }
        if self.min_data_days == 0 || self.observation_days == 0 {
            return Err("min_data_days and observation_days must be above 0".into());
        }
        let unfit = |role: &&Role| matches!(role, Role::Service | Role::Auditor | Role::Administrator);
        if let Some(role) = self.drift_approvers.iter().find(unfit) {
            return Err(format!("{role} cannot approve drift"));
        }
        Ok(())
    }

    /// The thresholds in force for a model.
    pub fn thresholds(&self, configuration: &Configuration) -> Thresholds {
        Thresholds {
            min_retrain_interval_hours: configuration
                .min_retrain_interval_hours
                .unwrap_or(self.min_retrain_interval_hours.default),
            psi_threshold: configuration
                .drift
                .as_ref()
                .and_then(|drift| drift.psi_threshold)
                .unwrap_or(self.psi_threshold.default),
            psi_emergency: self.psi_emergency,
            severe_loss_percent: self.severe_loss_percent,
            min_data_days: self.min_data_days,
        }
    }

    /// How the field calls an index.
    pub fn call(&self, psi: f64) -> Shift {
        if psi > self.psi_emergency {
            Shift::Extreme
        } else if psi > self.psi_significant {
            Shift::Significant
        } else if psi >= self.psi_moderate {
            Shift::Moderate
        } else {
            Shift::Stable
        }
    }
}

/// How the field calls a shift: below 0.1 stable, up to 0.25 moderate, above it significant; the source chapter takes
/// more than 0.5 for an emergency. The numbers are policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shift {
    /// Hardly moved.
    Stable,
    /// Moved.
    Moderate,
    /// Moved far.
    Significant,
    /// Moved so far that it does not wait.
    Extreme,
}

impl Shift {
    /// The word.
    pub fn title(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Moderate => "moderate",
            Self::Significant => "significant",
            Self::Extreme => "extreme",
        }
    }
}

/// The thresholds in force when something fired or did not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Thresholds {
    /// Shortest time between two firings, in hours.
    pub min_retrain_interval_hours: u32,
    /// Index above which drift fires.
    pub psi_threshold: f64,
    /// Index above which drift is priority 1.
    pub psi_emergency: f64,
    /// Loss below the floor, in per cent of it, above which performance is priority 1.
    pub severe_loss_percent: f64,
    /// Days of data on which drift must rest.
    pub min_data_days: u32,
}
