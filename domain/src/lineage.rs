//! The lineage of a version: the code, data and model artifacts that are promoted together, and everything needed
//! to rebuild them. Chapter 29, questions 1 and 5.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    account::Role,
    id::{ModelName, VersionNumber},
    refusal::{InputCheck, Missing, Refusal},
};

/// A value of a hyperparameter or preprocessing step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Scalar {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite decimal number.
    Float(f64),
    /// Anything else, as text.
    Text(String),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// Where the training and serving code came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Code {
    /// Git commit, 40 or 64 lowercase hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_commit: Option<String>,
    /// Repository address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Container image digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<Digest>,
}

/// The data that the model was trained on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// Name of the dataset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Version or partition, such as `2026-10-01`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Digest of the data or of its manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Digest of the schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_digest: Option<Digest>,
    /// Preprocessing parameters by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub preprocessing: BTreeMap<String, Scalar>,
}

/// The serialised model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ModelArtifact {
    /// Digest of the weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_digest: Option<Digest>,
    /// Architecture, such as `gradient-boosted trees`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Framework and its version, such as `scikit-learn 1.7`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework: Option<String>,
}

/// The features that the model reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Features {
    /// Version of the feature set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_version: Option<String>,
    /// Names of the features.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub names: BTreeSet<String>,
}

/// The run that trained the model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TrainingRun {
    /// The system that ran it, such as `mlflow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The run's id there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Random seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub random_seed: Option<i64>,
}

/// Everything that connects a version to the inputs that produced it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Lineage {
    /// Code artifact.
    pub code: Code,
    /// Data artifact.
    pub data: Data,
    /// Model artifact.
    pub model: ModelArtifact,
    /// Feature set.
    pub features: Features,
    /// Hyperparameters by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hyperparameters: BTreeMap<String, Scalar>,
    /// Training run and seed.
    pub training: TrainingRun,
    /// Offline metrics by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// Versions of the same model that this one was derived from.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub parents: BTreeSet<VersionNumber>,
}

/// The class of a lineage field, the order in which people ask "what changed?".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Commit and repository.
    Code,
    /// Dataset, version, schema, preprocessing.
    Data,
    /// Feature set.
    Features,
    /// Weights, architecture.
    Model,
    /// Hyperparameters and seed.
    Hyperparameters,
    /// Image, framework, training run.
    Environment,
    /// Offline metrics.
    Metrics,
    /// Parent versions.
    Parents,
}

impl Class {
    /// Every class, in reading order.
    pub const ALL: [Self; 8] = [
        Self::Code,
        Self::Data,
        Self::Features,
        Self::Model,
        Self::Hyperparameters,
        Self::Environment,
        Self::Metrics,
        Self::Parents,
    ];

    /// The class's name as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Code => "Code",
            Self::Data => "Data",
            Self::Features => "Features",
            Self::Model => "Model",
            Self::Hyperparameters => "Hyperparameters",
            Self::Environment => "Environment",
            Self::Metrics => "Metrics",
            Self::Parents => "Parents",
        }
    }
}

/// One field of a lineage, ready to read or compare.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Field {
    /// What kind of change a difference here would be.
    pub class: Class,
    /// Path within the lineage, such as `code.git_commit`.
    pub path: String,
    /// The value as text.
    pub value: String,
}

/// One difference between two lineages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Change {
    /// Class of the field.
    pub class: Class,
    /// Path within the lineage.
    pub path: String,
    /// Value in the first version; absent if the field is new.
    pub before: Option<String>,
    /// Value in the second version; absent if the field is gone.
    pub after: Option<String>,
}

/// How many named values (hyperparameters, metrics, features, preprocessing) a lineage may hold in each group.
const MAX_NAMED: usize = 500;
/// The largest whole number that JSON carries digit by digit, 2^53: the ledger's numbers are doubles (RFC 8785).
const MAX_WHOLE: i64 = 1 << 53;
/// The same as a double.
const MAX_WHOLE_F64: f64 = 9_007_199_254_740_992.0;
/// Characters in a short text of the lineage.
const MAX_TEXT: usize = 500;

