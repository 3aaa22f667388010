//! Evidence: a file, the facts that the server read from it, and the artifact it speaks of.
//!
//! Evidence counts at a gate only while it is bound to the artifact that the version's lineage names: evidence for
//! another commit, partition or set of weights does not (`design/domain.md`, Evidence).

mod check;
pub mod criteria;
pub mod json;
pub(crate) mod judge;
mod parse;
mod recompute;
pub mod table;
pub mod thresholds;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

pub use check::Check;
pub use criteria::Criteria;
pub use parse::{FORMATS, ParseError, Parsed, parse};
pub use recompute::{Recomputed, recompute};
pub use thresholds::Thresholds;

use crate::{
    account::{UnknownWord, find_word},
    id::{AccountId, Market, VersionNumber},
    lineage::Lineage,
    statistics::Interval,
};

/// The path on which evidence is gathered; each runs on its own clock and they meet at the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum EvidencePath {
    /// Push or merge: lint, types, tests, image.
    Code,
    /// New partition: schema, drift, contract.
    Data,
    /// End of training: offline evaluation, behaviour.
    Model,
    /// A market's shadow evaluation.
    Shadow,
    /// A market's canary evaluation.
    Canary,
    /// Anything else worth keeping; no gate asks for it.
    Other,
}

impl EvidencePath {
    /// Every path.
    pub const ALL: [Self; 6] = [Self::Code, Self::Data, Self::Model, Self::Shadow, Self::Canary, Self::Other];

    /// The path's id in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Data => "data",
            Self::Model => "model",
            Self::Shadow => "shadow",
            Self::Canary => "canary",
            Self::Other => "other",
        }
    }

    /// Which field of the lineage this path's evidence must be bound to.
    pub fn artifact(self) -> Artifact {
        match self {
            Self::Code => Artifact::GitCommit,
            Self::Data => Artifact::DataVersion,
            Self::Model | Self::Shadow | Self::Canary | Self::Other => Artifact::Weights,
        }
    }

    /// Whether this path belongs to one market.
    pub fn is_per_market(self) -> bool {
        matches!(self, Self::Shadow | Self::Canary)
    }
}

impl fmt::Display for EvidencePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for EvidencePath {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("evidence path", text, &Self::ALL, Self::id)
    }
}

/// The artifact that evidence can be bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Artifact {
    /// The git commit of the code.
    GitCommit,
    /// The version or partition of the data.
    DataVersion,
    /// The digest of the weights.
    Weights,
    /// The digest of the container image.
    ImageDigest,
}

impl Artifact {
    /// The artifact as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::GitCommit => "git commit",
            Self::DataVersion => "data version",
            Self::Weights => "weights digest",
            Self::ImageDigest => "image digest",
        }
    }

    /// The value that `lineage` states for it.
    pub fn value_in(self, lineage: &Lineage) -> Option<String> {
        match self {
            Self::GitCommit => lineage.code.git_commit.clone(),
            Self::DataVersion => lineage.data.version.clone(),
            Self::Weights => lineage.model.weights_digest.map(|digest| digest.to_string()),
            Self::ImageDigest => lineage.code.image_digest.map(|digest| digest.to_string()),
        }
    }
}

/// What kind of file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// `JUnit` XML test results.
    Junit,
    /// A Great Expectations validation or checkpoint result, 0.x or 1.x.
    GreatExpectations,
    /// Countersign's own evaluation result, `countersign/evaluation@1`.
    Evaluation,
    /// Requests that champion and challenger both scored, row by row.
    ShadowPairs,
    /// Requests of a canary, row by row, with who answered and what the user did.
    CanaryLog,
    /// Lint or type-check results: SARIF, or the JSON of ruff or `ESLint`.
    Lint,
    /// Facts of a container image.
    Image,
    /// An Evidently report.
    Evidently,
    /// Raw columns, from which drift is computed.
    Columns,
    /// Checks of a data contract.
    Contract,
    /// A Deepchecks suite or check.
    Deepchecks,
    /// Behavioural tests, `countersign/behaviour@1`.
    Behaviour,
    /// Paired scores of champion and challenger.
    ChampionChallenger,
    /// A file kept as it is, without facts.
    Attachment,
}

