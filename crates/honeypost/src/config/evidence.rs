//! The settings of the store and of the wire record in it. The fields are documented by their rows in `settings.rs`.

use std::time::Duration;

use ::store::{Keep, Options};

use super::choice::WhenStoreFull;
use super::mail::Size;
use super::value::Count;
use super::{Config, ConfigError};

/// How events get into the database, and how long they stay.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) group_interval: Duration,
    pub(super) group_events: Count,
    pub(super) keep: Duration,
    pub(super) keep_size: Size,
    pub(super) when_full: WhenStoreFull,
}

/// How much of the wire record is kept.
#[derive(Debug, Default)]
pub(super) struct Wire {
    pub(super) max_per_session: Size,
    pub(super) keep_size: Size,
}

/// Less is no room for what one busy hour brings.
const LEAST: u64 = 10_000_000;

impl Config {
    /// Whether the store has room for anything.
    pub(crate) fn check_store(&self) -> Result<(), ConfigError> {
        for (key, size) in
            [("store.keep-size", self.store.keep_size), ("wire.keep-size", self.wire.keep_size)]
        {
            if size.0 < LEAST {
                return Err(self.refuse(key, "is too little", "at least \"10MB\""));
            }
        }
        Ok(())
    }

    /// How the store is opened.
    pub(crate) fn store(&self) -> Options {
        Options {
            group_interval: self.store.group_interval,
            group_events: self.store.group_events.0,
            keep: Keep {
                age: Some(self.store.keep),
                size: Some(self.store.keep_size.0),
                wire_size: Some(self.wire.keep_size.0),
            },
            ..Options::default()
        }
    }

    /// What sessions do when the store takes nothing.
    pub(crate) fn when_store_full(&self) -> WhenStoreFull {
        self.store.when_full
    }

    /// Octets of a session's wire record that are kept.
    pub(crate) fn wire_per_session(&self) -> u64 {
        self.wire.max_per_session.0
    }
}
