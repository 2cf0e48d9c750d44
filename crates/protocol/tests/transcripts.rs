//! Plays every transcript under `tests/sessions/`.

mod support;

use std::fs;
use std::path::Path;

use protocol::Session;

#[test]
fn transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessions/imap");
    let mut files: Vec<_> =
        fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let (mut exchanges, mut failures) = (0, Vec::new());
    for file in &files {
        let text = fs::read_to_string(file).expect("a transcript is UTF-8");
        let start = |name: &str| -> Box<dyn Session> { Box::new(support::session(name)) };
        match support::transcript::play(&text, start) {
            Ok(count) => exchanges += count,
            Err(failure) => failures.push(format!("{}: {failure}", file.display())),
        }
    }
    println!("transcripts: {} files, {exchanges} exchanges", files.len());
    assert!(!files.is_empty(), "no transcripts in {}", folder.display());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
