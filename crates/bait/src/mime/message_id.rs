//! Message ids, as Dovecot finds them in Message-ID, References and In-Reply-To for threads: whatever stands between `<` and
//! `>` and has an `@`, without space; what is quoted or has comments is read with care.

use crate::mime::lexer::{Lexer, Then};

/// Tries to read with care; each may look at all the rest.
const MOST_TRIES: usize = 100;

/// The ids in a header field's value, in their order.
pub fn message_ids(value: &[u8]) -> Vec<Vec<u8>> {
    let mut ids = Vec::new();
    // Of a try that fails, what was read so far stays in front of the next one.
    let mut careful = Vec::new();
    let mut tries = MOST_TRIES;
    let mut rest = value;
    while let Some(start) = memchr::memchr(b'<', rest) {
        let from = rest.get(start + 1..).unwrap_or_default();
        let stop = from.iter().position(|byte| matches!(byte, b'>' | b'"' | b'(' | 0));
        let Some((id, behind)) = stop.and_then(|stop| from.split_at_checked(stop)) else { break };
        rest = from;
        match behind.first() {
            Some(b'>') => {
                rest = behind.get(1..).unwrap_or_default();
                if id.contains(&b'@') {
                    ids.push(id.iter().filter(|byte| !is_space(**byte)).copied().collect());
                }
            }
            Some(0) => break,
            _ => {
                let Some(left) = tries.checked_sub(1) else { break };
                tries = left;
                if let Some(behind) = read(from, &mut careful) {
                    rest = behind;
                    ids.push(std::mem::take(&mut careful));
                }
            }
        }
    }
    ids
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Reads `"a b"@c>`, without quotes and comments. What stands behind it.
fn read<'a>(text: &'a [u8], id: &mut Vec<u8>) -> Option<&'a [u8]> {
    let mut lexer = Lexer::new(text);
    let _ = lexer.space();
    let local = if lexer.peek() == Some(b'"') { lexer.quoted_string(id) } else { lexer.dot_atom(id) };
    if local != Ok(Then::More) || !lexer.take_if(b'@') {
        return None;
    }
    id.push(b'@');
    let _ = lexer.space();
    (lexer.dot_atom(id) == Ok(Then::More) && lexer.take_if(b'>')).then(|| lexer.rest())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Vec<String> {
        message_ids(value.as_bytes()).iter().map(|id| String::from_utf8_lossy(id).into_owned()).collect()
    }

    #[test]
    fn ids_are_found_among_other_things() {
        assert_eq!(of("<a@b> x <c d@ e> <f> <@>"), ["a@b", "cd@e", "@"]);
        assert_eq!(of("Your message of <1@x"), Vec::<String>::new());
        assert_eq!(of("<\"q q\"@x> <a(c)@b>"), ["q q@x", "a@b"]);
        assert_eq!(of("<\"a\"> <\"b\"@c>"), ["ab@c"]);
    }

    #[test]
    fn many_beginnings_cost_little() {
        assert!(of(&"<".repeat(100_000)).is_empty());
        assert!(of(&"<\"".repeat(100_000)).is_empty());
    }
}
