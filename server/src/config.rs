//! Settings: a TOML file, then environment variables and flags over it (`clap` reads both). Every one has a default
//! that suits one machine.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Deserialize;

/// Settings as flags; what is not given comes from the file, else from the default.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// Settings file (TOML). Without it, `countersign.toml` in the data folder is read if it is there.
    #[arg(long, env = "COUNTERSIGN_CONFIG", global = true)]
    pub config: Option<PathBuf>,
    /// Data folder: database, evidence files, signing key.
    #[arg(long, env = "COUNTERSIGN_DATA", global = true)]
    pub data: Option<PathBuf>,
    /// PostgreSQL address (`postgres://user:password@host/database`) to be used instead of SQLite.
    #[arg(long, env = "COUNTERSIGN_DATABASE_URL", global = true, hide_env_values = true)]
    pub database_url: Option<String>,
}

/// The settings file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConfigFile {
    data: Option<PathBuf>,
    database_url: Option<String>,
    listen: Option<SocketAddr>,
    public_url: Option<String>,
    signing_key: Option<PathBuf>,
    log_origin: Option<String>,
    max_upload_bytes: Option<u64>,
    session_idle_minutes: Option<u32>,
    trusted_proxies: Vec<IpAddr>,
    webhooks: WebhookSettings,
}

/// To which addresses news may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookSettings {
    /// Whether `http://` is allowed beyond this machine.
    pub allow_http: bool,
    /// Whether private addresses are allowed, as pipelines within one's own walls have them.
    pub allow_private: bool,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self { allow_http: false, allow_private: true }
    }
}

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Config {
    /// Data folder.
    pub data: PathBuf,
    /// PostgreSQL address, if it is used.
    pub database_url: Option<String>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address that people use, without a slash at the end.
    pub public_url: String,
    /// File of the key that signs checkpoints.
    pub signing_key: PathBuf,
    /// Name of the log in checkpoints, for a key that is made anew.
    pub log_origin: Option<String>,
    /// Largest evidence file, in bytes.
    pub max_upload_bytes: u64,
    /// After how many minutes without use a session ends.
    pub session_idle_minutes: u32,
    /// Reverse proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// To which addresses news may be sent.
    pub webhooks: WebhookSettings,
}

/// A setting that cannot be used: which one, where, and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or not readable.
    #[error("the settings file {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("the settings file {path} is broken; nothing was started.\n{source}")]
    Broken {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        source: Box<toml::de::Error>,
    },
    /// A value is out of bounds.
    #[error("the setting {name} is not usable: {reason}")]
    Value {
        /// The setting.
        name: &'static str,
        /// Why.
        reason: String,
    },
}

/// 1 GiB.
const DEFAULT_MAX_UPLOAD: u64 = 1 << 30;

impl Config {
    /// Puts flags, environment and file together.
    ///
    /// # Errors
    /// The file cannot be read or a value is out of bounds.
    pub fn load(args: &ConfigArgs, listen: Option<SocketAddr>) -> Result<Self, ConfigError> {
        let folder = args.data.clone().unwrap_or_else(|| PathBuf::from("data"));
        let default_file = folder.join("countersign.toml");
        let file = match &args.config {
            Some(path) => read(path)?,
            None if default_file.exists() => read(&default_file)?,
            None => ConfigFile::default(),
        };
        let data = args.data.clone().or(file.data).unwrap_or(folder);
        let listen = listen.or(file.listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
        let public_url = file.public_url.unwrap_or_else(|| format!("http://{listen}"));
        if !public_url.starts_with("http://") && !public_url.starts_with("https://") {
            return Err(ConfigError::Value {
                name: "public_url",
                reason: format!("{public_url:?} must begin with http:// or https://"),
            });
        }
        let max_upload_bytes = file.max_upload_bytes.unwrap_or(DEFAULT_MAX_UPLOAD);
        if max_upload_bytes == 0 {
            return Err(ConfigError::Value { name: "max_upload_bytes", reason: "it must be above 0".into() });
        }
        let session_idle_minutes = file.session_idle_minutes.unwrap_or(12 * 60);
        if session_idle_minutes == 0 {
            return Err(ConfigError::Value { name: "session_idle_minutes", reason: "it must be above 0".into() });
        }
        Ok(Self {
            signing_key: file.signing_key.unwrap_or_else(|| data.join("signing-key")),
            database_url: args.database_url.clone().or(file.database_url),
            data,
            listen,
            public_url: public_url.trim_end_matches('/').to_owned(),
            log_origin: file.log_origin,
            max_upload_bytes,
            session_idle_minutes,
            trusted_proxies: file.trusted_proxies,
            webhooks: file.webhooks,
        })
    }

    /// Whether people reach the server through TLS, so that cookies can insist on it.
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

fn read(path: &Path) -> Result<ConfigFile, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    toml::from_str(&text).map_err(|source| ConfigError::Broken { path: path.to_owned(), source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_names_line_and_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("countersign.toml");
        std::fs::write(&path, "listen = \"127.0.0.1:9000\"\nmax_uplod_bytes = 5\n").unwrap();
        let args = ConfigArgs { data: Some(folder.path().to_owned()), ..ConfigArgs::default() };
        let error = Config::load(&args, None).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("max_uplod_bytes"), "{error}");
        std::fs::write(&path, "listen = \"127.0.0.1:9000\"\nmax_upload_bytes = 5\n").unwrap();
        let config = Config::load(&args, None).unwrap();
        assert_eq!((config.listen.port(), config.max_upload_bytes), (9000, 5));
    }

    #[test]
    fn a_missing_file_that_was_named_is_an_error() {
        let args = ConfigArgs { config: Some("/nonexistent/c.toml".into()), ..ConfigArgs::default() };
        assert!(matches!(Config::load(&args, None), Err(ConfigError::Unreadable { .. })));
    }
}
