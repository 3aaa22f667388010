//! The files of a model: where they lie, what `MLmodel` says, and the digest of the weights.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Digest, canonical_json};
use serde::Deserialize;
use serde_json::Value;

use super::rest::{LoggedModel, Mlflow, MlflowError, ModelVersion, Run, encode};

/// Largest `MLmodel` that is read.
const MAX_MLMODEL: u64 = 4 << 20;

/// Everything that MLflow holds of a version.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The run that it came from.
    pub run: Option<Run>,
    /// The logged model of MLflow 3.
    pub logged: Option<LoggedModel>,
    /// What `MLmodel` says.
    pub model: ModelFile,
    /// Digest of the weights.
    pub weights: Option<Digest>,
    /// What could not be had, and why.
    pub notes: Vec<String>,
}

/// What `MLmodel` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ModelFile {
    /// Such as `scikit-learn 1.7.2`.
    pub framework: Option<String>,
    /// Where the weights lie beside it.
    pub weights: Option<String>,
    /// Digest of the canonical JSON of the signature.
    pub schema_digest: Option<Digest>,
    /// Names of the input columns.
    pub features: BTreeSet<String>,
}

#[derive(Deserialize)]
struct RawModel {
    #[serde(default)]
    flavors: BTreeMap<String, BTreeMap<String, Value>>,
    #[serde(default)]
    signature: Option<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    #[serde(default)]
    inputs: Option<String>,
    #[serde(default)]
    outputs: Option<String>,
    #[serde(default)]
    params: Option<String>,
}

/// Flavours whose framework has another name.
const FRAMEWORKS: [(&str, &str); 4] =
    [("sklearn", "scikit-learn"), ("pytorch", "PyTorch"), ("tensorflow", "TensorFlow"), ("spark", "Apache Spark")];
/// Keys that hold the path of the weights, in the order in which they count.
const WEIGHTS: [&str; 5] = ["pickled_model", "model_data", "data", "model_path", "model_binary"];

/// Reads `MLmodel`.
pub(super) fn read_mlmodel(bytes: &[u8]) -> Result<ModelFile, String> {
    let raw: RawModel = serde_norway::from_slice(bytes).map_err(|error| error.to_string())?;
    // `python_function` only wraps the flavour that made the model.
    let native: Vec<_> = raw.flavors.iter().filter(|(name, _)| *name != "python_function").collect();
    let mut model = ModelFile::default();
    if let [(name, fields)] = native.as_slice() {
        model.framework = framework(name, fields);
    }
    let text = |fields: &BTreeMap<String, Value>| {
        WEIGHTS.iter().find_map(|key| fields.get(*key).and_then(Value::as_str).map(str::to_owned))
    };
    model.weights = match native.as_slice() {
        [(_, fields)] => text(fields),
        _ => None,
    }
    .or_else(|| raw.flavors.get("python_function").and_then(text))
    .filter(|path| is_plain(path));
    if let Some(signature) = &raw.signature {
        read_signature(signature, &mut model)?;
    }
    Ok(model)
}

fn framework(flavour: &str, fields: &BTreeMap<String, Value>) -> Option<String> {
    let versions: Vec<&str> = match fields.get(&format!("{flavour}_version")) {
        Some(version) => version.as_str().into_iter().collect(),
        None => fields
            .iter()
            .filter(|(key, _)| key.ends_with("_version"))
            .filter_map(|(_, version)| version.as_str())
            .collect(),
    };
    let [version] = versions.as_slice() else { return None };
    let name = FRAMEWORKS.iter().find(|(known, _)| *known == flavour).map_or(flavour, |(_, name)| name);
    Some(format!("{name} {version}"))
}

fn read_signature(signature: &Signature, model: &mut ModelFile) -> Result<(), String> {
    let mut parts = BTreeMap::new();
    for (name, text) in [("inputs", &signature.inputs), ("outputs", &signature.outputs), ("params", &signature.params)]
    {
        let Some(text) = text else { continue };
        let value: Value = serde_json::from_str(text).map_err(|error| format!("signature.{name}: {error}"))?;
        parts.insert(name, value);
    }
    if parts.is_empty() {
        return Ok(());
    }
    if let Some(Value::Array(columns)) = parts.get("inputs") {
        let names = columns.iter().map(|column| column.get("name").and_then(Value::as_str).map(str::to_owned));
        // Tensors have no names, and half a list of features would be a wrong one.
        model.features = names.collect::<Option<BTreeSet<_>>>().unwrap_or_default();
    }
    let canonical = canonical_json(&parts).map_err(|error| format!("signature: {error}"))?;
    model.schema_digest = Some(Digest::of(&canonical));
    Ok(())
}

