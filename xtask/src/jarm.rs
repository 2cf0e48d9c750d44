//! `cargo xtask jarm`: what a scanner sees of a TLS server. Prints the JARM, with `--raw` the ten answers before it.

use anyhow::{Result, bail};
use jarm::StartTls;

/// Takes it and prints it; false where the server answered nothing.
pub(crate) fn run(address: &str, options: &[&str]) -> Result<bool> {
    let (start, raw) = understand(options)?;
    if raw {
        for answer in jarm::raw(address, start)? {
            println!("{answer}");
        }
    }
    let jarm = jarm::take(address, start)?;
    println!("{jarm}");
    Ok(jarm.bytes().any(|digit| digit != b'0'))
}

fn understand(options: &[&str]) -> Result<(Option<StartTls>, bool)> {
    match options {
        [] => Ok((None, false)),
        ["--raw", rest @ ..] => Ok((understand(rest)?.0, true)),
        ["--starttls", protocol, rest @ ..] => Ok((Some(protocol.parse()?), understand(rest)?.1)),
        [unknown, ..] => bail!("{unknown}: the options are --starttls imap|pop3|smtp and --raw"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        assert_eq!(understand(&[]).unwrap(), (None, false));
        assert_eq!(understand(&["--raw", "--starttls", "smtp"]).unwrap(), (Some(StartTls::Smtp), true));
        assert!(understand(&["--starttls"]).is_err());
        assert!(understand(&["--starttls", "ftp"]).is_err());
    }
}
