//! `honeypost check`: is the configuration in order, and what is it in effect.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::{Check, Serve, Settings};
use crate::start::{self, StartError};

/// Prints the effective configuration; status 1 when it is not in order.
pub(crate) fn run(wanted: Check) -> anyhow::Result<ExitCode> {
    let settings = Settings { config: wanted.config, data_dir: None };
    let serve = Serve { settings, ..Serve::default() };
    let found = start::configure(&serve).map_err(StartError::from);
    let found = found.and_then(|config| start::prepare(&config).map(|_| config));
    match found {
        Ok(config) => {
            let mut out = io::stdout().lock();
            out.write_all(config.show().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "honeypost: {error}");
            Ok(ExitCode::FAILURE)
        }
    }
}
