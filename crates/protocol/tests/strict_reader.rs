//! Every answer of ours is read back by `imap-codec`, which accepts nothing but the grammar of RFC 3501.

mod support;

use imap_codec::decode::Decoder;
use imap_codec::imap_types::response::{Greeting, Response};
use imap_codec::{GreetingCodec, ResponseCodec};
use protocol::{Action, Actions, Moment, Session};

/// Everything that the server sends to these lines.
fn answers(lines: &[&str]) -> Vec<u8> {
    let mut session = support::session("decnet");
    let mut out = Actions::default();
    let mut sent = Vec::new();
    let mut take = |out: &mut Actions| {
        for action in out.drain() {
            if let Action::Send(bytes) = action {
                sent.extend_from_slice(&bytes);
            }
        }
    };
    session.open(Moment::default(), &mut out);
    take(&mut out);
    for line in lines {
        session.receive(Moment::default(), format!("{line}\r\n").as_bytes(), &mut out);
        take(&mut out);
        while session.pending() {
            session.resume(Moment::default(), &mut out);
            take(&mut out);
        }
    }
    sent
}

/// Reads a whole conversation; returns how many responses it had.
fn read_back(sent: &[u8]) -> usize {
    let (mut rest, _greeting): (_, Greeting<'_>) = GreetingCodec::default().decode(sent).expect("a greeting");
    let mut count = 0;
    while !rest.is_empty() {
        let read: Result<(_, Response<'_>), _> = ResponseCodec::default().decode(rest);
        let (behind, _) = read.unwrap_or_else(|error| {
            let near = &rest[..rest.len().min(300)];
            panic!("response {count}: {error:?}\n{}", near.escape_ascii())
        });
        rest = behind;
        count += 1;
    }
    count
}

#[test]
fn every_kind_of_answer() {
    let mut lines = vec![
        "a CAPABILITY",
        "a NOOP",
        "a BOGUS",
        "a LOGIN admin bad",
        "a AUTHENTICATE LOGIN",
        "*",
        "a AUTHENTICATE X",
        "a AUTHENTICATE PLAIN",
        "AGFkbWluAGFkbWlu",
        "a ID NIL",
        "a LIST \"\" \"\"",
        "a LIST \"\" *",
        "a LSUB \"\" *",
        "a STATUS inbox (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)",
        "a SELECT nosuch",
        "a SELECT INBOX",
        "a SEARCH ALL",
        "a UID SEARCH SUBJECT nothing",
        "a IDLE",
        "DONE",
        "a EXAMINE Sent",
        "a SELECT INBOX",
    ];
    let items = [
        "ALL",
        "FAST",
        "FULL",
        "FLAGS",
        "UID",
        "INTERNALDATE",
        "RFC822",
        "RFC822.SIZE",
        "RFC822.HEADER",
        "RFC822.TEXT",
        "ENVELOPE",
        "BODY",
        "BODYSTRUCTURE",
        "BODY[]",
        "BODY.PEEK[]",
        "BODY[TEXT]",
        "BODY[HEADER]",
        "BODY[1]",
        "BODY[1.1]",
        "BODY[1.MIME]",
        "BODY[2]",
        "BODY[2.HEADER]",
        "BODY[2.TEXT]",
        "BODY[2.1]",
        "BODY[9]",
        "BODY[HEADER.FIELDS (From \"To\" Date)]",
        "BODY[HEADER.FIELDS.NOT (Received)]",
        "BODY[]<0.10>",
        "BODY[TEXT]<5.1000>",
        "(UID FLAGS BODY[] ENVELOPE BODY.PEEK[HEADER] BODYSTRUCTURE)",
    ];
    let fetches: Vec<String> = items
        .iter()
        .flat_map(|item| [format!("a FETCH 1:* {item}"), format!("a UID FETCH 1:* {item}")])
        .collect();
    lines.extend(fetches.iter().map(String::as_str));
    lines.extend(["a FETCH 1 BODY[", "a FETCH x FLAGS", "a CLOSE", "a LOGOUT"]);
    let count = read_back(&answers(&lines));
    // 3 messages answer each FETCH, the command itself once.
    assert!(count > fetches.len() * 3, "{count} responses were read");
}
