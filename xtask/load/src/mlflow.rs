//! The same kind of call on an `MLflow` server, as it ships, on SQLite: moving a version to another stage.

use std::{path::Path, process::Stdio};

use serde::Serialize;
use serde_json::json;
use tokio::process::Command;

use crate::{
    Args, Failure,
    drive::{Run, drive},
    http::{Call, Client},
    machine::{Memory, memory},
    server::{free_address, wait_for},
};

const CLIENTS: usize = 16;
const RUNS: usize = 3;

/// Figures of `MLflow`.
#[derive(Debug, Serialize)]
pub struct Mlflow {
    /// Its version.
    pub version: String,
    /// Clients at a time.
    pub clients: usize,
    /// The median of each figure over the runs.
    pub median: Run,
    /// The runs.
    pub runs: Vec<Run>,
    /// Memory of all its processes.
    pub memory: Memory,
}

/// Starts a server, registers a version for each client and moves it between stages.
pub async fn measure(args: &Args, python: &Path) -> Result<Mlflow, Failure> {
    println!("MLflow: starting its server");
    let address = free_address()?;
    let folder = args.work.join("mlflow");
    std::fs::create_dir_all(&folder).map_err(Failure::io(folder.display().to_string()))?;
    let log = std::fs::File::create(folder.join("log")).map_err(Failure::io("the log of MLflow"))?;
    let errors = log.try_clone().map_err(Failure::io("the log of MLflow"))?;
    let mut server = Command::new(python)
        .args(["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", &address.port().to_string()])
        .arg("--backend-store-uri")
        .arg(format!("sqlite:///{}", folder.join("mlflow.db").display()))
        .arg("--artifacts-destination")
        .arg(folder.join("artifacts"))
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .kill_on_drop(true)
        .spawn()
        .map_err(Failure::io(python.display().to_string()))?;
    let measured = exercise(args, address, server.id().unwrap_or_default()).await;
    // Its workers end with their parent, if that is asked politely.
    if let Some(process) = server.id() {
        let _ = Command::new("kill").arg(process.to_string()).status().await;
        let _ = tokio::time::timeout(std::time::Duration::from_secs(20), server.wait()).await;
    }
    measured
}

async fn exercise(args: &Args, address: std::net::SocketAddr, process: u32) -> Result<Mlflow, Failure> {
    wait_for(address, "/health").await?;
    let mut client = Client::connect(address).await?;
    let version = client.send(&Call::get("/version")).await?.ok("asking for the version")?.text();
    let path = |name: &str| format!("/api/2.0/mlflow/{name}");
    for number in 0..CLIENTS {
        let name = crate::scenario::model(number);
        let call = Call::json(path("registered-models/create"), &json!({ "name": name }));
        client.send(&call).await?.ok("registering a model")?;
        let version = json!({ "name": name, "source": "s3://bucket/model" });
        client.send(&Call::json(path("model-versions/create"), &version)).await?.ok("registering a version")?;
    }
    let calls = |times: usize| -> Vec<Call> {
        (0..times * CLIENTS)
            .map(|at| {
                let stage = if (at / CLIENTS).is_multiple_of(2) { "Staging" } else { "Production" };
                let body = json!({
                    "name": crate::scenario::model(at % CLIENTS), "version": "1", "stage": stage,
                    "archive_existing_versions": false,
                });
                Call::json(path("model-versions/transition-stage"), &body)
            })
            .collect()
    };
    let times = if args.quick { 2 } else { 60 };
    drive(address, CLIENTS, calls(times.min(10))).await?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(drive(address, CLIENTS, calls(times)).await?);
    }
    Ok(Mlflow {
        version: version.trim().to_owned(),
        clients: CLIENTS,
        median: Run::median(&runs),
        runs,
        memory: memory(process),
    })
}
