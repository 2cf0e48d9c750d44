//! Address lists (RFC 5322 section 3.4, RFC 822's routes included), read as Dovecot reads them: whatever is missing or
//! broken gets a name of Dovecot's that says so, and no address is lost.

use bytes::Bytes;

use crate::mime::lexer::{Broken, Lexer, Then, Token};

/// One entry of an address list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `Name <mailbox@host>`
    Mailbox {
        /// The display name, or the comment that stands for it.
        name: Option<Bytes>,
        /// The source route of RFC 822, `@a,@b`.
        route: Option<Bytes>,
        /// The local part.
        mailbox: Option<Bytes>,
        /// The domain.
        host: Option<Bytes>,
    },
    /// `Name:` of a group.
    GroupStart(Bytes),
    /// `;` of a group.
    GroupEnd,
}

const MISSING_MAILBOX: &[u8] = b"MISSING_MAILBOX";
const MISSING_DOMAIN: &[u8] = b"MISSING_DOMAIN";
const SYNTAX_ERROR: &[u8] = b"SYNTAX_ERROR";
const INVALID_ROUTE: &[u8] = b"INVALID_ROUTE";

/// How many more addresses may be read: a list costs far more memory than its bytes.
#[derive(Debug)]
pub(super) struct Allowance(usize);

impl Allowance {
    /// Far beyond what any mail holds.
    pub(super) const MOST: usize = 20_000;

    pub(super) fn new() -> Self {
        Self(Self::MOST)
    }
}

/// Reads an address list and appends its entries, as many as the allowance allows.
pub(super) fn addresses(value: &[u8], allowance: &mut Allowance, out: &mut Vec<Address>) {
    let mut list = List { lexer: Lexer::new(value), entries: out, allowance };
    if list.lexer.space() != Ok(Then::More) {
        return;
    }
    while list.allowance.0 > 0 {
        let address = list.address();
        if address == Ok(Then::End) || !list.lexer.take_if(b',') {
            break;
        }
        match list.lexer.space() {
            Ok(Then::More) => {}
            Ok(Then::End) => break,
            Err(Broken) => {
                list.add(Found::default());
                break;
            }
        }
    }
}

struct List<'a, 'b> {
    lexer: Lexer<'a>,
    entries: &'b mut Vec<Address>,
    allowance: &'b mut Allowance,
}

/// What was found of one mailbox so far.
#[derive(Default)]
struct Found {
    name: Option<Vec<u8>>,
    route: Option<Vec<u8>>,
    mailbox: Option<Vec<u8>>,
    host: Option<Vec<u8>>,
}

impl List<'_, '_> {
    fn push(&mut self, entry: Address) {
        if let Some(left) = self.allowance.0.checked_sub(1) {
            self.allowance.0 = left;
            self.entries.push(entry);
        }
    }

    fn add(&mut self, found: Found) {
        let host = found.host.filter(|host| !host.is_empty());
        self.push(Address::Mailbox {
            name: found.name.map(Bytes::from),
            route: found.route.map(Bytes::from),
            mailbox: Some(found.mailbox.map_or(Bytes::from_static(MISSING_MAILBOX), Bytes::from)),
            host: Some(host.map_or(Bytes::from_static(MISSING_DOMAIN), Bytes::from)),
        });
    }

    /// `address = mailbox / group`
    fn address(&mut self) -> Token {
        let start = self.lexer.place();
        let mut name = Vec::new();
        if self.lexer.phrase(&mut name) == Ok(Then::More) && self.lexer.take_if(b':') {
            self.push(Address::GroupStart(name.into()));
            return self.group();
        }
        self.lexer.go_back(start);
        self.mailbox()
    }

    /// The rest of `group = display-name ":" [mailbox-list / CFWS] ";" [CFWS]`.
    fn group(&mut self) -> Token {
        let mut next = self.lexer.space();
        if next == Ok(Then::More) && self.lexer.peek() != Some(b';') {
            while self.allowance.0 > 0 {
                let _ = self.mailbox(); // a broken one is no reason to stop
                if !self.lexer.take_if(b',') {
                    break;
                }
                if self.lexer.space() != Ok(Then::More) {
                    next = Err(Broken);
                    break;
                }
            }
        }
        if next.is_ok() {
            next = if self.lexer.take_if(b';') { self.lexer.space() } else { Err(Broken) };
        }
        self.push(Address::GroupEnd);
        next
    }

