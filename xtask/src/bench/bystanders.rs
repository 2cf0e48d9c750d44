//! What else the machine was doing: numbers from a busy machine are no numbers.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::process::{Process, TICK};

/// Above this share of the whole machine, others disturb.
const QUIET: f64 = 0.05;

/// A look at the machine's CPU time and at that of the processes that belong here.
pub(super) struct Bystanders {
    ours: Vec<Process>,
    /// CPU time that was none of ours when the watch began.
    others: Duration,
    start: Instant,
}

impl Bystanders {
    /// Begins to watch. `servers` are the processes that are measured; the measuring one is counted as ours too.
    pub(super) fn watch(servers: &[u32]) -> Result<Self> {
        let ids = servers.iter().copied().chain([std::process::id()]);
        let ours = ids.map(Process::of).collect::<Result<_>>()?;
        let mut watch = Self { ours, others: Duration::ZERO, start: Instant::now() };
        watch.others = watch.others()?;
        Ok(watch)
    }

    /// What there is to say about the others since then.
    pub(super) fn verdict(&self) -> Result<String> {
        let cores = std::thread::available_parallelism()?.get();
        let time = self.start.elapsed().as_secs_f64() * f64::from(u32::try_from(cores)?);
        let share = self.others()?.saturating_sub(self.others).as_secs_f64() / time;
        let verdict = if share > QUIET { "TOO MUCH: do not quote these numbers" } else { "quiet enough" };
        Ok(format!("other programs used {:.1} % of the machine meanwhile: {verdict}", share * 100.0))
    }

    /// All busy time of the machine (and what its host took away) that no process of ours used.
    fn others(&self) -> Result<Duration> {
        let ours: Duration = self.ours.iter().map(Process::ticks).sum::<Result<_>>()?;
        let stat = std::fs::read_to_string("/proc/stat").context("/proc/stat")?;
        let row = stat.lines().next().context("/proc/stat is empty")?;
        // user nice system idle iowait irq softirq steal; what guests used is in user already.
        let fields = row.split_whitespace().skip(1).take(8).enumerate();
        let busy =
            fields.filter(|(column, _)| !matches!(column, 3 | 4)).map(|(_, ticks)| ticks.parse::<u32>());
        Ok((TICK * busy.sum::<Result<u32, _>>()?).saturating_sub(ours))
    }
}
