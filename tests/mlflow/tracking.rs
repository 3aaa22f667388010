//! A real MLflow server for as long as a test runs.

use std::{
    fs::File,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// Names the Python of an environment that has MLflow and scikit-learn.
const PYTHON: &str = "COUNTERSIGN_TEST_MLFLOW";

/// The server, with its database and artifacts in a folder of its own.
pub struct Tracking {
    /// Its address.
    pub url: String,
    python: PathBuf,
    server: Child,
    folder: TempDir,
}

impl Tracking {
    /// Starts the server, or says loudly that there is none to start.
    pub async fn start() -> Option<Self> {
        let Some(python) = std::env::var_os(PYTHON).map(PathBuf::from) else {
            eprintln!("SKIPPED: {PYTHON} is not set; `cargo xtask test` makes an environment with MLflow and sets it");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
        let log = File::create(folder.path().join("log")).expect("a log");
        let server = Command::new(&python)
            .args(["-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1", "--port", &port.to_string()])
            .arg("--backend-store-uri")
            .arg(format!("sqlite:///{}", folder.path().join("mlflow.db").display()))
            .arg("--artifacts-destination")
            .arg(folder.path().join("artifacts"))
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            // It starts processes of its own; as a group they end together.
            .process_group(0)
            .spawn()
            .expect("MLflow starts");
        let tracking = Self { url: format!("http://127.0.0.1:{port}"), python, server, folder };
        tracking.wait().await;
        Some(tracking)
    }

    async fn wait(&self) {
        let url = format!("{}/health", self.url);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_mins(2) {
            let url = url.clone();
            if tokio::task::spawn_blocking(move || ureq::get(url).call().is_ok()).await.unwrap_or(false) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        panic!(
            "MLflow did not come up:\n{}",
            std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
        );
    }

    /// Trains and registers models, and answers what `train.py` says of them.
    pub async fn train(&self) -> Value {
        let mut command = Command::new(&self.python);
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/mlflow/train.py"))
            .arg(&self.url)
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            .env("GIT_PYTHON_REFRESH", "quiet")
            .current_dir(self.folder.path());
        let output =
            tokio::task::spawn_blocking(move || command.output()).await.expect("it ends").expect("Python runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}\n{err}");
        let line = out.lines().rev().find(|line| line.starts_with('{'));
        line.and_then(|line| serde_json::from_str(line).ok())
            .unwrap_or_else(|| panic!("train.py gave no JSON: {out}\n{err}"))
    }
}

impl Drop for Tracking {
    fn drop(&mut self) {
        // The group that `start` made, and nothing else.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.server.id())]).status();
        let _ = self.server.wait();
    }
}
