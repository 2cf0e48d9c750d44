//! Steps, one after the other: each named, timed and judged; a table and a count at the end.

use std::time::{Duration, Instant};

use anyhow::Result;

/// How a step went, with what there is to say about it.
pub(crate) enum Outcome {
    /// As it should be.
    Passed(String),
    /// Could not be run here. Never silent.
    Skipped(String),
    /// Not as it should be.
    Failed(String),
}

/// One finished step.
struct Row {
    name: String,
    time: Duration,
    outcome: Outcome,
}

/// All steps so far.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Runs one step; an `Err` is a failure. Says whether it passed.
    pub(crate) fn step(&mut self, name: &str, run: impl FnOnce() -> Result<Outcome>) -> bool {
        println!("-- {name}");
        let start = Instant::now();
        let outcome = run().unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        let row = Row { name: name.to_owned(), time: start.elapsed(), outcome };
        println!("{}", row.line(name.len()));
        let passed = matches!(row.outcome, Outcome::Passed(_));
        self.rows.push(row);
        passed
    }

    /// Prints the table and, as the last line, the count. Says whether nothing failed.
    pub(crate) fn finish(&self) -> bool {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        println!();
        for row in &self.rows {
            println!("{}", row.line(width));
        }
        let count = |wanted: &str| self.rows.iter().filter(|row| row.word() == wanted).count();
        let failed = count("FAILED");
        println!("\n{} passed, {failed} failed, {} skipped", count("ok"), count("SKIPPED"));
        failed == 0
    }
}

impl Row {
    const fn word(&self) -> &'static str {
        match self.outcome {
            Outcome::Passed(_) => "ok",
            Outcome::Skipped(_) => "SKIPPED",
            Outcome::Failed(_) => "FAILED",
        }
    }

    fn line(&self, width: usize) -> String {
        let (Outcome::Passed(detail) | Outcome::Skipped(detail) | Outcome::Failed(detail)) = &self.outcome;
        let line =
            format!("{:<7} {:<width$} {:>6.1} s  {detail}", self.word(), self.name, self.time.as_secs_f64());
        line.trim_end().to_owned()
    }
}
