//! The project's own chores. `cargo xtask test` is exactly what CI runs; `cargo xtask bench` measures.
//!
//! Not part of what is shipped, and Linux only: it reads `/proc`. Read `test.rs` for the order of the checks,
//! `clients/mod.rs` for the real clients, `bench/mod.rs` for the measurements.

mod architecture;
mod bench;
mod clients;
mod command;
mod fidelity;
mod imap;
mod jarm;
mod links;
mod programs;
mod report;
mod rooms;
mod server;
mod smtp;
mod source;
mod suite;
mod test;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask test            all checks, as CI runs them: formatting, lints, architecture, tests, real clients
cargo xtask test fast       the same without the release build and the clients
cargo xtask test lints      formatting, lints and architecture alone
cargo xtask test clients    the release build and the clients alone; with a word, those whose name has it
cargo xtask bench           server CPU, latency and memory against a floor, in turns, in one run
            [--sessions N] [--rounds N] [--idle N]
cargo xtask fidelity        sessions against ours, compared with what the real servers were recorded to answer
            [imap|pop3|smtp|submission] [--real [HOST:PORT]] [--record [HOST:PORT]] [--ours HOST:PORT] [--only PART]
            --real or --record without an address starts Debian's Dovecot or Postfix
cargo xtask fidelity walk   sessions made by chance against the real servers and ours at once
            [imap|pop3|smtp|submission] [--minutes N] [--seed N] [--from N]
cargo xtask fidelity latency   how long the real servers take for an answer, and how long ours does
            [imap|pop3|smtp|submission] [--rounds N] [--debug]
cargo xtask jarm HOST:PORT  the JARM of a TLS server; [--starttls imap|pop3|smtp] [--raw]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["test"] => test::run(test::Part::All),
        ["test", "fast"] => test::run(test::Part::Fast),
        ["test", "lints"] => test::run(test::Part::Lints),
        ["test", "clients", only @ ..] => test::run(test::Part::Clients(&only.join(" "))),
        ["bench", options @ ..] => bench::build_and_run(options),
        ["fidelity", options @ ..] => fidelity::run(options),
        ["jarm", address, options @ ..] => jarm::run(address, options),
        // Not for people: the parts of `bench` that run as processes of their own, as release builds.
        ["bench-run", options @ ..] => bench::run(options),
        ["floor", recording] => bench::floor::run(std::path::Path::new(recording)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
