//! SMTP and submission: the `protocol` crate's sessions, with this configuration's words, logins and mailboxes.

use std::sync::Arc;

use event::Protocol;
use jiff::tz::TimeZone;
use protocol::smtp::{Auth, Delivery, Options, Service, Smtp, SmtpTexts};
use protocol::{Guest, Session, Worlds};

use crate::config::{Config, SmtpAuth};
use crate::listen::Room;
use crate::visitors::Heading;

struct SmtpRoom {
    service: Arc<Service>,
    name: &'static str,
}

/// A server that takes mail for these people at this domain.
pub(super) fn service(
    config: &Config,
    texts: SmtpTexts,
    submission: bool,
    domain: String,
    people: Vec<String>,
) -> Service {
    let options = Options {
        node: config.node_name().to_owned(),
        banner: config.smtp_banner().map(str::to_owned),
        auth: Some(match config.smtp_auth() {
            SmtpAuth::Harvest => Auth::Harvest,
            SmtpAuth::Accept => Auth::Accept,
            SmtpAuth::Off => Auth::Off,
        }),
        auth_users: config.smtp_auth_whitelist().to_vec(),
        open_relay: config.smtp_open_relay(),
        drop_rate: config.smtp_rcpt_drop_rate(),
        message_size: Some(config.mail().max_size.0),
        submission,
        refuse_plaintext: config.refuses_plaintext(),
        local_domains: vec![domain],
        local_users: people,
        timeout: config.idle_timeout(),
    };
    Service::new(texts, config.credentials(), options)
}

/// The room in which SMTP is spoken.
pub(super) fn room(service: Arc<Service>, name: &'static str) -> Arc<dyn Room> {
    Arc::new(SmtpRoom { service, name })
}

/// What this server puts in front of a message that it delivers.
pub(super) fn heading(service: Arc<Service>) -> Heading {
    Box::new(move |arrival| {
        let Some(recipient) = arrival.envelope.local.first() else { return Vec::new() };
        service.delivery_header(&Delivery {
            envelope: &arrival.envelope,
            recipient,
            client_name: None,
            client_address: arrival.client.ip(),
            tls: arrival.tls,
            queue_id: &arrival.queue_id,
            time: &arrival.began.to_zoned_datetime(TimeZone::UTC),
        })
    })
}

impl Room for SmtpRoom {
    fn protocol(&self) -> Protocol {
        Protocol::Smtp
    }

    fn service(&self) -> &'static str {
        self.name
    }

    fn session(&self, _: Option<Arc<dyn Worlds>>, guest: Guest) -> Box<dyn Session> {
        Box::new(Smtp::new(Arc::clone(&self.service), rand::random()).of(guest))
    }
}