impl Lineage {
    /// The fields without which a version cannot leave None, with what to do about each.
    pub fn missing(&self) -> Vec<Missing> {
        let checks: [(&str, bool, &str); 13] = [
            ("code.git_commit", self.code.git_commit.is_some(), "State the git commit of the training code."),
            ("code.repository", self.code.repository.is_some(), "State the repository that holds the commit."),
            ("code.image_digest", self.code.image_digest.is_some(), "State the digest of the container image."),
            ("data.dataset", self.data.dataset.is_some(), "Name the training dataset."),
            ("data.version", self.data.version.is_some(), "State the version or partition of the training data."),
            ("data.schema_digest", self.data.schema_digest.is_some(), "State the digest of the data's schema."),
            (
                "model.weights_digest",
                self.model.weights_digest.is_some(),
                "State the digest of the serialised weights.",
            ),
            ("model.architecture", self.model.architecture.is_some(), "Name the model's architecture."),
            ("model.framework", self.model.framework.is_some(), "Name the framework and its version."),
            ("features.set_version", self.features.set_version.is_some(), "State the version of the feature set."),
            ("features.names", !self.features.names.is_empty(), "List the features that the model reads."),
            ("training.id", self.training.id.is_some(), "State the id of the training run."),
            ("training.random_seed", self.training.random_seed.is_some(), "State the random seed."),
        ];
        checks
            .into_iter()
            .chain([
                ("hyperparameters", !self.hyperparameters.is_empty(), "List the hyperparameters."),
                ("metrics", !self.metrics.is_empty(), "State at least one offline metric."),
            ])
            .filter(|(_, present, _)| !present)
            .map(|(path, _, message)| Missing::from(format!("lineage.{path}"), message, Role::DataScientist))
            .collect()
    }

    /// Checks lengths, counts and the shape of each value.
    ///
    /// # Errors
    /// One refusal that names every field at fault.
    pub fn check(&self, own_number: Option<VersionNumber>) -> Result<(), Refusal> {
        let mut check = InputCheck::default();
        if let Some(commit) = &self.code.git_commit {
            let hex = commit.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            check.holds(
                "lineage.code.git_commit",
                hex && matches!(commit.len(), 40 | 64),
                format!(
                    "lineage.code.git_commit must be a full commit, 40 or 64 lowercase hex digits; {} characters were given.",
                    commit.chars().count()
                ),
            );
        }
        let texts = [
            ("lineage.code.repository", &self.code.repository),
            ("lineage.data.dataset", &self.data.dataset),
            ("lineage.data.version", &self.data.version),
            ("lineage.model.architecture", &self.model.architecture),
            ("lineage.model.framework", &self.model.framework),
            ("lineage.features.set_version", &self.features.set_version),
            ("lineage.training.system", &self.training.system),
            ("lineage.training.id", &self.training.id),
        ];
        for (path, value) in texts {
            if let Some(value) = value {
                check.text(path, value, MAX_TEXT);
            }
        }
        let names = [
            ("lineage.data.preprocessing", self.data.preprocessing.keys().collect::<Vec<_>>()),
            ("lineage.hyperparameters", self.hyperparameters.keys().collect()),
            ("lineage.metrics", self.metrics.keys().collect()),
            ("lineage.features.names", self.features.names.iter().collect()),
        ];
        for (path, keys) in names {
            check.holds(
                path,
                keys.len() <= MAX_NAMED,
                format!("{path} has {} members; at most {MAX_NAMED} are kept.", keys.len()),
            );
            for key in keys.into_iter().take(MAX_NAMED) {
                check.text(path, key, 200);
            }
        }
        for (name, value) in self.hyperparameters.iter().chain(&self.data.preprocessing) {
            match value {
                Scalar::Text(text) => {
                    check.optional_text(name, text, 2_000);
                }
                Scalar::Float(number) => {
                    check.holds(name, number.is_finite(), format!("{name} must be a finite number."));
                    check.holds(name, number.fract() != 0.0 || number.abs() <= MAX_WHOLE_F64, too_large(name));
                }
                Scalar::Int(number) => {
                    check.holds(name, number.unsigned_abs() <= MAX_WHOLE.unsigned_abs(), too_large(name));
                }
                Scalar::Bool(_) => {}
            }
        }
        check.holds(
            "lineage.training.random_seed",
            self.training.random_seed.is_none_or(|seed| seed.unsigned_abs() <= MAX_WHOLE.unsigned_abs()),
            "lineage.training.random_seed must lie between -2^53 and 2^53.",
        );
        for (name, value) in &self.metrics {
            check.holds(name, value.is_finite(), format!("Metric {name} must be a finite number."));
        }
        for parent in &self.parents {
            check.holds(
                "lineage.parents",
                own_number.is_none_or(|own| *parent < own),
                format!("Parent version {parent} is not registered before this version."),
            );
        }
        check.finish()
    }

