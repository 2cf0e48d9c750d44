//! ESMTP parameters of MAIL and RCPT (RFC 5321 section 4.1.2): SIZE (1870), BODY (6152), SMTPUTF8 (6531), AUTH (4954),
//! RET, ENVID, NOTIFY and ORCPT (3461). As in Postfix they are taken whether or not the client said EHLO.

use crate::smtp::state::Remembered;
use crate::smtp::texts::Phrase;
use crate::smtp::token::Token;
use crate::smtp::turn::Fault;

/// Reads the parameters of MAIL; says whether SMTPUTF8 is among them. What it finds before a fault is remembered all the
/// same.
pub fn mail(tokens: &[Token<'_>], remembered: &mut Remembered) -> Result<bool, Fault> {
    let (mut utf8, mut ret, mut envid) = (false, false, false);
    for token in tokens {
        let (name, value) = parameter(token.text);
        match (name.as_slice(), value) {
            (b"SIZE", Some(value)) => remembered.declared = Some(size(value, remembered)?),
            (b"BODY", Some(value)) if one_of(value, &["7BIT", "8BITMIME"]) => {}
            (b"SMTPUTF8", None) => utf8 = true,
            (b"AUTH", Some(_)) if remembered.submitter => return Err(Phrase::SeveralSubmitters.into()),
            (b"AUTH", Some(value)) => remembered.submitter = value != b"<>",
            (b"RET", Some(value)) => {
                if std::mem::replace(&mut ret, true) || !one_of(value, &["FULL", "HDRS"]) {
                    return Err(Phrase::BadRet.into());
                }
            }
            (b"ENVID", Some(value)) => {
                let printable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
                let sound = xtext(value).is_some_and(|text| !text.is_empty() && text.iter().all(printable));
                if std::mem::replace(&mut envid, true) || !sound {
                    return Err(Phrase::BadEnvid.into());
                }
            }
            _ => return Err(Fault::with(Phrase::UnsupportedOption, token.text)),
        }
    }
    Ok(utf8)
}

/// Whether SMTPUTF8 is among the parameters of MAIL: it changes what an address may be, which stands before it.
pub fn wants_utf8(tokens: &[Token<'_>]) -> bool {
    tokens.iter().any(|token| token.text.eq_ignore_ascii_case(b"SMTPUTF8"))
}

/// Checks the parameters of RCPT; none of them changes anything here.
pub fn rcpt(tokens: &[Token<'_>]) -> Result<(), Fault> {
    let (mut notify, mut orcpt) = (false, false);
    for token in tokens {
        let (name, value) = parameter(token.text);
        match (name.as_slice(), value) {
            (b"NOTIFY", Some(value)) => {
                let reports = |word: &[u8]| one_of(word, &["SUCCESS", "FAILURE", "DELAY"]);
                let words = || value.split(|byte| b", \t\r\n".contains(byte)).filter(|word| !word.is_empty());
                let sound = words().next().is_some()
                    && (words().all(|word| one_of(word, &["NEVER"])) || words().all(reports));
                if std::mem::replace(&mut notify, true) || !sound {
                    return Err(Phrase::BadNotify.into());
                }
            }
            (b"ORCPT", Some(value)) => {
                let mut parts = value.splitn(2, |byte| *byte == b';');
                let sound = match (parts.next(), parts.next()) {
                    (Some(kind), Some(address)) if one_of(kind, &["UTF-8"]) => is_utf8_xtext(address),
                    (Some(kind), Some(address)) => !kind.is_empty() && xtext(address).is_some(),
                    _ => false,
                };
                if std::mem::replace(&mut orcpt, true) || !sound {
                    return Err(Phrase::BadOrcpt.into());
                }
            }
            _ => return Err(Fault::with(Phrase::UnsupportedOption, token.text)),
        }
    }
    Ok(())
}

/// `NAME=value` or `NAME`; the name in upper case.
fn parameter(text: &[u8]) -> (Vec<u8>, Option<&[u8]>) {
    let mut parts = text.splitn(2, |byte| *byte == b'=');
    (parts.next().unwrap_or_default().to_ascii_uppercase(), parts.next())
}

fn one_of(value: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

/// Octets as a decimal number. One that is too large takes an earlier one back.
fn size(value: &[u8], remembered: &mut Remembered) -> Result<u64, Fault> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Phrase::BadSize.into());
    }
    let number = std::str::from_utf8(value).ok().and_then(|digits| digits.parse::<i64>().ok());
    number.and_then(|number| u64::try_from(number).ok()).ok_or_else(|| {
        remembered.declared = None;
        Phrase::SizeOverflow.into()
    })
}

/// What a text stands for that has some octets as `+XX` (RFC 3461 section 4).
fn xtext(value: &[u8]) -> Option<Vec<u8>> {
    let mut meant = Vec::with_capacity(value.len());
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        meant.push(if *byte == b'+' {
            u8::try_from(hex(&[*bytes.next()?, *bytes.next()?])?).ok()?
        } else {
            *byte
        });
    }
    Some(meant)
}

