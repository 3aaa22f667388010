//! A released server on a folder of its own, with a data scientist and its token, made as people make them.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use ledger::Timestamp;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::{
    Failure,
    http::{Answer, Call, Client},
    machine::{Memory, cpu_s, memory},
};

/// Long enough to open a large database on a slow disk.
const START: Duration = Duration::from_mins(1);
const PASSWORD: &str = "correct horse battery staple";
const ADMINISTRATOR: &str = "admin@bank.example";
const SCIENTIST: &str = "ana@bank.example";

/// A running server; dropped, it is killed.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// A data scientist's token with every right that it can carry.
    pub token: String,
    /// The same person's session, as a `Cookie` header.
    pub cookie: String,
    /// Its data folder.
    pub data: PathBuf,
    process: Child,
    // Read to its end, so that the server never writes into a closed pipe.
    _output: Lines<BufReader<ChildStdout>>,
}

/// An address that nobody listens on.
pub fn free_address() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(Failure::io("finding a free port"))?;
    listener.local_addr().map_err(Failure::io("finding a free port"))
}

/// Waits until a path is answered well.
pub async fn wait_for(address: SocketAddr, path: &str) -> Result<(), Failure> {
    let deadline = Instant::now() + START;
    loop {
        if let Ok(mut client) = Client::connect(address).await
            && client.send(&Call::get(path)).await.is_ok_and(|answer| answer.status.is_success())
        {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Failure::Unexpected(format!(
                "http://{address}{path} does not answer within {} s",
                START.as_secs()
            )));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Server {
    /// Starts the program on an empty folder, and on `postgres` if given, and makes its people.
    pub async fn start(program: &Path, data: PathBuf, postgres: Option<&str>) -> Result<Self, Failure> {
        let address = free_address()?;
        let mut command = Command::new(program);
        command.arg("serve").arg("--listen").arg(address.to_string()).arg("--data").arg(&data);
        if let Some(url) = postgres {
            // In the environment: arguments can be read by everybody on the machine.
            command.env("COUNTERSIGN_DATABASE_URL", url);
        }
        command.env("COUNTERSIGN_LOG", "warn").stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().map_err(Failure::io(program.display().to_string()))?;
        let output = process.stdout.take().ok_or_else(|| Failure::Unexpected("the server has no output".into()))?;
        let mut output = BufReader::new(output).lines();
        let setup = setup_path(&mut output).await?;
        wait_for(address, "/healthz").await?;
        let mut client = Client::connect(address).await?;
        let (token, cookie) = people(&mut client, &setup).await?;
        Ok(Self { address, token, cookie, data, process, _output: output })
    }

    /// Its memory.
    pub fn memory(&self) -> Memory {
        self.process.id().map_or_else(Memory::default, memory)
    }

    /// Processor time that it used so far, in seconds.
    pub fn cpu_s(&self) -> f64 {
        self.process.id().map_or(f64::NAN, cpu_s)
    }

    /// Ends it, as a power cut would, and answers the data folder.
    pub async fn stop(mut self) -> Result<PathBuf, Failure> {
        self.process.kill().await.map_err(Failure::io("stopping the server"))?;
        Ok(self.data)
    }
}

/// The path of the one-time link that the server prints.
async fn setup_path(output: &mut Lines<BufReader<ChildStdout>>) -> Result<String, Failure> {
    let read = async {
        while let Some(line) = output.next_line().await.map_err(Failure::io("reading what the server says"))? {
            if let Some(at) = line.find("/setup/") {
                return Ok(line[at..].trim().to_owned());
            }
        }
        Err(Failure::Unexpected("the server ended without a link for the first administrator".into()))
    };
    tokio::time::timeout(START, read).await.map_err(|_| Failure::Unexpected("the server does not start".into()))?
}

/// Makes an administrator and a data scientist; answers the latter's token and cookie.
async fn people(client: &mut Client, setup: &str) -> Result<(String, String), Failure> {
    let form = [("name", "Ada Admin"), ("email", ADMINISTRATOR), ("password", PASSWORD)];
    client.send(&Call::form(setup, &form)).await?.ok("setting up")?;
    let administrator = sign_in(client, ADMINISTRATOR).await?;
    let account = json!({
        "name": "Ana Scientist", "kind": "human", "email": SCIENTIST, "password": PASSWORD,
        "team": "recommendations", "roles": ["data_scientist"],
    });
    let call = Call::json("/api/v1/accounts", &account).with(hyper::header::COOKIE, &administrator);
    let receipt = client.send(&call).await?.ok("making an account")?.json();
    let id = text(&receipt, "subject")?.trim_start_matches("account/").to_owned();
    let now: Timestamp = text(&receipt, "time")?
        .parse()
        .map_err(|error| Failure::Unexpected(format!("a receipt has no time: {error}")))?;

    let cookie = sign_in(client, SCIENTIST).await?;
    let token = json!({
        "label": "bench", "scopes": ["read", "register", "evidence", "promote", "serve"],
        "expires_at": now.plus_days(2).to_string(),
    });
    let call = Call::json(format!("/api/v1/accounts/{id}/tokens"), &token).with(hyper::header::COOKIE, &cookie);
    let issued = client.send(&call).await?.ok("issuing a token")?.json();
    Ok((text(&issued, "token")?.to_owned(), cookie))
}

async fn sign_in(client: &mut Client, email: &str) -> Result<String, Failure> {
    let call = Call::form("/sign-in", &[("email", email), ("password", PASSWORD), ("next", "")]);
    let answer: Answer = client.send(&call).await?.ok("signing in")?;
    let cookies = answer.headers.get_all(hyper::header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let session = cookies.filter_map(|cookie| cookie.split(';').next()).find(|cookie| cookie.contains("session="));
    session.map(str::to_owned).ok_or_else(|| Failure::Unexpected(format!("{email} could not sign in")))
}

fn text<'v>(value: &'v Value, name: &str) -> Result<&'v str, Failure> {
    value[name].as_str().ok_or_else(|| Failure::Unexpected(format!("{name} is missing in {value}")))
}
