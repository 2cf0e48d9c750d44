//! The commands that look at things: one file each. None of them changes what it looks at, but that `events`
//! brings what a killed server has left in the spool into the database.

pub(crate) mod bait;
pub(crate) mod check;
pub(crate) mod docs;
pub(crate) mod events;
pub(crate) mod export;
mod line;
pub(crate) mod reading;
pub(crate) mod replay;
mod since;
pub(crate) mod verify;
