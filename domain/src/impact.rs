//! Impact: what a version was made of, one input at a time, so that each input leads to every version made of it, and
//! which users a version answers, so that an input leads to whom it reached. Chapter 29, question 5.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::{
    account::{UnknownWord, find_word},
    deployment::{Deployment, Routing},
    id::{ModelName, VersionNumber},
    lineage::Lineage,
};

/// What kind of input is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// A dataset, at any version.
    Dataset,
    /// A dataset at one version or partition; the part is that version.
    Partition,
    /// The digest of the data.
    DataDigest,
    /// A feature, by name.
    Feature,
    /// A git commit.
    Commit,
    /// A container image, by digest.
    Image,
    /// A training run, by id; the part is the system that ran it.
    Run,
    /// The weights, by digest.
    Weights,
    /// A version that others were derived from, by number; the part is the model.
    Parent,
}

impl InputKind {
    /// Every kind, in the order in which people choose.
    pub const ALL: [Self; 9] = [
        Self::Partition,
        Self::Dataset,
        Self::DataDigest,
        Self::Feature,
        Self::Commit,
        Self::Image,
        Self::Run,
        Self::Weights,
        Self::Parent,
    ];

    /// The kind's id in requests and tables.
    pub fn id(self) -> &'static str {
        match self {
            Self::Dataset => "dataset",
            Self::Partition => "partition",
            Self::DataDigest => "data_digest",
            Self::Feature => "feature",
            Self::Commit => "commit",
            Self::Image => "image",
            Self::Run => "run",
            Self::Weights => "weights",
            Self::Parent => "parent",
        }
    }

    /// The kind as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Dataset => "Dataset",
            Self::Partition => "Partition",
            Self::DataDigest => "Digest of the data",
            Self::Feature => "Feature",
            Self::Commit => "Git commit",
            Self::Image => "Image digest",
            Self::Run => "Training run",
            Self::Weights => "Weights digest",
            Self::Parent => "Parent version",
        }
    }

    /// What its part is called; `None` where one value names it.
    pub fn part_title(self) -> Option<&'static str> {
        match self {
            Self::Partition => Some("partition"),
            Self::Run => Some("system"),
            Self::Parent => Some("model"),
            _ => None,
        }
    }

    /// Whether its beginning finds it too: of hexadecimal digits, at least [`MIN_PREFIX`].
    pub fn is_hex(self) -> bool {
        matches!(self, Self::DataDigest | Self::Commit | Self::Image | Self::Weights)
    }
}

impl FromStr for InputKind {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        find_word("kind of input", text, &Self::ALL, Self::id)
    }
}

/// Digits of a commit or digest that are enough to look for it.
pub const MIN_PREFIX: usize = 7;

/// One input of a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = LineageInput))]
pub struct Input {
    /// What it is.
    pub kind: InputKind,
    /// Its name, id or digits (of a digest without `sha256:`).
    pub value: String,
    /// What else names it; empty where one value does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part: String,
}

/// Why an input cannot be looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoInput {
    /// Nothing to look for.
    #[error("State what to look for: a name, an id or the first {MIN_PREFIX} digits.")]
    Empty,
    /// A commit or digest with other characters, or too few.
    #[error("{0:?} is no commit or digest: state at least {MIN_PREFIX} hexadecimal digits.")]
    NotHex(String),
    /// A part is needed.
    #[error("State the {0} too.")]
    NoPart(&'static str),
}

impl Input {
    /// An input as somebody asks for it: spaces around are dropped, a digest may begin with `sha256:`.
    ///
    /// # Errors
    /// Something is missing, or cannot be a commit or digest.
    pub fn asked(kind: InputKind, value: &str, part: &str) -> Result<Self, NoInput> {
        let (value, part) = (value.trim(), part.trim());
        if value.is_empty() {
            return Err(NoInput::Empty);
        }
        let value = if kind.is_hex() {
            let digits = value.strip_prefix("sha256:").unwrap_or(value).to_ascii_lowercase();
            if digits.len() < MIN_PREFIX || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(NoInput::NotHex(value.chars().take(80).collect()));
            }
            digits
        } else {
            value.to_owned()
        };
        let part = match kind.part_title() {
            None => "",
            // A run's id is mostly unique by itself.
            Some(title) if part.is_empty() && kind != InputKind::Run => return Err(NoInput::NoPart(title)),
            Some(_) => part,
        };
        Ok(Self { kind, value, part: part.to_owned() })
    }
}

