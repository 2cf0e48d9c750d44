//! `cargo test --workspace`, and how many tests of each kind it ran.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;

use crate::command;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;

/// What a test is, told by where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Beside the code.
    Unit,
    /// In a crate's `tests/`: from outside.
    Integration,
    /// All the written sessions under [`SESSIONS`], which are one test to cargo.
    Transcript,
    /// Inside `proptest!`: a statement tried on many made-up inputs.
    Property,
    /// An example in a doc comment.
    Documentation,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Integration => "integration",
            Self::Transcript => "transcript",
            Self::Property => "property",
            Self::Documentation => "documentation",
        }
    }
}

/// Where the transcripts are, one file a session.
const SESSIONS: &str = "crates/protocol/tests/sessions";

/// Numbers of one kind.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
    ignored: usize,
}

/// The longest that compiling and running all tests may take; one that hangs is told by [`follow`] before.
const LIMIT: Duration = Duration::from_mins(40);

/// Runs all tests as one step; what was left out of them is a skipped step each, so that it is seen.
pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    let mut left_out = BTreeSet::new();
    report.step("tests", || {
        let properties = properties(workspace)?;
        let arguments = ["test", "--workspace", "--no-fail-fast", "--locked"];
        let (status, text) = command::lines(&mut workspace.cargo(&arguments), LIMIT, follow)?;
        let tallies = tally(&text, &properties);
        left_out = skipped(&text);
        let ignored: usize = tallies.values().map(|tally| tally.ignored).sum();
        if ignored > 0 {
            left_out.insert(format!("{ignored} tests are marked as ignored"));
        }
        for (kind, Tally { passed, failed, ignored }) in &tallies {
            println!("   {:<13} {passed} passed, {failed} failed, {ignored} ignored", kind.name());
        }
        let sessions = workspace.files(SESSIONS, "")?.len();
        println!("   the transcripts are {sessions} sessions in {SESSIONS}");
        let total: usize = tallies.values().map(|tally| tally.passed).sum();
        if !status.success() {
            for line in text.lines().filter(|line| !line.ends_with(" ... ok")) {
                println!("{line}");
            }
            return Ok(Outcome::Failed(format!("{total} tests passed, others did not")));
        }
        let kinds: Vec<String> = tallies
            .iter()
            .map(|(kind, tally)| match kind {
                Kind::Transcript => format!("{sessions} transcripts"),
                kind => format!("{} {}", tally.passed, kind.name()),
            })
            .collect();
        Ok(Outcome::Passed(kinds.join(", ")))
    });
    for reason in left_out {
        report.step("tests: left out", || Ok(Outcome::Skipped(reason)));
    }
}

/// What tests say that could not run here: a line `SKIPPED: REASON` past the test harness.
fn skipped(text: &str) -> BTreeSet<String> {
    text.lines().filter_map(|line| Some(line.split_once("SKIPPED: ")?.1.trim().to_owned())).collect()
}

/// Shows what is going on, and what does not go on.
fn follow(line: &str) {
    let line = line.trim();
    if line.starts_with("Running ")
        || line.contains("has been running for over")
        || line.ends_with("... FAILED")
    {
        println!("   {line}");
    }
}

/// The names of all functions inside `proptest!` blocks.
fn properties(workspace: &Workspace) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for path in workspace.files("crates", ".rs")? {
        let text = std::fs::read_to_string(workspace.root.join(path))?;
        for (at, _) in text.match_indices("proptest! {") {
            let line = &text[text[..at].rfind('\n').map_or(0, |end| end + 1)..];
            let end = format!("\n{}}}", " ".repeat(line.len() - line.trim_start_matches(' ').len()));
            let block = &text[at..];
            let block = &block[..block.find(&end).unwrap_or(block.len())];
            names.extend(block.match_indices("fn ").filter_map(|(at, mark)| {
                let name: String = block[at + mark.len()..]
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                (!name.is_empty()).then_some(name)
            }));
        }
    }
    Ok(names)
}

/// Counts the `test NAME ... RESULT` lines of cargo's output by kind.
fn tally(text: &str, properties: &BTreeSet<String>) -> BTreeMap<Kind, Tally> {
    let mut tallies: BTreeMap<Kind, Tally> = BTreeMap::new();
    let mut place = Kind::Unit;
    for line in text.lines() {
        let line = line.trim();
        if let Some(target) = line.strip_prefix("Running ") {
            place = match target {
                target if target.starts_with("tests/transcripts.rs") => Kind::Transcript,
                target if target.starts_with("tests/") => Kind::Integration,
                _ => Kind::Unit,
            };
        } else if line.starts_with("Doc-tests ") {
            place = Kind::Documentation;
        } else if let Some((name, result)) =
            line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... "))
        {
            let function = name.split(" - ").next().unwrap_or(name).rsplit("::").next().unwrap_or(name);
            let kind = if properties.contains(function) { Kind::Property } else { place };
            let tally = tallies.entry(kind).or_default();
            match result {
                "ok" => tally.passed += 1,
                ignored if ignored.starts_with("ignored") => tally.ignored += 1,
                _ => tally.failed += 1,
            }
        }
    }
    tallies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_apart() {
        let text = "\
     Running unittests src/lib.rs (target/debug/deps/protocol-1)
test framing::tests::a_line ... ok
test framing::tests::any_split ... ok
test slow ... ignored, needs a network
     Running tests/transcripts.rs (target/debug/deps/transcripts-1)
test transcripts ... FAILED
     Running tests/kill.rs (target/debug/deps/kill-1)
test nothing_is_lost ... ok
test result: FAILED. 0 passed; 1 failed
   Doc-tests bait
test crates/bait/src/lib.rs - corpus (line 3) ... ok
";
        let tallies = tally(text, &BTreeSet::from(["any_split".to_owned()]));
        assert_eq!(tallies[&Kind::Unit], Tally { passed: 1, failed: 0, ignored: 1 });
        assert_eq!(tallies[&Kind::Property], Tally { passed: 1, ..Tally::default() });
        assert_eq!(tallies[&Kind::Integration], Tally { passed: 1, ..Tally::default() });
        assert_eq!(tallies[&Kind::Transcript], Tally { failed: 1, ..Tally::default() });
        assert_eq!(
            skipped("SKIPPED: needs x\ntest a ... SKIPPED: needs x\nok"),
            ["needs x".to_owned()].into()
        );
        assert_eq!(tallies[&Kind::Documentation], Tally { passed: 1, ..Tally::default() });
    }
}
