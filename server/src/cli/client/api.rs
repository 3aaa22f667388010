//! The client of Countersign's own API, for the commands and the importers: one token, problems read back with what
//! is missing, writes repeated under one idempotency key until they are answered.

use std::{fmt, path::PathBuf, thread, time::Duration};

use clap::Args;
use domain::refusal::Missing;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use ureq::{
    Agent, Body,
    http::{Response, StatusCode, header},
};

use super::upload::upload_agent;
use crate::cli::CliError;

/// Pauses before the second and later attempts, in milliseconds.
const PAUSES_MS: [u64; 5] = [250, 500, 1_000, 2_000, 4_000];
/// Largest JSON answer that is read.
const MAX_ANSWER: u64 = 64 << 20;

/// Where the server is and who asks. The token is never an argument: process lists show arguments.
#[derive(Debug, Clone, Args)]
pub struct Remote {
    /// Address of the Countersign server.
    #[arg(long, env = "COUNTERSIGN_SERVER", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// File that holds the API token; without it, the environment variable `COUNTERSIGN_TOKEN` does.
    #[arg(long)]
    token_file: Option<PathBuf>,
}

/// What the server said no with.
#[derive(Debug, Clone, Deserialize)]
pub struct Problem {
    /// `urn:countersign:problem:` and the rule.
    pub r#type: String,
    /// HTTP status.
    pub status: u16,
    /// What is wrong here and how to mend it.
    pub detail: String,
    /// What is missing, one by one.
    #[serde(default)]
    pub missing: Vec<Missing>,
}

impl Problem {
    /// The rule that said no, such as `stage.order`.
    pub fn rule(&self) -> &str {
        self.r#type.rsplit(':').next().unwrap_or_default()
    }

    /// Whether a rule said no, rather than the server failing or the request not being understood.
    pub fn is_refusal(&self) -> bool {
        matches!(self.status, 403 | 409 | 422)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.detail)?;
        for missing in &self.missing {
            write!(f, "\n  - {}", missing.what)?;
            // A single fault is the detail itself.
            if missing.message != self.detail {
                write!(f, ": {}", missing.message)?;
            }
            if let Some(supplier) = missing.supplier {
                write!(f, " ({supplier} can supply it)")?;
            }
        }
        Ok(())
    }
}

/// Why a request did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The server said no.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// There was no answer, or none that Countersign gives.
    #[error("{0}")]
    Failed(String),
}

impl ApiError {
    /// The problem, if the server named one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            Self::Failed(_) => None,
        }
    }
}

