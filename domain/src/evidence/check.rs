//! What a piece of evidence shows, whichever tool wrote it: a gate asks for checks, not for file formats.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{EvidenceKind, EvidencePath};
use crate::account::{UnknownWord, find_word};

/// One thing that a path can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Code path: unit and integration tests passed.
    Tests,
    /// Code path: linters and type checkers found no more than policy allows.
    Lint,
    /// Code path: the image that the lineage names was built.
    Image,
    /// Data path: the data meet their expectations.
    Expectations,
    /// Data path: the features have not moved further than policy allows.
    Drift,
    /// Data path: the data keep their contract.
    Contract,
    /// Model path: offline evaluation.
    Evaluation,
    /// Model path: behavioural tests.
    Behaviour,
    /// Shadow path: both models' answers to a market's requests, row by row.
    Shadow,
    /// Canary path: the assignment log of a market's users, row by row.
    Canary,
}

impl Check {
    /// Every check.
    pub const ALL: [Self; 10] = [
        Self::Tests,
        Self::Lint,
        Self::Image,
        Self::Expectations,
        Self::Drift,
        Self::Contract,
        Self::Evaluation,
        Self::Behaviour,
        Self::Shadow,
        Self::Canary,
    ];

    /// The check's id in policies.
    pub fn id(self) -> &'static str {
        match self {
            Self::Tests => "tests",
            Self::Lint => "lint",
            Self::Image => "image",
            Self::Expectations => "expectations",
            Self::Drift => "drift",
            Self::Contract => "contract",
            Self::Evaluation => "evaluation",
            Self::Behaviour => "behaviour",
            Self::Shadow => "shadow",
            Self::Canary => "canary",
        }
    }

    /// What is needed to show it, as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Tests => "test results (JUnit XML)",
            Self::Lint => "lint results (SARIF)",
            Self::Image => "image facts (docker image inspect, or the image's manifest)",
            Self::Expectations => "data expectations (Great Expectations or Deepchecks)",
            Self::Drift => "feature drift (raw columns or an Evidently report)",
            Self::Contract => "data contract checks (Data Contract CLI or countersign/contract@1)",
            Self::Evaluation => "offline evaluation (countersign/evaluation@1)",
            Self::Behaviour => "behavioural tests (countersign/behaviour@1)",
            Self::Shadow => "the requests that both models scored, row by row (CSV, JSON Lines or Parquet)",
            Self::Canary => "the canary's assignment log, row by row (CSV, JSON Lines or Parquet)",
        }
    }

    /// The path on which it is shown.
    pub fn path(self) -> EvidencePath {
        match self {
            Self::Tests | Self::Lint | Self::Image => EvidencePath::Code,
            Self::Expectations | Self::Drift | Self::Contract => EvidencePath::Data,
            Self::Evaluation | Self::Behaviour => EvidencePath::Model,
            Self::Shadow => EvidencePath::Shadow,
            Self::Canary => EvidencePath::Canary,
        }
    }

    /// The check of a path whose figures are computed from rows, if it is such a path.
    pub fn by_rows(path: EvidencePath) -> Option<Self> {
        match path {
            EvidencePath::Shadow => Some(Self::Shadow),
            EvidencePath::Canary => Some(Self::Canary),
            _ => None,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Check {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("check", text, &Self::ALL, Self::id)
    }
}

impl EvidenceKind {
    /// What a file of this kind shows on `path`.
    pub fn shows(self, path: EvidencePath) -> Option<Check> {
        let check = match self {
            Self::Junit => Check::Tests,
            Self::Lint => Check::Lint,
            Self::Image => Check::Image,
            Self::GreatExpectations => Check::Expectations,
            Self::Evidently | Self::Columns => Check::Drift,
            Self::Contract => Check::Contract,
            // A suite of Deepchecks looks at data or at a model; the path tells which.
            Self::Deepchecks if path == EvidencePath::Data => Check::Expectations,
            Self::Deepchecks | Self::Evaluation => Check::Evaluation,
            Self::Behaviour => Check::Behaviour,
            Self::ShadowPairs => Check::Shadow,
            Self::CanaryLog => Check::Canary,
            Self::ChampionChallenger | Self::Attachment => return None,
        };
        (check.path() == path).then_some(check)
    }

    /// The paths that a file of this kind can belong to.
    pub fn paths(self) -> &'static [EvidencePath] {
        match self {
            Self::Junit | Self::Lint | Self::Image => &[EvidencePath::Code],
            Self::GreatExpectations | Self::Evidently | Self::Columns | Self::Contract => &[EvidencePath::Data],
            Self::Deepchecks => &[EvidencePath::Data, EvidencePath::Model],
            Self::Behaviour | Self::ChampionChallenger => &[EvidencePath::Model],
            Self::Evaluation => &[EvidencePath::Model, EvidencePath::Shadow, EvidencePath::Canary],
            Self::ShadowPairs => &[EvidencePath::Shadow],
            Self::CanaryLog => &[EvidencePath::Canary],
            Self::Attachment => &[EvidencePath::Other],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_can_be_shown_on_its_own_path_and_on_no_other() {
        for check in Check::ALL {
            let kinds = EvidenceKind::ALL.into_iter().filter(|kind| kind.shows(check.path()) == Some(check));
            for kind in kinds.clone() {
                assert!(kind.paths().contains(&check.path()), "{kind:?} {check}");
            }
            assert!(kinds.count() > 0, "{check}");
            assert_eq!(check.id().parse(), Ok(check));
        }
        assert_eq!(EvidenceKind::Junit.shows(EvidencePath::Data), None);
        assert_eq!(EvidenceKind::Deepchecks.shows(EvidencePath::Data), Some(Check::Expectations));
        assert_eq!(EvidenceKind::Deepchecks.shows(EvidencePath::Model), Some(Check::Evaluation));
        assert_eq!(EvidenceKind::Evaluation.shows(EvidencePath::Shadow), None, "a summary shows nothing of a trial");
        assert_eq!(EvidenceKind::ShadowPairs.shows(EvidencePath::Shadow), Some(Check::Shadow));
    }
}