    /// The same lineage with each number in its one spelling: 6 for 6.0 and 0 for -0.0. The ledger's canonical JSON
    /// writes them so, and a state folded from an entry must equal the state that was decided.
    pub(crate) fn normalised(&self) -> Self {
        let mut lineage = self.clone();
        for value in lineage.hyperparameters.values_mut().chain(lineage.data.preprocessing.values_mut()) {
            if let Scalar::Float(number) = *value
                && number.fract() == 0.0
                && number.abs() <= MAX_WHOLE_F64
            {
                #[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 2^53")]
                let whole = number as i64;
                *value = Scalar::Int(whole);
            }
        }
        for value in lineage.metrics.values_mut() {
            // -0.0 + 0.0 is 0.0; every other number stays as it is.
            *value += 0.0;
        }
        lineage
    }

    /// Every field that is present, in reading order.
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        let mut put = |class, path: String, value: Option<String>| {
            if let Some(value) = value {
                fields.push(Field { class, path, value });
            }
        };
        let digest = |digest: &Option<Digest>| digest.map(|d| d.to_string());
        put(Class::Code, "code.git_commit".into(), self.code.git_commit.clone());
        put(Class::Code, "code.repository".into(), self.code.repository.clone());
        put(Class::Data, "data.dataset".into(), self.data.dataset.clone());
        put(Class::Data, "data.version".into(), self.data.version.clone());
        put(Class::Data, "data.digest".into(), digest(&self.data.digest));
        put(Class::Data, "data.schema_digest".into(), digest(&self.data.schema_digest));
        for (name, value) in &self.data.preprocessing {
            put(Class::Data, format!("data.preprocessing.{name}"), Some(value.to_string()));
        }
        put(Class::Features, "features.set_version".into(), self.features.set_version.clone());
        for name in &self.features.names {
            put(Class::Features, format!("features.names.{name}"), Some("present".into()));
        }
        put(Class::Model, "model.weights_digest".into(), digest(&self.model.weights_digest));
        put(Class::Model, "model.architecture".into(), self.model.architecture.clone());
        for (name, value) in &self.hyperparameters {
            put(Class::Hyperparameters, format!("hyperparameters.{name}"), Some(value.to_string()));
        }
        put(
            Class::Hyperparameters,
            "training.random_seed".into(),
            self.training.random_seed.map(|seed| seed.to_string()),
        );
        put(Class::Environment, "code.image_digest".into(), digest(&self.code.image_digest));
        put(Class::Environment, "model.framework".into(), self.model.framework.clone());
        put(Class::Environment, "training.system".into(), self.training.system.clone());
        put(Class::Environment, "training.id".into(), self.training.id.clone());
        for (name, value) in &self.metrics {
            put(Class::Metrics, format!("metrics.{name}"), Some(value.to_string()));
        }
        if !self.parents.is_empty() {
            let parents = self.parents.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            put(Class::Parents, "parents".into(), Some(parents));
        }
        fields
    }

    /// Every field that differs from `self` to `later`, by class: the answer to "what changed?".
    pub fn diff(&self, later: &Self) -> Vec<Change> {
        let mut both: BTreeMap<(Class, String), (Option<String>, Option<String>)> = BTreeMap::new();
        for field in self.fields() {
            both.entry((field.class, field.path)).or_default().0 = Some(field.value);
        }
        for field in later.fields() {
            both.entry((field.class, field.path)).or_default().1 = Some(field.value);
        }
        both.into_iter()
            .filter(|(_, (before, after))| before != after)
            .map(|((class, path), (before, after))| Change { class, path, before, after })
            .collect()
    }
}

fn too_large(name: &str) -> String {
    format!("{name} is a whole number beyond 2^53, which JSON would round: state it as text.")
}

