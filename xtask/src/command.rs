//! Other programs, run to their end or to the end of patience. Nothing hangs for ever, nothing is left behind.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A finished program.
pub(crate) struct Output {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}

/// Runs a program without standard input.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<Output> {
    let mut child = spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let stdout = read_all(child.stdout.take().context("no standard output")?);
    let stderr = read_all(child.stderr.take().context("no standard error")?);
    let status = wait(&mut child, limit)?;
    let text = |reader: thread::JoinHandle<Vec<u8>>| {
        String::from_utf8_lossy(&reader.join().expect("a reader does not panic")).into_owned()
    };
    Ok(Output { status, stdout: text(stdout), stderr: text(stderr) })
}

/// Runs a program without standard input, both outputs in one, and lets `look` see each line as it comes.
pub(crate) fn lines(
    command: &mut Command,
    limit: Duration,
    look: impl Fn(&str) + Send + 'static,
) -> Result<(ExitStatus, String)> {
    let (reader, writer) = std::io::pipe()?;
    let mut child = spawn(command.stdout(writer.try_clone()?).stderr(writer))?;
    // The command holds the pipe's writing ends: without them the reader below would never see the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let reading = thread::spawn(move || {
        let mut text = String::new();
        for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            look(&line);
            text.push_str(&line);
            text.push('\n');
        }
        text
    });
    let status = wait(&mut child, limit)?;
    Ok((status, reading.join().expect("a reader does not panic")))
}

fn spawn(command: &mut Command) -> Result<Child> {
    command.stdin(Stdio::null());
    command.spawn().with_context(|| format!("starting {}", command.get_program().display()))
}

fn read_all(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is what there is.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

/// Waits for a child; at the limit ends it and all that it started.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if start.elapsed() > limit {
            let ids: Vec<String> = family(child.id()).iter().map(u32::to_string).collect();
            Command::new("sh").args(["-c", &format!("kill -KILL {} 2>/dev/null", ids.join(" "))]).status()?;
            child.wait()?;
            bail!("did not end within {limit:?} and was ended");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A process and all its descendants, by the parents that `/proc` names.
fn family(id: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat.rsplit_once(") ").and_then(|(_, fields)| fields.split(' ').nth(1)?.parse().ok());
        children.entry(parent.unwrap_or(0)).or_default().push(process);
    }
    let mut family = vec![id];
    let mut at = 0;
    while let Some(next) = family.get(at) {
        family.extend(children.remove(next).unwrap_or_default());
        at += 1;
    }
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_kept_apart_or_together() {
        let script = "echo one; echo two >&2; exit 3";
        let apart = output(Command::new("sh").args(["-c", script]), Duration::from_secs(20)).unwrap();
        assert_eq!((apart.status.code(), &*apart.stdout, &*apart.stderr), (Some(3), "one\n", "two\n"));
        let (_, together) =
            lines(Command::new("sh").args(["-c", script]), Duration::from_secs(20), |_| {}).unwrap();
        assert_eq!(together, "one\ntwo\n");
    }

    #[test]
    fn a_hanging_family_is_ended() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & echo started; wait"]);
        let start = Instant::now();
        let error = lines(&mut command, Duration::from_millis(300), |_| {}).unwrap_err();
        assert!(error.to_string().contains("was ended"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}
