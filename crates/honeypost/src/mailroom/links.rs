//! The URLs in a text: a plain scanner for `http://` and `https://`, linear in the text.

use std::collections::HashSet;

use memchr::memmem;

/// URLs that are listed.
const MOST: usize = 64;
/// A URL is cut after so many octets.
const LONGEST: usize = 2048;

/// The URLs found so far, each once, in their order.
#[derive(Debug, Default)]
pub(super) struct Links {
    list: Vec<String>,
    known: HashSet<String>,
}

impl Links {
    /// Adds those of a text; in HTML `&amp;` is an ampersand.
    pub(super) fn search(&mut self, text: &[u8], html: bool) {
        let mut behind = 0;
        for colon in memmem::find_iter(text, b"://") {
            if self.list.len() == MOST {
                return;
            }
            // A URL that was found goes on to its end, whatever stands in it.
            let Some(start) = scheme(&text[..colon]).filter(|start| *start >= behind) else { continue };
            let rest = &text[start..];
            let length = rest.iter().position(|octet| ends(*octet)).unwrap_or(rest.len());
            behind = start + length;
            self.add(&rest[..length.min(LONGEST)], colon + 3 - start, html);
        }
    }

    fn add(&mut self, url: &[u8], scheme: usize, html: bool) {
        let mut url = String::from_utf8_lossy(url).into_owned();
        if html {
            url = url.replace("&amp;", "&");
        }
        // A sentence's full stop is not the URL's, nor is the bracket around it.
        let count = |wanted: u8| url.bytes().filter(|octet| *octet == wanted).count();
        let mut unopened = count(b')').saturating_sub(count(b'('));
        let mut end = url.len();
        while let Some(last) = url[..end].chars().next_back() {
            match last {
                ')' if unopened > 0 => unopened -= 1,
                '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' | ']' => {}
                _ => break,
            }
            end -= last.len_utf8();
        }
        url.truncate(end);
        if url.len() > scheme && self.known.insert(url.clone()) {
            self.list.push(url);
        }
    }

    /// All of them.
    pub(super) fn into_list(self) -> Vec<String> {
        self.list
    }
}

/// Where the scheme begins that ends there.
fn scheme(before: &[u8]) -> Option<usize> {
    [&b"https"[..], b"http"].into_iter().find_map(|name| {
        let start = before.len().checked_sub(name.len())?;
        before[start..].eq_ignore_ascii_case(name).then_some(start)
    })
}

/// What no URL has in it (RFC 3986 section 2, and what stands around one in text and HTML).
const fn ends(octet: u8) -> bool {
    octet <= b' '
        || octet == 0x7f
        || matches!(octet, b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | b'|' | b'\\' | b'^')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(text: &str, html: bool) -> Vec<String> {
        let mut links = Links::default();
        links.search(text.as_bytes(), html);
        links.into_list()
    }

    #[test]
    fn urls_end_where_a_reader_would_end_them() {
        assert_eq!(
            links(
                "(see HTTP://a.example/b_(c)), <https://d.example>; ftp://no http:// xhttp://e.example. http://a.example/b_(c)",
                false
            ),
            ["HTTP://a.example/b_(c)", "https://d.example", "http://e.example", "http://a.example/b_(c)"]
        );
        assert_eq!(links("href='https://a/?x&amp;y'", true), ["https://a/?x&y"]);
        assert_eq!(
            links("http://r.example/?u=http://x.example/\u{fc}", false),
            ["http://r.example/?u=http://x.example/\u{fc}"]
        );
    }

    #[test]
    fn they_are_listed_once_and_cut() {
        assert_eq!(links(&"http://a.example/ ".repeat(5), false).len(), 1);
        assert_eq!(links(&format!("http://{}", "x".repeat(9999)), false)[0].len(), LONGEST);
        let many: Vec<String> = (0..99).map(|number| format!("http://a/{number}")).collect();
        assert_eq!(links(&many.join(" "), false).len(), MOST);
        // Linear: this is ten megabytes of beginnings.
        assert_eq!(links(&"http://".repeat(1_500_000), false).len(), 1);
    }
}
