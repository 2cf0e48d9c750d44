//! Sessions with mail servers as files: what is said, what the real server answered, how one is played against any server,
//! and what of an answer may differ from run to run.
//!
//! `cargo xtask fidelity` compares whole servers with it, and `honeypost audit` looks for tells. It knows no server of ours.
//! docs/fidelity.md describes the form. Read `script.rs`, `session.rs`, `complete.rs`, `normal.rs`.

mod complete;
pub mod normal;
pub mod script;
mod service;
pub mod session;

pub use script::{Answer, Exchange, Script, Wait, answer_text};
pub use service::Service;
pub use session::{Channel, Pace, Player, play};
