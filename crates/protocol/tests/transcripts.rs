//! Plays every transcript under `tests/sessions/`.

mod support;

use std::fs;
use std::path::Path;

use protocol::Session;

/// One folder of transcripts for each protocol.
fn play_folder(folder: &str, start: fn(&str) -> Box<dyn Session>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessions").join(folder);
    let entries = fs::read_dir(&folder).expect("the folder");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let (mut exchanges, mut failures) = (0, Vec::new());
    for file in &files {
        let text = fs::read_to_string(file).expect("a transcript is UTF-8");
        match support::transcript::play(&text, start) {
            Ok(count) => exchanges += count,
            Err(failure) => failures.push(format!("{}: {failure}", file.display())),
        }
    }
    println!("transcripts: {} files, {exchanges} exchanges", files.len());
    assert!(!files.is_empty(), "no transcripts in {}", folder.display());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn imap_transcripts() {
    play_folder("imap", |personality| Box::new(support::session(personality)));
}

#[test]
fn pop3_transcripts() {
    play_folder("pop3", |personality| Box::new(support::pop3_session(personality)));
}
