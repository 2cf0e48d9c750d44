//! Playing pieces at the speed they had, or another; keys change it on the way. What keys are is `keys.rs`.

use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;

use super::render::{Piece, Style};

/// A key that means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// Pauses, and goes on.
    Pause,
    /// Does not wait for the next piece.
    Next,
    /// Twice as fast.
    Faster,
    /// Half as fast.
    Slower,
    /// Ends it.
    Quit,
    /// Ctrl-C.
    Interrupt,
}

/// Time, and keys that may shorten it.
pub(super) trait Keys {
    /// Waits for so long (`None`: for ever), or for a key. Gives how long it was, and the key.
    fn wait(&mut self, limit: Option<Duration>) -> io::Result<(Duration, Option<Key>)>;
}

/// No keys, only time.
#[derive(Debug)]
pub(super) struct NoKeys;

impl Keys for NoKeys {
    fn wait(&mut self, limit: Option<Duration>) -> io::Result<(Duration, Option<Key>)> {
        let limit = limit.unwrap_or(Duration::MAX);
        std::thread::sleep(limit);
        Ok((limit, None))
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// All was shown.
    Shown,
    /// By a key.
    Quit,
    /// By Ctrl-C.
    Interrupted,
}

/// The time between pieces, with long silences shortened.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// The longest silence that is kept; `None` for all.
    longest: Option<Duration>,
    last: Timestamp,
}

impl Pace {
    /// From the beginning of a session.
    pub(super) fn new(start: Timestamp, longest: Option<Duration>) -> Self {
        Self { longest, last: start }
    }

    /// How long to wait before a piece, and the silence that this stands for, where it is shortened. Clocks that were set
    /// back cost no time.
    pub(super) fn before(&mut self, piece: &Piece) -> (Duration, Option<Duration>) {
        let Some(time) = piece.time else { return (Duration::ZERO, None) };
        let silence = Duration::try_from(time.duration_since(self.last)).unwrap_or_default();
        self.last = self.last.max(time);
        match self.longest {
            Some(longest) if silence > longest => (longest, Some(silence)),
            _ => (silence, None),
        }
    }
}

/// What is said of a silence that was shortened.
pub(super) fn silence(style: &Style, silence: Duration, shown: Duration) -> Piece {
    let seconds = |time: Duration| format!("{:.1}", time.as_secs_f64());
    style.note(None, &format!("… {} s of silence, shortened to {} s", seconds(silence), seconds(shown)))
}

/// A time at a speed.
pub(super) fn at_speed(time: Duration, speed: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() / speed).unwrap_or(Duration::MAX)
}

/// Speeds that keys lead to.
const SPEEDS: std::ops::RangeInclusive<f64> = 1.0 / 64.0..=1024.0;

/// Plays.
pub(super) struct Player<'a, K> {
    /// For notes.
    pub(super) style: Style,
    /// The time between pieces.
    pub(super) pace: Pace,
    /// So many times as fast as it was; positive.
    pub(super) speed: f64,
    /// Keys and time.
    pub(super) keys: &'a mut K,
}

impl<K: Keys> Player<'_, K> {
    /// Shows all pieces.
    pub(super) fn play(
        mut self,
        pieces: impl Iterator<Item = Piece>,
        out: &mut impl Write,
    ) -> io::Result<Ended> {
        let mut paused = false;
        for piece in pieces {
            let (wait, shortened) = self.pace.before(&piece);
            if let Some(recorded) = shortened {
                out.write_all(silence(&self.style, recorded, wait).text.as_bytes())?;
            }
            if !wait.is_zero()
                && let Some(ended) = self.wait(wait, &mut paused, out)?
            {
                return Ok(ended);
            }
            out.write_all(piece.text.as_bytes())?;
        }
        out.flush()?;
        Ok(Ended::Shown)
    }

    /// Lets so much of the recorded time pass, and obeys keys.
    fn wait(
        &mut self,
        mut left: Duration,
        paused: &mut bool,
        out: &mut impl Write,
    ) -> io::Result<Option<Ended>> {
        let mut status = Status::default();
        let ended = loop {
            if *paused {
                status.show(out, "[paused: space goes on, n shows the next, q quits]")?;
            } else if left.is_zero() {
                break None;
            }
            out.flush()?;
            let limit = (!*paused).then(|| at_speed(left, self.speed));
            let (elapsed, key) = self.keys.wait(limit)?;
            if !*paused {
                // Without a key the time is over, whatever rounding makes of it.
                let recorded = Duration::try_from_secs_f64(elapsed.as_secs_f64() * self.speed);
                left = match key {
                    Some(_) => left.saturating_sub(recorded.unwrap_or(Duration::MAX)),
                    None => Duration::ZERO,
                };
            }
            let factor = match key {
                None => continue,
                Some(Key::Quit) => break Some(Ended::Quit),
                Some(Key::Interrupt) => break Some(Ended::Interrupted),
                Some(Key::Next) => break None,
                Some(Key::Pause) => {
                    *paused = !*paused;
                    status.hide(out)?;
                    continue;
                }
                Some(Key::Faster) => 2.0,
                Some(Key::Slower) => 0.5,
            };
            let speed = self.speed * factor;
            if SPEEDS.contains(&speed) {
                self.speed = speed;
            }
            status.show(out, &format!("[speed {}]", self.speed))?;
        };
        status.hide(out)?;
        out.flush()?;
        Ok(ended)
    }
}

