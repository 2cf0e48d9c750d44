//! The commands that look at things: one file each. None of them changes what it looks at.

pub(crate) mod bait;
pub(crate) mod check;
pub(crate) mod docs;
pub(crate) mod events;
mod line;
mod since;
