//! ESMTP parameters of MAIL and RCPT (RFC 5321 section 4.1.2): SIZE (1870), BODY (6152), SMTPUTF8 (6531), AUTH (4954),
//! RET, ENVID, NOTIFY and ORCPT (3461). As in Postfix they are taken whether or not the client said EHLO.

use crate::smtp::texts::Phrase;
use crate::smtp::token::Token;
use crate::smtp::turn::Fault;

/// What the parameters of MAIL change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MailParameters {
    /// The size declared, in octets.
    pub size: Option<u64>,
    /// SMTPUTF8.
    pub utf8: bool,
}

/// Reads the parameters of MAIL.
pub fn mail(tokens: &[Token<'_>]) -> Result<MailParameters, Fault> {
    let mut found = MailParameters::default();
    let (mut ret, mut envid) = (false, false);
    for token in tokens {
        let (name, value) = parameter(token.text);
        match (name.as_slice(), value) {
            (b"SIZE", Some(value)) => found.size = Some(size(value)?),
            (b"BODY", Some(value)) if one_of(value, &["7BIT", "8BITMIME"]) => {}
            (b"SMTPUTF8", None) => found.utf8 = true,
            (b"AUTH", Some(_)) => {}
            (b"RET", Some(value)) => {
                if std::mem::replace(&mut ret, true) || !one_of(value, &["FULL", "HDRS"]) {
                    return Err(Phrase::BadRet.into());
                }
            }
            (b"ENVID", Some(value)) => {
                if std::mem::replace(&mut envid, true) || value.is_empty() || !is_xtext(value) {
                    return Err(Phrase::BadEnvid.into());
                }
            }
            _ => return Err(Fault::with(Phrase::UnsupportedOption, token.text)),
        }
    }
    Ok(found)
}

/// Checks the parameters of RCPT; none of them changes anything here.
pub fn rcpt(tokens: &[Token<'_>]) -> Result<(), Fault> {
    let (mut notify, mut orcpt) = (false, false);
    for token in tokens {
        let (name, value) = parameter(token.text);
        match (name.as_slice(), value) {
            (b"NOTIFY", Some(value)) => {
                let reports = |word: &[u8]| one_of(word, &["SUCCESS", "FAILURE", "DELAY"]);
                let sound = one_of(value, &["NEVER"]) || value.split(|byte| *byte == b',').all(reports);
                if std::mem::replace(&mut notify, true) || !sound {
                    return Err(Phrase::BadNotify.into());
                }
            }
            (b"ORCPT", Some(value)) => {
                let mut parts = value.splitn(2, |byte| *byte == b';');
                let sound = matches!((parts.next(), parts.next()), (Some(kind), Some(address))
                    if !kind.is_empty() && is_xtext(address));
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

/// Octets as a decimal number.
fn size(value: &[u8]) -> Result<u64, Fault> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Phrase::BadSize.into());
    }
    let number = std::str::from_utf8(value).ok().and_then(|digits| digits.parse::<i64>().ok());
    number.and_then(|number| u64::try_from(number).ok()).ok_or(Phrase::SizeOverflow.into())
}

/// RFC 3461 section 4: printable characters, others as `+XX`. What it stands for must be printable as well.
fn is_xtext(value: &[u8]) -> bool {
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        let meant = if *byte == b'+' {
            let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
            match (digit(bytes.next()), digit(bytes.next())) {
                (Some(high), Some(low)) => high.saturating_mul(16).saturating_add(low),
                _ => return false,
            }
        } else {
            u32::from(*byte)
        };
        if !(0x20..0x7f).contains(&meant) {
            return false;
        }
    }
    true
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
            ("XVERP", Some(Phrase::UnsupportedOption)),
        ] {
            assert_eq!(phrase(mail(&token::split(text.as_bytes()))), expected, "{text}");
        }
        let tokens = token::split(b"SIZE=17 smtputf8");
        assert_eq!(mail(&tokens), Ok(MailParameters { size: Some(17), utf8: true }));
    }

    /// Each as Postfix 3.7.11 answered it.
    #[test]
    fn parameters_of_rcpt() {
        for (text, expected) in [
            ("NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a@b", None),
            ("NOTIFY=NEVER ORCPT=rfc822;", None),
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
