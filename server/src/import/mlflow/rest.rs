//! MLflow's REST API, version 2.0: the calls that an import needs, with errors that say what answered.

use std::{io::Read, thread, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ledger::{Digest, DigestBuilder};
use serde::{Deserialize, de::DeserializeOwned};
use ureq::{
    Agent, Body,
    http::{Response, StatusCode, header},
};

use crate::cli::client::api::{excerpt, plain};

/// Pauses before the second and third attempt, in milliseconds.
const PAUSES_MS: [u64; 2] = [300, 1_000];
/// Largest JSON answer that is read.
const MAX_ANSWER: u64 = 64 << 20;
/// Pages of one search at most, so that a broken server cannot keep an import for ever.
const MAX_PAGES: usize = 10_000;

/// Why MLflow could not be read.
#[derive(Debug, thiserror::Error)]
pub enum MlflowError {
    /// The address is none.
    #[error("{0}")]
    Address(String),
    /// Nothing answers.
    #[error("MLflow at {base} cannot be reached: {reason}")]
    Unreachable {
        /// The server.
        base: String,
        /// Why.
        reason: String,
    },
    /// MLflow refuses or fails.
    #[error("MLflow at {base} answered {status} to {path}: {message}")]
    Status {
        /// The server.
        base: String,
        /// What was asked.
        path: String,
        /// HTTP status.
        status: u16,
        /// What it says.
        message: String,
    },
    /// The answer is not MLflow's.
    #[error("{base} does not answer like MLflow: {path} gave {reason}. Is this the address of the tracking server?")]
    Strange {
        /// The server.
        base: String,
        /// What was asked.
        path: String,
        /// What came.
        reason: String,
    },
}

impl MlflowError {
    /// Whether the server answered, and said no.
    pub fn is_status(&self) -> bool {
        matches!(self, Self::Status { .. })
    }

    fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. })
    }
}

/// A model of the registry.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RegisteredModel {
    pub name: String,
    #[serde(default)]
    pub description: String,
}

/// A version of a model. Who made it (`user_id`) is personal and not read.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ModelVersion {
    pub name: String,
    pub version: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub source: String,
    #[serde(default)]
    pub run_id: String,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub tags: Vec<Pair>,
}

/// A parameter or tag.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pair {
    pub key: String,
    #[serde(default)]
    pub value: String,
}

