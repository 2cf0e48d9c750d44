//! What SIGHUP makes anew while Honeypost goes on serving: files that were moved away, and whatever else joins the list.

/// Everything that is opened or read anew at SIGHUP.
#[derive(Default)]
pub(crate) struct Reload(Vec<Box<dyn Fn() + Send + Sync>>);

impl Reload {
    /// Adds to the list. What is added must not wait: it is called where the signals are heard.
    pub(crate) fn add(&mut self, anew: Box<dyn Fn() + Send + Sync>) {
        self.0.push(anew);
    }

    /// Does it.
    pub(crate) fn now(&self) {
        tracing::info!("told by SIGHUP to open files anew: {} to open", self.0.len());
        for anew in &self.0 {
            anew();
        }
    }
}