/// Every input of a version of `model` that can be looked for.
pub fn inputs(model: &ModelName, lineage: &Lineage) -> BTreeSet<Input> {
    let mut found = BTreeSet::new();
    let mut put = |kind, value: Option<String>, part: Option<&String>| {
        found.extend(value.map(|value| Input { kind, value, part: part.cloned().unwrap_or_default() }));
    };
    let Lineage { code, data, model: artifact, features, training, parents, .. } = lineage;
    put(InputKind::Dataset, data.dataset.clone(), None);
    if data.version.is_some() {
        put(InputKind::Partition, data.dataset.clone(), data.version.as_ref());
    }
    put(InputKind::DataDigest, data.digest.map(|digest| digest.hex()), None);
    for name in &features.names {
        put(InputKind::Feature, Some(name.clone()), None);
    }
    put(InputKind::Commit, code.git_commit.clone(), None);
    put(InputKind::Image, code.image_digest.map(|digest| digest.hex()), None);
    put(InputKind::Run, training.id.clone(), training.system.as_ref());
    put(InputKind::Weights, artifact.weights_digest.map(|digest| digest.hex()), None);
    for parent in parents {
        put(InputKind::Parent, Some(parent.to_string()), Some(&model.to_string()));
    }
    found
}

/// The share of users, in percent, that each version answers; versions that answer nobody are left out. A shadow answers
/// nobody.
pub fn shares(deployment: Option<&Deployment>) -> BTreeMap<VersionNumber, u8> {
    let mut shares = BTreeMap::new();
    for target in deployment.map(|deployment| Routing::of(deployment).targets).unwrap_or_default() {
        if target.weight > 0 {
            *shares.entry(target.version).or_insert(0) += target.weight;
        }
    }
    shares
}

/// The shares that an entry changed, with the new one; 0 for whoever answers nobody any more.
pub fn changed_shares(before: Option<&Deployment>, after: Option<&Deployment>) -> BTreeMap<VersionNumber, u8> {
    let (before, mut after) = (shares(before), shares(after));
    for version in before.keys() {
        after.entry(*version).or_insert(0);
    }
    after.retain(|version, share| before.get(version).copied().unwrap_or(0) != *share);
    after
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lineage::tests::complete;

    #[test]
    fn each_input_of_a_lineage_is_found_by_what_people_call_it() {
        let model: ModelName = "credit".parse().unwrap();
        let mut lineage = complete(1);
        lineage.parents.insert(VersionNumber::try_from(2).unwrap());
        let found = inputs(&model, &lineage);
        for (kind, value, part) in [
            (InputKind::Dataset, "loans", ""),
            (InputKind::Partition, "loans", "2026-10-02"),
            (InputKind::Feature, "income", ""),
            (InputKind::Feature, "utilisation", ""),
            (InputKind::Run, "run1", "mlflow"),
            (InputKind::Parent, "2", "credit"),
        ] {
            let asked = Input::asked(kind, &format!(" {value} "), part).unwrap();
            assert!(found.contains(&asked), "{asked:?}");
        }
        let image = lineage.code.image_digest.unwrap().to_string();
        assert!(
            found.contains(
                &Input::asked(InputKind::Image, &image.to_uppercase().replace("SHA256", "sha256"), "").unwrap()
            )
        );
        assert_eq!(found.len(), 10);
        assert!(inputs(&model, &Lineage::default()).is_empty());
    }

    #[test]
    fn what_cannot_be_looked_for_is_refused_with_what_is_missing() {
        assert_eq!(Input::asked(InputKind::Feature, "  ", ""), Err(NoInput::Empty));
        assert_eq!(Input::asked(InputKind::Partition, "loans", ""), Err(NoInput::NoPart("partition")));
        assert!(matches!(Input::asked(InputKind::Commit, "abc12", ""), Err(NoInput::NotHex(_))));
        assert!(matches!(Input::asked(InputKind::Weights, "sha256:not digits", ""), Err(NoInput::NotHex(_))));
        assert!(Input::asked(InputKind::Run, "run1", "").is_ok());
    }
}
