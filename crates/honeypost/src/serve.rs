//! `honeypost serve`: from the command line to an open house, and its orderly end.
//!
//! Order matters: everything is validated, then the addresses are bound, and only then is anything written.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use store::{Options, StoreError, Writer};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::cli::Serve;
use crate::config::Config;
use crate::connection::Clock;
use crate::data_dir::DataDir;
use crate::listen::{self, Gate, House};
use crate::mailroom::{Mailroom, keep_house};
use crate::open_files;
use crate::pipeline::Pipeline;
use crate::rooms::imap;
use crate::sinks::{self, StoreSink};
use crate::start::{self, Start, StartError};
use crate::visitors::{Heading, Visitors};

/// How long sessions may take to end once Honeypost is told to.
const GRACE: Duration = Duration::from_secs(10);
/// How long work in other threads may take to end after the sessions.
const LAST_GRACE: Duration = Duration::from_secs(2);

/// Serves until it is told to end.
pub(crate) fn run(wanted: &Serve) -> anyhow::Result<ExitCode> {
    let config = start::configure(wanted)?;
    start::log(config.log());
    let start = start::prepare(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_io()
        .enable_time()
        .build()
        .context("starting the runtime")?;
    let done = runtime.block_on(serve(&config, start));
    // What still runs in other threads has had its time.
    runtime.shutdown_timeout(LAST_GRACE);
    done
}

async fn serve(config: &Config, start: Start) -> anyhow::Result<ExitCode> {
    let mut told = Told::new().context("listening for signals")?;
    let Start { personality, corpus, installation } = start;
    let mut listeners = Vec::new();
    for address in config.imap_listen() {
        let listener = listen::bind(*address)
            .map_err(|cause| StartError::bind("imap.listen", config, *address, cause))?;
        listeners.push(listener);
    }
    let data = DataDir::open(config.data_dir(), &installation).map_err(StartError::from)?;
    let options = Options { group_interval: config.group_interval(), ..Options::default() };
    let writer = writer(data.path(), &options).await.map_err(StartError::from)?;

    let corpus = Arc::new(corpus);
    // No room takes mail in yet; the one that does brings its server's header.
    let heading: Heading = Box::new(|_| Vec::new());
    let visitors = Visitors::new(Arc::clone(&corpus), heading, config.visitors_keep());
    let mailroom = Mailroom::open(data.path(), config.mail(), Arc::clone(&visitors))
        .with_context(|| format!("{}: captured mail", data.path().join("mail").display()))?;

    let (stop, shutdown) = watch::channel(false);
    let (alive, mut done) = mpsc::channel(1);
    let house = Arc::new(House {
        pipeline: Pipeline::new(Box::new(StoreSink(writer.spool())), sinks::secondary()),
        sensor: config.sensor().into(),
        personality: personality.name.as_str().into(),
        clock: Clock::start(),
        write_timeout: config.write_timeout(),
        gate: Gate::new(open_files::lower(config.connections()), config.connections_per_source()),
        mailroom: Arc::clone(&mailroom),
        visitors,
        shutdown: shutdown.clone(),
        _alive: alive,
    });
    let pipeline = Arc::clone(&house.pipeline);
    let janitor = keep_house(mailroom, Arc::clone(&pipeline), Arc::clone(&house.sensor), shutdown);
    let janitor = tokio::spawn(janitor);
    let room = imap::room(config, personality, corpus);
    // A closed standard output is no reason to end.
    let _ = announce(
        config,
        &listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect::<Vec<_>>(),
    );
    for listener in listeners {
        tokio::spawn(listen::listen(listener, Arc::clone(&room), Arc::clone(&house)));
    }
    drop(house);

    told.wait().await;
    tracing::info!("ending");
    let _ = stop.send(true);
    tokio::select! {
        // Every task holds the house; the channel closes with the last of them.
        _ = done.recv() => {}
        () = tokio::time::sleep(GRACE) => tracing::warn!("some sessions did not end in time"),
        () = told.wait() => tracing::warn!("told again to end: not waiting for the sessions"),
    }
    pipeline.give_up();
    if tokio::time::timeout(LAST_GRACE, janitor).await.is_err() {
        tracing::warn!("keeping house did not end in time");
    }
    let closed = tokio::task::spawn_blocking(move || writer.close()).await.context("closing the store")?;
    drop(data);
    if let Err(error) = closed {
        tracing::error!(%error, "the store was not closed in order");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the store. The data directory is ours, so whoever else writes there is a `honeypost events` that brings in what
/// a killed server has left: it is waited for.
async fn writer(directory: &Path, options: &Options) -> Result<Writer, StoreError> {
    let start = Instant::now();
    loop {
        match Writer::open(directory, options) {
            Err(StoreError::InUse { .. }) if start.elapsed() < GRACE => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            opened => return opened,
        }
    }
}

/// Ctrl-C, SIGTERM, and SIGHUP: there is nothing to reload, and a terminal that goes away ends what it started.
struct Told {
    interrupt: Signal,
    terminate: Signal,
    /// None where whoever started us wants it ignored, as nohup(1) does.
    hangup: Option<Signal>,
}

impl Told {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    async fn wait(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Whether SIGHUP, the lowest bit, is among the ignored signals of `proc_pid_status(5)`.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Says where everything is.
fn announce(config: &Config, addresses: &[SocketAddr]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "Honeypost {} as {}", env!("CARGO_PKG_VERSION"), config.personality())?;
    for address in addresses {
        writeln!(out, "  IMAP   {address}")?;
    }
    let data = std::path::absolute(config.data_dir()).unwrap_or_else(|_| config.data_dir().to_owned());
    writeln!(out, "  data   {}", data.display())?;
    if let (Some(address), Some(login)) = (addresses.first(), config.logins().first()) {
        let (login, address) = (quoted(login), reachable(*address));
        writeln!(out, "  try    curl -s --user {login} 'imap://{address}/INBOX;MAILINDEX=1'")?;
    }
    writeln!(out, "  watch  honeypost events --follow --data-dir {}", quoted(&data.to_string_lossy()))?;
    writeln!(
        out,
        "It never relays mail, never runs what it receives and never connects anywhere. Ctrl-C ends it."
    )?;
    out.flush()
}

/// The address as this machine reaches it.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.:/@%+=,".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("admin:admin"), "admin:admin");
        assert_eq!(quoted("a b:it's$"), r"'a b:it'\''s$'");
    }

    #[test]
    fn the_line_to_try_names_an_address_that_can_be_reached() {
        for (bound, tried) in
            [("0.0.0.0:143", "127.0.0.1:143"), ("[::]:143", "[::1]:143"), ("192.0.2.1:1", "192.0.2.1:1")]
        {
            assert_eq!(reachable(bound.parse().expect("an address")).to_string(), tried);
        }
    }
}
