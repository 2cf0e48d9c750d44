//! Text for a terminal: what an intruder wrote must not move the cursor, change colours, or read differently than it is.
//!
//! Whatever is shown to a person goes through [`escape`]; what is meant for machines (`events --json`) does not.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{IsTerminal, Stdout};

/// The text with every character made visible that a terminal would obey, or show as nothing or in another order:
/// control characters as `\r`, `\n`, `\t` or `\x1b`, others as `\u{202e}`.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(deceives) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
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
    Cow::Owned(shown)
}

/// A message's bytes for a terminal: like [`escape`], but lines stay lines.
pub(crate) fn escape_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split('\n').map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        // A tab moves no further than a few columns, and folded headers are full of them.
        line.split('\t').map(escape).collect::<Vec<_>>().join("\t")
    });
    lines.collect::<Vec<_>>().join("\n")
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
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    out.is_terminal() && !forbidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays() {
        for text in ["", "A1 LOGIN admin admin", "pässwörd 密码 🍯", r"\Seen"] {
            assert!(matches!(escape(text), Cow::Borrowed(shown) if shown == text));
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
    }

    #[test]
    fn lines_of_a_message_stay_lines() {
        assert_eq!(escape_lines(b"A: b\r\n\tc\r\n\x1b[2J\xff\r\n"), "A: b\n\tc\n\\x1b[2J\u{fffd}\n");
    }
}
