//! `docs/events.md`, generated from the catalogue. A test of the binary compares the two.

use std::fmt::{self, Write};

use crate::catalogue::{CATALOGUE, Entry};

/// The text of `docs/events.md`.
pub fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for entry in CATALOGUE {
        section(entry, &mut page).expect("writing to a string");
    }
    page
}

const INTRODUCTION: &str = "\
# Events

<!-- Generated from crates/event/src/catalogue.rs: `BLESS=1 cargo test -p honeypost` writes it anew. -->

What intruders do becomes events. `honeypost events --json` prints them, one JSON object a line (`--follow` goes on as
they come); without `--json` they are lines for people.

Every event begins with the same fields. Nothing that a peer sends can change them.

| field | shape | meaning |
|---|---|---|
| `id` | text | A UUIDv7, unique |
| `time` | text | RFC 3339, UTC, microseconds |
| `event` | word | The event's name, one of those below |
| `sensor` | text | The name of the Honeypost that saw it (`sensor` in [configuration](configuration.md)) |
| `session` | text | A UUIDv7: one connection, from accept to close |
| `seq` | number | From 0 in each session, without holes |
| `protocol` | word | `imap`, `pop3` or `smtp` |
| `tls` | true or false | Whether TLS was on at that time |
| `src_ip`, `src_port` | text, number | The peer |
| `dst_ip`, `dst_port` | text, number | Our own end |

Text that came from a peer is shown as UTF-8, with U+FFFD where it was not. Where that lost something, a field `NAME_b64`
follows the field `NAME` and holds the exact bytes in base64: take it where it is there.

An event stands in the record before the answer to what it tells has left. Every session begins with `session.opened` and
ends with `session.closed`, unless Honeypost itself was killed.
";

fn section(entry: &Entry, page: &mut String) -> fmt::Result {
    writeln!(page, "\n## `{}`\n\n{}\n", entry.name, one_line(entry.doc))?;
    writeln!(page, "| field | shape | meaning |\n|---|---|---|")?;
    for field in entry.fields {
        let doc = one_line(field.doc).replace('|', "\\|");
        writeln!(page, "| `{}` | {} | {doc} |", field.name, field.shape)?;
    }
    Ok(())
}

fn one_line(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_and_field_is_there() {
        let page = page();
        for entry in CATALOGUE {
            assert!(page.contains(&format!("\n## `{}`\n", entry.name)), "{}", entry.name);
            for field in entry.fields {
                assert!(
                    page.contains(&format!("\n| `{}` | {} | ", field.name, field.shape)),
                    "{}",
                    field.name
                );
            }
        }
    }
}
