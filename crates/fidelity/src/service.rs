//! What is compared.

/// A service that a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// RFC 3501.
    Imap,
    /// RFC 1939.
    Pop3,
    /// RFC 5321, the relay port, without AUTH.
    Smtp,
    /// RFC 6409, with AUTH.
    Submission,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Imap, Self::Pop3, Self::Smtp, Self::Submission];

    /// Its folder, and what it is called on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Smtp => "smtp",
            Self::Submission => "submission",
        }
    }

    /// The personality of ours that is to be like the recorded server.
    pub const fn personality(self) -> &'static str {
        match self {
            Self::Imap | Self::Pop3 => "dovecot-2.3",
            Self::Smtp | Self::Submission => "postfix-3.7",
        }
    }

    /// Whether a session sees a mailbox.
    pub const fn has_mail(self) -> bool {
        matches!(self, Self::Imap | Self::Pop3)
    }

    /// The one of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }
}
