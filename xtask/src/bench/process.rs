//! What the kernel says about a server process, and what its evidence says about the sessions played.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::server;

/// The kernel's unit in `/proc/PID/stat`: `USER_HZ` is 100 on every Linux that Rust runs on.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// A server under measurement.
pub(super) struct Process {
    id: u32,
    /// CPU time of each thread when it was last seen, so that the time of an ended one stays counted.
    threads: HashMap<u32, Duration>,
    /// The kernel's own sum when the measuring began.
    ticks_before: Duration,
}

impl Process {
    /// The process of that id.
    pub(super) fn of(id: u32) -> Result<Self> {
        let mut process = Self { id, threads: HashMap::new(), ticks_before: Duration::ZERO };
        process.ticks_before = process.ticks()?.saturating_sub(process.cpu()?);
        Ok(process)
    }

    /// CPU time of all its threads so far, in user and in kernel mode, to the nanosecond (`/proc/PID/task/*/schedstat`).
    pub(super) fn cpu(&mut self) -> Result<Duration> {
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.id)).context("the server is gone")? {
            let thread = thread?;
            // A thread may end between being listed and being read.
            let Ok(text) = std::fs::read_to_string(thread.path().join("schedstat")) else { continue };
            let nanoseconds = text.split(' ').next().context("schedstat is empty")?.parse()?;
            let id = thread.file_name().to_string_lossy().parse()?;
            self.threads.insert(id, Duration::from_nanos(nanoseconds));
        }
        Ok(self.threads.values().sum())
    }

    /// The same, once it does nothing any more.
    pub(super) fn cpu_when_quiet(&mut self) -> Result<Duration> {
        let mut before = self.cpu()?;
        loop {
            thread::sleep(Duration::from_millis(400));
            let now = self.cpu()?;
            if now.saturating_sub(before) <= Duration::from_millis(2) {
                return Ok(now);
            }
            before = now;
        }
    }

    /// Holds the sum of the threads against the kernel's sum for the process, which forgets no thread but is coarse.
    pub(super) fn check(&mut self) -> Result<()> {
        let (fine, coarse) = (self.cpu()?, self.ticks()?.saturating_sub(self.ticks_before));
        let apart = fine.abs_diff(coarse);
        ensure!(apart < 3 * TICK + coarse / 20, "threads add up to {fine:?}, the process says {coarse:?}");
        Ok(())
    }

    /// User and kernel time in `/proc/PID/stat`, ended threads included, in steps of 10 ms.
    pub(super) fn ticks(&self) -> Result<Duration> {
        let path = format!("/proc/{}/stat", self.id);
        let stat = std::fs::read_to_string(&path).context(path)?;
        // The name in the second field may hold anything; the numbers begin behind its parenthesis with field 3.
        let (_, fields) = stat.rsplit_once(") ").context("no name in stat")?;
        let mut fields = fields.split(' ').skip(14 - 3);
        let mut ticks = || -> Result<u32> { Ok(fields.next().context("stat is short")?.parse()?) };
        Ok(TICK * (ticks()? + ticks()?))
    }
}

/// How many sessions the evidence has from `session.opened` to `session.closed` with every number between.
pub(super) fn whole_sessions(program: &Path, data: &Path) -> Result<usize> {
    /// How many events there are, and the last event's number if it was the end.
    type Seen = (u64, Option<u64>);
    let mut child = server::honeypost(program)
        .args(["events", "--json", "--data-dir"])
        .arg(data)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut sessions: HashMap<String, Seen> = HashMap::new();
    for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
        let event: Value = serde_json::from_str(&line?)?;
        let (count, last) =
            sessions.entry(event["session"].as_str().unwrap_or_default().to_owned()).or_default();
        *count += 1;
        if event["event"] == "session.closed" {
            *last = event["seq"].as_u64();
        }
    }
    ensure!(child.wait()?.success(), "honeypost events failed");
    Ok(sessions.values().filter(|(count, last)| last.is_some_and(|last| last + 1 == *count)).count())
}
