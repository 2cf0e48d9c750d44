//! Tests of the parent module.

use super::*;

const ALL: Rules = Rules {
    wanted: None,
    literals: Literals::Strings,
    inside_list: false,
    lists: None,
    before: 7,
    limit: 200,
    longest: 100,
};

fn shown(input: &[u8], rules: Rules) -> String {
    fn show(argument: &Argument<'_>) -> String {
        match argument {
            Argument::List(members) => {
                format!("({})", members.iter().map(show).collect::<Vec<_>>().join(" "))
            }
            argument => argument.string().unwrap_or_default().escape_ascii().to_string(),
        }
    }
    let Reading { arguments, stop, end } = read(input, rules);
    let arguments: Vec<String> = arguments.iter().map(show).collect();
    format!("{} {stop:?} {}", arguments.join(" "), input.get(end..).unwrap_or_default().escape_ascii())
}

#[test]
fn no_more_than_wanted_is_read() {
    let one = Rules { wanted: Some(1), ..ALL };
    assert_eq!(shown(b"x \"unclosed", one), "x Enough  \\\"unclosed");
    assert_eq!(shown(b"\"x\"y", one), "x Enough y");
    assert_eq!(shown(b"(a (b)) c", one), "(a (b)) Enough  c");
    assert_eq!(shown(b"five\rsix", one), "five Enough \\rsix");
    assert_eq!(shown(b"five\rsix", ALL), "five Fault(LoneCarriageReturn, false) \\rsix");
    assert_eq!(shown(b"{3}\r\na\0b {9}", one), "a Enough  {9}");
    assert_eq!(shown(b"", one), " LineEnd ");
}

#[test]
fn faults_and_where_they_are_found() {
    let fault = |input: &[u8]| {
        let Reading { stop, end, .. } = read(input, ALL);
        (stop, input.get(end..).unwrap_or_default().escape_ascii().to_string())
    };
    let at = |phrase, rest: &str| (Stop::Fault(phrase, false), rest.to_owned());
    assert_eq!(fault(b"ab\"c"), at(Phrase::InvalidCharacter, "b\\\"c"));
    assert_eq!(fault(b"a)"), at(Phrase::UnexpectedParenthesis, ")"));
    assert_eq!(fault(b")"), at(Phrase::UnexpectedParenthesis, ")"));
    assert_eq!(fault(b"\"abc"), at(Phrase::MissingQuote, "abc"));
    assert_eq!(fault(b"\"a\0\""), at(Phrase::NulInString, "a\\x00\\\""));
    assert_eq!(fault(b"a\xe9"), at(Phrase::EightBitAtom, "\\xe9"));
    assert_eq!(fault(b"{x}"), at(Phrase::InvalidLiteral, "x}"));
    assert_eq!(fault(b"{3"), at(Phrase::InvalidLiteral, "3"));
    assert_eq!(fault(b"{3+x}"), at(Phrase::LiteralUnclosed, "3+x}"));
    assert_eq!(fault(b"~{3}"), at(Phrase::BinaryLiteral, "~{3}"));
    assert_eq!(fault(b"(a"), at(Phrase::MissingParenthesis, ""));
    assert_eq!(fault(b"{5}x"), (Stop::Fault(Phrase::MissingLineFeed, true), "x".to_owned()));
    assert_eq!(fault(b"{5+}x"), (Stop::Fault(Phrase::MissingLineFeed, false), "x".to_owned()));
    assert_eq!(fault(b"{99999999999999999999}").0, Stop::LiteralTooBig);
    assert_eq!(fault(b"{191}").0, Stop::LiteralTooBig);
    assert_eq!(fault(b"{5}").0, Stop::Literal(Literal { size: 5, synchronizing: true }));
    assert_eq!(fault(&[&b"x ".repeat(150)[..]].concat()).0, Stop::Fault(Phrase::LineTooLarge, false));
}

#[test]
fn lists_are_bounded() {
    let deep = [b"(".repeat(90), b")".repeat(90)].concat();
    assert_eq!(read(&deep, ALL).stop, Stop::LineEnd);
    assert_eq!(read(&deep[..91], ALL).stop, Stop::Fault(Phrase::MissingParenthesis, false));
    let one = Rules { lists: Some(1), ..ALL };
    assert_eq!(read(b"(a) b", one).stop, Stop::LineEnd);
    assert_eq!(read(b"((a))", one).stop, Stop::Fault(Phrase::TooManyParentheses, false));
    let inside = Rules { inside_list: true, ..ALL };
    assert_eq!(shown(b"a (b)) c", inside), "a (b) ListEnd  c");
    assert_eq!(shown(b"a", inside), "a Fault(MissingParenthesis, false) ");
}

#[test]
fn words_are_held_up_to_a_length() {
    let word = |octets: usize| "x".repeat(octets);
    let fault =
        |text: String| matches!(read(text.as_bytes(), ALL).stop, Stop::Fault(Phrase::ArgumentTooLong, false));
    assert!(!fault(word(100)));
    assert!(fault(word(101)));
    assert!(fault(word(101) + " y"));
    assert!(!fault(format!("\"{}\"", word(99))));
    assert!(fault(format!("\"{}\"", word(100))));
    assert!(!fault(format!("({} {})", word(60), word(60))));
    // A fault within what is held is found first.
    assert!(!fault(format!("{}){}", word(60), word(60))));
}
