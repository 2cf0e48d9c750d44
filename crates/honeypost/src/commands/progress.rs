//! A progress bar for what may take longer than one likes to wait: on standard error, only on a terminal, only after a second.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// So long nothing is shown.
const QUIET: Duration = Duration::from_secs(1);
/// The bar's steps.
const STEPS: u64 = 1000;

/// How far something is. Gone from the screen when dropped.
pub(crate) struct Progress {
    what: &'static str,
    begin: Instant,
    wanted: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Of what is done, in a few words such as `reading events`.
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, begin: Instant::now(), wanted: io::stderr().is_terminal(), bar: None }
    }

    /// This share of it is done, from 0 to 1. Cheap enough for every few thousand steps.
    pub(crate) fn share(&mut self, share: f64) {
        if !self.wanted || (self.bar.is_none() && self.begin.elapsed() < QUIET) {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{msg}  [{bar:40}] {percent:>3} %  {eta} left") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.with_elapsed(self.begin.elapsed()).with_message(self.what)
        });
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to STEPS")]
        bar.set_position((share.clamp(0.0, 1.0) * 1000.0) as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
