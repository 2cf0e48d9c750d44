//! The floor: accepts, reads lines, writes recorded bytes. The least that any server on this runtime can cost.
//!
//! A process of its own, so that its CPU is counted the way ours is; the same tokio, the same options on its sockets.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::conversation::Conversation;
use crate::server;

/// The floor as a child process.
pub(super) struct Floor {
    child: Child,
    /// Where it serves.
    pub(super) address: SocketAddr,
}

impl Floor {
    /// Starts it with these answers, which reach it as files in `folder`.
    pub(super) fn start(conversation: &Conversation, folder: &Path) -> Result<Self> {
        let recording = folder.join("recording");
        std::fs::create_dir(&recording)?;
        for (number, answer) in conversation.answers.iter().enumerate() {
            std::fs::write(recording.join(number.to_string()), answer)?;
        }
        let address = server::free_address()?;
        std::fs::write(recording.join("address"), address.to_string())?;
        let child = Command::new(std::env::current_exe()?)
            .arg("floor")
            .arg(&recording)
            .stdin(Stdio::null())
            .spawn()?;
        let floor = Self { child, address };
        let start = Instant::now();
        while !server::listening(address)? {
            ensure!(start.elapsed() < server::PATIENCE, "the floor does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(floor)
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // Both fail only where it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves a recording until killed.
pub(crate) fn run(recording: &Path) -> Result<bool> {
    let address = std::fs::read_to_string(recording.join("address")).context("the floor's address")?;
    let mut answers = Vec::new();
    while let Ok(answer) = std::fs::read(recording.join(answers.len().to_string())) {
        answers.push(answer);
    }
    let answers: Arc<[Vec<u8>]> = answers.into();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(address).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            let answers = Arc::clone(&answers);
            // A client that goes away early is none of the floor's business.
            tokio::spawn(async move { serve(stream, &answers).await });
        }
    })
}

async fn serve(mut stream: TcpStream, answers: &[Vec<u8>]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (greeting, answers) = answers.split_first().ok_or(std::io::ErrorKind::InvalidData)?;
    stream.write_all(greeting).await?;
    let mut buffer = [0; 1024];
    let mut answers = answers.iter();
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        for _ in buffer[..length].iter().filter(|byte| **byte == b'\n') {
            match answers.next() {
                Some(answer) => stream.write_all(answer).await?,
                None => return Ok(()),
            }
        }
        if answers.len() == 0 {
            return stream.shutdown().await;
        }
    }
}
