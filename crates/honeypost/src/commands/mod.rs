//! The commands that look at things: one file each. None of them changes what it looks at, but that those that read evidence
//! bring what a killed server has left in the spool into the database; and `audit` leaves its traces in the log of what it looks at.

pub(crate) mod audit;
pub(crate) mod bait;
mod bars;
mod cell;
pub(crate) mod check;
pub(crate) mod docs;
pub(crate) mod events;
mod evidence;
pub(crate) mod export;
pub(crate) mod follow;
mod line;
mod look;
pub(crate) mod progress;
pub(crate) mod reading;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod scope;
pub(crate) mod session;
pub(crate) mod sessions;
mod since;
mod summary;
pub(crate) mod verify;
