//! For a look from outside, with the feature `by-hand`: none of these checks anything, so none is part of the suite.
//! `docs/tls.md` says what was compared.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::{Limits, Server, accept, connect, connector, context, limits, ssl};

/// `HONEYPOST_TLS_PORTS=DOVECOT,POSTFIX`: serves both on loopback until it is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "serves until it is killed: for comparing with the real servers"]
async fn serve_by_hand() {
    let ports = std::env::var("HONEYPOST_TLS_PORTS").expect("HONEYPOST_TLS_PORTS=DOVECOT,POSTFIX");
    let (dovecot, postfix) = ports.split_once(',').expect("two ports");
    let limits = Limits { timeout: Duration::from_mins(3), ..limits() };
    tokio::join!(
        serve(context(Server::Dovecot), dovecot, limits.clone()),
        serve(context(Server::Postfix), postfix, limits)
    );
}

async fn serve(context: super::Context, port: &str, limits: Limits) {
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await.expect("a free port");
    while let Ok((stream, _)) = listener.accept().await {
        let (context, limits) = (context.clone(), limits.clone());
        tokio::spawn(async move {
            match accept(stream, Vec::new(), &context, &limits).await {
                Ok((mut tls, handshake)) => {
                    println!("{:?} {handshake:?}", context.server());
                    while let Ok(1..) = tls.read(&mut [0; 512]).await {}
                }
                Err(failure) => {
                    println!("{:?} {}: {}", context.server(), failure.reason.word(), failure.detail);
                    if let (true, Some(stream)) = (failure.reset, failure.stream) {
                        let _ = stream.set_zero_linger();
                    }
                }
            }
        });
    }
}

/// What an idle connection takes, both ends of it in this process: half of that is the server's, roughly.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures the memory of the whole process: run it alone"]
async fn memory_of_an_idle_connection() {
    const CONNECTIONS: usize = 1000;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound");
    let child = std::process::Command::new(std::env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", "tls::tests::by_hand::idle_clients"])
        .env("HONEYPOST_TLS_IDLE", format!("{address} {CONNECTIONS}"))
        .stdout(std::process::Stdio::null())
        .spawn();
    let mut child = child.expect("the clients");
    let (context, limits) = (context(Server::Dovecot), limits());
    let mut connections = Vec::with_capacity(CONNECTIONS);
    let mut before = 0;
    for number in 0..CONNECTIONS {
        let (stream, _): (TcpStream, _) = listener.accept().await.expect("a client");
        connections.push(accept(stream, Vec::new(), &context, &limits).await.expect("a handshake").0);
        if number == CONNECTIONS / 10 {
            before = resident();
        }
    }
    let each = (resident() - before) / (CONNECTIONS - CONNECTIONS / 10);
    println!("{each} octets a connection; {} of them the stream itself", size_of_val(&connections[0]));
    drop(connections);
    child.wait().expect("the clients end");
}

/// The other process of the test above.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of memory_of_an_idle_connection"]
async fn idle_clients() {
    let Ok(order) = std::env::var("HONEYPOST_TLS_IDLE") else { return };
    let (address, connections) = order.split_once(' ').expect("address and number");
    let mut open = Vec::new();
    for _ in 0..connections.parse().expect("a number") {
        open.push(
            connect(address.parse().expect("an address"), ssl(connector())).await.expect("a handshake"),
        );
    }
    for mut tls in open {
        let _ = tls.read(&mut [0; 16]).await;
    }
}

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

/// What a client that shows a ticket costs Dovecot's imitation more than another.
#[test]
#[ignore = "measures time: run it alone, as a release build"]
fn time_of_a_context() {
    const ROUNDS: u32 = 200;
    let context = context(Server::Dovecot);
    let hello = clienthello::ClientHello {
        extensions: vec![clienthello::Extension { kind: 35, data: vec![1] }],
        ..clienthello::ClientHello::default()
    };
    for hello in [None, Some(&hello)] {
        let start = std::time::Instant::now();
        for _ in 0..ROUNDS {
            context.connection(hello).expect("a connection");
        }
        println!("{:?} a connection, with a ticket: {}", start.elapsed() / ROUNDS, hello.is_some());
    }
}
