//! How the numbers are told: the machine and the command first, then ours, the floor's and the ratio with its spread.

use std::time::Duration;

use super::conversation::Conversation;
use super::load::Round;

/// The targets, printed beside what was measured.
const CPU_RATIO: f64 = 2.0;
const IDLE_BYTES: f64 = 3.0 * 1024.0;
/// The same over TLS.
const IDLE_TLS_BYTES: f64 = 20.0 * 1024.0;

/// Some measurements of one thing.
#[derive(Debug, Clone, Default)]
pub(super) struct Spread {
    each: Vec<f64>,
}

impl Spread {
    /// One more measurement.
    pub(super) fn add(&mut self, value: f64) {
        self.each.push(value);
    }

    /// The median.
    fn middle(&self) -> f64 {
        let mut sorted = self.each.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            odd if odd % 2 == 1 => sorted[odd / 2],
            even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
        }
    }

    fn ends(&self) -> (f64, f64) {
        (
            self.each.iter().copied().fold(f64::NAN, f64::min),
            self.each.iter().copied().fold(f64::NAN, f64::max),
        )
    }

    fn listed(&self) -> String {
        self.each.iter().map(|value| format!("{value:.0}")).collect::<Vec<_>>().join(" ")
    }

    fn told(&self, digits: usize) -> String {
        let (least, most) = self.ends();
        format!("{:.digits$} ({least:.digits$} to {most:.digits$})", self.middle())
    }
}

/// All rounds of one server in one series.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    cpu: Spread,
    rate: Spread,
    latencies: Vec<Vec<Duration>>,
}

impl Numbers {
    /// One more round, and the CPU time that it cost the server.
    #[expect(clippy::cast_precision_loss, reason = "numbers of sessions are small")]
    pub(super) fn add(&mut self, cpu: Duration, round: &Round) {
        let sessions = round.sessions as f64;
        self.cpu.add(cpu.as_secs_f64() * 1e6 / sessions);
        self.rate.add(sessions / round.time.as_secs_f64());
        self.latencies.resize(round.latencies.len(), Vec::new());
        for (all, own) in self.latencies.iter_mut().zip(&round.latencies) {
            all.extend(own);
        }
    }

    fn median_latency(&self, exchange: usize) -> f64 {
        let mut sorted = self.latencies[exchange].clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).map_or(f64::NAN, |median| median.as_secs_f64() * 1e6)
    }
}

/// Where and with which command this was measured.
pub(super) fn heading(command: &str) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("", |row| row.1);
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    println!("\nmachine: {cores} cores, {model}, Linux {}", read("/proc/sys/kernel/osrelease").trim());
    println!("command: {command}");
}

/// One series: CPU, rate and latencies of both servers, and the ratio.
pub(super) fn series(concurrency: usize, sessions: usize, ours: &Numbers, floor: &Numbers) {
    let rounds = ours.cpu.each.len();
    println!(
        "\n{concurrency} at a time, {rounds} rounds of {sessions} sessions each, in turns; medians (and the least and most) of the rounds"
    );
    row("", "honeypost", "floor", "ratio");
    let ratio = ratio(&ours.cpu, &floor.cpu);
    row(
        "server CPU of a session, µs",
        &ours.cpu.told(0),
        &floor.cpu.told(0),
        &format!("{}  target: at most {CPU_RATIO:.1}", ratio.told(2)),
    );
    row(
        "sessions a second",
        &ours.rate.told(0),
        &floor.rate.told(0),
        &self::ratio(&ours.rate, &floor.rate).told(2),
    );
    // One after the other, so that a drift (a database that grows, a machine that is disturbed) can be told from noise.
    row("  round by round", &ours.cpu.listed(), &floor.cpu.listed(), "");
    let names = ["connect and greeting"].into_iter().chain(Conversation::names());
    for (exchange, name) in names.enumerate() {
        let (one, other) = (ours.median_latency(exchange), floor.median_latency(exchange));
        row(
            &format!("median latency of {name}, µs"),
            &format!("{one:.0}"),
            &format!("{other:.0}"),
            &format!("{:.2}", one / other),
        );
    }
}

/// Memory of idle connections.
pub(super) fn memory(connections: usize, ours: &Spread, floor: &Spread) {
    println!("\n{connections} idle connections, logged in, INBOX selected, no TLS");
    row("", "honeypost", "floor", "");
    let target = format!("target: at most {IDLE_BYTES:.0}");
    row("resident octets of each", &ours.told(0), &floor.told(0), &target);
}

/// The same over TLS, which the floor does not have.
pub(super) fn memory_tls(connections: usize, ours: Option<&Spread>) {
    println!("\n{connections} idle connections over TLS, logged in, INBOX selected");
    let told = ours.map_or_else(|| "not measured: no python3".to_owned(), |ours| ours.told(0));
    row("resident octets of each", &told, "", &format!("target: at most {IDLE_TLS_BYTES:.0}"));
}

/// Round by round: rounds of a pair were played one after the other, so what disturbed one disturbed both.
fn ratio(ours: &Spread, floor: &Spread) -> Spread {
    let each = ours.each.iter().zip(&floor.each).map(|(one, other)| one / other).collect();
    Spread { each }
}

fn row(name: &str, ours: &str, floor: &str, rest: &str) {
    println!("{}", format!("{name:<54}{ours:>34}{floor:>34}   {rest}").trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_pairs() {
        let mut ours = Numbers::default();
        let mut floor = Numbers::default();
        for (one, other) in [(30, 10), (20, 20)] {
            let round = Round { sessions: 10, time: Duration::from_secs(2), latencies: vec![vec![]] };
            ours.add(Duration::from_micros(one), &round);
            floor.add(Duration::from_micros(other), &round);
        }
        let ratio = ratio(&ours.cpu, &floor.cpu);
        assert_eq!(ratio.told(2), "2.00 (1.00 to 3.00)");
        assert_eq!(ours.rate.told(0), "5 (5 to 5)");
    }
}
