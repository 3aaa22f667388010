//! A throw-away `PostgreSQL` for tests: its own cluster in a temporary folder, on a free port of 127.0.0.1, with a random password and
//! with fsync on, as in production.
//!
//! A guard process (a few lines of shell) owns the server and reads a pipe from us. When the pipe closes, whether we ended in order,
//! by Ctrl-C or by a kill, the guard stops the server and removes the folder.

use std::{
    env, fs,
    io::{self, Read},
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    process::{Failure, answer, quiet_limited, signal, tail, which},
    tools::{self, Tool},
};

const FOLDER_PREFIX: &str = "countersign-pg-";
const USER: &str = "countersign";
const INITDB_LIMIT: Duration = Duration::from_mins(2);
const START_LIMIT: Duration = Duration::from_secs(30);
/// Another program may take the free port between our look and the server's start.
const ATTEMPTS: u32 = 3;
/// The line of `postmaster.pid`, counted from 0, in which the server says whether it is ready.
const STATUS_LINE: usize = 7;

/// Arguments: the server program, our folder, the port. Signals meant for the terminal's programs must not end it early.
const GUARD: &str = r#"
trap '' INT TERM HUP
"$1" -D "$2/data" -p "$3" >"$2/log" 2>&1 </dev/null &
server=$!
while read -r _; do :; done
kill -QUIT "$server" 2>/dev/null
wait
rm -rf "$2"
"#;

/// A running server; dropped, it is stopped and its folder removed.
pub struct Postgres {
    /// Where to connect, as superuser: `postgres://user:password@127.0.0.1:port/postgres`.
    pub url: String,
    guard: Child,
    folder: PathBuf,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // The guard removes its folder in any case; waiting only keeps the order of the output.
        let _ = self.guard.wait();
    }
}

/// The folder with `initdb` and `postgres`, of the newest version here.
pub fn programs() -> Option<PathBuf> {
    let complete = |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    let mut packaged: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, folder)| complete(folder))
        .collect();
    packaged.sort();
    packaged
        .pop()
        .map(|(_, folder)| folder)
        .or_else(|| which("initdb")?.parent().map(Path::to_path_buf).filter(complete))
}

/// Starts a server.
pub fn start() -> Result<Postgres, Failure> {
    tools::ensure(&[Tool::Postgres])?;
    remove_stale();
    let programs = programs().ok_or_else(|| Failure::Missing("install PostgreSQL".to_owned()))?;
    let owner = owner()?;
    let folder = env::temp_dir().join(format!("{FOLDER_PREFIX}{}", process::id()));
    let password = random_hex()?;
    for attempt in 1.. {
        match attempt_start(&programs, &folder, owner, &password) {
            Err(error) if attempt == ATTEMPTS => return Err(error),
            Err(error) => println!("   PostgreSQL: {error}; once more"),
            Ok(running) => return Ok(running),
        }
    }
    unreachable!("the last attempt returns")
}

/// Starts a server, says where, and keeps it until Ctrl-C.
pub fn keep_until_interrupted() -> Result<(), Failure> {
    let server = start()?;
    println!("{}", server.url);
    println!("superuser, gone with this command; Ctrl-C to stop");
    loop {
        thread::park();
    }
}

fn attempt_start(
    programs: &Path,
    folder: &Path,
    owner: Option<(u32, u32)>,
    password: &str,
) -> Result<Postgres, Failure> {
    prepare(programs, folder, owner, password)?;
    let port = free_port().map_err(|error| Failure::io("find a free port in", folder, error))?;
    let mut guard = Command::new("sh");
    guard
        .args(["-c", GUARD, "countersign-pg-guard"])
        .arg(programs.join("postgres"))
        .arg(folder)
        .arg(port.to_string())
        .current_dir(folder)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let guard =
        as_owner(&mut guard, owner).spawn().map_err(|error| Failure::Start { program: "sh".to_owned(), error })?;
    let server = Postgres {
        url: format!("postgres://{USER}:{password}@127.0.0.1:{port}/postgres"),
        guard,
        folder: folder.to_path_buf(),
    };
    server.wait_until_ready()?;
    Ok(server)
}

