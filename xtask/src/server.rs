//! A release `honeypost serve` as a child process: started on a free port, watched, and always ended, by its own id.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// How long a start, a stop or a wait for an event may take on a busy machine with two cores.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What a server can serve besides IMAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// RFC 1939.
    Pop3,
    /// RFC 5321.
    Smtp,
    /// IMAP that begins with TLS.
    Imaps,
    /// POP3 that begins with TLS.
    Pop3s,
    /// Submission that begins with TLS.
    Submissions,
    /// RFC 6409.
    Submission,
}

impl Service {
    /// The flag that says where.
    fn flag(self) -> &'static str {
        match self {
            Self::Pop3 => "--pop3",
            Self::Smtp => "--smtp",
            Self::Imaps => "--imaps",
            Self::Pop3s => "--pop3s",
            Self::Submissions => "--submissions",
            Self::Submission => "--submission",
        }
    }
}

/// Files for its outputs, in its folder.
const STDOUT: &str = "serve.out";
const STDERR: &str = "serve.log";

/// A running server.
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    /// Where it serves IMAP; of one in DECNET's place, its one service.
    pub(crate) address: SocketAddr,
    others: Vec<(Service, SocketAddr)>,
}

/// The program without a trace of the caller's own configuration.
pub(crate) fn honeypost(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let ours = ["HONEYPOST_", "IMAP_", "POP3_", "SMTP_"].iter().any(|prefix| text.starts_with(prefix));
        if ours || text == "NODE_NAME" {
            command.env_remove(&name);
        }
    }
    command.stdin(Stdio::null());
    command
}

impl Server {
    /// Starts `honeypost serve` with IMAP alone, its data and its log under `folder`, and waits until it listens.
    ///
    /// `settings` are environment variables. A second start in the same folder goes on with the same data.
    pub(crate) fn start(program: &Path, folder: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        Self::start_with(program, folder, settings, &[])
    }

    /// The same with these services beside IMAP.
    pub(crate) fn start_with(
        program: &Path,
        folder: &Path,
        settings: &[(&str, &str)],
        services: &[Service],
    ) -> Result<Self> {
        insistently(|| {
            let address = free_address()?;
            let others = services
                .iter()
                .map(|service| Ok((*service, free_address()?)))
                .collect::<Result<Vec<(Service, SocketAddr)>>>()?;
            let mut command = honeypost(program);
            command.arg("serve").arg("--imap").arg(address.to_string());
            for flag in
                ["--imaps", "--pop3", "--pop3s", "--smtp", "--submission", "--submissions", "--dashboard"]
            {
                let open = others.iter().find(|(service, _)| service.flag() == flag);
                command.arg(flag).arg(open.map_or_else(|| "off".to_owned(), |(_, at)| at.to_string()));
            }
            command.envs(settings.iter().copied());
            Self::spawn(command, folder, address, others)
        })
    }

    /// Starts `honeypost serve --decnet PROTOCOL`, as DECNET's container of that protocol would.
    pub(crate) fn start_decnet(program: &Path, folder: &Path, protocol: &str) -> Result<Self> {
        insistently(|| {
            let address = free_address()?;
            let mut command = honeypost(program);
            command.args(["serve", "--decnet", protocol]).env("PORT", address.port().to_string());
            Self::spawn(command, folder, address, Vec::new())
        })
    }

    fn spawn(
        mut command: Command,
        folder: &Path,
        address: SocketAddr,
        others: Vec<(Service, SocketAddr)>,
    ) -> Result<Self> {
        let output = |name| File::create(folder.join(name)).with_context(|| folder.display().to_string());
        command.arg("--data-dir").arg(data(folder)).stdout(output(STDOUT)?).stderr(output(STDERR)?);
        let child =
            command.spawn().with_context(|| format!("starting {}", command.get_program().display()))?;
        let mut server = Self { child, folder: folder.to_owned(), address, others };
        server.wait_until_listening()?;
        Ok(server)
    }

