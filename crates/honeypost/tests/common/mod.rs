//! The program under test, without a trace of the caller's own configuration.

#![allow(dead_code)] // each test file uses its part

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The program, with `PATH` alone in its environment, and only the listeners that a test asks for: the usual ports may be
/// taken.
pub fn honeypost() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_honeypost"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("TZ", "UTC");
    for listener in ["IMAPS", "POP3", "POP3S", "SMTP", "SUBMISSION", "SUBMISSIONS"] {
        command.env(format!("HONEYPOST_{listener}_LISTEN"), "off");
    }
    command.stdin(Stdio::null());
    command
}

/// What came on standard error, and the exit status.
pub fn failed(output: &Output) -> (String, Option<i32>) {
    (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
}

/// A running server, ended with the test.
pub struct Server {
    child: Child,
    /// Where IMAP is spoken.
    pub imap: SocketAddr,
    /// What it printed at its start.
    pub said: String,
}

impl Server {
    /// Starts it on a free port.
    pub fn start(data: &Path, more: &[&str]) -> Self {
        // Whoever runs the tests may ignore SIGHUP (nohup), which is inherited.
        Self::start_by(&["env", "--default-signal=HUP"], data, more)
    }

    /// Starts it on a free port by another program.
    pub fn start_with(program: &str, data: &Path, more: &[&str]) -> Self {
        Self::start_by(&[program], data, more)
    }

    fn start_by(program: &[&str], data: &Path, more: &[&str]) -> Self {
        let mut words = program.iter();
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words);
        let honeypost = honeypost();
        command.env_clear().envs(honeypost.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).arg(honeypost.get_program());
        Self::launch(command, data, more)
    }

    fn launch(mut command: Command, data: &Path, more: &[&str]) -> Self {
        command.args(["serve", "--imap", "127.0.0.1:0", "--data-dir"]).arg(data).args(more);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
        let (said, imap) = announcement(child.stdout.take().expect("piped"));
        let Some(imap) = imap else {
            let mut complaint = String::new();
            let _ = child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut complaint));
            panic!("it does not listen: {said}{complaint}");
        };
        Self { child, imap, said }
    }

    /// Starts it with lines for DECNET on standard output, which is returned; what it says at its start then comes on
    /// standard error.
    pub fn start_decnet(data: &Path, environment: &[(&str, &str)]) -> (Self, ChildStdout) {
        let mut command = honeypost();
        command.args(["serve", "--decnet", "imap", "--imap", "127.0.0.1:0", "--data-dir"]).arg(data);
        command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("started");
        let mut stderr = child.stderr.take().expect("piped");
        let (said, imap) = announcement(&mut stderr);
        child.stderr = Some(stderr);
        let imap = imap.unwrap_or_else(|| panic!("it does not listen: {said}"));
        let stdout = child.stdout.take().expect("piped");
        (Self { child, imap, said }, stdout)
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().expect("kill runs").success());
    }

    /// Waits for its end: exit status and standard error.
    pub fn end(mut self) -> (Option<i32>, String) {
        let start = Instant::now();
        while self.child.try_wait().expect("waitable").is_none() {
            assert!(start.elapsed() < Duration::from_secs(20), "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut complaint = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut complaint).expect("UTF-8");
        (self.child.wait().expect("ended").code(), complaint)
    }
}

/// What is printed at the start, and the address in it.
fn announcement(output: impl Read) -> (String, Option<SocketAddr>) {
    let mut said = String::new();
    // Octet by octet: what follows is somebody else's.
    let mut lines = BufReader::with_capacity(1, output);
    while lines.read_line(&mut said).expect("readable") > 0 && !said.contains("Ctrl-C") {}
    let imap = said.lines().find_map(|line| line.trim().strip_prefix("IMAP")?.trim().parse().ok());
    (said, imap)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
