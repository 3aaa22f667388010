//! The machine that the figures were measured on, and what else it was doing.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
    process::Command,
    time::Instant,
};

use serde::Serialize;

use crate::{Failure, drive::median};

/// Writes to stable storage that the latency is taken from.
const SYNCS: usize = 200;
/// A page of a database.
const BLOCK: [u8; 4096] = [0; 4096];

/// What the figures depend on.
#[derive(Debug, Serialize)]
pub struct Machine {
    cpu: String,
    cores: usize,
    memory_mb: u64,
    kernel: String,
    file_system: String,
    /// Median time to append 4 KiB and have it on stable storage.
    fsync_ms: f64,
    /// Processes running or waiting over the last minute, before the measurement began: above 0.5 something else had its share.
    load_before: f64,
    /// The same at the end, the measurement's own included.
    pub load_after: f64,
}

/// Looks around; `folder` lies on the disk that is measured.
pub fn describe(folder: &Path) -> Result<Machine, Failure> {
    fs::create_dir_all(folder).map_err(Failure::io(folder.display().to_string()))?;
    let fsync_ms = fsync_ms(folder).map_err(Failure::io(folder.display().to_string()))?;
    Ok(Machine {
        cpu: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".into()),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_mb: kilobytes("/proc/meminfo", "MemTotal") / 1024,
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        file_system: file_system(folder),
        fsync_ms,
        load_before: load(),
        load_after: 0.0,
    })
}

/// Processes running or waiting over the last minute.
pub fn load() -> f64 {
    read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(f64::NAN)
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The value of a line `name: value`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = read(path);
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kilobytes(path: &str, name: &str) -> u64 {
    field(path, name).and_then(|value| value.split(' ').next()?.parse().ok()).unwrap_or(0)
}

fn file_system(folder: &Path) -> String {
    let named = Command::new("stat").args(["--file-system", "--format=%T"]).arg(folder).output();
    named.map_or_else(|_| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn fsync_ms(folder: &Path) -> io::Result<f64> {
    let path = folder.join("fsync");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    fs::remove_file(path)?;
    Ok(median(times))
}

/// Processor time that a process used so far, in seconds: unlike the clock's, it is the same on a busy machine.
pub fn cpu_s(process: u32) -> f64 {
    // "pid (name) state …": user and system time are the 14th and 15th fields, in ticks of 10 ms on Linux.
    let stat = read(&format!("/proc/{process}/stat"));
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Memory of one process, or of several together.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Memory {
    /// How many processes.
    pub processes: usize,
    /// Resident now, in MB; what processes share counts in each.
    pub resident_mb: u64,
    /// The most that was ever resident, in MB, summed over the processes.
    pub peak_mb: u64,
    /// Resident now with shared pages divided among their users (PSS), in MB.
    pub proportional_mb: u64,
}

/// Memory of a process and all that it started.
pub fn memory(root: u32) -> Memory {
    let mut family = vec![root];
    let parents = parents();
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(parents.iter().filter(|(_, its_parent)| *its_parent == parent).map(|(process, _)| *process));
        next += 1;
    }
    let sum = |file: &str, name: &str| -> u64 {
        family.iter().map(|process| kilobytes(&format!("/proc/{process}/{file}"), name)).sum::<u64>() / 1024
    };
    Memory {
        processes: family.len(),
        resident_mb: sum("status", "VmRSS"),
        peak_mb: sum("status", "VmHWM"),
        proportional_mb: sum("smaps_rollup", "Pss:"),
    }
}

/// Pairs of process and parent.
fn parents() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            let parent = field(&format!("/proc/{process}/status"), "PPid")?.parse().ok()?;
            Some((process, parent))
        })
        .collect()
}
