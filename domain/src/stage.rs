//! The stages of a model version, in their one fixed order.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Where a version stands. The order is None → Staging → Shadow → Canary → Production; Archived is terminal and
/// can be reached from each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Registered, nothing proven yet.
    None,
    /// Passed the validation gate; shared by all markets.
    Staging,
    /// Scores a market's production traffic without answering it.
    Shadow,
    /// Answers a small, fixed share of a market's users.
    Canary,
    /// Serves a market.
    Production,
    /// Retired for good.
    Archived,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 6] =
        [Self::None, Self::Staging, Self::Shadow, Self::Canary, Self::Production, Self::Archived];

    /// The only stage that a promotion can lead to from here; `None` where no promotion is possible.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::None => Some(Self::Staging),
            Self::Staging => Some(Self::Shadow),
            Self::Shadow => Some(Self::Canary),
            Self::Canary => Some(Self::Production),
            Self::Production | Self::Archived => None,
        }
    }

    /// The stages still to walk from `self` to `target`, `target` included; empty if it does not lie ahead.
    pub fn walk_to(self, target: Self) -> Vec<Self> {
        let mut walked = Vec::new();
        let mut at = self;
        while let Some(next) = at.next() {
            walked.push(next);
            if next == target {
                return walked;
            }
            at = next;
        }
        Vec::new()
    }

    /// Whether each market has its own track at this stage.
    pub fn is_per_market(self) -> bool {
        matches!(self, Self::Shadow | Self::Canary | Self::Production)
    }

    /// The stage's name as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Staging => "Staging",
            Self::Shadow => "Shadow",
            Self::Canary => "Canary",
            Self::Production => "Production",
            Self::Archived => "Archived",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// A text that names no stage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no stage {0:?}; the stages are none, staging, shadow, canary, production and archived")]
pub struct UnknownStage(String);

impl FromStr for Stage {
    type Err = UnknownStage;
    fn from_str(text: &str) -> Result<Self, UnknownStage> {
        Self::ALL
            .into_iter()
            .find(|stage| stage.title().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownStage(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_fixed_and_archived_is_terminal() {
        assert_eq!(
            Stage::None.walk_to(Stage::Production),
            [Stage::Staging, Stage::Shadow, Stage::Canary, Stage::Production]
        );
        assert_eq!(Stage::Archived.next(), None);
        assert_eq!(Stage::Production.next(), None);
        assert!(Stage::Canary.walk_to(Stage::Staging).is_empty());
        assert!(Stage::Archived.walk_to(Stage::Production).is_empty());
    }

    #[test]
    fn an_unknown_stage_names_the_known_ones() {
        let error = "prod".parse::<Stage>().unwrap_err();
        assert!(error.to_string().contains("production"));
        assert_eq!("Staging".parse::<Stage>().unwrap(), Stage::Staging);
    }
}
