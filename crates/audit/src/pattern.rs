//! Regular expressions over octets.

use regex::bytes::Regex;

/// A pattern of ours.
pub(crate) fn pattern(text: &str) -> Regex {
    Regex::new(&format!("(?-u){text}")).expect("the pattern is written here")
}

/// The first group of its first match.
pub(crate) fn group(pattern: &Regex, octets: &[u8]) -> Option<String> {
    let found = pattern.captures(octets)?.get(1)?;
    Some(String::from_utf8_lossy(found.as_bytes()).into_owned())
}

/// The first groups of all its matches.
pub(crate) fn groups(pattern: &Regex, octets: &[u8]) -> Vec<String> {
    let all =
        pattern.captures_iter(octets).filter_map(|found| found.get(1).map(|group| group.as_bytes().to_vec()));
    all.map(|group| String::from_utf8_lossy(&group).into_owned()).collect()
}
