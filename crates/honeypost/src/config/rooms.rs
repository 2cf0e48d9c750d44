//! What the configuration says of POP3, SMTP, submission and DECNET. The fields are documented by their rows in
//! `settings.rs`.

use std::net::SocketAddr;
use std::path::Path;

use super::Config;
use super::choice::{LogFormat, Share, SmtpAuth};
use super::greeting::{Pop3Greeting, SmtpGreeting};
use super::value::{Folder, Listen, Name, Users};

#[derive(Debug, Default)]
pub(super) struct Pop3 {
    pub(super) listen: Listen,
    pub(super) banner: Option<Pop3Greeting>,
}

#[derive(Debug, Default)]
pub(super) struct Smtp {
    pub(super) listen: Listen,
    pub(super) banner: Option<SmtpGreeting>,
    pub(super) auth: Option<SmtpAuth>,
    pub(super) auth_whitelist: Users,
    pub(super) open_relay: bool,
    pub(super) rcpt_drop_rate: Share,
}

#[derive(Debug, Default)]
pub(super) struct Submission {
    pub(super) listen: Listen,
}

#[derive(Debug, Default)]
pub(super) struct Decnet {
    pub(super) smtp_service: Name,
    pub(super) quarantine_dir: Option<Folder>,
}

impl Config {
    /// Where POP3 is served; empty for nowhere.
    pub(crate) fn pop3_listen(&self) -> &[SocketAddr] {
        &self.pop3.listen.0
    }

    /// The greeting line of POP3 that replaces the personality's.
    pub(crate) fn pop3_banner(&self) -> Option<&str> {
        self.pop3.banner.as_ref().map(|greeting| greeting.0.as_str())
    }

    /// Where SMTP is served; empty for nowhere.
    pub(crate) fn smtp_listen(&self) -> &[SocketAddr] {
        &self.smtp.listen.0
    }

    /// The greeting line of SMTP that replaces the personality's.
    pub(crate) fn smtp_banner(&self) -> Option<&str> {
        self.smtp.banner.as_ref().map(|greeting| greeting.0.as_str())
    }

    /// What becomes of AUTH.
    pub(crate) fn smtp_auth(&self) -> SmtpAuth {
        let usual = if self.smtp.open_relay { SmtpAuth::Accept } else { SmtpAuth::Harvest };
        self.smtp.auth.unwrap_or(usual)
    }

    /// Who is let in where AUTH is accepted; everybody when empty.
    pub(crate) fn smtp_auth_whitelist(&self) -> &[String] {
        &self.smtp.auth_whitelist.0
    }

    /// Whether mail for anybody is taken from anybody.
    pub(crate) fn smtp_open_relay(&self) -> bool {
        self.smtp.open_relay
    }

    /// The share of foreign recipients that an open relay puts off, from 0 to 1.
    pub(crate) fn smtp_rcpt_drop_rate(&self) -> f64 {
        self.smtp.rcpt_drop_rate.0
    }

    /// Where submission is served; empty for nowhere.
    pub(crate) fn submission_listen(&self) -> &[SocketAddr] {
        &self.submission.listen.0
    }

    /// What goes to standard output.
    pub(crate) fn log_format(&self) -> LogFormat {
        self.log_format
    }

    /// Where further messages for INBOX are.
    pub(crate) fn seed_mail(&self) -> Option<&Path> {
        self.seed_mail.as_ref().map(|folder| folder.0.as_path())
    }

    /// What the `decnet` lines of SMTP call the service.
    pub(crate) fn decnet_smtp_service(&self) -> &str {
        &self.decnet.smtp_service.0
    }

    /// Where DECNET finds captured mail.
    pub(crate) fn decnet_quarantine_dir(&self) -> Option<&Path> {
        self.decnet.quarantine_dir.as_ref().map(|folder| folder.0.as_path())
    }
}
