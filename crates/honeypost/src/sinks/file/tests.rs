use std::os::unix::fs::PermissionsExt;

use super::*;

/// Every line of the files that were put aside, oldest first, then of the file itself.
fn lines(path: &Path) -> Vec<String> {
    let mut files = aside(path).expect("readable");
    files.sort();
    files.push(path.to_owned());
    let text: String = files.iter().map(|file| fs::read_to_string(file).expect("readable")).collect();
    text.lines().map(str::to_owned).collect()
}

fn write(file: &mut RotatingFile, mut text: &[u8]) {
    while !text.is_empty() {
        let taken = file.write(text).expect("written");
        assert!(text[..taken].ends_with(b"\n"));
        text = &text[taken..];
    }
}

#[test]
fn no_line_is_lost_or_split_by_its_size() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    let rotation = Rotation { size: Some(100), ..Rotation::default() };
    let mut file = RotatingFile::open(&path, rotation).expect("opens");
    let mut expected = Vec::new();
    for round in 0..50 {
        let batch: Vec<String> =
            (0..round % 7).map(|line| format!("{round} {}", "x".repeat(line * 9))).collect();
        write(&mut file, [batch.join("\n"), String::new()].join("\n").trim_start_matches('\n').as_bytes());
        expected.extend(batch);
    }
    let long = "y".repeat(1000);
    write(&mut file, format!("{long}\nshort\n").as_bytes());
    expected.extend([long, "short".into()]);
    assert_eq!(lines(&path), expected);
    let files = aside(&path).expect("readable");
    assert!(files.len() > 10, "it was not rotated");
    for file in files {
        let length = fs::metadata(file).expect("there").len();
        assert!(length <= 100 || length == 1001, "{length}");
    }
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_old_file_is_put_aside_and_only_some_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    for other in ["events.jsonl.bak", "events.jsonl.20261123T211800.000000Z.gz", "events.jsonlx"] {
        fs::write(folder.path().join(other), "mine").expect("writable");
    }
    let rotation = Rotation { after: Some(Duration::from_millis(20)), keep: Some(2), ..Rotation::default() };
    let mut file = RotatingFile::open(&path, rotation).expect("opens");
    for round in 0..5 {
        write(&mut file, format!("{round}\n").as_bytes());
        std::thread::sleep(Duration::from_millis(40));
    }
    assert_eq!(lines(&path), ["2", "3", "4"]);
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 6, "others' files are left alone");
}

#[test]
fn a_torn_line_is_ended_and_what_was_moved_is_opened_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    fs::write(&path, "whole\nto").expect("writable");
    let mut file = RotatingFile::open(&path, Rotation::default()).expect("opens");
    write(&mut file, b"next\n");
    let moved = folder.path().join("moved");
    fs::rename(&path, &moved).expect("movable");
    write(&mut file, b"still there\n");
    file.reopen().expect("opens");
    write(&mut file, b"new\n");
    assert_eq!(fs::read_to_string(moved).expect("readable"), "whole\nto\nnext\nstill there\n");
    assert_eq!(lines(&path), ["new"]);
}

#[test]
fn where_it_cannot_be_rotated_it_grows_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let below = folder.path().join("below");
    fs::create_dir(&below).expect("made");
    let path = below.join("events.jsonl");
    let rotation = Rotation { size: Some(4), ..Rotation::default() };
    let mut file = RotatingFile::open(&path, rotation).expect("opens");
    write(&mut file, b"one\n");
    // The folder is gone with its name: there is nothing to rename and nowhere to open a new file.
    let away = folder.path().join("away");
    fs::rename(&below, &away).expect("movable");
    write(&mut file, b"two\n");
    assert_eq!(fs::read_to_string(away.join("events.jsonl")).expect("readable"), "one\ntwo\n");
    fs::rename(&away, &below).expect("movable");
    write(&mut file, b"three\n");
    assert_eq!(lines(&path), ["one", "two", "three"]);
}