impl EvidenceKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Junit,
        Self::Lint,
        Self::Image,
        Self::GreatExpectations,
        Self::Evidently,
        Self::Columns,
        Self::Contract,
        Self::Deepchecks,
        Self::Evaluation,
        Self::Behaviour,
        Self::ChampionChallenger,
        Self::ShadowPairs,
        Self::CanaryLog,
        Self::Attachment,
    ];

    /// Which field of the lineage a file of this kind must be bound to on `path`.
    pub fn artifact(self, path: EvidencePath) -> Artifact {
        if self == Self::Image { Artifact::ImageDigest } else { path.artifact() }
    }

    /// What of the lineage a file of this kind on `path` was made from: fields by their path, as far as they are stated.
    /// One label can name different data, and one commit id stands in more than one repository.
    pub fn made_from(self, path: EvidencePath, lineage: &Lineage) -> BTreeMap<String, String> {
        let (code, data) = (&lineage.code, &lineage.data);
        let text = |digest: Option<Digest>| digest.map(|digest| digest.to_string());
        let mut fields = match path {
            EvidencePath::Code => {
                vec![("code.repository", code.repository.clone()), ("code.git_commit", code.git_commit.clone())]
            }
            EvidencePath::Data => vec![
                ("data.dataset", data.dataset.clone()),
                ("data.version", data.version.clone()),
                ("data.digest", text(data.digest)),
                ("data.schema_digest", text(data.schema_digest)),
            ],
            EvidencePath::Model | EvidencePath::Shadow | EvidencePath::Canary | EvidencePath::Other => {
                vec![("model.weights_digest", text(lineage.model.weights_digest))]
            }
        };
        if self == Self::Image {
            fields.push(("code.image_digest", text(code.image_digest)));
        }
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// The kind as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Junit => "JUnit test results",
            Self::GreatExpectations => "Great Expectations result",
            Self::Evaluation => "Evaluation result",
            Self::ShadowPairs => "Shadow pairs",
            Self::CanaryLog => "Canary log",
            Self::Lint => "Lint results",
            Self::Image => "Image facts",
            Self::Evidently => "Evidently report",
            Self::Columns => "Feature drift from raw columns",
            Self::Contract => "Data contract checks",
            Self::Deepchecks => "Deepchecks result",
            Self::Behaviour => "Behavioural tests",
            Self::ChampionChallenger => "Champion and challenger",
            Self::Attachment => "Attachment",
        }
    }
}

/// What the facts say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All passed.
    Green,
    /// Something failed.
    Red,
    /// The file makes no claim.
    Neutral,
}

impl Verdict {
    /// The verdict as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Green => "passed",
            Self::Red => "failed",
            Self::Neutral => "no verdict",
        }
    }
}

/// One figure read from the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// The threshold it was held against, with the direction, such as `>= 0.75`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<String>,
    /// Whether it met the threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<bool>,
    /// The segment of the population that it is of; all of it, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// How sure it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// From how many observations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
}

impl Figure {
    /// A figure that is not held against anything.
    pub fn new(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, threshold: None, passed: None, segment: None, interval: None, n: None }
    }

    /// The figure held against a threshold.
    #[must_use]
    pub fn asked(self, threshold: impl Into<String>, passed: bool) -> Self {
        Self { threshold: Some(threshold.into()), passed: Some(passed), ..self }
    }

    /// The figure of one segment.
    #[must_use]
    pub fn in_segment(self, segment: impl Into<String>) -> Self {
        Self { segment: Some(segment.into()), ..self }
    }

    /// The figure with its interval.
    #[must_use]
    pub fn spread(self, interval: Interval) -> Self {
        Self { interval: Some(interval), ..self }
    }

    /// The figure with the number of observations that it comes from.
    #[must_use]
    pub fn counted(self, n: u64) -> Self {
        Self { n: Some(n), ..self }
    }
}

/// The champion that a challenger was compared with, as the file names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Compared {
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionNumber>,
    /// The digest of its weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<Digest>,
}

/// An artifact that a file says it speaks of, by one of several names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Claim {
    /// Which artifact.
    pub artifact: Artifact,
    /// Names of it; that of the lineage must be among them.
    pub any_of: Vec<String>,
}

/// What the server read from the file itself; never the submitter's word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Facts {
    /// What kind of file it is.
    pub kind: EvidenceKind,
    /// What it says overall.
    pub verdict: Verdict,
    /// In a sentence.
    pub summary: String,
    /// Figures, at most [`MAX_FIGURES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
    /// Failures by name, at most [`MAX_FAILURES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
    /// Policy's thresholds that it was judged by, as they were in force; absent where the file was judged by its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub criteria: Option<Criteria>,
    /// The champion that it compares with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
    /// The columns of the data that it looks at, each by its name, in the order of their names; at most
    /// [`MAX_FEATURE_BYTES`] of names are kept.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub features: BTreeSet<String>,
}

