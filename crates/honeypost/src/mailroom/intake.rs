//! A connection's way into the mailroom: carries out a session's captures, with everything that may wait for the disk in
//! the runtime's threads for such work, so that a slow disk holds up only the connection that writes.

use std::sync::Arc;
use std::time::Duration;

use event::{Attribution, Event};
use protocol::{Abandoned, Appended, Captured, Envelope};

use super::Mailroom;
use super::analysis::{self, Findings};
use super::capture::{Receiving, Stored, Verdict};
use crate::visitors::Arrival;

/// So much of a message is held in memory before it is written.
const ENOUGH: usize = 64 * 1024;
/// How long a message is looked into. What takes longer is kept and not looked into.
const ANALYSIS: Duration = Duration::from_secs(5);

/// One connection's captures.
pub(crate) struct Intake {
    room: Arc<Mailroom>,
    receiving: Option<Box<Receiving>>,
    /// Messages that have begun.
    messages: u32,
}

/// What became of a message.
pub(crate) struct Done {
    /// What is to be recorded before the session is told.
    pub(crate) events: Vec<Event>,
    /// What the session is to be told.
    pub(crate) captured: Captured,
    /// What its sender is to be shown.
    pub(crate) arrival: Option<Arrival>,
}

impl Intake {
    /// That of a new connection.
    pub(crate) fn new(room: Arc<Mailroom>) -> Self {
        Self { room, receiving: None, messages: 0 }
    }

    /// Whether a message has begun and not ended.
    pub(crate) fn is_receiving(&self) -> bool {
        self.receiving.is_some()
    }

    /// A message begins.
    pub(crate) fn begin(&mut self, attribution: &Attribution, envelope: Envelope) {
        self.messages = self.messages.wrapping_add(1);
        let receiving = Receiving::new(Arc::clone(&self.room), attribution, envelope, self.messages);
        self.receiving = Some(Box::new(receiving));
    }

    /// Takes more of it. `true`: it is time to [`flush`](Self::flush).
    pub(crate) fn write(&mut self, octets: &[u8]) -> bool {
        self.receiving.as_mut().is_some_and(|receiving| receiving.hold(octets) >= ENOUGH)
    }

    /// Whether anything of it is only in memory.
    pub(crate) fn is_pending(&self) -> bool {
        self.receiving.as_ref().is_some_and(|receiving| receiving.is_pending())
    }

    /// Writes what is only in memory.
    pub(crate) async fn flush(&mut self) -> Vec<Event> {
        let Some(mut receiving) = self.receiving.take() else { return Vec::new() };
        let written = self.on_disk(move || {
            let events = receiving.append();
            (receiving, events)
        });
        let Some((receiving, events)) = written.await else { return Vec::new() };
        self.receiving = Some(receiving);
        events
    }

    /// It is whole.
    pub(crate) async fn commit(&mut self) -> Done {
        let nothing = Done { events: Vec::new(), captured: Captured::Full, arrival: None };
        let Some(mut receiving) = self.receiving.take() else { return nothing };
        let kept = self.on_disk(move || {
            let kept = receiving.keep();
            (receiving, kept)
        });
        let Some((receiving, (verdict, mut events))) = kept.await else { return nothing };
        match verdict {
            Verdict::Refused(refusal, told) => {
                events.push(receiving.refused_for(refusal, told.clone()));
                let captured = told.map_or(Captured::Full, |queue_id| Captured::Kept { queue_id });
                Done { events, captured, arrival: None }
            }
            Verdict::Stored(stored) => {
                let findings = self.look_into(&stored).await;
                let envelope = receiving.envelope();
                let began = receiving.began();
                let Stored { queue_id, size, sha256, path, received, shown } = stored;
                let Findings { subject, attachments, urls } = findings;
                events.push(Event::MailReceived {
                    queue_id: queue_id.clone(),
                    mail_from: envelope.mail_from.clone(),
                    rcpt_to: envelope.rcpt_to.clone(),
                    size,
                    sha256,
                    subject,
                    path,
                    attachments,
                    urls,
                });
                let arrival = shown.map(|body| Arrival {
                    envelope: envelope.clone(),
                    client: receiving.client(),
                    tls: receiving.tls(),
                    queue_id: queue_id.clone(),
                    began,
                    received,
                    body,
                });
                Done { events, captured: Captured::Kept { queue_id }, arrival }
            }
        }
    }

    /// A message was put into a mailbox. Gives what is to be recorded of it.
    pub(crate) async fn append(&mut self, attribution: &Attribution, appended: Appended) -> Vec<Event> {
        let Appended { mailbox, uid, flags, octets } = appended;
        self.messages = self.messages.wrapping_add(1);
        let envelope = Envelope { authenticated: true, ..Envelope::default() };
        let receiving = Receiving::new(Arc::clone(&self.room), attribution, envelope, self.messages);
        let mut receiving = receiving.into_mailbox(mailbox.clone());
        let bytes = octets.len() as u64;
        let kept = self.on_disk(move || {
            receiving.hold(&octets);
            receiving.keep()
        });
        let (verdict, mut events) =
            kept.await.map_or((None, Vec::new()), |(verdict, made)| (Some(verdict), made));
        let (sha256, path, findings) = match verdict {
            Some(Verdict::Stored(stored)) => {
                let findings = self.look_into(&stored).await;
                (stored.sha256, stored.path, findings)
            }
            _ => (String::new(), String::new(), Findings::default()),
        };
        let Findings { subject, attachments, urls } = findings;
        let uid = u64::from(uid);
        events.push(Event::MailboxAppended {
            mailbox,
            uid,
            flags,
            bytes,
            sha256,
            subject,
            path,
            attachments,
            urls,
        });
        events
    }

    /// It will never be whole.
    pub(crate) async fn abort(&mut self, why: Abandoned) -> Vec<Event> {
        let Some(mut receiving) = self.receiving.take() else { return Vec::new() };
        self.on_disk(move || receiving.abandon(why)).await.unwrap_or_default()
    }

    /// Shows a message to its sender.
    pub(crate) fn deliver(&self, arrival: &Arrival) {
        self.room.visitors.deliver(arrival);
    }

    /// Does what waits for the disk. At most so many at a time: each has a file open, and a thread.
    async fn on_disk<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let permit = Arc::clone(&self.room.disk).acquire_owned().await.ok()?;
        blocking(move || {
            let done = work();
            drop(permit);
            done
        })
        .await
    }

    /// What can be read out of a message within a bounded time; nothing where that fails.
    async fn look_into(&self, stored: &Stored) -> Findings {
        let path = self.room.directory.join(&stored.path);
        if stored.size > analysis::LARGEST {
            return Findings::default();
        }
        let analyses = Arc::clone(&self.room.analyses);
        let findings = tokio::time::timeout(ANALYSIS, async move {
            let permit = analyses.acquire_owned().await.ok()?;
            blocking(move || {
                let findings = analysis::of_file(&path);
                drop(permit);
                findings
            })
            .await
        });
        match findings.await {
            Ok(findings) => findings.unwrap_or_default(),
            Err(_) => {
                tracing::warn!(path = %stored.path, "a message takes too long to look into");
                Findings::default()
            }
        }
    }
}

impl Drop for Intake {
    /// A connection that ends without a word (a panic): what has come is evidence all the same.
    fn drop(&mut self) {
        if let Some(receiving) = self.receiving.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn_blocking(move || drop(receiving));
        }
    }
}

/// Does what may wait for the disk in a thread for such work. `None`: it failed in an unforeseen way, or the runtime ends.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Some(done),
        Err(error) => {
            tracing::error!(%error, "a capture failed");
            None
        }
    }
}
