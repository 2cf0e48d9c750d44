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
use bait::persona::Installation;
use event::Protocol;
use store::{Options, StoreError, Writer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::cli::Serve;
use crate::config::{Config, decnet};
use crate::connection::{Clock, Common};
use crate::data_dir::DataDir;
use crate::listen::{self, Gate, House};
use crate::mailroom::{Mailroom, keep_house};
use crate::metrics::{self, Metrics};
use crate::open_files;
use crate::penalties::Penalties;
use crate::pipeline::Pipeline;
use crate::reload::Reload;
use crate::rooms::{self, Door, Rooms};
use crate::signals::Told;
use crate::sinks::{self, Archive, Secondary, StoreSink};
use crate::start::{self, Start, StartError};
use crate::tls::{CertificateError, Handshakes, Limits, Source, Tls};
use crate::visitors::Visitors;

/// How often it is looked whether the certificate's files have changed.
const LOOK: Duration = Duration::from_secs(30);
/// How long sessions may take to end once Honeypost is told to.
const GRACE: Duration = Duration::from_secs(10);
/// How long the last lines may take to be written.
const LAST_LINES: Duration = Duration::from_secs(1);
/// How long work in other threads may take to end after the sessions.
const LAST_GRACE: Duration = Duration::from_secs(2);

/// Serves until it is told to end.
pub(crate) fn run(wanted: &Serve) -> anyhow::Result<ExitCode> {
    let config = start::configure(wanted)?;
    start::log(config.log());
    if wanted.decnet.is_some() {
        decnet::name_variables_without_effect();
    }
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
    let Start { personality, mail, installation, tls } = start;
    let mut listeners = Vec::new();
    for door in rooms::doors(config) {
        for address in door.addresses {
            let listener = listen::bind(*address)
                .map_err(|cause| StartError::bind(door.key, config, *address, cause))?;
            listeners.push((door, listener));
        }
    }
    let metered = metrics::bind(config)?;
    let data = DataDir::open(config.data_dir(), &installation).map_err(StartError::from)?;
    let handshakes = handshakes(config, tls, installation).map_err(StartError::from)?;
    let writer = writer(data.path(), &config.store()).await.map_err(StartError::from)?;

    let imitated = personality.name.clone();
    let people = mail.people();
    let corpus = Arc::new(mail.corpus);
    let penalties =
        Penalties::new(personality.auth.clone(), config.login_penalties(), jiff::Timestamp::now());
    let (rooms, heading) = Rooms::new(config, personality, &corpus, &mail.domain, people);
    let visitors = Visitors::new(Arc::clone(&corpus), heading, config.visitors_keep());
    let mailroom = Mailroom::open(data.path(), config.mail(), Arc::clone(&visitors))
        .with_context(|| format!("{}: captured mail", data.path().join("mail").display()))?;

    let mut reload = Reload::default();
    renew(&handshakes, &mut reload);
    let Secondary { sinks, endings, counters } = sinks::secondary(config, &spoken(&listeners), &mut reload)?;
    let limit = config.store().spool_limit;
    let figures = counters.iter().map(metrics::of_sink).collect();
    let metrics = Metrics::new(&metered, &imitated, &writer, limit, figures);
    let store: Box<dyn Archive> = Box::new(StoreSink(writer.spool()));
    let store = if let Some(metrics) = &metrics { metrics.meter(store) } else { store };
    let (stop, shutdown) = watch::channel(false);
    let (alive, mut done) = mpsc::channel(1);
    let house = Arc::new(House {
        pipeline: Pipeline::new(store, sinks, config.wire_per_session(), config.when_store_full()),
        sensor: config.sensor().into(),
        personality: imitated.into(),
        common: Arc::new(Common { clock: Clock::start(), write_timeout: config.write_timeout(), handshakes }),
        gate: Gate::new(open_files::lower(config.connections()), config.connections_per_source()),
        mailroom: Arc::clone(&mailroom),
        visitors,
        penalties,
        shutdown: shutdown.clone(),
        _alive: alive,
    });
    let pipeline = Arc::clone(&house.pipeline);
    let janitor = keep_house(mailroom, Arc::clone(&pipeline), Arc::clone(&house.sensor), shutdown);
    let janitor = tokio::spawn(janitor);
    let open: Vec<(Door<'_>, SocketAddr)> =
        listeners.iter().filter_map(|(door, listener)| Some((*door, listener.local_addr().ok()?))).collect();
    let asked: Vec<SocketAddr> = metered.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    // A closed output is no reason to end.
    let _ = if sinks::takes_standard_output(config) {
        announce(config, &open, &asked, &mut io::stderr().lock())
    } else {
        announce(config, &open, &asked, &mut io::stdout().lock())
    };
    for (door, listener) in listeners {
        tokio::spawn(listen::listen(listener, rooms.behind(door), door.tls, Arc::clone(&house)));
    }
    if let Some(metrics) = metrics {
        metrics.serve(metered, &house.shutdown);
    }
    drop(house);

    told.wait(&reload).await;
    tracing::info!("ending");
    let _ = stop.send(true);
    tokio::select! {
        // Every task holds the house; the channel closes with the last of them.
        _ = done.recv() => {}
        () = tokio::time::sleep(GRACE) => tracing::warn!("some sessions did not end in time"),
        () = told.wait(&reload) => tracing::warn!("told again to end: not waiting for the sessions"),
    }
    pipeline.give_up();
    if tokio::time::timeout(LAST_GRACE, janitor).await.is_err() {
        tracing::warn!("keeping house did not end in time");
    }
    // The sinks end with the last who may offer them something.
    drop(pipeline);
    let close = move || {
        let until = Instant::now() + LAST_LINES;
        for ending in endings {
            if !ending.wait(until.saturating_duration_since(Instant::now())) {
                tracing::warn!("{} is not read: it lacks its last events; the store has them", ending.name);
            }
        }
        for counters in counters {
            counters.tell();
        }
        writer.close()
    };
    let closed = tokio::task::spawn_blocking(close).await.context("closing the store")?;
    drop(data);
    if let Err(error) = closed {
        tracing::error!(%error, "the store was not closed in order");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The certificate, made where there is none, and what bounds handshakes.
fn handshakes(
    config: &Config,
    own: Option<Tls>,
    installation: Installation,
) -> Result<Arc<Handshakes>, CertificateError> {
    let (data_dir, name) = (config.data_dir().to_owned(), config.node_name().to_owned());
    let made = || Tls::open(Source::Made { data_dir, name, installation });
    let limits =
        Limits { timeout: config.handshake_timeout(), turns: Arc::new(Semaphore::new(config.handshakes())) };
    Ok(Arc::new(Handshakes { tls: own.map_or_else(made, Ok)?, limits }))
}

/// Has the certificate read again at SIGHUP, and when its files change.
fn renew(handshakes: &Arc<Handshakes>, reload: &mut Reload) {
    let told = Arc::clone(handshakes);
    reload.add(Box::new(move || {
        let handshakes = Arc::clone(&told);
        tokio::task::spawn_blocking(move || handshakes.tls.reload());
    }));
    let watched = Arc::downgrade(handshakes);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(LOOK).await;
            let Some(handshakes) = watched.upgrade() else { return };
            let _ = tokio::task::spawn_blocking(move || handshakes.tls.reload_if_changed()).await;
        }
    });
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

/// Says where everything is.
fn announce(
    config: &Config,
    open: &[(Door<'_>, SocketAddr)],
    metrics: &[SocketAddr],
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "Honeypost {} as {}", env!("CARGO_PKG_VERSION"), config.personality())?;
    for (door, address) in open {
        writeln!(out, "  {:<11} {address}", door.name)?;
    }
    for address in metrics {
        writeln!(out, "  {:<11} http://{address}/metrics", "metrics")?;
    }
    let data = std::path::absolute(config.data_dir()).unwrap_or_else(|_| config.data_dir().to_owned());
    writeln!(out, "  {:<11} {}", "data", data.display())?;
    if let (Some((door, address)), Some(login)) = (open.first(), config.logins().first()) {
        let (login, address) = (quoted(login), reachable(*address));
        let line = match door.protocol {
            Protocol::Imap => format!("curl -s --user {login} 'imap://{address}/INBOX;MAILINDEX=1'"),
            Protocol::Pop3 => format!("curl -s --user {login} 'pop3://{address}/1'"),
            Protocol::Smtp => format!("swaks --server {address} --to admin@localhost"),
        };
        writeln!(out, "  {:<11} {line}", "try")?;
    }
    let data = quoted(&data.to_string_lossy());
    writeln!(out, "  {:<11} honeypost events --follow --data-dir {data}", "watch")?;
    if config.personality() == "decnet" {
        writeln!(out, "  {:<11} --personality dovecot-2.3 is the one to expose to people", "note")?;
    }
    writeln!(
        out,
        "It never relays mail, never runs what it receives and connects nowhere but where its configuration says. Ctrl-C ends it."
    )?;
    out.flush()
}

/// The protocols that are spoken, each once.
fn spoken(listeners: &[(Door<'_>, TcpListener)]) -> Vec<Protocol> {
    Protocol::ALL
        .into_iter()
        .filter(|protocol| listeners.iter().any(|(door, _)| door.protocol == *protocol))
        .collect()
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
