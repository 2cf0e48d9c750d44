//! A connection becomes TLS, and what is recorded of that; also of a TLS hello where none belongs.

use std::sync::Arc;

use clienthello::{Progress, Reader};
use event::{CloseReason, Event, Text};
use protocol::Actions;

use super::Connection;
use super::stream::{Carrier, Stream};
use crate::pipeline::Ledger;
use crate::tls::{Handshake, HandshakeFailure, Hello, Reason, accept};

impl<S: Carrier> Connection<S> {
    /// Does the handshake, which begins with what came behind the command where the imitated server has it so. The session
    /// sees nothing of that: nothing that came in the clear may pass for what comes over TLS.
    pub(super) async fn secure(&mut self, behind: Vec<u8>) -> Result<(), CloseReason> {
        let pace = self.session.before_handshake(self.begins_with_tls);
        self.wait(pace).await?;
        let Stream::Plain(stream) = self.stream.take() else { return Err(CloseReason::Error) };
        let handshakes = Arc::clone(&self.common.handshakes);
        let context = handshakes.context(self.ledger.attribution().protocol);
        let accepted = tokio::select! {
            biased;
            _ = self.shutdown.wait_for(|stop| *stop) => return Err(CloseReason::Shutdown),
            accepted = accept(stream, behind, &context, &handshakes.limits) => accepted,
        };
        match accepted {
            Ok((stream, handshake)) => {
                self.stream = Stream::Tls(Box::new(stream));
                self.ledger.secured();
                if let Some(hello) = &handshake.hello {
                    self.ledger.hello(&hello.records);
                }
                self.record(vec![negotiated(handshake)]).await;
                self.session.secured(self.common.clock.now());
                Ok(())
            }
            Err(failure) => Err(self.give_up(failure).await),
        }
    }

    /// Records why there is no TLS, and closes as the imitated server does it.
    async fn give_up(&mut self, failure: HandshakeFailure<S>) -> CloseReason {
        let HandshakeFailure { reason, detail, hello, received, stream, reset } = failure;
        match &hello {
            Some(hello) => {
                self.ledger.hello(&hello.records);
                self.ledger.received(received.get(hello.records.len()..).unwrap_or_default());
            }
            None => self.ledger.received(&received),
        }
        self.record(vec![failed(reason.word(), detail, hello)]).await;
        if let Some(stream) = stream.filter(|_| reset) {
            stream.reset_when_closed();
        }
        match reason {
            Reason::Timeout => CloseReason::Timeout,
            Reason::NoHello | Reason::TruncatedHello | Reason::Closed => CloseReason::Peer,
            _ => CloseReason::Error,
        }
    }
}

/// Looks whether what comes first in the clear is a TLS hello, and records it. `hello` is one under way.
pub(super) fn look_for_hello(
    hello: &mut Option<Box<Reader>>,
    ledger: &Ledger,
    input: &[u8],
    out: &mut Actions,
) {
    if hello.is_none() && ledger.has_received() || !begins_hello(hello.is_some(), input) {
        return;
    }
    let progress = hello.get_or_insert_default().feed(input);
    if progress != Progress::NeedMore {
        tell(hello, Some(&progress), out);
    }
}

/// Records a hello in the clear, whole or not.
pub(super) fn tell(hello: &mut Option<Box<Reader>>, progress: Option<&Progress>, out: &mut Actions) {
    let Some(reader) = hello.take().filter(|reader| matches!(reader.wire(), [22, 3, ..])) else { return };
    let what = "tls-hello-on-plain-port";
    let complete = match progress {
        Some(Progress::Complete { hello, octets }) => {
            Some(Hello::of(hello, reader.wire().get(..*octets).unwrap_or_default()))
        }
        _ => None,
    };
    out.record(Event::ProtocolViolation { what, line: reader.into_wire().into() });
    if let Some(hello) = complete {
        out.record(failed("plain-port", String::new(), Some(hello)));
    }
}

/// A handshake record of SSL 3.0 or later.
fn begins_hello(under_way: bool, input: &[u8]) -> bool {
    under_way || matches!(input, [22] | [22, 3, ..])
}

fn negotiated(handshake: Handshake) -> Event {
    let Handshake { version, cipher, resumed, client_certificate, hello } = handshake;
    let (sni, alpn, ja3, ja3_hash, ja4) = said(hello);
    Event::TlsNegotiated { version, cipher, resumed, client_certificate, sni, alpn, ja3, ja3_hash, ja4 }
}

fn failed(reason: &'static str, detail: String, hello: Option<Hello>) -> Event {
    let (sni, alpn, ja3, ja3_hash, ja4) = said(hello);
    Event::TlsFailed { reason, detail, sni, alpn, ja3, ja3_hash, ja4 }
}

fn said(hello: Option<Hello>) -> (Text, Vec<Text>, String, String, String) {
    let Some(Hello { sni, alpn, ja3, ja3_hash, ja4, .. }) = hello else { return <_>::default() };
    (sni.unwrap_or_default().into(), alpn.into_iter().map(Text::from).collect(), ja3, ja3_hash, ja4)
}
