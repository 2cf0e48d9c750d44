//! The least of a session that still shows a difference.

use anyhow::Result;

use crate::fidelity::script::Script;

/// Drops exchanges before the one at `index`, which is the last that is kept, while `differs` finds the difference there.
///
/// What `differs` told of the least session is given back with it; `None` if the difference did not come again.
pub(super) fn shrink<T>(
    script: &Script,
    index: usize,
    differs: impl Fn(&Script) -> Result<Option<T>>,
) -> Result<Option<(Script, T)>> {
    let mut least = Script { exchanges: script.exchanges[..=index].to_vec() };
    let Some(mut told) = differs(&least)? else { return Ok(None) };
    // The greeting stays, and so does the exchange that differs.
    let mut chunk = least.exchanges.len().saturating_sub(2);
    while chunk > 0 {
        let mut at = 1;
        while at + chunk < least.exchanges.len() {
            let mut tried = least.clone();
            tried.exchanges.drain(at..at + chunk);
            match differs(&tried)? {
                Some(now) => (least, told) = (tried, now),
                None => at += chunk,
            }
        }
        chunk /= 2;
    }
    Ok(Some((least, told)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_stays() {
        let script = Script::parse("> a\n> b\n> c\n> d\n> e\n> f\n> g\n").unwrap();
        let said =
            |script: &Script| script.exchanges.iter().map(|one| one.said().to_owned()).collect::<Vec<_>>();
        let differs = |script: &Script| {
            let said = said(script);
            let needed = ["> b", "> e", "> f"].iter().all(|line| said.iter().any(|other| other == line));
            Ok(needed.then_some(said.len()))
        };
        let (least, told) = shrink(&script, 6, differs).unwrap().unwrap();
        assert_eq!(said(&least), ["(greeting)", "> b", "> e", "> f"]);
        assert_eq!(told, 4);
        assert!(shrink(&script, 3, differs).unwrap().is_none());
    }
}
