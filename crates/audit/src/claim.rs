//! Which server a target says that it is, and whether there is a recording of that one.

use std::fmt;

use fidelity::Service;

/// A server by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Recorded: 2.3.19 of Debian 12.
    Dovecot,
    /// Recorded: 3.7.11 of Debian 12.
    Postfix,
    /// A server that nobody has recorded here.
    Other(&'static str),
}

/// What a greeting says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The server; nothing where the greeting names none.
    pub product: Option<Product>,
    /// Whether it says that it is Debian's.
    pub debian: bool,
    service: Service,
}

/// Names as greetings have them, in small letters. The first that occurs counts.
const NAMES: [(&str, Product); 16] = [
    ("dovecot", Product::Dovecot),
    ("postfix", Product::Postfix),
    ("exim", Product::Other("Exim")),
    ("sendmail", Product::Other("Sendmail")),
    ("opensmtpd", Product::Other("OpenSMTPD")),
    ("microsoft", Product::Other("Microsoft Exchange")),
    ("exchange", Product::Other("Microsoft Exchange")),
    ("courier", Product::Other("Courier")),
    ("cyrus", Product::Other("Cyrus")),
    ("zimbra", Product::Other("Zimbra")),
    ("hmailserver", Product::Other("hMailServer")),
    ("mdaemon", Product::Other("MDaemon")),
    ("kerio", Product::Other("Kerio")),
    ("gimap", Product::Other("Gmail")),
    ("stalwart", Product::Other("Stalwart")),
    ("james", Product::Other("Apache James")),
];

impl Claim {
    /// Reads a greeting.
    pub fn read(service: Service, greeting: &[u8]) -> Self {
        let text = String::from_utf8_lossy(greeting).to_ascii_lowercase();
        // The name of the host is not what it says of itself.
        let text = match service {
            Service::Smtp | Service::Submission => text.splitn(3, ' ').nth(2).unwrap_or_default().to_owned(),
            Service::Imap | Service::Pop3 => text,
        };
        let product = NAMES.iter().find(|(name, _)| text.contains(name)).map(|(_, product)| *product);
        Self { product, debian: text.contains("(debian"), service }
    }

    /// Whether there are recorded sessions of it for this service.
    pub fn is_recorded(&self) -> bool {
        match self.service {
            Service::Imap | Service::Pop3 => self.product == Some(Product::Dovecot),
            Service::Smtp | Service::Submission => self.product == Some(Product::Postfix),
        }
    }

    /// The recorded server's name in full.
    pub fn recording(&self) -> &'static str {
        match self.service {
            Service::Imap | Service::Pop3 => "Dovecot 2.3.19 of Debian 12",
            Service::Smtp | Service::Submission => "Postfix 3.7.11 of Debian 12",
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.product {
            None => "no server by name",
            Some(Product::Dovecot) => "Dovecot",
            Some(Product::Postfix) => "Postfix",
            Some(Product::Other(name)) => name,
        };
        write!(f, "{name}{}", if self.debian { " (Debian)" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_say_who_they_are() {
        for (service, greeting, shown, recorded) in [
            (
                Service::Imap,
                "* OK [CAPABILITY IMAP4rev1] Dovecot (Debian) ready.\r\n",
                "Dovecot (Debian)",
                true,
            ),
            (Service::Smtp, "220 dovecot.example ESMTP Postfix (Debian/GNU)\r\n", "Postfix (Debian)", true),
            (Service::Smtp, "220 postfix.example ESMTP Exim 4.97\r\n", "Exim", false),
            (Service::Pop3, "+OK POP3 server ready\r\n", "no server by name", false),
            (Service::Imap, "* OK Postfix\r\n", "Postfix", false),
            (Service::Pop3, "+OK Dovecot ready.\r\n", "Dovecot", true),
        ] {
            let claim = Claim::read(service, greeting.as_bytes());
            assert_eq!((claim.to_string().as_str(), claim.is_recorded()), (shown, recorded), "{greeting}");
        }
    }
}
