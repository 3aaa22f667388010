//! From what MLflow holds to a lineage. A value is taken only where MLflow states it; whatever is ambiguous or cannot
//! be kept stays missing, with a note that says why.
//!
//! Tags named `countersign.` and the path of a field (`countersign.code.image_digest`) state what MLflow has no field
//! for. A version's tag counts before its logged model's, and that before its run's.

use std::collections::{BTreeMap, BTreeSet};

use domain::lineage::{Lineage, Scalar};
use ledger::Digest;

use super::{
    artifact::Found,
    rest::{DatasetInput, Metric, ModelVersion, Pair},
};

/// Members of a group that a lineage keeps.
const MAX_NAMED: usize = 500;
/// Characters of a name in a group.
const MAX_NAME: usize = 200;
/// Characters of a hyperparameter's text.
const MAX_VALUE: usize = 2_000;
/// Characters of any other text.
const MAX_TEXT: usize = 500;
/// The largest whole number that JSON carries digit by digit, 2^53.
const MAX_WHOLE: u64 = 1 << 53;
/// Parameters that hold the random seed.
const SEEDS: [&str; 3] = ["random_state", "random_seed", "seed"];

/// A lineage, and why something is not in it.
#[derive(Debug, Default)]
pub(super) struct Mapped {
    pub lineage: Lineage,
    pub notes: Vec<String>,
}

/// At most `max` characters on one line.
pub(super) fn line(text: &str, max: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    shorten(clean.trim(), max)
}

/// At most `max` characters, with line breaks and tabs.
pub(super) fn prose(text: &str, max: usize) -> String {
    let clean: String =
        text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }).collect();
    shorten(clean.trim(), max)
}

fn shorten(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let begin: String = text.chars().take(max - 1).collect();
    format!("{begin}…")
}

fn fits(text: &str, max: usize) -> bool {
    !text.trim().is_empty()
        && text.chars().count() <= max
        && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

fn tag<'t>(tags: &'t [Pair], key: &str) -> Option<&'t str> {
    tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.trim()).filter(|value| !value.is_empty())
}

/// Maps a version.
pub(super) fn map(version: &ModelVersion, found: &Found) -> Mapped {
    let mut mapped = Mapped::default();
    let lineage = &mut mapped.lineage;
    lineage.model.weights_digest = found.weights;
    lineage.model.framework = found.model.framework.clone().filter(|text| fits(text, MAX_TEXT));
    lineage.data.schema_digest = found.model.schema_digest;
    if !version.run_id.is_empty() {
        lineage.training.system = Some("mlflow".into());
        lineage.training.id = Some(version.run_id.clone()).filter(|id| fits(id, MAX_TEXT));
    }
    mapped.features(&found.model.features);
    if let Some(run) = &found.run {
        mapped.code(&run.data.tags);
        mapped.dataset(&run.inputs.dataset_inputs);
        mapped.metrics(&run.data.metrics);
    }
    let run_params = found.run.iter().flat_map(|run| &run.data.params);
    let mut params: BTreeMap<&str, &str> = run_params.map(|pair| (&*pair.key, &*pair.value)).collect();
    if params.is_empty() {
        params =
            found.logged.iter().flat_map(|logged| &logged.data.params).map(|pair| (&*pair.key, &*pair.value)).collect();
    }
    mapped.hyperparameters(&params);
    let run_tags = found.run.as_ref().map_or(&[][..], |run| &run.data.tags);
    let logged_tags = found.logged.as_ref().map_or(&[][..], |logged| &logged.info.tags);
    // Autologging names the estimator's class.
    if let Some(estimator) = tag(run_tags, "estimator_name").filter(|text| fits(text, MAX_TEXT)) {
        mapped.lineage.model.architecture = Some(estimator.to_owned());
    }
    for tags in [run_tags, logged_tags, &version.tags] {
        mapped.stated(tags);
    }
    mapped
}

