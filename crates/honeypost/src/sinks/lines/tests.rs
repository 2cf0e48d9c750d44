use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::channel;

use super::*;
use crate::config::Sources;
use crate::sinks::testing::{LONG, hostile, json, logins, settled};

fn configured(folder: &Path, more: &[(&str, &str)]) -> (Config, PathBuf) {
    let path = folder.join("events.jsonl");
    let mut environment = vec![("HONEYPOST_JSONL_PATH".into(), path.clone().into())];
    environment.extend(more.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    (Config::load(&Sources { environment, ..Sources::default() }).expect("valid"), path)
}

#[test]
fn hostile_events_are_a_line_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let (config, path) = configured(folder.path(), &[]);
    let opened = jsonl(&config, &[]).expect("opens").expect("configured");
    let events = hostile();
    opened.sink.offer(&events).expect("room");
    drop(opened.sink);
    assert!(opened.ending.wait(LONG));
    let written = fs::read(path).expect("readable");
    let expected: Vec<Vec<u8>> = events.iter().map(json).collect();
    assert_eq!(
        written.strip_suffix(b"\n").expect("a line's end").split(|byte| *byte == b'\n').collect::<Vec<_>>(),
        expected
    );
    for line in expected {
        serde_json::from_slice::<serde_json::Value>(&line).expect("JSON");
        assert!(!line.iter().any(|byte| *byte < b' '), "control characters");
    }
}

#[test]
fn documents_of_elastic_are_a_line_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ecs.ndjson");
    let environment = vec![("HONEYPOST_ECS_PATH".into(), path.clone().into())];
    let config = Config::load(&Sources { environment, ..Sources::default() }).expect("valid");
    let opened = ecs(&config, &[]).expect("opens").expect("configured");
    let events = hostile();
    opened.sink.offer(&events).expect("room");
    drop(opened.sink);
    assert!(opened.ending.wait(LONG));
    let written = fs::read_to_string(path).expect("UTF-8");
    let documents: Vec<serde_json::Value> =
        written.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let actions: Vec<_> =
        documents.iter().map(|it| it["event"]["action"].as_str().unwrap_or_default()).collect();
    assert_eq!(actions, events.iter().map(|record| record.event.name()).collect::<Vec<_>>());
    assert!(!written.contains(|character: char| character < ' ' && character != '\n'), "control characters");
}

#[test]
fn rotation_under_load_keeps_every_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let (config, path) = configured(folder.path(), &[("HONEYPOST_JSONL_ROTATE_SIZE", "20kB")]);
    let opened = jsonl(&config, &[]).expect("opens").expect("configured");
    let events = logins(2000);
    for batch in events.chunks(7) {
        opened.sink.offer(batch).expect("room");
    }
    assert_eq!(settled(&opened.counters), (2000, 2000, 0));
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    assert!(files.len() > 10, "{files:?}");
    files.sort();
    // Those that were put aside in order of time, then the one that is written.
    files.retain(|file| *file != path);
    files.push(path);
    let text: Vec<u8> = files.iter().flat_map(|file| fs::read(file).expect("readable")).collect();
    let expected: Vec<u8> =
        events.iter().flat_map(|record| [json(record), b"\n".to_vec()].concat()).collect();
    assert!(text == expected, "lines are lost, split or out of order");
}

#[test]
fn a_stream_that_fails_in_the_middle_of_a_line_goes_on_there() {
    /// Takes ten octets at a time and fails now and then.
    struct Fickle(u32, std::sync::mpsc::Sender<Vec<u8>>);
    impl Write for Fickle {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            match self.0 % 7 {
                0 => Err(ErrorKind::StorageFull.into()),
                3 => Err(ErrorKind::WouldBlock.into()),
                _ => {
                    let part = octets.get(..10).unwrap_or(octets);
                    let _ = self.1.send(part.to_vec());
                    Ok(part.len())
                }
            }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (written, seen) = channel();
    let mut stream = Stream::new(Fickle(0, written));
    let mut expected = Vec::new();
    for number in 0..20 {
        let line = format!("{number} {}\n", "x".repeat(number));
        while stream.write(line.as_bytes()).is_err() {}
        expected.extend_from_slice(line.as_bytes());
    }
    while stream.flush().is_err() {}
    assert_eq!(String::from_utf8(seen.try_iter().flatten().collect()), String::from_utf8(expected));
}
