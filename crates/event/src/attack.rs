//! MITRE ATT&CK (Enterprise): the techniques that an event by itself shows. Nothing that would have to be guessed.
//!
//! A mail that is taken in may be phishing, a test or spam: it has no technique here.

/// A technique, with the tactic that it serves here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Technique {
    /// Such as `T1110`.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Such as `TA0006`.
    pub tactic_id: &'static str,
    /// The tactic's name.
    pub tactic: &'static str,
    /// The tactic as kill chain phases name it.
    pub phase: &'static str,
}

/// A password that was tried and refused.
pub const BRUTE_FORCE: Technique = Technique {
    id: "T1110",
    name: "Brute Force",
    tactic_id: "TA0006",
    tactic: "Credential Access",
    phase: "credential-access",
};

/// A login that was let in.
pub const VALID_ACCOUNTS: Technique = Technique {
    id: "T1078",
    name: "Valid Accounts",
    tactic_id: "TA0001",
    tactic: "Initial Access",
    phase: "initial-access",
};

/// Mail that was read.
pub const EMAIL_COLLECTION: Technique = Technique {
    id: "T1114",
    name: "Email Collection",
    tactic_id: "TA0009",
    tactic: "Collection",
    phase: "collection",
};

impl Technique {
    /// What an event of this name shows.
    pub fn of(event: &str) -> Option<&'static Self> {
        match event {
            "auth.failed" => Some(&BRUTE_FORCE),
            "auth.succeeded" => Some(&VALID_ACCOUNTS),
            "message.read" => Some(&EMAIL_COLLECTION),
            _ => None,
        }
    }
}
