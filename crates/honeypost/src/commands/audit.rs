//! `honeypost audit`: looks at a running mail server as a hunter of honeypots would, and tells what gives it away. The only
//! command that connects anywhere, and only to what it is given. `docs/audit.md` tells how to read it.

use std::io::{self, Write};
use std::process::ExitCode;

use audit::{Finding, Login, Options, Report, Target, Verdict};
use clap::Args;
use serde_json::{Value, json};

use super::look::Look;
use crate::terminal;

/// The exit status where a target does not answer.
const UNREACHABLE: u8 = 3;
/// Columns in front of what belongs to a finding.
const INDENT: usize = 8;

/// `honeypost audit`
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// HOST:PORT, or imap://HOST:PORT (imaps, pop3, pop3s, smtp, submission, submissions) where the port does not say it
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<Target>,
    /// A login that is good, for the checks behind it
    #[arg(long, value_name = "USER:PASSWORD", value_parser = login)]
    login: Option<Login>,
    /// Leave out what is slow: wrong logins, JARM, most of the recorded sessions
    #[arg(long)]
    quick: bool,
    /// Send two short messages to this address, for the check of queue ids; otherwise nothing is sent
    #[arg(long, value_name = "ADDRESS", value_parser = recipient)]
    send: Option<String>,
    /// Print every finding in full, those that are well too
    #[arg(long)]
    all: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn login(word: &str) -> Result<Login, String> {
    let (user, password) = word.split_once(':').ok_or("expected USER:PASSWORD")?;
    if user.is_empty() || word.contains(char::is_control) {
        return Err("expected USER:PASSWORD, without control characters".into());
    }
    Ok(Login { user: user.to_owned(), password: password.to_owned() })
}

fn recipient(word: &str) -> Result<String, String> {
    let odd = |letter: char| letter.is_control() || letter.is_whitespace() || "<>".contains(letter);
    match word.split_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() && !word.contains(odd) => {
            Ok(word.to_owned())
        }
        _ => Err("expected an address, such as postmaster@mail.example.com".into()),
    }
}

/// Looks, and tells; exit 1 where something gives a target away, 3 where one does not answer.
pub(crate) fn run(wanted: Audit) -> anyhow::Result<ExitCode> {
    let Audit { targets, login, quick, send, all, json } = wanted;
    let options = Options { login, quick, send };
    announce(&targets, &options);
    let progress = |text: &str| {
        let _ = writeln!(io::stderr(), "  {}", terminal::escape(text));
    };
    let report = match audit::run(&targets, &options, &progress) {
        Ok(report) => report,
        Err(error) => {
            let _ = writeln!(io::stderr(), "honeypost: {}", terminal::escape(&error.to_string()));
            return Ok(ExitCode::from(UNREACHABLE));
        }
    };
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", terminal::escape_json(&as_json(&report).to_string()))?;
    } else {
        tell(&report, all, &Look::of_stdout(false), &mut out)?;
    }
    Ok(if count(&report, Verdict::Tell) == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What it is going to do, before it does it.
fn announce(targets: &[Target], options: &Options) {
    let names: Vec<String> =
        targets.iter().map(|target| terminal::escape(&target.address()).into_owned()).collect();
    let mut text = format!("Looking at {}. ", names.join(", "));
    text.push_str(if options.quick {
        "Some forty connections each, no logins but yours, some seconds."
    } else {
        "Up to a hundred connections each, three wrong logins for each service, one to three minutes."
    });
    text.push_str(" All of it is in that server's log. ");
    let sent = options.send.as_ref().map_or_else(
        || "No mail is sent: recipients are asked for, and forgotten.".to_owned(),
        |address| format!("Two messages go to {} by each SMTP port.", terminal::escape(address)),
    );
    let _ = writeln!(io::stderr(), "{text}{sent}");
}

fn count(report: &Report, verdict: Verdict) -> usize {
    report.findings.iter().filter(|finding| finding.verdict == verdict).count()
}

/// The report for a person.
fn tell(report: &Report, all: bool, look: &Look, out: &mut impl Write) -> io::Result<()> {
    for looked in &report.looked {
        let tls = if looked.tls { ", with TLS from the start" } else { "" };
        let compared = if looked.claim.is_recorded() {
            format!("compared with {}", looked.claim.recording())
        } else {
            "nothing was recorded of that: general checks only".to_owned()
        };
        let (place, service, claim) = (terminal::escape(&looked.place), looked.service.name(), &looked.claim);
        writeln!(out, "{place}: {service}{tls}; claims to be {claim}; {compared}")?;
    }
    let mut place = "";
    for finding in &report.findings {
        if finding.place != place {
            place = &finding.place;
            writeln!(out, "\n{}", terminal::escape(place))?;
        }
        one(finding, all, look, out)?;
    }
    let (tells, notes) = (count(report, Verdict::Tell), count(report, Verdict::Note));
    let (fine, left_out) = (count(report, Verdict::Ok), count(report, Verdict::NotChecked));
    writeln!(out, "\n{tells} tells, {notes} notes, {fine} ok, {left_out} not checked")
}

fn one(finding: &Finding, all: bool, look: &Look, out: &mut impl Write) -> io::Result<()> {
    let word = match finding.verdict {
        Verdict::Ok => "ok",
        Verdict::Tell => "TELL",
        Verdict::Note => "note",
        Verdict::NotChecked => "-",
    };
    let reason = if finding.verdict == Verdict::NotChecked { "not checked: " } else { "" };
    let text = look.drawn(&terminal::escape(&finding.text));
    writeln!(out, "  {word:<5} {:<20} {reason}{text}", finding.check)?;
    let in_full = all || matches!(finding.verdict, Verdict::Tell | Verdict::Note);
    if !in_full {
        return Ok(());
    }
    let parts =
        [("seen", &finding.seen), ("real", &finding.real), ("who", &finding.who), ("mend", &finding.mend)];
    for (name, text) in parts.into_iter().filter(|(_, text)| !text.is_empty()) {
        let mut name = name;
        for line in text.lines() {
            let line = look.drawn(&terminal::escape(line));
            let line =
                look.fit(&line, look.width.map_or(usize::MAX, |_| look.columns().saturating_sub(INDENT + 6)));
            writeln!(out, "{:INDENT$}{name:<5} {line}", "")?;
            name = "";
        }
    }
    Ok(())
}

fn as_json(report: &Report) -> Value {
    let finding = |finding: &Finding| {
        json!({
            "check": finding.check,
            "target": finding.place,
            "verdict": finding.verdict.word(),
            "text": finding.text,
            "seen": finding.seen,
            "real": finding.real,
            "who": finding.who,
            "mend": finding.mend,
        })
    };
    let targets = report.looked.iter().map(|looked| {
        json!({
            "target": looked.place,
            "service": looked.service.name(),
            "tls": looked.tls,
            "claim": looked.claim.to_string(),
            "compared_with": looked.claim.is_recorded().then(|| looked.claim.recording()),
        })
    });
    json!({
        "tells": count(report, Verdict::Tell),
        "notes": count(report, Verdict::Note),
        "ok": count(report, Verdict::Ok),
        "not_checked": count(report, Verdict::NotChecked),
        "targets": targets.collect::<Vec<_>>(),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}
