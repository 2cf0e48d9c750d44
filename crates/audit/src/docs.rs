//! `docs/audit-checks.md`, generated from the checks and the rules. A test of the binary compares the two.

use std::fmt::Write as _;

use anyhow::Result;
use fidelity::Service;

use crate::checks::{CHECKS, Check};
use crate::rules::{Rule, rules};

/// The page's text.
pub fn page() -> Result<String> {
    let mut page = INTRODUCTION.to_owned();
    for Check { name, about, wants } in CHECKS {
        writeln!(page, "| `{name}` | {about} | {wants} |")?;
    }
    page.push_str(RULES);
    for (service, name) in [(Service::Imap, "IMAP"), (Service::Pop3, "POP3"), (Service::Smtp, "SMTP")] {
        for Rule { name: rule, says, who, .. } in rules(service)? {
            writeln!(page, "| {name} | `{rule}` | {says} | {who} |")?;
        }
    }
    Ok(page)
}

const INTRODUCTION: &str = "\
# What `honeypost audit` looks at

<!-- Generated from crates/audit: `BLESS=1 cargo test -p honeypost` writes it anew. -->

[audit.md](audit.md) says how to run it and how to read what it says.

| check | what is right | only |
|---|---|---|
";

const RULES: &str = "
## The rules of `known-honeypots`

What open-source detectors look for, and what the sources of honeypots say, in our own words. A rule is a few lines that are
said and the answers that give a honeypot away (`crates/audit/rules`).

| service | rule | what is wrong | who looks for it |
|---|---|---|---|
";
