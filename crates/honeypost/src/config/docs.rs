//! `docs/configuration.md`, generated from the table of settings. A test compares the two.

use std::fmt::Write as _;

use super::environment::CONFIG_VARIABLE;
use super::settings::{Preset, SETTINGS, Setting};

/// The text of `docs/configuration.md`.
pub(crate) fn configuration() -> String {
    let mut page = INTRODUCTION.replace("{CONFIG_VARIABLE}", CONFIG_VARIABLE);
    for setting in SETTINGS {
        entry(setting, &mut page).expect("writing to a string");
    }
    page
}

const INTRODUCTION: &str = r#"# Configuration

<!-- Generated from crates/honeypost/src/config/settings.rs: `BLESS=1 cargo test -p honeypost` writes it anew. -->

Honeypost runs without any configuration. What you want otherwise comes, each beating the one before, from

1. a TOML file: `honeypost serve --config honeypost.toml`, or the variable `{CONFIG_VARIABLE}`;
2. environment variables: the key in capitals with `_` for `.` and `-`, behind `HONEYPOST_`, so that `imap.listen` is
   `HONEYPOST_IMAP_LISTEN`; three keys have a second variable. One that is set to nothing counts as not set;
3. flags of the command line.

A key or a `HONEYPOST_` variable that does not exist, and a value that makes no sense, are errors: Honeypost says where
the mistake is and what it expected, changes nothing on disk, and ends with status 2. `honeypost check` validates without
serving (status 0 or 1) and prints every setting with its value and where it came from.

```toml
credentials = ["admin:admin", "root:toor"]
node-name = "mail01"

[imap]
listen = "[::]:143"   # IPv6 and IPv4

[limits]
connections-per-source = 20
login-timeout = "60s"
```

## Keys
"#;

fn entry(setting: &Setting, page: &mut String) -> std::fmt::Result {
    writeln!(page, "\n### `{}`\n", setting.key)?;
    for line in setting.doc.lines() {
        writeln!(page, "{}", line.trim())?;
    }
    writeln!(page)?;
    match setting.default {
        Preset::Text(_) => {
            let config = super::Config::defaults();
            writeln!(page, "- Default: `{}`", (setting.show)(&config))?;
        }
        Preset::Words(words) => writeln!(page, "- Default: {words}")?,
    }
    writeln!(page, "- Takes: {}", setting.expects)?;
    write!(page, "- Variable: `{}`", setting.variable())?;
    match setting.alias {
        Some(alias) => writeln!(page, " or `{alias}`")?,
        None => writeln!(page)?,
    }
    if let Some(flag) = setting.flag {
        writeln!(page, "- Flag: `--{flag}`")?;
    }
    Ok(())
}