/// An address without user and password.
fn without_credentials(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let host_end = rest.find('/').unwrap_or(rest.len());
    match rest[..host_end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => address.to_owned(),
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A parameter as the type that its text spells; text if it spells none exactly.
fn scalar(text: &str) -> Scalar {
    match text {
        "True" | "true" => return Scalar::Bool(true),
        "False" | "false" => return Scalar::Bool(false),
        _ => {}
    }
    if let Ok(number) = text.parse::<i64>() {
        // `007` and `+7` are not numbers to whoever wrote them.
        return if number.to_string() == text && number.unsigned_abs() <= MAX_WHOLE {
            Scalar::Int(number)
        } else {
            Scalar::Text(text.to_owned())
        };
    }
    let decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    match text.parse::<f64>() {
        // A whole number above 2^53 would change on its way through JSON.
        Ok(number) if decimal && number.is_finite() && (number.fract() != 0.0 || number.abs() <= 9e15) => {
            Scalar::Float(number)
        }
        _ => Scalar::Text(text.to_owned()),
    }
}

impl Mapped {
    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    fn features(&mut self, names: &BTreeSet<String>) {
        if names.len() > MAX_NAMED || names.iter().any(|name| !fits(name, MAX_NAME)) {
            self.note(format!("the {} input columns cannot be kept as feature names", names.len()));
        } else {
            self.lineage.features.names.clone_from(names);
        }
    }

    fn code(&mut self, tags: &[Pair]) {
        match tag(tags, "mlflow.source.git.commit") {
            Some(commit) if is_commit(commit) => self.lineage.code.git_commit = Some(commit.to_owned()),
            Some(_) => self.note("mlflow.source.git.commit is not a full commit"),
            None => {}
        }
        // The source of an MLflow project is a repository; any other is a file on somebody's disk.
        let project = tag(tags, "mlflow.source.name").filter(|name| {
            tag(tags, "mlflow.source.type") == Some("PROJECT") && (name.contains("://") || name.starts_with("git@"))
        });
        let repository = tag(tags, "mlflow.source.git.repoURL").or(project).map(without_credentials);
        self.lineage.code.repository = repository.filter(|text| fits(text, MAX_TEXT));
    }

    fn dataset(&mut self, inputs: &[DatasetInput]) {
        let context = |input: &DatasetInput| tag(&input.tags, "mlflow.data.context").map(str::to_lowercase);
        let mut training: Vec<_> =
            inputs.iter().filter(|input| matches!(context(input).as_deref(), Some("train" | "training"))).collect();
        if training.is_empty() {
            training = inputs.iter().filter(|input| context(input).is_none()).collect();
        }
        match training.as_slice() {
            [only] => {
                let text = |text: &str| Some(text.to_owned()).filter(|text| fits(text, MAX_TEXT));
                self.lineage.data.dataset = text(&only.dataset.name);
                // MLflow's digest is short and of its own making: it tells versions apart, and is no SHA-256.
                self.lineage.data.version = text(&only.dataset.digest);
            }
            [] => {}
            many => {
                let names: Vec<String> = many.iter().map(|input| line(&input.dataset.name, 50)).collect();
                self.note(format!(
                    "the run read several datasets for training, so none is taken: {}",
                    names.join(", ")
                ));
            }
        }
    }

    fn metrics(&mut self, metrics: &[Metric]) {
        for Metric { key, value } in metrics {
            match value.as_f64() {
                _ if !fits(key, MAX_NAME) => self.note(format!("metric {} has an unfit name", line(key, 50))),
                Some(value) if value.is_finite() => {
                    self.lineage.metrics.insert(key.clone(), value);
                }
                _ => self.note(format!("metric {} is not a finite number ({value})", line(key, 50))),
            }
        }
        if self.lineage.metrics.len() > MAX_NAMED {
            self.note(format!("{} metrics cannot be kept, {MAX_NAMED} can", self.lineage.metrics.len()));
            self.lineage.metrics.clear();
        }
    }

    fn hyperparameters(&mut self, params: &BTreeMap<&str, &str>) {
        for (&name, &value) in params {
            if !fits(name, MAX_NAME) || (!value.is_empty() && !fits(value, MAX_VALUE)) {
                self.note(format!("parameter {} is too long to be kept, or holds control characters", line(name, 50)));
            } else {
                self.lineage.hyperparameters.insert(name.to_owned(), scalar(value));
            }
        }
        if self.lineage.hyperparameters.len() > MAX_NAMED {
            self.note(format!("{} parameters cannot be kept, {MAX_NAMED} can", self.lineage.hyperparameters.len()));
            self.lineage.hyperparameters.clear();
        }
        let seeds: BTreeSet<i64> = SEEDS
            .iter()
            .filter_map(|name| match params.get(name).map(|value| scalar(value)) {
                Some(Scalar::Int(seed)) => Some(seed),
                _ => None,
            })
            .collect();
        match seeds.iter().collect::<Vec<_>>().as_slice() {
            [seed] => self.lineage.training.random_seed = Some(**seed),
            [] => {}
            _ => self.note("the parameters name several random seeds, so none is taken"),
        }
    }

    /// Takes over what tags state for Countersign.
    fn stated(&mut self, tags: &[Pair]) {
        for Pair { key, value } in tags {
            let Some(path) = key.strip_prefix("countersign.") else { continue };
            let value = value.trim();
            let digest = value.parse::<Digest>();
            let fault = match path {
                "code.git_commit" if is_commit(value) => put(&mut self.lineage.code.git_commit, value.to_owned()),
                "code.git_commit" => Some("is not a full commit".to_owned()),
                "training.random_seed" => match scalar(value) {
                    Scalar::Int(seed) => put(&mut self.lineage.training.random_seed, seed),
                    _ => Some("is not a whole number".to_owned()),
                },
                "code.image_digest" | "data.digest" | "data.schema_digest" => match digest {
                    Ok(digest) => put(
                        match path {
                            "code.image_digest" => &mut self.lineage.code.image_digest,
                            "data.digest" => &mut self.lineage.data.digest,
                            _ => &mut self.lineage.data.schema_digest,
                        },
                        digest,
                    ),
                    Err(error) => Some(format!("is no digest: {error}")),
                },
                _ if !fits(value, MAX_TEXT) => Some("is empty, too long or holds control characters".to_owned()),
                "code.repository" => put(&mut self.lineage.code.repository, without_credentials(value)),
                "data.dataset" => put(&mut self.lineage.data.dataset, value.to_owned()),
                "data.version" => put(&mut self.lineage.data.version, value.to_owned()),
                "model.architecture" => put(&mut self.lineage.model.architecture, value.to_owned()),
                "model.framework" => put(&mut self.lineage.model.framework, value.to_owned()),
                "features.set_version" => put(&mut self.lineage.features.set_version, value.to_owned()),
                _ => Some("names no field that a tag can state".to_owned()),
            };
            if let Some(fault) = fault {
                self.note(format!("tag {} {fault}", line(key, 80)));
            }
        }
    }
}

fn put<T>(field: &mut Option<T>, value: T) -> Option<String> {
    *field = Some(value);
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::import::mlflow::rest::Run;

    fn mapped(run: serde_json::Value) -> Mapped {
        let run: Run = serde_json::from_value(run).unwrap();
        let version =
            ModelVersion { name: "credit".into(), version: "1".into(), run_id: "r1".into(), ..ModelVersion::default() };
        map(&version, &Found { run: Some(run), ..Found::default() })
    }

    #[test]
    fn parameters_get_the_type_that_they_spell() {
        assert_eq!(scalar("True"), Scalar::Bool(true));
        assert_eq!(scalar("-6"), Scalar::Int(-6));
        assert_eq!(scalar("0.1"), Scalar::Float(0.1));
        assert_eq!(scalar("1e-05"), Scalar::Float(1e-5));
        for text in ["007", "+7", "nan", "inf", "None", "", "9007199254740993", "1e300", "lbfgs"] {
            assert_eq!(scalar(text), Scalar::Text(text.into()), "{text}");
        }
    }

    #[test]
    fn nobody_and_no_secret_is_copied() {
        let mapped = mapped(json!({ "data": { "tags": [
            { "key": "mlflow.user", "value": "ana.lopez" },
            { "key": "mlflow.source.name", "value": "/home/ana.lopez/train.py" },
            { "key": "mlflow.source.git.repoURL", "value": "https://ana.lopez:hunter2@git.bank.example/credit.git" },
        ] } }));
        let text = serde_json::to_string(&mapped.lineage).unwrap();
        assert!(!text.contains("lopez") && !text.contains("hunter2"), "{text}");
        assert_eq!(mapped.lineage.code.repository.as_deref(), Some("https://git.bank.example/credit.git"));
    }

    #[test]
    fn what_is_ambiguous_stays_missing_with_a_note() {
        let mapped = mapped(json!({
            "data": {
                "params": [{ "key": "seed", "value": "1" }, { "key": "random_state", "value": "2" }],
                "metrics": [{ "key": "loss", "value": "NaN" }, { "key": "auc", "value": 0.8 }],
                "tags": [{ "key": "mlflow.source.git.commit", "value": "abc" }, { "key": "countersign.code.image_digest", "value": "sha256:1" }],
            },
            "inputs": { "dataset_inputs": [
                { "tags": [{ "key": "mlflow.data.context", "value": "training" }], "dataset": { "name": "a", "digest": "1" } },
                { "tags": [{ "key": "mlflow.data.context", "value": "training" }], "dataset": { "name": "b", "digest": "2" } },
            ] },
        }));
        let lineage = &mapped.lineage;
        assert_eq!((lineage.training.random_seed, lineage.hyperparameters.len()), (None, 2));
        assert_eq!(lineage.metrics.keys().collect::<Vec<_>>(), ["auc"]);
        assert_eq!((&lineage.data.dataset, &lineage.code.git_commit, lineage.code.image_digest), (&None, &None, None));
        assert_eq!(mapped.notes.len(), 5, "{:?}", mapped.notes);
        lineage.check(None).unwrap();
    }

    #[test]
    fn tags_state_what_mlflow_has_no_field_for() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let mapped = mapped(json!({ "data": { "tags": [
            { "key": "countersign.code.image_digest", "value": digest },
            { "key": "countersign.features.set_version", "value": "7" },
            { "key": "countersign.training.random_seed", "value": "42" },
            { "key": "countersign.model.weights_digest", "value": digest },
        ] } }));
        assert_eq!(mapped.lineage.code.image_digest, Some(digest.parse().unwrap()));
        assert_eq!(mapped.lineage.features.set_version.as_deref(), Some("7"));
        assert_eq!(mapped.lineage.training.random_seed, Some(42));
        assert_eq!(mapped.lineage.model.weights_digest, None, "bytes speak for weights, not tags");
        assert_eq!(mapped.notes.len(), 1);
    }

    #[test]
    fn oversized_values_are_left_out_and_the_rest_is_accepted() {
        let params: Vec<_> =
            (0..3).map(|i| json!({ "key": format!("p{i}"), "value": "x".repeat(i * 1_500) })).collect();
        let mapped = mapped(json!({ "data": { "params": params } }));
        assert_eq!(mapped.lineage.hyperparameters.len(), 2);
        mapped.lineage.check(None).unwrap();
        assert_eq!(line("a\u{1b}[31mb\nc", 5), "a [3…");
    }
}
