//! The signals that Honeypost hears: those that end it, and SIGHUP.
//!
//! SIGHUP makes a daemon open its files anew. A Honeypost that was started at a terminal ends by it: that is how a terminal
//! that goes away ends what it started.

use std::io::{self, IsTerminal};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::reload::Reload;

/// Ctrl-C, SIGTERM and SIGHUP.
pub(crate) struct Told {
    interrupt: Signal,
    terminate: Signal,
    /// None where whoever started us wants it ignored, as nohup(1) does.
    hangup: Option<Signal>,
    /// Whether there is a terminal that may go away.
    terminal: bool,
}

impl Told {
    /// Listens from now on.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) },
            terminal: io::stdin().is_terminal() || io::stderr().is_terminal(),
        })
    }

    /// Returns when Honeypost is to end; until then, every SIGHUP that does not end it reloads.
    pub(crate) async fn wait(&mut self, reload: &Reload) {
        loop {
            let hangup = async {
                match &mut self.hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = hangup => {}
            }
            if self.terminal {
                return;
            }
            reload.now();
        }
    }
}

/// Whether SIGHUP, the lowest bit, is among the ignored signals of `proc_pid_status(5)`.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
