//! `honeypost audit`: it tells a careless honeypot, and finds nothing in the real servers and in ours.

use std::io::{BufRead, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Missing, Scene};
use crate::command;
use crate::fidelity::{self, Oracle};
use crate::server::{self, Service};
use crate::workspace::Workspace;

/// The longest that one run may take: wrong logins are slow, and there are three for each service.
const LIMIT: Duration = Duration::from_mins(5);

/// A server of four lines of code.
pub(super) fn careless(scene: &Scene) -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || talk(stream));
        }
    });
    let report = audit(scene, &[format!("smtp://{address}")], &["--quick"])?;
    let told = told(&report);
    for check in ["line-ends", "known-honeypots", "open-relay"] {
        ensure!(told.contains(&check), "{check} is not told: {told:?}");
    }
    Ok(format!("{} tells", told.len()))
}

fn talk(mut stream: TcpStream) -> Result<()> {
    stream.write_all(b"220 mail.example.com ESMTP Service Ready\n")?;
    for line in BufReader::new(stream.try_clone()?).lines() {
        let verb = line?.to_ascii_uppercase();
        let known = ["EHLO", "HELO", "MAIL", "RCPT", "RSET"].iter().any(|known| verb.starts_with(known));
        let answer: &[u8] =
            if known { b"250 2.0.0 Ok\n" } else { b"502 Error: command \"HELP\" not implemented\n" };
        stream.write_all(answer)?;
    }
    Ok(())
}

/// Ours as it is to be exposed, on all of its ports.
pub(super) fn ours(scene: &Scene) -> Result<String> {
    let settings = [
        ("HONEYPOST_PERSONALITY", "dovecot-2.3"),
        ("NODE_NAME", "mx1.acme-tools.net"),
        ("IMAP_USERS", "anna:letmein"),
    ];
    let services = [
        Service::Imaps,
        Service::Pop3,
        Service::Pop3s,
        Service::Smtp,
        Service::Submission,
        Service::Submissions,
    ];
    let server = scene.serve_with(&settings, &services)?;
    let at = |scheme: &str, address: SocketAddr| format!("{scheme}://{address}");
    let targets = [
        at("imap", server.address),
        at("imaps", server.at(Service::Imaps)),
        at("pop3", server.at(Service::Pop3)),
        at("pop3s", server.at(Service::Pop3s)),
        at("smtp", server.at(Service::Smtp)),
        at("submission", server.at(Service::Submission)),
        at("submissions", server.at(Service::Submissions)),
    ];
    let report = audit(scene, &targets, &["--login", "anna:letmein"])?;
    server.stop()?;
    let told = told(&report);
    ensure!(told.is_empty(), "it is told by {told:?}: {}", report["findings"]);
    Ok(format!("{} checks ok", report["ok"]))
}

/// The real ones, where they can be started.
pub(super) fn real(scene: &Scene) -> Result<String> {
    let workspace = Workspace::load()?;
    // One after the other they start, since each asks for its packages; they are looked at together.
    let mut oracles = Vec::new();
    for service in fidelity::Service::ALL {
        oracles.push((service, Oracle::start(&workspace, service)?.map_err(Missing)?));
    }
    let seen: Vec<Result<String>> = std::thread::scope(|scope| {
        let looks: Vec<_> =
            oracles.iter().map(|(service, oracle)| scope.spawn(|| look(scene, *service, oracle))).collect();
        looks.into_iter().map(|look| look.join().expect("no look panics")).collect()
    });
    Ok(seen.into_iter().collect::<Result<Vec<String>>>()?.join(", "))
}

fn look(scene: &Scene, service: fidelity::Service, oracle: &Oracle) -> Result<String> {
    let mut options = Vec::new();
    if service.has_mail() {
        options.extend(["--login", "test:test123"]);
        for user in ["test", "admin"] {
            oracle.fresh(IpAddr::from(Ipv4Addr::LOCALHOST), user)?;
        }
    }
    let report = audit(scene, &[format!("{}://{}", service.name(), oracle.address)], &options)?;
    let told = told(&report);
    ensure!(told.is_empty(), "{} is told by {told:?}: {}", oracle.name, report["findings"]);
    Ok(format!("{} {}: {} checks ok", oracle.name, service.name(), report["ok"]))
}

/// Runs it; its exit status must be the one that its report has.
fn audit(scene: &Scene, targets: &[String], options: &[&str]) -> Result<Value> {
    let mut program = server::honeypost(&scene.program);
    program.args(["audit", "--json"]).args(targets).args(options);
    let output = command::output(&mut program, LIMIT)?;
    let report: Value = serde_json::from_str(&output.stdout).with_context(|| output.stderr.clone())?;
    let expected = i32::from(report["tells"] != 0);
    ensure!(output.status.code() == Some(expected), "{}: {} tells", output.status, report["tells"]);
    Ok(report)
}

/// The checks that tell something.
fn told(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().into_iter().flatten();
    findings.filter(|one| one["verdict"] == "tell").filter_map(|one| one["check"].as_str()).collect()
}