/// The last value of a metric: a number, or `"NaN"` and the like.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metric {
    pub key: String,
    #[serde(default)]
    pub value: serde_json::Value,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct RunInfo {
    #[serde(default)]
    pub artifact_uri: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct RunData {
    #[serde(default)]
    pub params: Vec<Pair>,
    #[serde(default)]
    pub metrics: Vec<Metric>,
    #[serde(default)]
    pub tags: Vec<Pair>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Dataset {
    pub name: String,
    #[serde(default)]
    pub digest: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct DatasetInput {
    #[serde(default)]
    pub tags: Vec<Pair>,
    pub dataset: Dataset,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct RunInputs {
    #[serde(default)]
    pub dataset_inputs: Vec<DatasetInput>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ModelOutput {
    pub model_id: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct RunOutputs {
    #[serde(default)]
    pub model_outputs: Vec<ModelOutput>,
}

/// A training run.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Run {
    #[serde(default)]
    pub info: RunInfo,
    #[serde(default)]
    pub data: RunData,
    #[serde(default)]
    pub inputs: RunInputs,
    #[serde(default)]
    pub outputs: RunOutputs,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct LoggedModelInfo {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub artifact_uri: String,
    #[serde(default)]
    pub tags: Vec<Pair>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct LoggedModelData {
    #[serde(default)]
    pub params: Vec<Pair>,
}

/// A model as MLflow 3 logs it, apart from runs. Its metrics are not read: MLflow 3.17 shows NaN there as 0.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct LoggedModel {
    #[serde(default)]
    pub info: LoggedModelInfo,
    #[serde(default)]
    pub data: LoggedModelData,
}

/// A file or folder in the artifact store.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ArtifactFile {
    pub path: String,
    #[serde(default)]
    pub is_dir: bool,
    #[serde(default)]
    pub file_size: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelsAnswer {
    #[serde(default)]
    registered_models: Vec<RegisteredModel>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionsAnswer {
    #[serde(default)]
    model_versions: Vec<ModelVersion>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
struct ModelAnswer {
    registered_model: RegisteredModel,
}

#[derive(Deserialize)]
struct RunAnswer {
    run: Run,
}

#[derive(Deserialize)]
struct LoggedModelAnswer {
    model: LoggedModel,
}

#[derive(Deserialize)]
struct FilesAnswer {
    #[serde(default)]
    files: Vec<ArtifactFile>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    error_code: String,
    message: String,
}

/// An MLflow tracking server.
#[derive(Debug)]
pub struct Mlflow {
    agent: Agent,
    base: String,
    authorization: Option<String>,
}

/// A path segment or query value in which nothing has a meaning of its own.
pub(super) fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

impl Mlflow {
    /// Prepares the connection; nothing is sent yet. Credentials are those that MLflow's own client uses:
    /// `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, or those in the address.
    ///
    /// # Errors
    /// The address is none.
    pub fn new(url: &str) -> Result<Self, MlflowError> {
        let url = url.trim_end_matches('/');
        let address = || MlflowError::Address("the address of MLflow must begin with http:// or https://".into());
        let (scheme, rest) = url.split_once("://").ok_or_else(address)?;
        if !matches!(scheme, "http" | "https") || rest.is_empty() {
            return Err(address());
        }
        let host_end = rest.find('/').unwrap_or(rest.len());
        let (user, host) = match rest[..host_end].rfind('@') {
            Some(at) => (Some(rest[..at].to_owned()), &rest[at + 1..]),
            None => (None, rest),
        };
        let base = format!("{scheme}://{host}");
        let parsed: Result<ureq::http::Uri, _> = base.parse();
        if let Err(error) = parsed {
            return Err(MlflowError::Address(format!("{base} is no address: {error}")));
        }
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let basic = |pair: String| format!("Basic {}", BASE64_STANDARD.encode(pair));
        let authorization = variable("MLFLOW_TRACKING_TOKEN").map(|token| format!("Bearer {token}")).or_else(|| {
            let user = variable("MLFLOW_TRACKING_USERNAME")
                .map(|user| format!("{user}:{}", variable("MLFLOW_TRACKING_PASSWORD").unwrap_or_default()))
                .or(user);
            user.map(basic)
        });
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // Digests are of the bytes as stored.
            .accept_encoding("identity")
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_mins(1)))
            .timeout_per_read(Some(Duration::from_mins(1)))
            .build()
            .new_agent();
        Ok(Self { agent, base, authorization })
    }

    /// The address, without credentials and without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    fn send(&self, path: &str, query: &[(&str, &str)]) -> Result<Response<Body>, MlflowError> {
        let url = format!("{}{path}", self.base);
        let mut pauses = PAUSES_MS.iter();
        loop {
            let mut request = self.agent.get(&url);
            if let Some(authorization) = &self.authorization {
                request = request.header(header::AUTHORIZATION, authorization);
            }
            for (name, value) in query {
                request = request.query(*name, *value);
            }
            let outcome = request.call();
            let passing = match &outcome {
                Ok(response) => matches!(response.status().as_u16(), 502..=504),
                Err(error) => matches!(error, ureq::Error::Io(_) | ureq::Error::ConnectionFailed),
            };
            match pauses.next() {
                Some(pause) if passing => thread::sleep(Duration::from_millis(*pause)),
                _ => return self.checked(path, outcome),
            }
        }
    }

    fn checked(&self, path: &str, outcome: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, MlflowError> {
        let mut response = outcome.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        let redirect =
            response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = response.body_mut().with_config().limit(1 << 20).read_to_vec().unwrap_or_default();
        let message = match (serde_json::from_slice::<Fault>(&body), redirect) {
            (Ok(fault), _) => excerpt(format!("{} {}", fault.error_code, fault.message).as_bytes()),
            (_, Some(to)) => format!("it sends on to {to}; name that address"),
            _ if status == StatusCode::UNAUTHORIZED => {
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN".into()
            }
            _ => excerpt(&body),
        };
        Err(MlflowError::Status { base: self.base.clone(), path: path.to_owned(), status: status.as_u16(), message })
    }

    fn unreachable(&self, error: &ureq::Error) -> MlflowError {
        MlflowError::Unreachable { base: self.base.clone(), reason: plain(error) }
    }

    fn strange(&self, path: &str, reason: String) -> MlflowError {
        MlflowError::Strange { base: self.base.clone(), path: path.to_owned(), reason }
    }

    fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, MlflowError> {
        let mut response = self.send(path, query)?;
        let body = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
        let body = body.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&body).map_err(|error| self.strange(path, format!("{} ({error})", excerpt(&body))))
    }

    /// The server's release; `None` where it does not tell.
    ///
    /// # Errors
    /// It cannot be reached, or is something else.
    pub fn release(&self) -> Result<Option<String>, MlflowError> {
        let path = "/version";
        let mut response = match self.send(path, &[]) {
            Ok(response) => response,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let body = response.body_mut().with_config().limit(1 << 20).read_to_vec();
        let body = body.map_err(|error| self.unreachable(&error))?;
        let text = String::from_utf8_lossy(&body).trim().to_owned();
        let looks_right = text.starts_with(|c: char| c.is_ascii_digit()) && text.len() <= 40 && text.contains('.');
        if looks_right { Ok(Some(text)) } else { Err(self.strange(path, excerpt(&body))) }
    }

    /// Every registered model.
    pub(super) fn models(&self) -> Result<Vec<RegisteredModel>, MlflowError> {
        self.pages("/api/2.0/mlflow/registered-models/search", &[("max_results", "200")], |answer: ModelsAnswer| {
            (answer.registered_models, answer.next_page_token)
        })
    }

    /// One registered model.
    pub(super) fn model(&self, name: &str) -> Result<RegisteredModel, MlflowError> {
        let answer: ModelAnswer = self.get("/api/2.0/mlflow/registered-models/get", &[("name", name)])?;
        Ok(answer.registered_model)
    }

    /// Every version of a model, in MLflow's order.
    pub(super) fn versions(&self, name: &str) -> Result<Vec<ModelVersion>, MlflowError> {
        // MLflow's filters have no escapes; a name holds at most one kind of quotes that way.
        let quote = if name.contains('\'') { '"' } else { '\'' };
        let filter = format!("name={quote}{name}{quote}");
        let query = [("filter", &*filter), ("max_results", "200")];
        let found = self.pages("/api/2.0/mlflow/model-versions/search", &query, |answer: VersionsAnswer| {
            (answer.model_versions, answer.next_page_token)
        })?;
        // A server that ignores the filter must not lend one model the versions of another.
        Ok(found.into_iter().filter(|version| version.name == name).collect())
    }

    fn pages<A: DeserializeOwned, T>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        open: impl Fn(A) -> (Vec<T>, String),
    ) -> Result<Vec<T>, MlflowError> {
        let (mut all, mut token) = (Vec::new(), String::new());
        for _ in 0..MAX_PAGES {
            let mut query = query.to_vec();
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let (page, next) = open(self.get(path, &query)?);
            all.extend(page);
            if next.is_empty() {
                return Ok(all);
            }
            if next == token {
                break;
            }
            token = next;
        }
        Err(self.strange(path, "pages without end".into()))
    }

    /// A run; `None` if it was deleted.
    pub(super) fn run(&self, id: &str) -> Result<Option<Run>, MlflowError> {
        let answer = self.get::<RunAnswer>("/api/2.0/mlflow/runs/get", &[("run_id", id)]);
        maybe(answer.map(|answer| answer.run))
    }

    /// A logged model; `None` if it was deleted or the server is older than MLflow 3.
    pub(super) fn logged_model(&self, id: &str) -> Result<Option<LoggedModel>, MlflowError> {
        let answer = self.get::<LoggedModelAnswer>(&format!("/api/2.0/mlflow/logged-models/{}", encode(id)), &[]);
        maybe(answer.map(|answer| answer.model))
    }

    /// What lies in a folder of the proxied artifact store.
    pub(super) fn files(&self, folder: &str) -> Result<Vec<ArtifactFile>, MlflowError> {
        let answer: FilesAnswer = self.get("/api/2.0/mlflow-artifacts/artifacts", &[("path", folder)])?;
        Ok(answer.files)
    }

    /// A small file from `path` of the server.
    pub(super) fn small_file(&self, path: &str, query: &[(&str, &str)], limit: u64) -> Result<Vec<u8>, MlflowError> {
        let mut response = self.send(path, query)?;
        response.body_mut().with_config().limit(limit).read_to_vec().map_err(|error| self.unreachable(&error))
    }

    /// Digest and size of a file from `path` of the server, read as a stream.
    pub(super) fn digest(&self, path: &str, query: &[(&str, &str)]) -> Result<(Digest, u64), MlflowError> {
        let response = self.send(path, query)?;
        if let Some(encoding) = response.headers().get(header::CONTENT_ENCODING) {
            return Err(self.strange(path, format!("the file encoded as {encoding:?}, so its own bytes are not known")));
        }
        let mut reader = response.into_body().into_with_config().limit(u64::MAX).reader();
        let (mut digest, mut size) = (DigestBuilder::new(), 0);
        let mut chunk = vec![0; 1 << 16];
        loop {
            let read = reader.read(&mut chunk).map_err(|error| self.unreachable(&ureq::Error::Io(error)))?;
            if read == 0 {
                return Ok((digest.finish(), size));
            }
            digest.update(&chunk[..read]);
            size += read as u64;
        }
    }
}

fn maybe<T>(outcome: Result<T, MlflowError>) -> Result<Option<T>, MlflowError> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_address() {
        let mlflow = Mlflow::new("https://ana:p@ss@mlflow.bank.example:5000/tracking/").unwrap();
        assert_eq!(mlflow.base(), "https://mlflow.bank.example:5000/tracking");
        assert!(mlflow.authorization.is_some());
        for wrong in ["mlflow.bank.example", "ftp://mlflow", "http://", "http://a b"] {
            assert!(Mlflow::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_encoded_for_addresses() {
        assert_eq!(encode("card fraud/é?"), "card%20fraud%2F%C3%A9%3F");
    }

    #[test]
    fn an_object_of_somebody_else_is_not_an_empty_registry() {
        assert!(serde_json::from_str::<ModelsAnswer>("{}").is_ok());
        assert!(serde_json::from_str::<ModelsAnswer>("{\"status\": \"ok\"}").is_err());
    }
}
