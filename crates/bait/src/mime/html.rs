//! HTML as plain text, as Dovecot makes it for previews: tags become a space, scripts, styles and comments nothing, and what
//! is unfinished at the end is not there.

use crate::mime::entities::named;

/// Where a reader of HTML stands.
#[derive(Clone, Copy)]
enum At {
    Text,
    Tag,
    /// In a tag's value, behind that quote.
    Quoted(char),
    Comment,
    /// In a comment behind `--`.
    CommentEnd,
    /// Until that closing tag.
    Until(&'static str),
    CharacterData,
}

/// The text of a piece of HTML. What stands in a `blockquote` begins with a line end and `>`.
pub fn without_markup(html: &str) -> String {
    let mut reader =
        Reader { text: String::with_capacity(html.len()), quotes: 0, newline: false, at: At::Text };
    let mut rest = html;
    while let Some(behind) = reader.step(rest) {
        rest = behind;
    }
    reader.text
}

struct Reader {
    text: String,
    quotes: usize,
    newline: bool,
    at: At,
}

impl Reader {
    /// Reads on; gives what is still to be read.
    fn step<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        let character = rest.chars().next()?;
        let mut behind = rest.get(character.len_utf8()..)?;
        match self.at {
            At::Text => match character {
                '<' => behind = self.open(behind)?,
                '&' => behind = self.entity(behind)?,
                _ => self.text.push(character),
            },
            At::Tag => match character {
                '"' | '\'' => self.at = At::Quoted(character),
                '>' => {
                    self.at = At::Text;
                    if self.quotes > 0 {
                        self.text.push_str("\n>");
                    } else if self.newline {
                        self.text.push('\n');
                    }
                    self.newline = false;
                    self.space();
                }
                _ => {}
            },
            At::Quoted(quote) if character == quote => self.at = At::Tag,
            At::Quoted(_) if character == '\\' => {
                let escaped = behind.chars().next()?;
                behind = behind.get(escaped.len_utf8()..)?;
            }
            At::Quoted(_) => {}
            At::Comment => {
                if let Some(after) = rest.strip_prefix("--") {
                    (self.at, behind) = (At::CommentEnd, after);
                }
            }
            At::CommentEnd => match character {
                '>' => self.at = At::Text,
                ' ' | '\t' | '\r' | '\n' => {}
                _ => self.at = At::Comment,
            },
            At::Until(tag) => {
                let found = rest.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
                if found {
                    self.space();
                    self.at = At::Text;
                    behind = rest.get(tag.len()..)?;
                }
            }
            At::CharacterData => {
                if let Some(after) = rest.strip_prefix("]]>") {
                    (self.at, behind) = (At::Text, after);
                } else {
                    self.text.push(character);
                }
            }
        }
        Some(behind)
    }

    /// Behind a `<`.
    fn open<'a>(&mut self, tag: &'a str) -> Option<&'a str> {
        let begins = |word: &str| {
            let start = tag.as_bytes().get(..word.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
        };
        let named = |word: &str| {
            let next = tag.as_bytes().get(word.len());
            begins(word) && matches!(next, Some(b' ' | b'\t' | b'\r' | b'\n' | b'>'))
        };
        let (at, length) = if begins("!--") {
            (At::Comment, 3)
        } else if named("script") {
            (At::Until("</script>"), 7)
        } else if named("style") {
            (At::Until("</style>"), 6)
        } else if begins("![CDATA[") {
            (At::CharacterData, 8)
        } else {
            if named("blockquote") {
                self.quotes += 1;
            } else if self.quotes > 0 && begins("/blockquote>") {
                self.quotes -= 1;
                self.newline = true;
            }
            (At::Tag, 0)
        };
        self.at = at;
        tag.get(length..)
    }

    /// Behind a `&`. What is no entity loses its `&`; of an unknown one nothing stays.
    fn entity<'a>(&mut self, name: &'a str) -> Option<&'a str> {
        const LONGEST: usize = 9;
        let end = name.bytes().position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b';'))?;
        if end > LONGEST || name.as_bytes().get(end) != Some(&b';') {
            return Some(name);
        }
        let (entity, behind) = name.split_at_checked(end)?;
        self.text.extend(named(entity).or_else(|| numbered(entity)));
        behind.get(1..)
    }

    fn space(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
            self.text.push(' ');
        }
    }
}

/// `#65` or `#x41`
fn numbered(entity: &str) -> Option<char> {
    let digits = entity.strip_prefix('#')?;
    let number = match digits.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    char::from_u32(number.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_entities() {
        assert_eq!(without_markup("<p>a<br>b &amp; &#65;&#x42;&bogus;c & d</p>"), "a b & ABc  d ");
        assert_eq!(without_markup("a<style>x{}</style>b<!-- c -- >d<script >e</SCRIPT>f"), "a bd f");
        assert_eq!(without_markup("<a href='x>y\\'>z'>w</a>"), "w ");
    }

    #[test]
    fn quotes_and_what_is_unfinished() {
        assert_eq!(without_markup("a<blockquote>b</blockquote>c"), "a\n> b\nc");
        assert_eq!(without_markup("a &am"), "a ");
        assert_eq!(without_markup("a <b"), "a ");
        assert_eq!(without_markup("<![CDATA[<x>]]>y"), "<x>y");
    }
}
