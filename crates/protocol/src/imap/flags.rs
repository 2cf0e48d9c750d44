//! Flags as a client sends them with STORE and APPEND.

use bait::Flags;

use crate::imap::arguments::Argument;
use crate::imap::texts::Phrase;
use crate::imap::turn::Fault;

/// System flags, and keywords as they were written.
pub fn parse(members: &[Argument<'_>]) -> Result<(Flags, Vec<String>), Fault> {
    let mut flags = Flags::NONE;
    let mut keywords: Vec<String> = Vec::new();
    for member in members {
        let atom = member.atom().ok_or(Phrase::FlagsNoAtoms)?;
        if !atom.starts_with(b"\\") {
            keywords.push(String::from_utf8_lossy(atom).into_owned());
            continue;
        }
        match Flags::from_name(atom).filter(|flag| *flag != Flags::RECENT) {
            Some(flag) => flags |= flag,
            None => return Err(Fault::with(Phrase::InvalidSystemFlag, atom.to_ascii_uppercase())),
        }
    }
    Ok((flags, keywords))
}

/// Octets of a keyword.
const LONGEST_KEYWORD: usize = 50;

/// Whether there can be keywords of these names.
pub fn check(keywords: &[String]) -> Result<(), Fault> {
    for keyword in keywords {
        let special = |octet: u8| b"(){ %*\"\\]".contains(&octet) || octet <= b' ' || octet >= 0x7f;
        if keyword.bytes().any(special) {
            return Err(Phrase::KeywordCharacters.into());
        }
        if keyword.len() > LONGEST_KEYWORD {
            return Err(Phrase::KeywordTooLong.into());
        }
    }
    Ok(())
}
