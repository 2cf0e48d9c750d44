//! Looks at a running mail server as those do who hunt honeypots: with the sessions that real servers were recorded in, the
//! rules of open-source detectors, nmap's questions, TLS fingerprints, and a watch. Tells what gives it away.
//!
//! It knows no server of ours, and connects only where it is told. `honeypost audit` is its command; docs/audit.md tells how
//! to read what it says. Read [`run`], then `facts.rs`, `checks/mod.rs` and the checks that you want.

mod channel;
mod checks;
mod claim;
pub mod docs;
mod facts;
mod finding;
mod pattern;
mod random;
mod rules;
mod sessions;
mod talk;
mod target;

use std::io;

use anyhow::Result;
pub use fidelity::Service;

pub use checks::{CHECKS, Check};
pub use claim::{Claim, Product};
pub use finding::{Finding, Verdict};
pub use rules::{Rule, rules};
pub use target::{Target, TargetError};

use crate::checks::{
    capabilities, certificate, greeting, hosts, logins, mailbox, queue, relay, times, tls, transcripts,
};
use crate::facts::Facts;
use crate::talk::Place;

/// A login that is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

/// What is wanted.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// For the checks behind the login.
    pub login: Option<Login>,
    /// Leave out what is slow: wrong logins, JARM, most sessions.
    pub quick: bool,
    /// Send two messages to this address.
    pub send: Option<String>,
}

/// What one target is.
#[derive(Debug, Clone)]
pub struct Looked {
    /// `HOST:PORT`.
    pub place: String,
    /// What is spoken there.
    pub service: Service,
    /// Whether it begins with TLS.
    pub tls: bool,
    /// Which server it claims to be.
    pub claim: Claim,
}

/// Everything that was found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The targets.
    pub looked: Vec<Looked>,
    /// The findings: by target, then those about hosts.
    pub findings: Vec<Finding>,
}

/// A target that does not answer. Nothing else is looked at then.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {why}")]
pub struct Unreachable {
    /// `HOST:PORT`.
    pub place: String,
    /// What the system says.
    pub why: String,
}

/// Looks at all targets. `progress` is told what is looked at now. Blocks; some minutes, or seconds with
/// [`Options::quick`].
pub fn run(
    targets: &[Target],
    options: &Options,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Report, Unreachable> {
    let mut places = Vec::new();
    for target in targets {
        places.push(place(target).map_err(|why| Unreachable { place: target.address(), why })?);
    }
    let mut all = Vec::new();
    for place in places {
        let name = place.name();
        progress(&format!("{name}: greeting, capabilities, TLS"));
        all.push(Facts::take(place).map_err(|why| Unreachable { place: name, why: format!("{why:#}") })?);
    }
    let mut report = Report::default();
    for facts in &all {
        let Facts { place, claim, .. } = facts;
        let (service, tls) = (place.service, place.target.tls);
        report.looked.push(Looked { place: place.name(), service, tls, claim: claim.clone() });
    }
    // Each target by itself, all at once: most of the time is waiting.
    let mut by_target = at_once(&all, |facts| before_login(facts, options, progress));
    // Good logins come before wrong ones, which slow them down.
    progress("behind the login");
    let behind: Vec<Vec<Finding>> =
        at_once(&all, |facts| finished(mailbox::LOGIN, facts, mailbox::check(facts, options.login.as_ref())));
    for (findings, behind) in by_target.iter_mut().zip(behind) {
        findings.extend(behind);
    }
    // One after the other: a wrong login on one port slows all of them down.
    let mut tried: Vec<(&str, Service)> = Vec::new();
    for (facts, findings) in all.iter().zip(&mut by_target) {
        let kind = match facts.place.service {
            Service::Smtp if logins::impossible(facts).is_some() => continue,
            Service::Smtp => Service::Submission,
            service => service,
        };
        let key = (facts.place.target.host.as_str(), kind);
        if !tried.contains(&key) {
            progress(&format!("{}: wrong logins", facts.place.name()));
            findings.extend(finished(logins::ANY, facts, logins::check(facts, options.quick)));
            tried.push(key);
        }
    }
    report.findings = by_target.into_iter().flatten().collect();
    match hosts::check(&all) {
        Ok(found) => report.findings.extend(found),
        Err(why) => report.findings.push(Finding::not_checked(hosts::NAMES, "all", format!("{why:#}"))),
    }
    Ok(report)
}

/// A look at each target, in a thread each.
fn at_once(all: &[Facts], look: impl Fn(&Facts) -> Vec<Finding> + Sync) -> Vec<Vec<Finding>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = all.iter().map(|facts| (facts, scope.spawn(|| look(facts)))).collect();
        let ended = threads.into_iter().map(|(facts, thread)| {
            let fault = "a check broke off, by a fault of its own: it is not known what it would have found";
            let broken = |_| vec![Finding::not_checked(greeting::FORM, &facts.place.name(), fault)];
            thread.join().unwrap_or_else(broken)
        });
        ended.collect()
    })
}

/// Where a target is, and what is spoken there.
fn place(target: &Target) -> Result<Place, String> {
    let text = |error: io::Error| match error.kind() {
        io::ErrorKind::TimedOut => "cannot be reached: no answer".to_owned(),
        _ => format!("cannot be reached: {error}"),
    };
    let addresses = channel::resolve(&target.address()).map_err(text)?;
    channel::connect(&addresses).map_err(text)?;
    let mut target = target.clone();
    let service = match target.service {
        Some(service) => service,
        None => {
            let (service, tls) = talk::recognise(&addresses).map_err(|why| format!("{why:#}"))?;
            target.tls = tls;
            service
        }
    };
    Ok(Place { target, addresses, service })
}

/// A check of one target, and what it is to look at.
type Look<'a> = &'a dyn Fn() -> Result<Vec<Finding>>;

fn before_login(facts: &Facts, options: &Options, progress: &(dyn Fn(&str) + Sync)) -> Vec<Finding> {
    let quick = options.quick;
    let checks: [(&'static str, Look<'_>); 10] = [
        (greeting::FORM, &|| Ok(greeting::check(facts))),
        (rules::CHECK, &|| rules::check(facts)),
        (transcripts::CHECK, &|| transcripts::check(facts, quick)),
        (capabilities::AGREE, &|| capabilities::check(facts)),
        (tls::JARM, &|| tls::check(facts, quick)),
        (certificate::CHECK, &|| certificate::check(facts)),
        (times::BANNER, &|| times::check(facts)),
        (times::PIECES, &|| times::pieces(facts)),
        (relay::RELAY, &|| relay::check(facts)),
        (queue::CHECK, &|| queue::check(facts, options.send.as_deref())),
    ];
    let mut findings = Vec::new();
    for (name, check) in checks {
        progress(&format!("{}: {name}", facts.place.name()));
        findings.extend(finished(name, facts, check()));
    }
    findings
}

/// A check that could not end is told as not checked.
fn finished(check: &'static str, facts: &Facts, found: Result<Vec<Finding>>) -> Vec<Finding> {
    found.unwrap_or_else(|why| {
        let why = format!("the connection broke: {why:#}");
        vec![Finding::not_checked(check, &facts.place.name(), why)]
    })
}