impl From<ApiError> for CliError {
    fn from(error: ApiError) -> Self {
        match &error {
            ApiError::Problem(problem) if problem.is_refusal() => Self::No(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// An answer as it came.
pub(super) struct Answer {
    status: StatusCode,
    location: Option<String>,
    body: Vec<u8>,
}

/// A connection to one server as one account.
#[derive(Debug, Clone)]
pub struct Api {
    pub(super) uploads: Agent,
    agent: Agent,
    base: String,
    pub(super) bearer: String,
}

/// A key under which a write is done once, however often it is sent.
pub(super) fn idempotency_key() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Settings that every agent here shares. Redirects are shown instead of followed: a token goes to no other address.
pub(super) fn agent_config() -> ureq::config::Config {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(Duration::from_secs(10)))
        // Sealing waits for a disk; a large file is hashed and synced before it is answered.
        .timeout_recv_response(Some(Duration::from_mins(5)))
        .timeout_per_write(Some(Duration::from_mins(2)))
        .timeout_per_read(Some(Duration::from_mins(5)))
        .build()
}

impl Api {
    /// Prepares the connection; nothing is sent yet.
    ///
    /// # Errors
    /// The address is none, or there is no token.
    pub fn new(remote: &Remote) -> Result<Self, CliError> {
        let base = remote.server.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(CliError::Failed(format!("the server {base:?} must begin with http:// or https://")));
        }
        let token = match &remote.token_file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                CliError::Failed(format!("the token file {} cannot be read: {error}", path.display()))
            })?,
            None => std::env::var("COUNTERSIGN_TOKEN").map_err(|_| {
                CliError::Failed(
                    "there is no token: put it into the environment variable COUNTERSIGN_TOKEN or name a --token-file. \
                     Tokens are issued under People, Tokens"
                        .into(),
                )
            })?,
        };
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CliError::Failed("the token is empty or broken; it is one word that begins with cs_".into()));
        }
        Ok(Self { agent: agent_config().new_agent(), uploads: upload_agent(), bearer: format!("Bearer {token}"), base })
    }

    /// The server's address.
    pub fn base(&self) -> &str {
        &self.base
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.base)
    }

    /// Reads something.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, ApiError> {
        let url = self.url(path);
        self.repeat(PAUSES_MS.len(), || {
            let mut request = self.agent.get(&url).header(header::AUTHORIZATION, &self.bearer);
            for (name, value) in query {
                request = request.query(*name, value);
            }
            read(request.call()?)
        })
    }

    /// Writes something, once.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ApiError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| ApiError::Failed(format!("the request cannot be written: {error}")))?;
        let (url, key) = (self.url(path), idempotency_key());
        self.repeat(PAUSES_MS.len(), || {
            let request = self
                .agent
                .post(&url)
                .header(header::AUTHORIZATION, &self.bearer)
                .header(header::CONTENT_TYPE, "application/json")
                .header("idempotency-key", &key);
            read(request.send(&body)?)
        })
    }

    /// Writes something whole in the place of what is there, once, however often it is sent.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ApiError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| ApiError::Failed(format!("the request cannot be written: {error}")))?;
        let (url, key) = (self.url(path), idempotency_key());
        self.repeat(PAUSES_MS.len(), || {
            let request = self
                .agent
                .put(&url)
                .header(header::AUTHORIZATION, &self.bearer)
                .header(header::CONTENT_TYPE, "application/json")
                .header("idempotency-key", &key);
            read(request.send(&body)?)
        })
    }

    /// Writes something that the server does not promise to know again: it is sent once.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub fn post_once<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ApiError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| ApiError::Failed(format!("the request cannot be written: {error}")))?;
        let url = self.url(path);
        self.repeat(0, || {
            let request = self
                .agent
                .post(&url)
                .header(header::AUTHORIZATION, &self.bearer)
                .header(header::CONTENT_TYPE, "application/json");
            read(request.send(&body)?)
        })
    }

    /// Fetches a file.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub fn fetch(&self, path: &str) -> Result<Vec<u8>, ApiError> {
        let url = self.url(path);
        let answer = self.answer(PAUSES_MS.len(), || {
            read(self.agent.get(&url).header(header::AUTHORIZATION, &self.bearer).call()?)
        })?;
        if answer.status.is_success() { Ok(answer.body) } else { Err(self.refusal(&answer)) }
    }

    /// Takes something away. It is not sent again: a second time there is nothing to take away.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        let url = self.url(path);
        self.repeat(0, || read(self.agent.delete(&url).header(header::AUTHORIZATION, &self.bearer).call()?))
    }

    /// Sends until there is an answer other than "not now", at most `again` times more.
    pub(super) fn repeat<T: DeserializeOwned>(
        &self,
        again: usize,
        send: impl Fn() -> Result<Answer, ureq::Error>,
    ) -> Result<T, ApiError> {
        self.decode(&self.answer(again, send)?)
    }

    fn answer(&self, again: usize, send: impl Fn() -> Result<Answer, ureq::Error>) -> Result<Answer, ApiError> {
        let mut pauses = PAUSES_MS.iter().take(again);
        let mut told = false;
        loop {
            let outcome = send();
            let passing = match &outcome {
                Ok(answer) => matches!(answer.status.as_u16(), 502..=504),
                Err(error) => {
                    matches!(error, ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed)
                }
            };
            let pause = if passing { pauses.next() } else { None };
            let Some(pause) = pause else {
                return match outcome {
                    Ok(answer) => Ok(answer),
                    Err(error) => Err(ApiError::Failed(format!("{} cannot be reached: {}", self.base, plain(&error)))),
                };
            };
            if !told {
                let reason = outcome.map_or_else(|error| plain(&error), |answer| answer.status.to_string());
                eprintln!("{} does not answer ({reason}); trying again", self.base);
                told = true;
            }
            thread::sleep(Duration::from_millis(*pause));
        }
    }

    fn decode<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, ApiError> {
        if answer.status.is_success() {
            return serde_json::from_slice(&answer.body).map_err(|error| {
                ApiError::Failed(format!(
                    "{} answered with something that Countersign does not say ({error}). Is this its address, and is its release this program's?",
                    self.base
                ))
            });
        }
        Err(self.refusal(answer))
    }

    /// What an answer says that is no success.
    fn refusal(&self, answer: &Answer) -> ApiError {
        if let Ok(problem) = serde_json::from_slice::<Problem>(&answer.body) {
            return ApiError::Problem(Box::new(problem));
        }
        if let Some(location) = &answer.location {
            return ApiError::Failed(format!("{} sends on to {location}; name that address as --server", self.base));
        }
        ApiError::Failed(format!(
            "{} answered {}, and not as Countersign does: {}",
            self.base,
            answer.status,
            excerpt(&answer.body)
        ))
    }
}

/// Reads an answer to its end.
pub(super) fn read(mut response: Response<Body>) -> Result<Answer, ureq::Error> {
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Answer {
        status: response.status(),
        location,
        body: response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec()?,
    })
}

/// The reason without the library's words around it.
pub fn plain(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::HostNotFound => "there is no host of this name".into(),
        ureq::Error::Timeout(_) => "no answer in time".into(),
        other => other.to_string(),
    }
}

/// The beginning of an answer that nobody expected, on one line and without control characters.
pub fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = words.chars().filter(|c| !c.is_control()).take(200).collect();
    if shown.is_empty() { "an empty answer".into() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_its_detail_and_what_is_missing() {
        let problem: Problem = serde_json::from_value(serde_json::json!({
            "type": "urn:countersign:problem:promotion.ready", "title": "A rule says no", "status": 422,
            "detail": "Not yet.",
            "missing": [{ "what": "evidence.code", "message": "None is attached.", "supplier": "data_scientist" }],
        }))
        .unwrap();
        assert_eq!(problem.rule(), "promotion.ready");
        assert_eq!(
            problem.to_string(),
            "Not yet.\n  - evidence.code: None is attached. (Data scientist can supply it)"
        );
        assert!(matches!(CliError::from(ApiError::Problem(Box::new(problem))), CliError::No(_)));
    }

    #[test]
    fn answers_of_strangers_are_shown_short_and_harmless() {
        assert_eq!(excerpt(b"<html>\n  <b>no</b>\x1b[31m"), "<html> <b>no</b>[31m");
        assert_eq!(excerpt(&[b'x'; 5_000]).len(), 200);
        assert_eq!(excerpt(b" \n"), "an empty answer");
    }
}