    /// Where it serves this.
    ///
    /// # Panics
    ///
    /// If it was started without.
    pub(crate) fn at(&self, service: Service) -> SocketAddr {
        let found = self.others.iter().find(|(other, _)| *other == service);
        found.unwrap_or_else(|| panic!("{service:?} was not asked for")).1
    }

    /// Watches the kernel's table instead of connecting, which would leave a session in the evidence.
    fn wait_until_listening(&mut self) -> Result<()> {
        let start = Instant::now();
        let mut silent = vec![self.address];
        silent.extend(self.others.iter().map(|(_, address)| *address));
        while let Some(address) = silent.last() {
            if listening(*address)? {
                silent.pop();
                continue;
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("honeypost ended at once ({status}): {}", self.said());
            }
            ensure!(start.elapsed() < PATIENCE, "honeypost does not listen: {}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote on its two outputs.
    pub(crate) fn said(&self) -> String {
        let error = std::fs::read_to_string(self.folder.join(STDERR)).unwrap_or_default();
        self.printed() + &error
    }

    /// What it wrote on standard output so far.
    pub(crate) fn printed(&self) -> String {
        std::fs::read_to_string(self.folder.join(STDOUT)).unwrap_or_default()
    }

    /// Ends it as an operator would, with SIGTERM, and sees that it ended well and never panicked.
    pub(crate) fn stop(mut self) -> Result<()> {
        let status = self.terminate()?;
        let said = self.said();
        ensure!(status.success(), "honeypost ended with {status}: {said}");
        ensure!(!said.contains("panicked"), "honeypost panicked: {said}");
        Ok(())
    }

    fn terminate(&mut self) -> Result<ExitStatus> {
        let id = self.id();
        let sent = Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status()?;
        ensure!(
            sent.success(),
            "honeypost (process {id}) was gone before it was told to stop: {}",
            self.said()
        );
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(
                start.elapsed() < PATIENCE,
                "honeypost did not stop within {PATIENCE:?}: {}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as a crash would: SIGKILL.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tries three times: a port that is free now may be taken a moment later.
fn insistently(start: impl Fn() -> Result<Server>) -> Result<Server> {
    start().or_else(|_| start()).or_else(|_| start())
}

/// The events of the data under `folder`, as `honeypost events --json` prints them.
pub(crate) fn events(program: &Path, folder: &Path) -> Result<Vec<Value>> {
    let output = honeypost(program).args(["events", "--json", "--data-dir"]).arg(data(folder)).output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "honeypost events ({}): {complaint}", output.status);
    let text = String::from_utf8(output.stdout).context("events are UTF-8")?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

/// The events of a running server, as soon as they fulfil the condition; the store is a moment behind.
pub(crate) fn events_until(
    program: &Path,
    folder: &Path,
    what: &str,
    enough: impl Fn(&[Value]) -> bool,
) -> Result<Vec<Value>> {
    let start = Instant::now();
    loop {
        let found = events(program, folder)?;
        if enough(&found) {
            return Ok(found);
        }
        if start.elapsed() > PATIENCE {
            let names: Vec<&str> =
                found.iter().rev().take(20).filter_map(|event| event["event"].as_str()).collect();
            bail!("no events that show {what}; {} events, the last ones: {}", found.len(), names.join(" "));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Where the data of a server under `folder` is.
pub(crate) fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// An address on loopback that nobody listens on.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Whether somebody listens there (IPv4), by `/proc/net/tcp`.
pub(crate) fn listening(address: SocketAddr) -> Result<bool> {
    const LISTEN: &str = "0A";
    let wanted = format!(":{:04X}", address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").context("/proc/net/tcp")?;
    Ok(table.lines().any(|row| {
        let mut fields = row.split_whitespace().skip(1);
        fields.next().is_some_and(|local| local.ends_with(&wanted)) && fields.nth(1) == Some(LISTEN)
    }))
}

/// A number of kibibytes of `/proc/PID/status`, such as `VmRSS` (now) or `VmHWM` (the most so far).
pub(crate) fn memory(process: u32, key: &str) -> Result<u64> {
    let path = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let number =
        line.and_then(|line| line.split_whitespace().next()).with_context(|| format!("{path}: no {key}"))?;
    Ok(number.parse()?)
}
