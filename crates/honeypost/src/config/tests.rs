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

#[test]
fn keys_and_variables_are_unique() {
    let mut names: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
    names.extend(SETTINGS.iter().filter_map(|setting| setting.alias).map(str::to_owned));
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
