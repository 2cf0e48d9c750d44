//! What a check found.

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing tells it from a real server.
    Ok,
    /// It gives itself away.
    Tell,
    /// Worth knowing, and true of real servers too.
    Note,
    /// It was left out; `seen` says why.
    NotChecked,
}

impl Verdict {
    /// A word for it, as JSON has it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Tell => "tell",
            Self::Note => "note",
            Self::NotChecked => "not-checked",
        }
    }
}

/// One check of one target (or of several together).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check's name, as `docs/audit-checks.md` lists it.
    pub check: &'static str,
    /// Where: `HOST:PORT`, or a host.
    pub place: String,
    /// How it ended.
    pub verdict: Verdict,
    /// What is the matter, in plain words.
    pub text: String,
    /// What was seen: the server's own octets, as text. Nothing is escaped.
    pub seen: String,
    /// What the real server does.
    pub real: String,
    /// Who looks for this.
    pub who: String,
    /// What to do about it.
    pub mend: String,
}

impl Finding {
    /// All is well.
    pub(crate) fn ok(check: &'static str, place: &str, text: impl Into<String>) -> Self {
        Self::new(check, place, Verdict::Ok, text)
    }

    /// It gives itself away.
    pub(crate) fn tell(check: &'static str, place: &str, text: impl Into<String>) -> Self {
        Self::new(check, place, Verdict::Tell, text)
    }

    /// Worth knowing.
    pub(crate) fn note(check: &'static str, place: &str, text: impl Into<String>) -> Self {
        Self::new(check, place, Verdict::Note, text)
    }

    /// Left out.
    pub(crate) fn not_checked(check: &'static str, place: &str, why: impl Into<String>) -> Self {
        Self::new(check, place, Verdict::NotChecked, why)
    }

    fn new(check: &'static str, place: &str, verdict: Verdict, text: impl Into<String>) -> Self {
        let empty = String::new;
        let (seen, real, who, mend) = (empty(), empty(), empty(), empty());
        Self { check, place: place.to_owned(), verdict, text: text.into(), seen, real, who, mend }
    }

    /// With what was seen.
    pub(crate) fn seen(mut self, seen: impl AsRef<[u8]>) -> Self {
        String::from_utf8_lossy(seen.as_ref()).trim_end().clone_into(&mut self.seen);
        self
    }

    /// With what the real one does.
    pub(crate) fn real(mut self, real: impl Into<String>) -> Self {
        self.real = real.into();
        self
    }

    /// With who looks for it.
    pub(crate) fn who(mut self, who: impl Into<String>) -> Self {
        self.who = who.into();
        self
    }

    /// With what to do.
    pub(crate) fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = mend.into();
        self
    }
}
