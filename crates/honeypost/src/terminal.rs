//! Text for a terminal: what an intruder wrote must not move the cursor, change colours, or read differently than it is.
//!
//! Lines for people go through [`escape`] and [`quoted`], messages through [`escape_lines`], JSON through [`escape_json`].
//! What goes to a file or another program as JSON goes through none of them.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{IsTerminal, Stdout};

/// The text on one line, with every character made visible that a terminal would obey, or show as nothing or in another
/// order: control characters as `\r`, `\n`, `\t` or `\x1b`, others as `\u{202e}`. A backslash is doubled, so that a single
/// one is always ours.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    let ours = |character| character == '\\' || deceives(character);
    if !text.contains(ours) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\\' => shown.push_str("\\\\"),
            _ => show(character, &mut shown),
        }
    }
    Cow::Owned(shown)
}

/// As [`escape`], but with backslashes as they are: for a form that escapes them itself.
pub(crate) fn escape_only_deceiving(text: &str) -> Cow<'_, str> {
    if !text.contains(deceives) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    text.chars().for_each(|character| show(character, &mut shown));
    Cow::Owned(shown)
}

/// The text as one word whose end cannot be mistaken: as it is, or in quotes with `\"` for a quote. `breaks` are the
/// characters that would end a bare word where it stands.
pub(crate) fn quoted<'a>(text: &'a str, breaks: &[char]) -> Cow<'a, str> {
    let shown = escape(text);
    // No letter and not ASCII: signs that only look like a space, a slash or a quote.
    let unclear = |it: char| it == '"' || breaks.contains(&it) || (!it.is_ascii() && !it.is_alphanumeric());
    if text.is_empty() || text.contains(unclear) {
        Cow::Owned(format!("\"{}\"", shown.replace('"', "\\\"")))
    } else {
        shown
    }
}

/// A message's bytes for a terminal: what [`escape`] makes visible is visible, but lines stay lines and backslashes single.
pub(crate) fn escape_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line.strip_suffix('\r').unwrap_or(line), "\n"),
            None => (line.strip_suffix('\r').unwrap_or(line), ""),
        };
        for character in line.chars() {
            match character {
                // It moves no further than a few columns, and folded headers are full of them.
                '\t' => shown.push('\t'),
                _ => show(character, &mut shown),
            }
        }
        shown.push_str(end);
    }
    shown
}

/// JSON text for a terminal: the same values, with what [`escape`] makes visible written as `\uXXXX` (RFC 8259 section 7).
/// Outside of its strings JSON has none of these characters.
pub(crate) fn escape_json(json: &str) -> Cow<'_, str> {
    if !json.contains(deceives) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if deceives(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(shown, "\\u{unit:04x}").expect("writing to a string");
            }
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// One character, visible.
fn show(character: char, shown: &mut String) {
    match character {
        '\r' => shown.push_str("\\r"),
        '\n' => shown.push_str("\\n"),
        '\t' => shown.push_str("\\t"),
        _ if !deceives(character) => shown.push(character),
        _ if u32::from(character) < 0x100 => {
            write!(shown, "\\x{:02x}", u32::from(character)).expect("writing to a string");
        }
        _ => write!(shown, "\\u{{{:x}}}", u32::from(character)).expect("writing to a string"),
    }
}

/// Whether a terminal would not simply draw it.
fn deceives(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{10ffff}')
}

/// Whether to colour what goes to standard output: on a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
pub(crate) fn colours(out: &Stdout) -> bool {
    out.is_terminal() && !colours_forbidden()
}

/// Whether `NO_COLOR` is set.
pub(crate) fn colours_forbidden() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays() {
        for text in ["", "A1 LOGIN admin admin", "pässwörd 密码 🍯"] {
            assert!(matches!(escape(text), Cow::Borrowed(shown) if shown == text));
        }
    }

    #[test]
    fn a_backslash_of_theirs_is_not_one_of_ours() {
        assert_eq!(escape(r"(\Seen) \x1b"), r"(\\Seen) \\x1b");
        assert_eq!(escape("\\\r"), r"\\\r");
    }

    #[test]
    fn a_word_ends_where_it_ends() {
        for (text, shown) in [
            ("admin", "admin"),
            ("pässwörd密码", "pässwörd密码"),
            ("", r#""""#),
            ("a b", r#""a b""#),
            ("a/b", r#""a/b""#),
            (r#"x" / "y"#, r#""x\" / \"y""#),
            (r#"x\" y"#, r#""x\\\" y""#),
            ("a\u{a0}\u{2044}\u{a0}b", "\"a\u{a0}\u{2044}\u{a0}b\""),
        ] {
            assert_eq!(quoted(text, &[' ', '/']), shown);
        }
    }

    #[test]
    fn what_a_terminal_obeys_is_visible() {
        assert_eq!(escape("a\x1b]0;owned\x07b"), "a\\x1b]0;owned\\x07b");
        assert_eq!(escape("{3}\r\nabc\t\0\x7f"), "{3}\\r\\nabc\\t\\x00\\x7f");
        assert_eq!(escape("\u{9b}31m"), "\\x9b31m", "C1 controls are escape sequences too");
    }

    #[test]
    fn what_reads_differently_is_visible() {
        assert_eq!(escape("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(escape("ad\u{200b}min"), "ad\\u{200b}min");
        assert_eq!(escape("\u{2066}\u{feff}\u{e0041}"), "\\u{2066}\\u{feff}\\u{e0041}");
    }

    proptest::proptest! {
        #[test]
        fn nothing_escapes_the_escaping(text in "\\PC*|[\\x00-\\xff\u{200b}-\u{206f}a\u{e0001}]*|.*") {
            proptest::prop_assert!(!escape(&text).contains(deceives));
            proptest::prop_assert!(!escape_lines(text.as_bytes()).replace(['\n', '\t'], "").contains(deceives));
        }

        #[test]
        fn json_stays_what_it_says(text in "\\PC*|[\\x00-\\xff\u{200b}-\u{206f}a\u{e0001}\u{10fffe}]*|.*") {
            let json = serde_json::to_string(&text).expect("JSON");
            let shown = escape_json(&json);
            proptest::prop_assert!(!shown.contains(deceives));
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&shown).expect("JSON"), text);
        }

        #[test]
        fn two_words_are_told_apart(one in "[ab \\\\\"/(\r]{0,6}", other in "[ab \\\\\"/(\r]{0,6}") {
            let said = |one, other| format!("{} / {}", quoted(one, &[' ', '/']), quoted(other, &[' ', '/']));
            let all = said(&one, &other);
            let slash = if all.starts_with('"') {
                // The first quote that no odd number of backslashes precedes.
                let end = all.char_indices().skip(1).find(|(place, it)| {
                    let before = all.get(..*place).unwrap_or_default();
                    *it == '"' && (before.len() - before.trim_end_matches('\\').len()) % 2 == 0
                });
                end.map(|(place, _)| place + 1)
            } else {
                all.find(" / ")
            };
            proptest::prop_assert_eq!(slash, Some(quoted(&one, &[' ', '/']).len()));
        }
    }

    #[test]
    fn lines_of_a_message_stay_lines() {
        assert_eq!(escape_lines(b"A: b\r\n\tc\r\n\x1b[2J\xff\r\n"), "A: b\n\tc\n\\x1b[2J\u{fffd}\n");
    }
}