    /// `mailbox = name-addr / addr-spec`
    fn mailbox(&mut self) -> Token {
        let start = self.lexer.place();
        let mut found = Found::default();
        let mut name = Vec::new();
        let outcome = if self.lexer.phrase(&mut name) == Ok(Then::More) && self.lexer.peek() == Some(b'<') {
            found.name = Some(name).filter(|name| !name.is_empty());
            if self.angle_address(&mut found).is_err() {
                found.host = Some(SYNTAX_ERROR.to_vec());
            }
            Ok(if self.lexer.peek().is_some() { Then::More } else { Then::End })
        } else {
            self.lexer.go_back(start);
            self.plain_address(&mut found)
        };
        self.add(found);
        outcome
    }

    /// `"<" [route ":"] [local-part ["@" domain]] ">"`
    fn angle_address(&mut self, found: &mut Found) -> Token {
        self.lexer.take();
        self.more()?;
        if self.lexer.peek() == Some(b'@') {
            if !(self.route(found) == Ok(Then::More) && self.lexer.take_if(b':')) {
                found.route = Some(INVALID_ROUTE.to_vec());
            }
            self.more()?;
        }
        if self.lexer.peek() != Some(b'>') {
            if self.local_part(found, &mut Vec::new())? == Then::End {
                return Err(Broken);
            }
            if self.lexer.peek() == Some(b'@') && self.domain(found)? == Then::End {
                return Err(Broken);
            }
        }
        if !self.lexer.take_if(b'>') {
            return Err(Broken);
        }
        self.lexer.space()
    }

    /// Skips white space; something must follow.
    fn more(&mut self) -> Result<(), Broken> {
        if self.lexer.space()? == Then::More { Ok(()) } else { Err(Broken) }
    }

    /// `obs-domain-list = "@" domain *(*(CFWS / "," ) [CFWS] "@" domain)`
    fn route(&mut self, found: &mut Found) -> Token {
        let mut route = Vec::new();
        while let Some(next) = self.lexer.peek() {
            if next != b'@' {
                found.route = Some(route);
                return Ok(Then::More);
            }
            if !route.is_empty() {
                route.push(b',');
            }
            route.push(b'@');
            if self.lexer.domain(&mut route)? == Then::End {
                return Ok(Then::End);
            }
            while self.lexer.space() == Ok(Then::More) && self.lexer.take_if(b',') {}
        }
        Ok(Then::End)
    }

    /// `addr-spec = local-part "@" domain`, with the comment behind it as the name. Without a domain it is a mailbox if
    /// it stands alone, and a display name if further words follow.
    fn plain_address(&mut self, found: &mut Found) -> Token {
        self.lexer.comment.clear();
        let quoted = self.lexer.peek() == Some(b'"');
        let mut text = Vec::new();
        let mut outcome = self.local_part(found, &mut text);
        let has_domain = outcome != Ok(Then::End) && self.lexer.peek() == Some(b'@');
        if has_domain {
            let domain = self.domain(found);
            if domain != Ok(Then::More) {
                outcome = domain;
            }
        }
        if !self.lexer.comment.is_empty() {
            found.name = Some(std::mem::take(&mut self.lexer.comment));
            return outcome;
        }
        if has_domain {
            return outcome;
        }
        text.push(b' ');
        let so_far = text.len();
        let _ = self.lexer.phrase(&mut text);
        if text.len() > so_far {
            found.name = Some(text);
            found.mailbox = None;
        } else if quoted {
            found.name = found.mailbox.take();
        }
        Err(Broken)
    }

    fn local_part(&mut self, found: &mut Found, text: &mut Vec<u8>) -> Token {
        let outcome = if self.lexer.peek() == Some(b'"') {
            self.lexer.quoted_string(text)
        } else {
            self.loose_dot_atom(text)
        };
        if outcome.is_ok() {
            found.mailbox = Some(text.clone());
        }
        outcome
    }

    /// A dot-atom in which dots may stand anywhere and in any number.
    fn loose_dot_atom(&mut self, text: &mut Vec<u8>) -> Token {
        let mut outcome = Err(Broken);
        loop {
            while self.lexer.take_if(b'.') {
                text.push(b'.');
                if self.lexer.peek().is_none() {
                    return Ok(Then::End);
                }
                outcome = Ok(Then::More);
            }
            if self.lexer.peek() == Some(b'@') {
                return outcome;
            }
            outcome = self.lexer.atom(text);
            if outcome != Ok(Then::More) || self.lexer.peek() != Some(b'.') {
                return outcome;
            }
        }
    }

    fn domain(&mut self, found: &mut Found) -> Token {
        let mut domain = Vec::new();
        let outcome = self.lexer.domain(&mut domain)?;
        found.host = Some(domain);
        Ok(outcome)
    }
}