/// All that is needed to rebuild the training environment of a version.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReproductionManifest {
    /// Format of this document.
    pub schema: &'static str,
    /// The model.
    pub model: ModelName,
    /// The version.
    pub version: VersionNumber,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// Its lineage, whole.
    pub lineage: Lineage,
    /// Fields that the lineage lacks: what cannot be rebuilt from this document alone.
    pub missing: Vec<String>,
}

impl ReproductionManifest {
    /// Format name written into each manifest.
    pub const SCHEMA: &str = "countersign/reproduction@1";

    /// The manifest of a version.
    pub fn new(model: ModelName, version: VersionNumber, registered_at: Timestamp, lineage: Lineage) -> Self {
        let missing = lineage.missing().into_iter().map(|missing| missing.what).collect();
        Self { schema: Self::SCHEMA, model, version, registered_at, lineage, missing }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A complete lineage that differs by `seed`.
    pub(crate) fn complete(seed: u8) -> Lineage {
        let digest = |name: &str| Some(Digest::of(format!("{name}{seed}").as_bytes()));
        Lineage {
            code: Code {
                git_commit: Some(format!("{seed:02x}").repeat(20)),
                repository: Some("git.example/credit".into()),
                image_digest: digest("image"),
            },
            data: Data {
                dataset: Some("loans".into()),
                version: Some(format!("2026-10-{:02}", seed % 28 + 1)),
                digest: digest("data"),
                schema_digest: Some(Digest::of(b"schema")),
                preprocessing: BTreeMap::from([("impute".into(), Scalar::Text("median".into()))]),
            },
            model: ModelArtifact {
                weights_digest: digest("weights"),
                architecture: Some("gradient-boosted trees".into()),
                framework: Some("scikit-learn 1.7".into()),
            },
            features: Features {
                set_version: Some("12".into()),
                names: ["income", "utilisation"].map(String::from).into(),
            },
            hyperparameters: BTreeMap::from([("depth".into(), Scalar::Int(6))]),
            training: TrainingRun {
                system: Some("mlflow".into()),
                id: Some(format!("run{seed}")),
                random_seed: Some(7),
            },
            metrics: BTreeMap::from([("auc".into(), 0.81)]),
            parents: BTreeSet::new(),
        }
    }

    #[test]
    fn every_missing_field_is_listed_one_by_one() {
        let missing = Lineage::default().missing();
        assert_eq!(missing.len(), 15);
        assert!(missing.iter().all(|m| m.supplier == Some(Role::DataScientist)));
        assert!(complete(1).missing().is_empty());
        let mut no_seed = complete(1);
        no_seed.training.random_seed = None;
        assert_eq!(no_seed.missing()[0].what, "lineage.training.random_seed");
    }

    #[test]
    fn a_diff_names_each_change_with_its_class_and_nothing_else() {
        let before = complete(1);
        let mut after = before.clone();
        after.hyperparameters.insert("depth".into(), Scalar::Int(8));
        after.features.names.insert("age".into());
        after.code.repository = None;
        let changes = before.diff(&after);
        let seen: Vec<_> = changes.iter().map(|c| (c.class, c.path.as_str())).collect();
        assert_eq!(
            seen,
            [
                (Class::Code, "code.repository"),
                (Class::Features, "features.names.age"),
                (Class::Hyperparameters, "hyperparameters.depth")
            ]
        );
        assert_eq!(changes[2].before.as_deref(), Some("6"));
        assert_eq!(changes[2].after.as_deref(), Some("8"));
        assert!(before.diff(&before).is_empty());
    }

    #[test]
    fn malformed_values_are_refused_by_field() {
        let mut lineage = complete(1);
        lineage.code.git_commit = Some("deadbeef".into());
        lineage.metrics.insert("auc".into(), f64::NAN);
        lineage.data.dataset = Some("x".repeat(10_000));
        let refusal = lineage.check(None).unwrap_err();
        let fields: Vec<_> = refusal.missing.iter().map(|m| m.what.as_str()).collect();
        assert_eq!(fields, ["lineage.code.git_commit", "lineage.data.dataset", "auc"]);
        let broken: Result<Lineage, _> = serde_json::from_str(r#"{"model":{"weights_digest":"sha256:beef"}}"#);
        assert!(broken.unwrap_err().to_string().contains("64"));
    }
}