/// Whether every `\x{...}` in it is a character (RFC 6533 section 3).
fn is_utf8_xtext(value: &[u8]) -> bool {
    let mut rest = value;
    while let Some(at) = memchr::memmem::find(rest, b"\\x{") {
        rest = rest.get(at.saturating_add(3)..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'}', rest) else { return false };
        let (digits, behind) = rest.split_at(end);
        let significant = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
        let number = digits.get(significant..).unwrap_or_default();
        let sound = digits.iter().all(u8::is_ascii_hexdigit)
            && number.len() <= 6
            && (number.is_empty() || hex(number).is_some_and(|number| number <= 0x10_ffff));
        if !sound {
            return false;
        }
        rest = behind;
    }
    true
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |number, digit| {
        Some(number.checked_mul(16)?.saturating_add(char::from(*digit).to_digit(16)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::token;

    fn phrase<T>(result: Result<T, Fault>) -> Option<Phrase> {
        result.err().map(|fault| fault.phrase)
    }

    /// Each as Postfix 3.7.11 answered it.
    #[test]
    fn parameters_of_mail() {
        for (text, expected) in [
            ("SIZE=10240000 body=7bit BODY=8BITMIME SMTPUTF8", None),
            ("RET=FULL ENVID=QQ+41 AUTH=<>", None),
            ("SIZE=", Some(Phrase::BadSize)),
            ("SIZE=-1", Some(Phrase::BadSize)),
            ("SIZE=99999999999999999999999", Some(Phrase::SizeOverflow)),
            ("BODY=BINARYMIME", Some(Phrase::UnsupportedOption)),
            ("RET=X", Some(Phrase::BadRet)),
            ("RET=FULL RET=FULL", Some(Phrase::BadRet)),
            ("ENVID=", Some(Phrase::BadEnvid)),
            ("ENVID=+4", Some(Phrase::BadEnvid)),
            ("ENVID=+01", Some(Phrase::BadEnvid)),
            ("AUTH=a AUTH=b", Some(Phrase::SeveralSubmitters)),
            ("XVERP", Some(Phrase::UnsupportedOption)),
        ] {
            let found = mail(&token::split(text.as_bytes()), &mut Remembered::default());
            assert_eq!(phrase(found), expected, "{text}");
        }
        let mut remembered = Remembered::default();
        assert_eq!(mail(&token::split(b"SIZE=17 smtputf8"), &mut remembered), Ok(true));
        assert_eq!(remembered, Remembered { declared: Some(17), submitter: false });
    }

    /// Each as Postfix 3.7.11 answered it.
    #[test]
    fn parameters_of_rcpt() {
        for (text, expected) in [
            ("NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a@b", None),
            ("NOTIFY=NEVER ORCPT=rfc822;", None),
            ("NOTIFY=SUCCESS,,DELAY, ORCPT=rfc822;+01", None),
            ("NOTIFY=NEVER,never ORCPT=utf-8;\\x{41}\\x{10FFFF}", None),
            ("NOTIFY=,", Some(Phrase::BadNotify)),
            ("ORCPT=UTF-8;\\x{110000}", Some(Phrase::BadOrcpt)),
            ("ORCPT=UTF-8;\\x{4", Some(Phrase::BadOrcpt)),
            ("NOTIFY=NEVER,SUCCESS", Some(Phrase::BadNotify)),
            ("NOTIFY=", Some(Phrase::BadNotify)),
            ("NOTIFY=NEVER NOTIFY=NEVER", Some(Phrase::BadNotify)),
            ("ORCPT=rfc822", Some(Phrase::BadOrcpt)),
            ("ORCPT=;x", Some(Phrase::BadOrcpt)),
            ("ORCPT=rfc822;+zz", Some(Phrase::BadOrcpt)),
            ("SIZE=3", Some(Phrase::UnsupportedOption)),
        ] {
            assert_eq!(phrase(rcpt(&token::split(text.as_bytes()))), expected, "{text}");
        }
    }
}