/// A line that is there for a while; keys are only obeyed on terminals.
#[derive(Debug, Default)]
struct Status {
    shown: bool,
}

impl Status {
    fn show(&mut self, out: &mut impl Write, text: &str) -> io::Result<()> {
        self.shown = true;
        write!(out, "\r\x1b[K{text}")
    }

    fn hide(&mut self, out: &mut impl Write) -> io::Result<()> {
        if std::mem::take(&mut self.shown) { write!(out, "\r\x1b[K") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Keys at times of a clock that needs no time.
    #[derive(Default)]
    struct Script {
        /// After how long which key comes, counted from the one before.
        keys: VecDeque<(Duration, Key)>,
        waited: Duration,
    }

    impl Keys for Script {
        fn wait(&mut self, limit: Option<Duration>) -> io::Result<(Duration, Option<Key>)> {
            let limit = limit.unwrap_or(Duration::MAX);
            let (passed, key) = match self.keys.pop_front() {
                Some((after, key)) if after < limit => (after, Some(key)),
                Some((after, key)) => {
                    self.keys.push_front((after.saturating_sub(limit), key));
                    (limit, None)
                }
                None => (limit, None),
            };
            assert_ne!(passed, Duration::MAX, "it waits for a key that never comes");
            self.waited += passed;
            Ok((passed, key))
        }
    }

    const STYLE: Style = Style { start: Timestamp::UNIX_EPOCH, colours: false, full: false };

    /// Pieces at these milliseconds; what is shown, how it ended, how long it took in milliseconds.
    fn played(times: &[i64], longest: Option<u64>, speed: f64, keys: &[(u64, Key)]) -> (String, Ended, u128) {
        let pieces = times.iter().map(|millis| Piece {
            time: Timestamp::from_millisecond(*millis).ok(),
            text: format!("{millis}\n"),
        });
        let keys = keys.iter().map(|(after, key)| (Duration::from_millis(*after), *key)).collect();
        let mut keys = Script { keys, waited: Duration::ZERO };
        let pace = Pace::new(STYLE.start, longest.map(Duration::from_millis));
        let mut out = Vec::new();
        let player = Player { style: STYLE, pace, speed, keys: &mut keys };
        let ended = player.play(pieces, &mut out).expect("written");
        (String::from_utf8(out).expect("UTF-8"), ended, keys.waited.as_millis())
    }

    #[test]
    fn it_takes_the_time_it_took() {
        let times = [500, 700, 700, 600, 1700];
        let all = "500\n700\n700\n600\n1700\n".to_owned();
        assert_eq!(played(&times, None, 1.0, &[]), (all.clone(), Ended::Shown, 1700));
        assert_eq!(played(&times, None, 4.0, &[]), (all.clone(), Ended::Shown, 425));
        assert_eq!(played(&times, None, 1e-300, &[(5, Key::Quit)]).1, Ended::Quit);
        assert_eq!(played(&times, None, 1e300, &[]), (all, Ended::Shown, 0));
    }

    #[test]
    fn a_long_silence_is_shortened_and_told() {
        let (text, _, waited) = played(&[0, 60_000], Some(3000), 2.0, &[]);
        assert_eq!(text, format!("0\n{:>10}  -- … 60.0 s of silence, shortened to 3.0 s\n60000\n", ""));
        assert_eq!(waited, 1500);
    }

    #[test]
    fn keys_are_obeyed() {
        let times = [0, 1000, 2000, 3000];
        let (text, ended, waited) = played(&times, None, 1.0, &[(100, Key::Next), (200, Key::Quit)]);
        assert_eq!((text.as_str(), ended, waited), ("0\n1000\n", Ended::Quit, 300));

        // A pause does not count; the speed counts from then on.
        let keys = [(400, Key::Pause), (9000, Key::Pause), (100, Key::Faster), (0, Key::Faster)];
        let (text, ended, waited) = played(&times, None, 1.0, &keys);
        assert!(text.contains("[paused: ") && text.contains("[speed 4]"), "{text:?}");
        assert_eq!((ended, waited), (Ended::Shown, 400 + 9000 + 100 + 500 / 4 + 2 * 250));

        // One after another while paused.
        let keys = [(1, Key::Pause), (1, Key::Next), (1, Key::Next), (1, Key::Interrupt)];
        let (text, ended, _) = played(&times, None, 1.0, &keys);
        assert!(text.contains("2000\n") && !text.contains("3000\n"), "{text:?}");
        assert_eq!(ended, Ended::Interrupted);
    }
}
