//! The text of HTML, as far as a preview needs it: no tags, no styles, no scripts, entities resolved.

use std::str::Chars;

/// An entity's name is shorter than this.
const LONGEST_ENTITY: usize = 10;

/// The text between the tags; each tag counts as a space. Total: what is broken ends the text or is left out.
pub fn text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(place) = rest.find(['<', '&']) {
        let (plain, marked) = rest.split_at(place);
        text.push_str(plain);
        rest = match marked.strip_prefix('<') {
            Some(tag) => behind_tag(tag, &mut text),
            None => behind_entity(marked.strip_prefix('&').unwrap_or_default(), &mut text),
        };
    }
    text.push_str(rest);
    text
}

/// Behind what begins with `<`.
fn behind_tag<'a>(tag: &'a str, text: &mut String) -> &'a str {
    if let Some(comment) = tag.strip_prefix("!--") {
        return comment.split_once("-->").map_or("", |(_, rest)| rest);
    }
    if let Some(data) = tag.strip_prefix("![CDATA[") {
        let (data, rest) = data.split_once("]]>").unwrap_or((data, ""));
        text.push_str(data);
        return rest;
    }
    for (name, end) in [("script", "</script>"), ("style", "</style>")] {
        if is_called(tag, name) {
            space(text);
            return find_ignoring_case(tag, end).and_then(|end| tag.get(end..)).unwrap_or_default();
        }
    }
    let mut characters = tag.chars();
    while let Some(character) = characters.next() {
        match character {
            '>' => {
                if is_called(tag, "blockquote") {
                    text.push_str("\n>");
                } else if is_called(tag, "/blockquote") {
                    text.push('\n');
                }
                space(text);
                return characters.as_str();
            }
            '"' | '\'' => skip_quoted(&mut characters, character),
            _ => {}
        }
    }
    ""
}

fn skip_quoted(characters: &mut Chars<'_>, quote: char) {
    while let Some(character) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            end if end == quote => return,
            _ => {}
        }
    }
}

/// Whether a tag has this name.
fn is_called(tag: &str, name: &str) -> bool {
    let Some((start, rest)) = tag.split_at_checked(name.len()) else { return false };
    start.eq_ignore_ascii_case(name) && rest.starts_with([' ', '\t', '\r', '\n', '>'])
}

/// Where the text behind `wanted` begins.
fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    lower.find(wanted).map(|place| place.saturating_add(wanted.len()))
}

fn space(text: &mut String) {
    if !text.is_empty() && !text.ends_with([' ', '\n']) {
        text.push(' ');
    }
}

/// Behind what begins with `&`: what is no entity loses that alone, one that nobody knows is left out.
fn behind_entity<'a>(entity: &'a str, text: &mut String) -> &'a str {
    let Some((name, rest)) = entity.split_once(';') else { return entity };
    if name.len() >= LONGEST_ENTITY || name.contains([' ', '\t', '\r', '\n']) {
        return entity;
    }
    let number = name.strip_prefix('#').and_then(|number| match number.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => number.parse().ok(),
    });
    match number {
        Some(number) => text.extend(char::from_u32(number)),
        None => {
            let whole = format!("&{name};");
            let resolved = html_escape::decode_html_entities(&whole);
            if resolved != whole {
                text.push_str(&resolved);
            }
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn tags_go_and_entities_are_resolved() {
        assert_eq!(text("<p class=\"a>b\">A &amp; B&#x20ac;&#33; <b>c</b>d</p>"), "A & B\u{20ac}! c d ");
        assert_eq!(text("<style>p { }</style>x<script src='y'>1<2</script>y<!-- <p> -->z"), "x yz");
        assert_eq!(text("a<blockquote>q</blockquote>b"), "a\n> q\nb");
        assert_eq!(text("<![CDATA[<x>]]>"), "<x>");
        assert_eq!(text("a &bogus; & b &copy;"), "a   b \u{a9}");
        for broken in ["<", "<a", "<a '", "&", "<!--", "<style>", "<script>x"] {
            assert_eq!(text(broken), "", "{broken}");
        }
    }
}