impl Facts {
    /// Facts without figures.
    pub fn new(kind: EvidenceKind, verdict: Verdict, summary: impl Into<String>) -> Self {
        Self {
            kind,
            verdict,
            summary: summary.into(),
            figures: Vec::new(),
            failures: Vec::new(),
            criteria: None,
            compared: None,
            features: BTreeSet::new(),
        }
    }

    /// The facts with the columns that were looked at, as far as their names fit into an entry.
    #[must_use]
    pub fn looking_at(self, columns: impl IntoIterator<Item = String>) -> Self {
        let all: BTreeSet<String> = columns.into_iter().collect();
        let mut room = MAX_FEATURE_BYTES;
        let fits = |name: &String| {
            room = room.saturating_sub(name.len() + 3);
            room > 0
        };
        Self { features: all.into_iter().take_while(fits).collect(), ..self }
    }

    /// What decided over a comparison with a champion.
    pub fn metric(&self) -> Option<&str> {
        self.figures.iter().find_map(|figure| figure.name.strip_prefix(COMPARED_PREFIX))
    }

    /// The facts with figures and failures.
    #[must_use]
    pub fn with(self, figures: Vec<Figure>, failures: Vec<String>) -> Self {
        Self { figures, failures, ..self }
    }

    /// The facts with the thresholds that they were judged by.
    #[must_use]
    pub fn judged_by(self, criteria: Option<Criteria>) -> Self {
        Self { criteria, ..self }
    }
}

/// Figures kept from one file.
pub const MAX_FIGURES: usize = 60;
/// Bytes of names of columns kept from one file: an entry has its limit, and several files may share what they look at.
pub const MAX_FEATURE_BYTES: usize = 16 << 10;
/// What the name of the champion's figure begins with in a comparison; the metric follows.
pub(crate) const COMPARED_PREFIX: &str = "champion ";
/// Names of failures kept from one file.
pub const MAX_FAILURES: usize = 30;

/// One piece of evidence attached to a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// Number within the version, from 1.
    pub number: u32,
    /// The path it belongs to.
    pub path: EvidencePath,
    /// The market it speaks of, for shadow and canary evidence.
    pub market: Option<Market>,
    /// What the file is called.
    pub file_name: String,
    /// The file.
    pub file: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// The value of the artifact that it speaks of (see [`EvidencePath::artifact`]).
    pub bound_to: String,
    /// What of the lineage it was made from, by field; empty for evidence from before it was recorded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub made_from: BTreeMap<String, String>,
    /// What the server read from it.
    pub facts: Facts,
    /// What produced it, such as `github-actions run 812`.
    pub producer: String,
    /// When it was produced, as its producer says.
    pub produced_at: Timestamp,
    /// Who attached it.
    pub attached_by: AccountId,
    /// When.
    pub attached_at: Timestamp,
    /// By which entry.
    pub entry: u64,
}

impl Evidence {
    /// The artifact that it is bound to.
    pub fn artifact(&self) -> Artifact {
        self.facts.kind.artifact(self.path)
    }

    /// Whether it speaks of the artifact that `lineage` names now: of the same value, made from the same.
    pub fn speaks_of(&self, lineage: &Lineage) -> bool {
        self.artifact().value_in(lineage).is_some_and(|value| value == self.bound_to)
            && self.changed_in(lineage).is_empty()
    }

    /// Whether it takes the place of `older`: a later file of the same kind and name, about the same.
    pub fn replaces(&self, older: &Self) -> bool {
        self.number > older.number
            && self.path == older.path
            && self.market == older.market
            && self.facts.kind == older.facts.kind
            && self.file_name == older.file_name
            && self.facts.compared == older.facts.compared
            // What one metric says of two models takes nothing back of what another said.
            && (self.facts.kind != EvidenceKind::ChampionChallenger || self.facts.metric() == older.facts.metric())
    }

    /// The fields that it was made from and that are others in `lineage` now.
    pub fn changed_in(&self, lineage: &Lineage) -> Vec<String> {
        if self.made_from.is_empty() {
            return Vec::new();
        }
        let now = self.facts.kind.made_from(self.path, lineage);
        let changed = |name: &&String| self.made_from.get(*name) != now.get(*name);
        let mut names: Vec<String> = self.made_from.keys().chain(now.keys()).filter(changed).cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