impl Postgres {
    fn wait_until_ready(&self) -> Result<(), Failure> {
        let deadline = Instant::now() + START_LIMIT;
        let log = self.folder.join("log");
        while Instant::now() < deadline {
            let status = fs::read_to_string(self.folder.join("data/postmaster.pid"));
            let ready =
                status.is_ok_and(|text| text.lines().nth(STATUS_LINE).is_some_and(|line| line.trim() == "ready"));
            if ready {
                return Ok(());
            }
            if tail(&log).iter().any(|line| line.contains("FATAL")) {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(Failure::Failed(format!("the server did not start: {}", tail(&log).join(" / "))))
    }
}

/// Makes the folder and an empty cluster in it.
fn prepare(programs: &Path, folder: &Path, owner: Option<(u32, u32)>, password: &str) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| Failure::io("remove", folder, error))?;
    }
    let fail = |error| Failure::io("prepare", folder, error);
    fs::create_dir(folder).map_err(fail)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(fail)?;
    let password_file = folder.join("password");
    fs::write(&password_file, password).map_err(fail)?;
    if let Some((user, group)) = owner {
        chown(&password_file, Some(user), Some(group)).map_err(fail)?;
        chown(folder, Some(user), Some(group)).map_err(fail)?;
    }
    let mut initdb = Command::new(programs.join("initdb"));
    initdb
        .current_dir(folder)
        .args(["--username", USER, "--auth", "scram-sha-256"])
        .args(["--encoding", "UTF8", "--locale", "C", "--pwfile"])
        .arg(&password_file)
        .arg("--pgdata")
        .arg(folder.join("data"));
    quiet_limited("making a PostgreSQL cluster", as_owner(&mut initdb, owner), "initdb", INITDB_LIMIT)?;
    // Durability stays as PostgreSQL ships it: the tests are to meet what production meets.
    let settings = format!(
        "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nmax_connections = 300\n",
        folder.display()
    );
    let file = folder.join("data/postgresql.auto.conf");
    fs::write(&file, settings).map_err(|error| Failure::io("write", &file, error))
}

/// `PostgreSQL` refuses to run as root; then it runs as Debian's `postgres`, or as `nobody` where there is none.
fn owner() -> Result<Option<(u32, u32)>, Failure> {
    if !tools::is_root() {
        return Ok(None);
    }
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| {
            let user = answer(Command::new("id").args(["-u", name]))?.parse().ok()?;
            let group = answer(Command::new("id").args(["-g", name]))?.parse().ok()?;
            Some(Some((user, group)))
        })
        .ok_or_else(|| Failure::Missing("PostgreSQL does not run as root: please add a user named postgres".to_owned()))
}

fn as_owner(command: &mut Command, owner: Option<(u32, u32)>) -> &mut Command {
    match owner {
        Some((user, group)) => command.uid(user).gid(group),
        None => command,
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn random_hex() -> Result<String, Failure> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0_u8; 16];
    fs::File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| Failure::io("read", source, error))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// Removes clusters whose xtask and guard are both gone (a power cut, an out-of-memory kill), stopping a server that still runs.
fn remove_stale() {
    for entry in fs::read_dir(env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(maker) = name.to_str().and_then(|name| name.strip_prefix(FOLDER_PREFIX)) else {
            continue;
        };
        let folder = entry.path();
        let maker_lives = fs::read_to_string(format!("/proc/{maker}/comm")).is_ok_and(|comm| comm.trim() == "xtask");
        if maker_lives || !Path::new("/proc/self").exists() {
            continue;
        }
        let server = fs::read_to_string(folder.join("data/postmaster.pid"))
            .ok()
            .and_then(|text| text.lines().next()?.parse::<u32>().ok());
        if let Some(server) = server
            && fs::read(format!("/proc/{server}/cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&*folder.to_string_lossy()))
        {
            signal("QUIT", server);
            thread::sleep(Duration::from_millis(500));
        }
        // Not ours to remove, or being removed by its guard at this moment: both are fine.
        let _ = fs::remove_dir_all(&folder);
    }
}
