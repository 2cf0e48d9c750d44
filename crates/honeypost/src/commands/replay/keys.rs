//! Keys of a terminal, one by one, and the terminal as it was afterwards: at the end, at a failure, at Ctrl-C, at signals.

use std::io;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::stdio;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::player::{Key, Keys};

/// The terminal on standard input, giving each key at once. Dropped, it is as it was.
pub(super) struct Terminal {
    before: Termios,
}

impl Terminal {
    /// From now on.
    pub(super) fn take() -> io::Result<Self> {
        let before = tcgetattr(stdio::stdin())?;
        guard(before.clone())?;
        let mut modes = before.clone();
        // Without ISIG, Ctrl-C is a key as well.
        modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        let taken = Self { before };
        tcsetattr(stdio::stdin(), OptionalActions::Now, &modes)?;
        Ok(taken)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = tcsetattr(stdio::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Ends the process at a signal, with the terminal as it was.
fn guard(before: Termios) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut terminate, mut hang_up, mut interrupt) = {
        let _inside = runtime.enter();
        let hear = |kind| signal(kind);
        (hear(SignalKind::terminate())?, hear(SignalKind::hangup())?, hear(SignalKind::interrupt())?)
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let number = runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => 15,
                _ = hang_up.recv() => 1,
                _ = interrupt.recv() => 2,
            }
        });
        let _ = tcsetattr(stdio::stdin(), OptionalActions::Now, &before);
        process::exit(128 + number);
    })?;
    Ok(())
}

/// The longest that is waited at once.
const DAY: Duration = Duration::from_hours(24);

impl Keys for Terminal {
    fn wait(&mut self, limit: Option<Duration>) -> io::Result<(Duration, Option<Key>)> {
        let start = Instant::now();
        loop {
            let left = limit.map_or(DAY, |limit| limit.saturating_sub(start.elapsed()).min(DAY));
            let timeout = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let input = stdio::stdin();
            let ready = match poll(&mut [PollFd::new(&input, PollFlags::IN)], Some(&timeout)) {
                Ok(ready) => ready > 0,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            if !ready {
                if limit.is_some_and(|limit| start.elapsed() >= limit) {
                    return Ok((start.elapsed(), None));
                }
                continue;
            }
            let mut typed = [0; 32];
            let typed = match rustix::io::read(input, &mut typed) {
                // The terminal is gone.
                Ok(0) | Err(Errno::IO) => return Ok((start.elapsed(), Some(Key::Quit))),
                Ok(count) => typed.get(..count).unwrap_or_default().to_vec(),
                Err(Errno::INTR | Errno::AGAIN) => continue,
                Err(error) => return Err(error.into()),
            };
            if let Some(key) = key(&typed) {
                return Ok((start.elapsed(), Some(key)));
            }
        }
    }
}

/// The key that these octets of a terminal stand for. Of several typed at once, the first counts.
fn key(typed: &[u8]) -> Option<Key> {
    match typed {
        [b' ' | b'p', ..] => Some(Key::Pause),
        [b'n', ..] | [0x1b, b'[' | b'O', b'C', ..] => Some(Key::Next),
        [b'+' | b'=', ..] => Some(Key::Faster),
        [b'-', ..] => Some(Key::Slower),
        [b'q', ..] => Some(Key::Quit),
        [0x03, ..] => Some(Key::Interrupt),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        for (typed, expected) in [
            (&b" "[..], Some(Key::Pause)),
            (b"\x1b[C", Some(Key::Next)),
            (b"\x1bOC", Some(Key::Next)),
            (b"\x1b[D", None),
            (b"\x03", Some(Key::Interrupt)),
            (b"qq", Some(Key::Quit)),
            (b"\xff", None),
            (b"", None),
        ] {
            assert_eq!(key(typed), expected, "{}", typed.escape_ascii());
        }
    }
}
