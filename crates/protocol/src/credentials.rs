//! Which logins are let in.

use std::fmt;

/// Pairs of user name and password, compared as bytes. Several passwords for one user are several pairs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Why a text is no pair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// There is no colon in it.
    #[error("`{0}` is not USER:PASSWORD: it has no `:`")]
    NoColon(String),
    /// Nothing stands before the colon.
    #[error("`{0}` is not USER:PASSWORD: the user name is empty")]
    NoUser(String),
}

impl Credentials {
    /// Reads pairs written `user:password`. The first colon splits, so a password may contain more of them.
    pub fn parse<'a>(pairs: impl IntoIterator<Item = &'a str>) -> Result<Self, PairError> {
        let pair = |text: &'a str| match text.split_once(':') {
            None => Err(PairError::NoColon(text.to_owned())),
            Some(("", _)) => Err(PairError::NoUser(text.to_owned())),
            Some((user, password)) => Ok((user.as_bytes().to_vec(), password.as_bytes().to_vec())),
        };
        Ok(Self { pairs: pairs.into_iter().map(pair).collect::<Result<_, _>>()? })
    }

    /// Whether this very pair is in the list.
    pub fn accept(&self, user: &[u8], password: &[u8]) -> bool {
        self.pairs.iter().any(|(known, secret)| known == user && secret == password)
    }

    /// The user names, in the order given; one for each pair.
    pub fn users(&self) -> impl Iterator<Item = &[u8]> {
        self.pairs.iter().map(|(user, _)| user.as_slice())
    }
}

/// Passwords are an operator's choice of bait, yet nothing that a log should hold.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} pairs)", self.pairs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_colon_splits() {
        let list = Credentials::parse(["admin:admin", "admin:a:b", "root:"]).unwrap();
        assert!(
            list.accept(b"admin", b"admin") && list.accept(b"admin", b"a:b") && list.accept(b"root", b"")
        );
        assert!(
            !list.accept(b"admin", b"a") && !list.accept(b"ADMIN", b"admin") && !list.accept(b"admin", b"")
        );
    }

    #[test]
    fn malformed_pairs_are_refused() {
        assert_eq!(Credentials::parse(["broken"]), Err(PairError::NoColon("broken".into())));
        assert_eq!(Credentials::parse([":pw"]), Err(PairError::NoUser(":pw".into())));
    }
}
