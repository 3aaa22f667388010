//! Running other programs: in the open for builds and tests, quietly into a log for installers, and never without an end where the
//! network is involved.

use std::{
    env,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::workspace;

/// Lines of an installer's log to show when it fails.
const LOG_TAIL_LINES: usize = 15;

/// Why a chore stopped.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something has to be installed by the person; the text is the one line that says how.
    #[error("{0}")]
    Missing(String),
    /// A program could not be started.
    #[error("cannot start {program}: {error}")]
    Start {
        /// The program's name or path.
        program: String,
        /// What the system said.
        error: io::Error,
    },
    /// A program ended with an error, or a step was not as it should be.
    #[error("{0}")]
    Failed(String),
    /// A program was stopped because its time was over.
    #[error("{what} was stopped after {limit_s} s without an end")]
    TimedOut {
        /// What was being done.
        what: String,
        /// The limit in seconds.
        limit_s: u64,
    },
    /// A file could not be read or written.
    #[error("cannot {verb} {}: {error}", path.display())]
    Io {
        /// What was tried: "read", "write", …
        verb: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl Failure {
    /// An [`Failure::Io`] in one call.
    pub fn io(verb: &'static str, path: &Path, error: io::Error) -> Self {
        Self::Io { verb, path: path.to_path_buf(), error }
    }
}

/// Runs `command` with our own standard streams; an exit code other than 0 is a failure named `what`.
pub fn open(what: &str, command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| start(command, error))?;
    judge(what, status)
}

/// As [`open`], stopped after `limit`, with nothing to read on standard input.
pub fn open_limited(what: &str, command: &mut Command, limit: Duration) -> Result<(), Failure> {
    let child = command.stdin(Stdio::null()).spawn().map_err(|error| start(command, error))?;
    judge(what, wait(what, child, limit)?)
}

/// Runs an installer: its words go to `target/xtask/LOG_NAME.log` and appear only when it fails.
pub fn quiet_limited(what: &str, command: &mut Command, log_name: &str, limit: Duration) -> Result<(), Failure> {
    let log = workspace::notes()?.join(format!("{log_name}.log"));
    println!("   {what} (at most {} s)", limit.as_secs());
    let file = File::create(&log).map_err(|error| Failure::io("create", &log, error))?;
    let both = file.try_clone().map_err(|error| Failure::io("open", &log, error))?;
    let child =
        command.stdin(Stdio::null()).stdout(file).stderr(both).spawn().map_err(|error| start(command, error))?;
    let result = wait(what, child, limit).and_then(|status| judge(what, status));
    if result.is_err() {
        for line in tail(&log) {
            eprintln!("   | {line}");
        }
    }
    result
}

/// What a short question to a program answers on standard output, if it answers at all within ten seconds.
pub fn answer(command: &mut Command) -> Option<String> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    // Short answers fit the pipe's buffer, so waiting before reading cannot block the program.
    let mut child = child;
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match child.try_wait().ok()? {
            Some(status) if status.success() => break,
            Some(_) => return None,
            None if Instant::now() > deadline => {
                kill_tree(&mut child);
                return None;
            }
            None => thread::sleep(Duration::from_millis(10)),
        }
    }
    let text = io::read_to_string(child.stdout.take()?).ok()?;
    Some(text.trim().to_owned())
}

/// The first executable of this name on `PATH`.
pub fn which(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The last lines of a log.
pub fn tail(log: &Path) -> Vec<String> {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LOG_TAIL_LINES);
    lines[from..].iter().map(ToString::to_string).collect()
}

/// Waits for `child`, at most for `limit`; then ends it and all that it started.
fn wait(what: &str, mut child: Child, limit: Duration) -> Result<ExitStatus, Failure> {
    let deadline = Instant::now() + limit;
    loop {
        let ended = child.try_wait().map_err(|error| Failure::Failed(format!("cannot wait for {what}: {error}")))?;
        if let Some(status) = ended {
            return Ok(status);
        }
        if Instant::now() > deadline {
            kill_tree(&mut child);
            return Err(Failure::TimedOut { what: what.to_owned(), limit_s: limit.as_secs() });
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Ends a program and its descendants. They share our process group (so that Ctrl-C reaches them), hence one by one.
fn kill_tree(child: &mut Child) {
    let mut doomed = vec![child.id()];
    let parents = parents_by_process();
    let mut next = 0;
    while let Some(&parent) = doomed.get(next) {
        doomed.extend(parents.iter().filter(|(_, its_parent)| *its_parent == parent).map(|(process, _)| *process));
        next += 1;
    }
    for process in &doomed[1..] {
        signal("KILL", *process);
    }
    // The child may have ended between the two looks; then there is nothing to kill.
    let _ = child.kill();
    let _ = child.wait();
}

/// Sends a signal by name to one process; a process that is gone already is fine.
pub fn signal(name: &str, process: u32) {
    let _ = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(process.to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// Pairs of process and parent, from `/proc`; empty on systems without it.
fn parents_by_process() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // "pid (name) state parent …"; the name may hold spaces and brackets.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((process, parent))
        })
        .collect()
}

fn start(command: &Command, error: io::Error) -> Failure {
    Failure::Start { program: command.get_program().to_string_lossy().into_owned(), error }
}

fn judge(what: &str, status: ExitStatus) -> Result<(), Failure> {
    if status.success() { Ok(()) } else { Err(Failure::Failed(format!("{what} failed ({status})"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_over_its_time_is_ended_with_its_children() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 987.25 & sleep 987.25"]);
        let begun = Instant::now();
        let result = open_limited("sleeping", &mut command, Duration::from_millis(300));
        assert!(matches!(result, Err(Failure::TimedOut { .. })));
        assert!(begun.elapsed() < Duration::from_secs(10));
        // A signal is sent before it takes effect.
        let gone = (0..40).any(|_| {
            thread::sleep(Duration::from_millis(50));
            !runs(b"sleep\0987.25")
        });
        assert!(gone, "a child outlived its parent's end");
    }

    /// Whether a process with this command line exists.
    fn runs(command_line: &[u8]) -> bool {
        fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
            .any(|line| line.starts_with(command_line))
    }

    #[test]
    fn an_exit_code_is_a_failure_that_names_the_step() {
        let mut command = Command::new("false");
        let failure = open("the step", &mut command).expect_err("false fails");
        assert!(failure.to_string().starts_with("the step failed"));
    }

    #[test]
    fn an_answer_is_trimmed_and_absent_on_failure() {
        assert_eq!(answer(Command::new("echo").arg("yes")).as_deref(), Some("yes"));
        assert_eq!(answer(&mut Command::new("false")), None);
        assert_eq!(answer(&mut Command::new("no-such-program-here")), None);
    }
}
