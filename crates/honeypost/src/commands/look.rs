//! How wide a terminal is, what it can draw, and text that is cut and filled to columns.

use std::io::{self, IsTerminal};

use terminal_size::{Width, terminal_size};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::terminal;

/// Columns of a report that goes to no terminal.
const COLUMNS: usize = 100;

/// How something is to look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// The terminal's columns, where it goes to one.
    pub(crate) width: Option<usize>,
    /// ASCII alone.
    pub(crate) ascii: bool,
    /// Whether to use colours.
    pub(crate) colours: bool,
}

impl Look {
    /// That of standard output. Without UTF-8 in the locale, ASCII.
    pub(crate) fn of_stdout(ascii: bool) -> Self {
        let stdout = io::stdout();
        let width =
            stdout.is_terminal().then(|| terminal_size().map_or(80, |(Width(width), _)| width.into()));
        let ascii = ascii || !speaks_utf8(|name| std::env::var(name).ok());
        Self { width, ascii, colours: terminal::colours(&stdout) }
    }

    /// The columns to fill.
    pub(crate) fn columns(&self) -> usize {
        self.width.unwrap_or(COLUMNS).clamp(40, 200)
    }

    /// A harmless text as it can be drawn.
    pub(crate) fn drawn(&self, text: &str) -> String {
        if !self.ascii || text.is_ascii() {
            return text.to_owned();
        }
        let mut shown = String::new();
        for character in text.chars() {
            if character.is_ascii() {
                shown.push(character);
            } else {
                shown.extend(character.escape_unicode());
            }
        }
        shown
    }

    /// The text, cut where it is wider than that.
    pub(crate) fn fit(&self, text: &str, width: usize) -> String {
        let text = self.drawn(text);
        if text.width() <= width {
            return text;
        }
        let end = if self.ascii { "~" } else { "…" };
        let mut left = width.saturating_sub(1);
        let mut shown = String::new();
        for character in text.chars() {
            let wide = character.width().unwrap_or_default();
            if wide > left {
                break;
            }
            left -= wide;
            shown.push(character);
        }
        shown + end
    }

    /// The text in this many columns exactly, on the left or on the right of them.
    pub(crate) fn cell(&self, text: &str, width: usize, right: bool) -> String {
        let text = self.fit(text, width);
        let gap = " ".repeat(width.saturating_sub(text.width()));
        if right { gap + &text } else { text + &gap }
    }
}

/// Columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Whether the locale's characters are UTF-8 (POSIX, "Internationalization Variables"). No locale at all, as in a container,
/// says nothing against it.
fn speaks_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let Some(locale) = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")) else {
        return true;
    };
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look { width: None, ascii: false, colours: false };

    #[test]
    fn texts_take_the_columns_they_are_given() {
        assert_eq!(PLAIN.cell("admin", 7, false), "admin  ");
        assert_eq!(PLAIN.cell("12", 4, true), "  12");
        assert_eq!(PLAIN.cell("密码密码", 5, false), "密码…");
        assert_eq!(PLAIN.cell("密码密码", 6, false), "密码… ");
        let ascii = Look { ascii: true, ..PLAIN };
        assert_eq!(ascii.fit("pässwörd", 30), "p\\u{e4}ssw\\u{f6}rd");
        assert_eq!(ascii.fit("password", 5), "pass~");
    }

    #[test]
    fn a_locale_tells_its_characters() {
        let speaks = |all: &str, lang: &str| {
            speaks_utf8(|name| match name {
                "LC_ALL" => Some(all.to_owned()),
                "LANG" => Some(lang.to_owned()),
                _ => None,
            })
        };
        assert!(speaks("", "de_DE.UTF-8") && speaks("C.utf8", "C") && speaks("", ""));
        assert!(!speaks("C", "en_US.UTF-8") && !speaks("", "POSIX"));
    }
}
