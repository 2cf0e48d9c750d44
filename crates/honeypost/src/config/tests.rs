//! Precedence, reading and showing of settings. The errors are in `tests/bad-configurations/`.

use std::path::Path;

use super::*;

fn flags(flags: &[(&'static str, &str)]) -> Sources {
    let flags = flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Sources { flags, ..Sources::default() }
}

fn environment(variables: &[(&str, &str)]) -> Sources {
    let environment = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    Sources { environment, ..Sources::default() }
}

fn read<T: raw::Meaning>(text: &str) -> Result<T, String> {
    T::read(&Raw::Text(text.to_owned()))
}

#[test]
fn every_default_can_be_written_into_a_file_and_read_back() {
    let shown = Config::defaults().show();
    for line in file::parse(Path::new("shown.toml"), &shown).expect("what is shown is TOML") {
        let mut config = Config::default();
        config.set(line.setting, line.origin, &line.raw).expect("a shown value is valid");
        assert_eq!(
            (line.setting.show)(&config),
            (line.setting.show)(&Config::defaults()),
            "{}",
            line.setting.key
        );
    }
}

/// Whoever opens many connections meets the imitated server's limit, and its words, before ours, on both ports of SMTP at once.
#[test]
fn our_limit_on_a_source_is_not_met_before_the_imitated_servers() {
    for name in protocol::Personality::NAMES {
        let personality = protocol::Personality::builtin(name).expect("it is built in");
        let its = personality.smtp.limits.connections.unwrap_or_default();
        assert!(Config::defaults().connections_per_source() > 2 * (its + 1), "{name}");
    }
}

#[test]
fn keys_and_variables_are_unique() {
    let mut names: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
    names.extend(SETTINGS.iter().flat_map(|setting| setting.aliases).map(|name| (*name).to_owned()));
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn flags_beat_environment_beats_file_beats_defaults() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("honeypost.toml");
    std::fs::write(
        &file,
        "node-name = \"file\"\nsensor = \"file\"\npersonality = \"file\"\nlog = \"debug\"\n",
    )
    .unwrap();
    let mut sources =
        environment(&[("HONEYPOST_SENSOR", "environment"), ("HONEYPOST_PERSONALITY", "environment")]);
    sources.file = Some(file.clone());
    sources.flags = vec![("personality", "flag".into())];
    let config = Config::load(&sources).expect("valid");
    assert_eq!((config.node_name(), config.sensor(), config.personality()), ("file", "environment", "flag"));
    assert_eq!(config.origin("node-name"), &Origin::File { path: file, line: 1 });
    assert_eq!(config.origin("sensor").to_string(), "environment variable HONEYPOST_SENSOR");
    assert_eq!(config.origin("personality").to_string(), "flag --personality");
    assert_eq!(config.origin("credentials"), &Origin::Default);
}

#[test]
fn the_file_may_be_named_by_the_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("honeypost.toml");
    std::fs::write(&file, "node-name = \"file\"").unwrap();
    let sources = environment(&[("HONEYPOST_CONFIG", file.to_str().expect("UTF-8"))]);
    assert_eq!(Config::load(&sources).expect("valid").node_name(), "file");
}

#[test]
fn the_variables_of_the_specification_work() {
    let sources = environment(&[
        ("IMAP_USERS", "admin:admin,root:to:or,user:"),
        ("IMAP_BANNER", "* OK Dovecot (Debian) ready.\r\n"),
        ("NODE_NAME", "mx1"),
    ]);
    let config = Config::load(&sources).expect("valid");
    assert_eq!(config.logins(), ["admin:admin", "root:to:or", "user:"]);
    assert!(config.credentials().accept(b"root", b"to:or") && config.credentials().accept(b"user", b""));
    assert!(!config.credentials().accept(b"root", b"root"), "the list is replaced");
    assert_eq!(config.imap_banner(), Some("* OK Dovecot (Debian) ready."));
    assert_eq!((config.node_name(), config.sensor()), ("mx1", "mx1"));
}

#[test]
fn a_variable_set_to_nothing_is_not_set() {
    let config =
        Config::load(&environment(&[("IMAP_USERS", ""), ("HONEYPOST_CREDENTIALS", "")])).expect("valid");
    assert_eq!(config.logins().len(), 6);
}

#[test]
fn off_is_accepted_for_every_listener() {
    let every = ["imap", "imaps", "pop3", "pop3s", "smtp", "submission", "submissions", "dashboard"];
    let off: Vec<(&'static str, &str)> = every.into_iter().map(|name| (name, "off")).collect();
    let config = Config::load(&flags(&off)).expect("valid");
    assert!(config.imap_listen().is_empty());
}

#[test]
fn several_addresses_are_a_list() {
    let config = Config::load(&flags(&[("imap", "127.0.0.1:143, [::1]:143")])).expect("valid");
    assert_eq!(config.imap_listen(), ["127.0.0.1:143".parse().unwrap(), "[::1]:143".parse().unwrap()]);
}

proptest::proptest! {
    #[test]
    fn no_file_and_no_variable_panics(text in "(\\PC|[=\"\\[\\]#.\n]){0,80}", row in 0..SETTINGS.len()) {
        let _ = file::parse(Path::new("any.toml"), &text);
        let setting = SETTINGS.get(row).expect("a row");
        let _ = file::parse(Path::new("any.toml"), &format!("{} = {text}", setting.key));
        let _ = (setting.set)(&mut Config::default(), &Raw::Text(text));
    }
}

#[test]
fn durations_have_units() {
    use raw::Meaning as _;
    for (text, millis) in
        [("500ms", 500), ("180s", 180_000), ("30m", 1_800_000), ("2h", 7_200_000), ("1d", 86_400_000)]
    {
        let duration: Duration = read(text).expect("valid");
        assert_eq!((duration.as_millis(), duration.show()), (millis, format!("\"{text}\"")));
    }
    for text in ["", "s", "10", "0s", "1 s", "-1s", "1.5h", "99999999999999999999s", "400d", "1w"] {
        assert!(read::<Duration>(text).is_err(), "{text}");
    }
}

#[test]
fn the_variables_of_the_templates_work() {
    let sources = environment(&[
        ("POP3_BANNER", "mail01 Dovecot POP3 ready.\r\n"),
        ("SMTP_BANNER", "mail01 ESMTP Postfix"),
        ("SMTP_OPEN_RELAY", "1"),
        ("SMTP_AUTH_WHITELIST", "anna, bob,,"),
        ("SMTP_RCPT_DROP_RATE", "0.25"),
        ("SMTP_SERVICE_NAME", "smtp_relay"),
        ("SMTP_QUARANTINE_DIR", "/var/spool/mqueue"),
        ("SMTP_MAX_BODY_BYTES", "10485760"),
        ("IMAP_EMAIL_SEED", "/seed"),
        ("POP3_EMAIL_SEED", "/seed"),
        ("PORT", "nonsense, but not of ours"),
    ]);
    let config = Config::load(&sources).expect("valid");
    assert_eq!(config.pop3_banner(), Some("+OK mail01 Dovecot POP3 ready."));
    assert_eq!(config.smtp_banner(), Some("220 mail01 ESMTP Postfix"));
    assert!(config.smtp_open_relay() && config.smtp_auth() == choice::SmtpAuth::Accept);
    assert_eq!(config.smtp_auth_whitelist(), ["anna", "bob"]);
    assert!((config.smtp_rcpt_drop_rate() - 0.25).abs() < f64::EPSILON);
    assert_eq!(config.decnet_smtp_service(), "smtp_relay");
    assert_eq!(config.decnet_quarantine_dir(), Some(Path::new("/var/spool/mqueue")));
    assert_eq!(config.seed_mail(), Some(Path::new("/seed")));
    assert_eq!(config.origin("mail.max-size").to_string(), "environment variable SMTP_MAX_BODY_BYTES");
    assert_eq!(config.log_format(), LogFormat::Human);
}

#[test]
fn greetings_are_completed() {
    for (written, meant) in
        [("220 a b", "220 a b"), ("a b", "220 a b"), ("22", "220 22"), ("2200 a", "220 2200 a")]
    {
        assert_eq!(read::<greeting::SmtpGreeting>(written).expect("valid").0, meant);
    }
    for (written, meant) in [("+OK", "+OK"), ("+OK a", "+OK a"), ("a b", "+OK a b")] {
        assert_eq!(read::<greeting::Pop3Greeting>(written).expect("valid").0, meant);
    }
    for text in ["", "220", "220-a", "354 a", "220 a\nb"] {
        assert!(read::<greeting::SmtpGreeting>(text).is_err(), "{text}");
    }
    for text in ["", "+OKAY", "+ a", "-ERR"] {
        assert!(read::<greeting::Pop3Greeting>(text).is_err(), "{text}");
    }
}

#[test]
fn submission_and_smtp_decide_on_auth() {
    let with = |auth: &str, relay: &str| {
        let sources = environment(&[("HONEYPOST_SMTP_AUTH", auth), ("SMTP_OPEN_RELAY", relay)]);
        Config::load(&sources).expect("valid").smtp_auth()
    };
    assert_eq!(with("", "0"), choice::SmtpAuth::Harvest);
    assert_eq!(with("", "true"), choice::SmtpAuth::Accept);
    assert_eq!(with("off", "1"), choice::SmtpAuth::Off);
}

/// What `--decnet` with that protocol makes of these variables.
fn decnet(protocol: Protocol, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(&Sources { decnet: Some(protocol), ..environment(variables) })
}

#[test]
fn a_container_of_decnet_serves_one_protocol() {
    let config = decnet(Protocol::Pop3, &[]).expect("valid");
    assert_eq!(config.pop3_listen(), ["0.0.0.0:110".parse().unwrap()]);
    for others in [config.imap_listen(), config.smtp_listen(), config.submission_listen()] {
        assert!(others.is_empty());
    }
    assert_eq!(config.log_format(), LogFormat::Decnet);
    assert!(
        config.credentials().accept(b"admin", b"admin123") && config.credentials().accept(b"admin", b"admin")
    );
    assert_eq!(config.origin("imap.listen").to_string(), "default of --decnet pop3");

    let config = decnet(Protocol::Smtp, &[("PORT", "2525"), ("IMAP_USERS", "a:b")]).expect("valid");
    assert_eq!(config.smtp_listen(), ["0.0.0.0:2525".parse().unwrap()]);
    assert_eq!(config.origin("smtp.listen").to_string(), "environment variable PORT");
    assert_eq!(config.logins(), ["a:b"]);
    assert!((config.smtp_rcpt_drop_rate() - 0.08).abs() < f64::EPSILON);

    let config = decnet(Protocol::Imap, &[("HONEYPOST_IMAP_LISTEN", "127.0.0.1:9"), ("PORT", "7")]);
    assert_eq!(config.expect("valid").imap_listen(), ["127.0.0.1:9".parse().unwrap()]);
    let error = decnet(Protocol::Imap, &[("PORT", "143/tcp")]).expect_err("no port").to_string();
    assert!(
        error.starts_with("environment variable PORT: imap.listen = \"143/tcp\" is no port; expected"),
        "{error}"
    );
}
