//! Killed without warning while clients write as fast as they can, again and again.

use std::{
    collections::BTreeMap,
    io::Write as _,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use countersign::{fsck, seal::SealedEntry, service::Service};
use domain::account::Role;
use serde_json::{Value, json};

use crate::{
    common::{Engine, TestServer, digest, lineage, model},
    steps,
};

const KILLS: u32 = 12;
const CLIENTS: u32 = 4;

/// The program, serving a folder; killed with this.
struct Program {
    process: Child,
    url: String,
}

impl Program {
    async fn start(data: &Path, database_url: Option<&str>) -> Self {
        let (data, database_url) = (data.to_owned(), database_url.map(str::to_owned));
        tokio::task::spawn_blocking(move || Self::start_and_wait(&data, database_url.as_deref())).await.unwrap()
    }

    fn start_and_wait(data: &Path, database_url: Option<&str>) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.arg("serve").arg("--data").arg(data).args(["--listen", &format!("127.0.0.1:{port}")]);
        command.env_remove("COUNTERSIGN_DATABASE_URL").stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(url) = database_url {
            command.env("COUNTERSIGN_DATABASE_URL", url);
        }
        let mut program = Self { process: command.spawn().unwrap(), url: format!("http://127.0.0.1:{port}") };
        let deadline = Instant::now() + Duration::from_secs(20);
        while let Err(error) = agent().get(format!("{}/healthz", program.url)).call() {
            assert!(program.process.try_wait().unwrap().is_none(), "the program does not start again");
            assert!(Instant::now() < deadline, "the program does not answer: {error}");
            thread::sleep(Duration::from_millis(10));
        }
        program
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SIGKILL: nothing is finished, nothing is tidied up.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(10))).build().new_agent()
}

/// What clients got to hear.
#[derive(Default)]
struct Heard {
    entries: Mutex<BTreeMap<u64, SealedEntry>>,
    files: Mutex<Vec<Vec<u8>>>,
}

impl Heard {
    fn note(&self, receipt: &Value) {
        let entries: Vec<SealedEntry> = serde_json::from_value(receipt["entries"].clone()).unwrap();
        for entry in entries {
            let known = self.entries.lock().unwrap().insert(entry.seq, entry.clone());
            assert!(known.is_none(), "entry {} was acknowledged twice", entry.seq);
        }
    }
}

/// Registers models and uploads evidence until told to stop or nobody answers.
fn hammer(url: &str, token: &str, version: &str, client: u32, count: &AtomicU32, stop: &AtomicBool, heard: &Heard) {
    let agent = agent();
    let bearer = format!("Bearer {token}");
    while !stop.load(Ordering::Relaxed) {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let outcome = if client == 0 {
            let file = format!("file {number} {}", "x".repeat(50_000)).into_bytes();
            let path =
                format!("{version}/evidence?path=other&bound_to={}&file_name=f{number}&producer=ci", digest('c'));
            let answer = agent.post(format!("{url}{path}")).header("authorization", &bearer).send(&file[..]);
            answer.map(|answer| (answer, Some(file)))
        } else {
            let body = model(&format!("m{number}"));
            let answer = agent.post(format!("{url}/api/v1/models")).header("authorization", &bearer).send_json(&body);
            answer.map(|answer| (answer, None))
        };
        // An answer that was cut off acknowledges nothing.
        let Ok((mut answer, file)) = outcome else { return };
        let Ok(receipt) = answer.body_mut().read_json::<Value>() else { return };
        heard.note(&receipt);
        heard.files.lock().unwrap().extend(file);
    }
}

async fn all_is_there(app: &Service, heard: &Heard) {
    let entries = heard.entries.lock().unwrap().clone();
    let size = app.store.head().await.unwrap().size;
    for (seq, entry) in &entries {
        let stored = app.store.entry(*seq).await.unwrap().unwrap_or_else(|| panic!("entry {seq} of {size} is lost"));
        assert_eq!((stored.hash, &stored.event), (entry.hash, &entry.event), "entry {seq}");
    }
    let outcome = fsck::check(&app.store, &app.blobs, app.key.verifier(), None).await.unwrap();
    assert!(outcome.faults.is_empty(), "{:#?}", outcome.faults);
    let files = heard.files.lock().unwrap().clone();
    for file in files {
        assert!(app.blobs.open_file(&ledger::Digest::of(&file)).await.unwrap().is_some());
    }
}

async fn whatever_was_acknowledged_survives_being_killed(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    let version = steps::register_version(&server, "credit", &lineage()).await;
    let token = server.token(Role::DataScientist).await;
    let (heard, count) = (Arc::new(Heard::default()), Arc::new(AtomicU32::new(0)));
    for _ in 0..KILLS {
        let program = Program::start(server.dir(), server.database_url()).await;
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (url, token, version) = (program.url.clone(), token.clone(), version.clone());
                let (count, stop, heard) = (count.clone(), stop.clone(), heard.clone());
                thread::spawn(move || hammer(&url, &token, &version, client, &count, &stop, &heard))
            })
            .collect();
        // At some moment while the writing is in full swing, however fast this machine is.
        let random = uuid::Uuid::new_v4();
        let before = heard.entries.lock().unwrap().len();
        let wanted = before + usize::from(random.as_bytes()[0] % 40);
        let deadline = Instant::now() + Duration::from_secs(5);
        while heard.entries.lock().unwrap().len() < wanted && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(u64::from(random.as_bytes()[1]) * 100)).await;
        drop(program);
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            tokio::task::spawn_blocking(move || client.join().unwrap()).await.unwrap();
        }
        all_is_there(&server.app, &heard).await;
    }
    let acknowledged = heard.entries.lock().unwrap().len();
    assert!(
        acknowledged > 2 * usize::try_from(KILLS).unwrap(),
        "only {acknowledged} entries were acknowledged, which tests nothing"
    );
    let _ = writeln!(std::io::stderr(), "{engine:?}: {acknowledged} acknowledged entries survived {KILLS} kills");
}

#[tokio::test]
async fn whatever_was_acknowledged_survives_being_killed_on_sqlite() {
    whatever_was_acknowledged_survives_being_killed(Engine::Sqlite).await;
}

#[tokio::test]
async fn whatever_was_acknowledged_survives_being_killed_on_postgres() {
    if Engine::available().contains(&Engine::Postgres) {
        whatever_was_acknowledged_survives_being_killed(Engine::Postgres).await;
    }
}

/// Killed while it makes its folder for the first time: the next start makes of it what it finds.
#[tokio::test]
async fn a_first_start_that_was_killed_is_repeated() {
    for moment in [0, 3, 8, 15, 25, 40, 80] {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .arg("serve")
            .arg("--data")
            .arg(folder.path())
            .args(["--listen", "127.0.0.1:0"])
            .env_remove("COUNTERSIGN_DATABASE_URL")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(moment)).await;
        process.kill().unwrap();
        process.wait().unwrap();
        let program = Program::start(folder.path(), None).await;
        let refused = agent().post(format!("{}/api/v1/models", program.url)).send_json(json!({}));
        assert!(matches!(refused, Err(ureq::Error::StatusCode(401))), "killed after {moment} ms: {refused:?}");
    }
}
