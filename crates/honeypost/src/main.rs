//! Honeypost: a decoy mail server that lets intruders in, shows them bait, and records every step.
//!
//! The byte's way: [`listen`] accepts, [`connection`] drives a session of the `protocol` crate, [`pipeline`] stamps what it
//! records, [`sinks`] keep it; mail that is sent to us goes into the [`mailroom`], and [`visitors`] see their own. [`metrics`] count. Around that: [`cli`], [`config`], [`data_dir`], [`corpus`], and the [`commands`] that read.
//!
//! Read `serve.rs` first.

#![forbid(unsafe_code)]

mod cli;
mod commands;
mod config;
mod connection;
mod corpus;
mod data_dir;
mod listen;
mod mailroom;
mod metrics;
mod open_files;
mod penalties;
mod pipeline;
mod reload;
mod rooms;
mod seed;
mod serve;
mod signals;
mod sinks;
mod start;
mod terminal;
#[allow(dead_code, unused_imports, reason = "complete and tested; listeners and STARTTLS are to use it")]
mod tls;
mod visitors;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(wanted) => serve::run(&wanted),
        Command::Check(wanted) => commands::check::run(wanted),
        Command::Events(wanted) => commands::events::run(&wanted),
        Command::Replay(wanted) => commands::replay::run(&wanted),
        Command::Verify(wanted) => commands::verify::run(&wanted),
        Command::Export(wanted) => commands::export::run(&wanted),
        Command::Sessions(wanted) => commands::sessions::run(&wanted),
        Command::Session(wanted) => commands::session::run(&wanted),
        Command::Follow(wanted) => commands::follow::run(&wanted),
        Command::Report(wanted) => commands::report::run(&wanted),
        Command::Audit(wanted) => commands::audit::run(wanted),
        Command::Bait(wanted) => commands::bait::run(&wanted),
        Command::Docs { page } => commands::docs::run(page),
    };
    match done {
        Ok(code) => code,
        // The reader of our output has enough (`| head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "honeypost: {error:#}");
            ExitCode::from(USAGE)
        }
    }
}

/// The exit status for what the operator has to put right.
const USAGE: u8 = 2;

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
