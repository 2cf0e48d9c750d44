//! Every mistake in a configuration: one error that says where, what and what instead; the exit status; nothing on disk.

mod common;

use std::fs;
use std::path::Path;

use common::{failed, honeypost};

/// Runs `serve`, which must end with status 2 and one line that contains `expected`.
fn refused(arguments: &[&str], environment: &[(&str, &str)], expected: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut command = honeypost();
    command.args(["serve", "--data-dir"]).arg(&data).args(arguments).envs(environment.iter().copied());
    let output = command.output().expect("runs");
    let (complaint, status) = failed(&output);
    assert_eq!(status, Some(2), "{arguments:?} {environment:?}: {complaint}");
    assert!(complaint.contains(expected), "expected {expected:?} in {complaint:?}");
    assert_eq!(complaint.trim_end().lines().count(), 1, "{complaint}");
    assert!(complaint.starts_with("honeypost: "), "{complaint}");
    assert!(output.stdout.is_empty() && !data.exists(), "it began before it had validated");
}

#[test]
fn every_bad_file_is_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad-configurations");
    let mut files: Vec<_> =
        fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(files.len() > 20, "where are they?");
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        let expected =
            text.lines().next().and_then(|line| line.strip_prefix("# expect: ")).expect("an expectation");
        let here = text.lines().position(|line| line == "# here:").map_or(0, |position| position + 2);
        let path = file.to_str().expect("UTF-8");
        let expected = expected.replace("LINE", &format!("{path}:{here}"));
        refused(&["--config", path], &[], &expected);

        let output = honeypost().args(["check", "--config", path]).output().expect("runs");
        let (complaint, status) = failed(&output);
        assert_eq!(status, Some(1), "{path}");
        assert!(complaint.contains(&expected) && output.stdout.is_empty(), "{complaint}");
    }
}

#[test]
fn bad_variables_are_refused() {
    for (name, value, expected) in [
        (
            "IMAP_USERS",
            "broken",
            "environment variable IMAP_USERS: credentials = \"broken\" is wrong in entry 1: `broken`",
        ),
        (
            "IMAP_USERS",
            "a:b,",
            "IMAP_USERS: credentials = \"a:b,\" is empty in entry 2 of 2 (a comma too many?); expected a list of",
        ),
        (
            "HONEYPOST_FOO",
            "x",
            "HONEYPOST_FOO: no setting has it; docs/configuration.md lists what there is, and so does `honeypost check`",
        ),
        ("HONEYPOST_CREDENTIALS", "a:b,:c", "environment variable HONEYPOST_CREDENTIALS: credentials = "),
        ("IMAP_BANNER", "Dovecot ready.", "environment variable IMAP_BANNER: imap.banner = "),
        (
            "NODE_NAME",
            "two words",
            "environment variable NODE_NAME: node-name = \"two words\" has characters",
        ),
        (
            "HONEYPOST_IMAP_LISTEN",
            "1143",
            "environment variable HONEYPOST_IMAP_LISTEN: imap.listen = \"1143\" holds",
        ),
        (
            "HONEYPOST_IMAP_LISTN",
            "x",
            "HONEYPOST_IMAP_LISTN: no setting has it; did you mean `HONEYPOST_IMAP_LISTEN`?",
        ),
        (
            "HONEYPOST_CONFIG",
            "/nonexistent.toml",
            "/nonexistent.toml: cannot read the configuration file: No such file",
        ),
    ] {
        refused(&[], &[(name, value)], expected);
    }
    let both = [("IMAP_USERS", "a:b"), ("HONEYPOST_CREDENTIALS", "a:b")];
    refused(&[], &both, "both set `credentials`; keep one of them");
}

#[test]
fn bad_flags_are_refused() {
    for (flag, value, expected) in [
        (
            "--config",
            "/nonexistent.toml",
            "/nonexistent.toml: cannot read the configuration file: No such file or directory",
        ),
        ("--config", "/", "/: cannot read the configuration file: "),
        (
            "--imap",
            "nowhere",
            "flag --imap: imap.listen = \"nowhere\" holds \"nowhere\", which is no IP address",
        ),
        ("--imap", "off", "every listener is off; give one an address, for example with --imap ADDR"),
        (
            "--dashboard",
            "127.0.0.1:1995",
            "flag --dashboard: dashboard.listen = \"127.0.0.1:1995\" asks for a listener that this version",
        ),
        ("--personality", "exim", "flag --personality: personality = \"exim\" is no personality there is"),
        ("--corpus", "/nonexistent", "corpus /nonexistent (flag --corpus): /nonexistent: is not a folder"),
        ("--imap", "192.0.2.1:1143", "imap.listen = \"192.0.2.1:1143\" (flag --imap): cannot listen there: "),
    ] {
        refused(&[flag, value], &[], expected);
    }
}

#[test]
fn check_prints_what_is_in_effect_and_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("honeypost.toml");
    fs::write(&file, "# A comment\nnode-name = \"mx1\"\n[limits]\nlogin-timeout = \"60s\"\n")
        .expect("writable");
    let path = file.to_str().expect("UTF-8");
    let mut command = honeypost();
    command.args(["check", "--config", path]).env("IMAP_USERS", "root:to:or").current_dir(folder.path());
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{:?}", failed(&output));
    let shown = String::from_utf8(output.stdout).expect("UTF-8");
    let row = |key: &str| {
        shown.lines().find(|line| line.trim_start_matches("# ").starts_with(key)).unwrap_or_default()
    };
    let words = |key: &str| row(key).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words("node-name"), format!("node-name = \"mx1\" # {path}:2"));
    assert_eq!(words("limits.login-timeout"), format!("limits.login-timeout = \"60s\" # {path}:4"));
    assert_eq!(words("credentials"), "credentials = [\"root:to:or\"] # environment variable IMAP_USERS");
    assert_eq!(words("imap.listen"), "imap.listen = \"127.0.0.1:1143\" # default");
    assert_eq!(words("sensor"), "# sensor: the value of `node-name` # default");
    // What is printed is a configuration file.
    fs::write(&file, &shown).expect("writable");
    assert!(honeypost().args(["check", "--config", path]).status().expect("runs").success());
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "check wrote something");
}

#[test]
fn what_clap_refuses_has_status_2() {
    for arguments in
        [vec![], vec!["serve", "--nonsense"], vec!["bait", "show", "INBOX", "one"], vec!["frobnicate"]]
    {
        assert_eq!(
            honeypost().args(&arguments).output().expect("runs").status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
}

/// A file that a sink renames and deletes must not be one of Honeypost's own.
#[test]
fn a_sink_does_not_write_to_the_data_directory() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("writable");
    for (key, file) in [("HONEYPOST_JSONL_PATH", "events.db"), ("HONEYPOST_ECS_PATH", "../data/new.ndjson")] {
        let output = honeypost()
            .args(["serve", "--data-dir"])
            .arg(&data)
            .env(key, data.join(file))
            .output()
            .expect("runs");
        let (complaint, status) = failed(&output);
        assert!(status == Some(2) && complaint.contains("is in the data directory"), "{complaint}");
    }
    assert_eq!(fs::read_dir(&data).expect("a folder").count(), 0);
}
