//! Comparison as i;unicode-casemap has it (RFC 5051) and Dovecot does it: each character in title case, then taken apart
//! once, so that a letter with a mark begins with the letter.

use unicode_normalization::char::{compose, decompose_canonical, decompose_compatible};

/// A text's form for comparison, with ASCII in lower case.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(text.len() * 2);
    text.chars().for_each(|character| take_apart(title_case(character), &mut folded));
    folded.make_ascii_lowercase();
    folded
}

/// The simple title case of a character.
fn title_case(character: char) -> char {
    match character {
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        // Georgian has no title case.
        '\u{10d0}'..='\u{10ff}' => character,
        // Greek with a iota below.
        '\u{1f80}'..='\u{1faf}' => char::from_u32(u32::from(character) | 8).unwrap_or(character),
        '\u{1fb3}' => '\u{1fbc}',
        '\u{1fc3}' => '\u{1fcc}',
        '\u{1ff3}' => '\u{1ffc}',
        _ => {
            let mut upper = character.to_uppercase();
            let first = upper.next();
            first.filter(|_| upper.next().is_none()).unwrap_or(character)
        }
    }
}

/// Takes a character apart: what its last mark stands on stays together.
fn take_apart(character: char, out: &mut String) {
    let mut parts: Vec<char> = Vec::new();
    decompose_canonical(character, |part| parts.push(part));
    if parts.len() < 2 && parts.first() == Some(&character) {
        parts.clear();
        decompose_compatible(character, |part| parts.push(part));
    }
    let hangul = ('\u{ac00}'..='\u{d7a3}').contains(&character);
    if let [first, middle @ .., last] = parts.as_slice()
        && !hangul
        && let Some(base) = middle.iter().try_fold(*first, |base, mark| compose(base, *mark))
    {
        out.push(base);
        out.push(*last);
    } else {
        out.extend(parts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_letter_begins_with_the_letter() {
        assert_eq!(fold("\u{c9}t\u{e9} \u{3a9}"), fold("e\u{301}te\u{301} \u{3c9}"));
        assert!(fold("M\u{e4}rz").starts_with("ma"));
        assert_eq!(fold("\u{1ebf}"), "\u{ca}\u{301}", "only once");
        assert_eq!(fold("\u{fb01}ne"), "fine");
    }

    #[test]
    fn a_character_is_never_two() {
        assert_eq!(fold("stra\u{df}e"), "stra\u{df}e");
        assert_eq!(fold("\u{1c6}"), fold("\u{1c4}"));
        assert_eq!(fold("\u{d55c}"), "\u{1112}\u{1161}\u{11ab}");
    }
}