/// A path that stays below its folder.
fn is_plain(path: &str) -> bool {
    !path.is_empty()
        && !path.contains("://")
        && !path.contains(['\\', '\0'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Where files can be read.
enum Place {
    /// Below this folder of the artifact store that MLflow serves.
    Proxied(String),
    /// By way of the registry, for stores that MLflow itself can read.
    Registry,
}

impl Place {
    /// Server path and query of a file here.
    fn address<'q>(&self, version: &'q ModelVersion, file: &'q str) -> (String, Vec<(&'q str, &'q str)>) {
        match self {
            Self::Proxied(folder) => {
                let segments: Vec<String> = folder.split('/').chain(file.split('/')).map(encode).collect();
                (format!("/api/2.0/mlflow-artifacts/artifacts/{}", segments.join("/")), Vec::new())
            }
            Self::Registry => (
                "/model-versions/get-artifact".to_owned(),
                vec![("name", &version.name), ("version", &version.version), ("path", file)],
            ),
        }
    }
}

/// The folder behind a `mlflow-artifacts:` address.
fn proxied(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("mlflow-artifacts:")?;
    let path = match rest.strip_prefix("//") {
        Some(with_host) => with_host.split_once('/')?.1,
        None => rest,
    };
    let path = path.trim_matches('/');
    is_plain(path).then(|| path.to_owned())
}

/// Reads everything of a version that can be reached.
pub(super) fn find(mlflow: &Mlflow, version: &ModelVersion) -> Result<Found, MlflowError> {
    let mut found = Found::default();
    if !version.run_id.is_empty() {
        found.run = mlflow.run(&version.run_id)?;
        if found.run.is_none() {
            found.notes.push("its run is no longer in MLflow".into());
        }
    }
    let places = places(mlflow, version, &mut found)?;
    for place in places {
        let (path, query) = place.address(version, "MLmodel");
        let bytes = match mlflow.small_file(&path, &query, MAX_MLMODEL) {
            Ok(bytes) => bytes,
            Err(error) if error.is_status() => continue,
            Err(error) => return Err(error),
        };
        match read_mlmodel(&bytes) {
            Ok(model) => found.model = model,
            Err(reason) => {
                found.notes.push(format!("MLmodel cannot be understood: {reason}"));
                return Ok(found);
            }
        }
        read_weights(mlflow, version, &place, &mut found)?;
        return Ok(found);
    }
    found.notes.push(format!("the files at {} cannot be reached through MLflow", super::line(&version.source, 200)));
    Ok(found)
}

/// Where the files of a version may lie, best first.
fn places(mlflow: &Mlflow, version: &ModelVersion, found: &mut Found) -> Result<Vec<Place>, MlflowError> {
    let mut uris = Vec::new();
    if let Some(id) = version.source.strip_prefix("models:/").filter(|id| id.starts_with("m-") && !id.contains('/')) {
        found.logged = mlflow.logged_model(id)?;
        uris.extend(found.logged.iter().map(|logged| logged.info.artifact_uri.clone()));
    } else if let Some((_, path)) = version.source.strip_prefix("runs:/").and_then(|rest| rest.split_once('/')) {
        if let Some(run) = &found.run {
            uris.push(format!("{}/{path}", run.info.artifact_uri));
            // MLflow 3 keeps what a run logs as a model apart from the run's own files.
            let mut named = Vec::new();
            for output in &run.outputs.model_outputs {
                named.extend(mlflow.logged_model(&output.model_id)?.filter(|logged| logged.info.name == path));
            }
            if let [only] = named.as_slice() {
                uris.push(only.info.artifact_uri.clone());
                found.logged = Some(only.clone());
            }
        }
    } else {
        uris.push(version.source.clone());
    }
    let places = uris.iter().filter_map(|uri| proxied(uri)).map(Place::Proxied);
    Ok(places.chain([Place::Registry]).collect())
}

fn read_weights(mlflow: &Mlflow, version: &ModelVersion, place: &Place, found: &mut Found) -> Result<(), MlflowError> {
    let Some(weights) = found.model.weights.clone() else {
        found.notes.push("MLmodel does not say which file holds the weights".into());
        return Ok(());
    };
    let mut expected = None;
    if let Place::Proxied(folder) = place {
        let (below, name) = weights.rsplit_once('/').map_or(("", &*weights), |(below, name)| (below, name));
        let folder = if below.is_empty() { folder.clone() } else { format!("{folder}/{below}") };
        let listed = mlflow.files(&folder).unwrap_or_default();
        let entry = listed.iter().find(|file| file.path.rsplit('/').next() == Some(name));
        if entry.is_some_and(|file| file.is_dir) {
            found.notes.push(format!("the weights are the folder {weights}; no one digest stands for its files"));
            return Ok(());
        }
        expected = entry.and_then(|file| file.file_size);
    }
    let (path, query) = place.address(version, &weights);
    match mlflow.digest(&path, &query) {
        Ok((_, size)) if expected.is_some_and(|expected| expected != size) => {
            found.notes.push(format!("{weights} came with {size} bytes instead of {}", expected.unwrap_or_default()));
        }
        Ok((digest, _)) => found.weights = Some(digest),
        Err(error @ (MlflowError::Status { .. } | MlflowError::Strange { .. })) => {
            found.notes.push(format!("the weights cannot be read: {error}"));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MLMODEL: &[u8] = br#"
flavors:
  python_function: { loader_module: mlflow.sklearn, model_path: model.pkl, python_version: 3.11.7 }
  sklearn: { code: null, pickled_model: model.pkl, serialization_format: cloudpickle, sklearn_version: 1.7.2 }
signature:
  inputs: '[{"type": "double", "name": "income", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: null
"#;

    #[test]
    fn mlmodel_names_framework_weights_and_signature() {
        let model = read_mlmodel(MLMODEL).unwrap();
        assert_eq!(model.framework.as_deref(), Some("scikit-learn 1.7.2"));
        assert_eq!(model.weights.as_deref(), Some("model.pkl"));
        assert_eq!(model.features, BTreeSet::from(["income".to_owned()]));
        let canonical = r#"{"inputs":[{"name":"income","required":true,"type":"double"}],"outputs":[{"tensor-spec":{"dtype":"int64","shape":[-1]},"type":"tensor"}]}"#;
        assert_eq!(model.schema_digest, Some(Digest::of(canonical.as_bytes())));
    }

    #[test]
    fn what_is_ambiguous_or_leads_outside_stays_missing() {
        let two = b"flavors: { onnx: { onnx_version: '1.17' }, xgboost: { xgb_version: 3.0.2, data: model.ubj } }";
        assert_eq!(read_mlmodel(two).unwrap(), ModelFile::default());
        let outside = b"flavors: { sklearn: { pickled_model: ../../secret } }";
        assert_eq!(read_mlmodel(outside).unwrap(), ModelFile::default());
        let versionless = b"flavors: { sklearn: { pickled_model: model.pkl } }";
        assert_eq!(read_mlmodel(versionless).unwrap().framework, None);
        assert!(read_mlmodel(b"flavors: [").is_err());
        assert!(read_mlmodel(b"signature: { inputs: '[' }").is_err());
        let tensors = br#"signature: { inputs: '[{"type": "tensor"}]' }"#;
        assert!(read_mlmodel(tensors).unwrap().features.is_empty());
    }

    #[test]
    fn only_addresses_that_mlflow_serves_are_proxied() {
        assert_eq!(proxied("mlflow-artifacts:/1/models/m-1/artifacts").as_deref(), Some("1/models/m-1/artifacts"));
        assert_eq!(proxied("mlflow-artifacts://mlflow:5000/1/run").as_deref(), Some("1/run"));
        assert_eq!(proxied("s3://bucket/1"), None);
        assert_eq!(proxied("mlflow-artifacts:/../etc"), None);
    }
}
