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
const TICK: Duration = Duration::from_millis(10);

/// A server under measurement.
pub(super) struct Process {
    id: u32,
}

impl Process {
    /// The process of that id.
    pub(super) const fn of(id: u32) -> Self {
        Self { id }
    }

    /// CPU time of all its threads so far, the ended ones too, in user and in kernel mode.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let path = format!("/proc/{}/stat", self.id);
        let stat = std::fs::read_to_string(&path).context(path)?;
        // The name in the second field may hold anything; the numbers begin behind its parenthesis with field 3.
        let (_, fields) = stat.rsplit_once(") ").context("no name in stat")?;
        let mut fields = fields.split(' ').skip(14 - 3);
        let mut ticks = || -> Result<u32> { Ok(fields.next().context("stat is short")?.parse()?) };
        Ok(TICK * (ticks()? + ticks()?))
    }

    /// The same, once it does nothing any more.
    pub(super) fn cpu_when_quiet(&self) -> Result<Duration> {
        let mut before = self.cpu()?;
        loop {
            thread::sleep(Duration::from_millis(400));
            let now = self.cpu()?;
            if now.saturating_sub(before) <= TICK {
                return Ok(now);
            }
            before = now;
        }
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
