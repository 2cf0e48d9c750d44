//! The table of settings: one row a key. Files, variables, `honeypost check` and `docs/configuration.md` come from it.
//!
//! To add a setting: a field in [`Config`] and a row here.

use std::time::Duration;

use super::Config;
use super::choice::{LogFormat, Share, SmtpAuth, WhenStoreFull};
use super::greeting::{ImapGreeting, Pop3Greeting, SmtpGreeting};
use super::mail::{Size, WhenFull};
use super::raw::{Meaning, Raw};
use super::sinks::{Conditions, EventNames, Facility, SyslogAddress, SyslogFormat, Url};
use super::tls::PlaintextAuth;
use super::value::{Count, Credentials, Folder, Listen, LogLevel, Name, Unserved, Users};

/// One key of the configuration.
pub(crate) struct Setting {
    /// Its name, such as `imap.listen`.
    pub(crate) key: &'static str,
    /// What it is when nothing is said.
    pub(crate) default: Preset,
    /// The variables of the original specification, or of DECNET's templates, that also set it.
    pub(crate) aliases: &'static [&'static str],
    /// The flag of `serve` that sets it, without its dashes.
    pub(crate) flag: Option<&'static str>,
    /// What it does, in Markdown.
    pub(crate) doc: &'static str,
    /// What is to be written.
    pub(crate) expects: &'static str,
    /// Reads a value into the configuration; the error says what is wrong with the value.
    pub(crate) set: fn(&mut Config, &Raw) -> Result<(), String>,
    /// The effective value as TOML; empty where the configuration leaves it to [`Preset::Words`].
    pub(crate) show: fn(&Config) -> String,
}

/// What a setting is when nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preset {
    /// This text, read like a variable's.
    Text(&'static str),
    /// Something that depends on other things: how to say it.
    Words(&'static str),
}

impl Setting {
    /// The variable that sets it: `imap.listen` is `HONEYPOST_IMAP_LISTEN`.
    pub(crate) fn variable(&self) -> String {
        format!("HONEYPOST_{}", self.key.to_ascii_uppercase().replace(['.', '-'], "_"))
    }

    /// The setting of that name.
    pub(crate) fn of(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }
}

macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $key:literal => $($field:ident).+: $ty:ty = $default:expr $(, alias $($alias:literal)|+)? $(, flag $flag:literal)?;
    )+) => {
        /// Every setting, in the order of the documentation.
        pub(crate) static SETTINGS: &[Setting] = &[ $( Setting {
            key: $key,
            default: $default,
            aliases: &[$($($alias),+)?],
            flag: settings!(@option $($flag)?),
            doc: concat!($($doc, "\n"),+),
            expects: <$ty as Meaning>::EXPECTS,
            set: |config, raw| {
                config.$($field).+ = <$ty as Meaning>::read(raw)?;
                Ok(())
            },
            show: |config| config.$($field).+.show(),
        }, )+ ];
    };
    (@option) => { None };
    (@option $value:literal) => { Some($value) };
}

use Preset::{Text, Words};

settings! {
    /// Which server is imitated: all wire texts and quirks.
    "personality" => personality: Name = Text("decnet"), flag "personality";

    /// Where the evidence and the identity of this installation are kept. Made at the first start, readable by its owner
    /// only. One server a directory.
    "data-dir" => data_dir: Folder = Text("honeypost-data"), flag "data-dir";

    /// A folder with a persona of your own, in the form that `personas/README.md` describes. `honeypost bait check DIR`
    /// tells what is wrong with one. Or a Maildir++ tree, which is served as it is and never changed, with the UIDs of its
    /// `dovecot-uidlist`.
    "corpus" => corpus: Option<Folder> = Words("the built-in persona `company-internal`"), flag "corpus";

    /// The host name that the imitated server goes by.
    "node-name" => node_name: Name = Text("mailserver"), alias "NODE_NAME";

    /// The name of this Honeypost in its events.
    "sensor" => sensor: Option<Name> = Words("the value of `node-name`");

    /// Who is let in. Several passwords for one user are several entries; both parts are compared byte for byte. An empty
    /// list lets nobody in. What is set here replaces the default list. A password with a comma can only be written in the
    /// file.
    "credentials" => credentials: Credentials =
        Text("admin:admin,admin:password,admin:123456,root:root,mail:mail,user:user"), alias "IMAP_USERS";

    /// How much Honeypost says about itself on standard error. What intruders do is not there but in the events.
    "log" => log: LogLevel = Text("warn");

    /// What goes to standard output: `human`, the start-up text and nothing else; or `decnet`, the lines that DECNET's mail
    /// templates write ([decnet.md](decnet.md)), the start-up text then going to standard error.
    "log-format" => log_format: LogFormat = Text("human"), flag "log-format";

    /// Further messages for INBOX: a folder with `.eml` and `.json` files, or one such file ([decnet.md](decnet.md)
    /// describes the form). Read once, at the start; they come behind the persona's own.
    "seed-mail" => seed_mail: Option<Folder> = Words("none"), alias "IMAP_EMAIL_SEED" | "POP3_EMAIL_SEED";

    /// Where IMAP is served. `[::]` takes IPv4 peers too, on Linux, so `0.0.0.0` of the same port is not free beside it.
    "imap.listen" => imap.listen: Listen = Text("127.0.0.1:1143"), flag "imap";

    /// The greeting line of IMAP, whole, without its line end.
    "imap.banner" => imap.banner: Option<ImapGreeting> = Words("the personality's own"), alias "IMAP_BANNER";

    /// Where IMAP is served that begins with TLS ([tls.md](tls.md)). STARTTLS works on `imap.listen`.
    "imaps.listen" => implicit.imap: Listen = Text("127.0.0.1:1993"), flag "imaps";

    /// Where POP3 is served.
    "pop3.listen" => pop3.listen: Listen = Text("127.0.0.1:1110"), flag "pop3";

    /// The greeting line of POP3, whole, without its line end.
    "pop3.banner" => pop3.banner: Option<Pop3Greeting> = Words("the personality's own"), alias "POP3_BANNER";

    /// Where POP3 is served that begins with TLS. STLS works on `pop3.listen`.
    "pop3s.listen" => implicit.pop3: Listen = Text("127.0.0.1:1995"), flag "pop3s";

    /// Where SMTP is served.
    "smtp.listen" => smtp.listen: Listen = Text("127.0.0.1:1025"), flag "smtp";

    /// The greeting line of SMTP, whole, without its line end.
    "smtp.banner" => smtp.banner: Option<SmtpGreeting> = Words("the personality's own"), alias "SMTP_BANNER";

    /// What becomes of AUTH: `harvest` advertises, records and refuses it, `accept` lets everybody in (or those whom
    /// `smtp.auth-whitelist` names), `off` does not advertise it, as a Postfix without SASL.
    "smtp.auth" => smtp.auth: Option<SmtpAuth> = Words("`accept` with `smtp.open-relay`, else `harvest`");

    /// Who is let in where AUTH is accepted, whatever the password. An empty list: everybody.
    "smtp.auth-whitelist" => smtp.auth_whitelist: Users = Text(""), alias "SMTP_AUTH_WHITELIST";

    /// Whether mail for anybody is taken from anybody. It is kept as evidence and never sent anywhere. Mail for the
    /// persona's own domain is taken in any case.
    "smtp.open-relay" => smtp.open_relay: bool = Text("false"), alias "SMTP_OPEN_RELAY";

    /// The share of recipients of other domains that an open relay puts off for now (greylisting), as few real relays
    /// take everything.
    "smtp.rcpt-drop-rate" => smtp.rcpt_drop_rate: Share = Text("0"), alias "SMTP_RCPT_DROP_RATE";

    /// Where submission is served: SMTP for mail clients, who must log in first.
    "submission.listen" => submission.listen: Listen = Text("127.0.0.1:1587"), flag "submission";

    /// Where submission is served that begins with TLS. STARTTLS works on `submission.listen` and `smtp.listen`.
    "submissions.listen" => implicit.submission: Listen = Text("127.0.0.1:1465"), flag "submissions";

    /// A PEM file with the certificate, behind it those that lead to its root ([tls.md](tls.md)). With `tls.key`. Read again
    /// when it changes, and at SIGHUP.
    "tls.cert" => tls.cert: Option<Folder> = Words("one that is made at the first start, in `DATA_DIR/tls`");

    /// A PEM file with the certificate's key, not encrypted, readable by its owner only.
    "tls.key" => tls.key: Option<Folder> = Words("one that is made at the first start, in `DATA_DIR/tls`");

    /// How long a TLS handshake may take, from the first octet that is waited for to the last.
    "tls.handshake-timeout" => tls.handshake_timeout: Duration = Text("180s");

    /// TLS handshakes at a time that have got past the client's hello; further ones wait. Each takes about 60 KiB until it
    /// is done.
    "tls.handshakes" => tls.handshakes: Count = Text("1000");

    /// What becomes of a login without TLS: `allow`, or `refuse` it as Dovecot and Postfix do where the operator wants that.
    /// It is recorded in any case.
    "tls.plaintext-auth" => tls.plaintext_auth: PlaintextAuth = Text("allow");

    /// The dashboard: not served by this version.
    "dashboard.listen" => unserved: Unserved = Text("off"), flag "dashboard";

    /// Where Prometheus metrics and `/healthz` are served ([metrics.md](metrics.md)), over plain HTTP and to everybody who
    /// asks: a loopback address is advised.
    "metrics.listen" => metrics.listen: Listen = Text("off"), flag "metrics";

    /// The name of the service in the `decnet` lines of SMTP; DECNET's relay decoys call it `smtp_relay`.
    "decnet.smtp-service" => decnet.smtp_service: Name = Text("smtp"), alias "SMTP_SERVICE_NAME";

    /// Where captured mail is copied to under the name that its `message_stored` line gives, for DECNET to fetch. The
    /// evidence itself stays in the data directory.
    "decnet.quarantine-dir" => decnet.quarantine_dir: Option<Folder> = Words("no copies"), alias "SMTP_QUARANTINE_DIR";

    /// Connections at a time, over all listeners. Further ones wait unanswered until one ends. Lowered at start-up to what
    /// the operating system lets the process open (`ulimit -n`).
    "limits.connections" => limits.connections: Count = Text("4000");

    /// Connections at a time from one source: an IPv4 address, or an IPv6 /64. Further ones are recorded and closed.
    "limits.connections-per-source" => limits.connections_per_source: Count = Text("256");

    /// Whether each failed login makes the next ones of its address wait longer, where the imitated server does that
    /// (`dovecot-2.3`, `postfix-3.7`): 4, 8, then 15 seconds. `false` collects more guesses in the same time, and can be told
    /// from a real Dovecot by anybody who fails twice.
    "limits.login-penalties" => limits.login_penalties: bool = Text("true");

    /// How long a peer may take to log in, from the beginning of its connection, as in Dovecot; with `decnet`, how long it may
    /// be silent before.
    "limits.login-timeout" => limits.login_timeout: Option<Duration> =
        Words("the personality's own, that of the imitated server");

    /// How long a peer that is logged in may be silent.
    "limits.idle-timeout" => limits.idle_timeout: Option<Duration> =
        Words("the personality's own, that of the imitated server");

    /// How long a peer may leave what we send unread before its connection is closed.
    "limits.write-timeout" => limits.write_timeout: Duration = Text("180s");

    /// How long events are gathered before they are put into the database in one transaction. They are safe on disk before
    /// that; this is how soon `honeypost events` sees them.
    "store.group-interval" => store.group_interval: Duration = Text("200ms");

    /// How many events, and stretches of the wire record, one transaction takes at most. About as many waiting are put into
    /// the database before `store.group-interval` is over. Larger groups cost less each and make `honeypost events` wait
    /// longer.
    "store.group-events" => store.group_events: Count = Text("4096");

    /// How long a session is kept, from its last event (looked at once a minute). Sessions are deleted whole.
    "store.keep" => store.keep: Duration = Text("365d");

    /// From which size of the database on the oldest sessions are deleted, whatever their age.
    "store.keep-size" => store.keep_size: Size = Text("10GB");

    /// What sessions do when the store takes nothing, because the disk is full or the database far behind: `wait`, so that
    /// nothing is answered that is not recorded, and go on by themselves when there is room; or `go-on`: what they do meanwhile
    /// reaches the other sinks only, and each session tells afterwards how much is missing (`evidence.lost`).
    "store.when-full" => store.when_full: WhenStoreFull = Text("wait");

    /// How much of a session's wire record is kept, both directions together. What is more is counted in its
    /// `session.closed`. Its events, and the mail it sent, are kept whole all the same.
    "wire.max-per-session" => wire.max_per_session: Size = Text("4MB");

    /// How much of the wire record is kept in all, compressed, within `store.keep-size`. The oldest is deleted first; the
    /// sessions' events stay.
    "wire.keep-size" => wire.keep_size: Size = Text("4GB");

    /// The largest message that is taken in, in octets.
    "mail.max-size" => mail.max_size: Size = Text("10240000"), alias "SMTP_MAX_BODY_BYTES";

    /// How much captured mail of one source is kept: an IPv4 address, or an IPv6 /64. This and the other quotas count what a
    /// message takes on the disk: whole blocks of 4096 octets, and one for its envelope.
    "mail.max-per-source" => mail.max_per_source: Size = Text("100MB");

    /// How much captured mail is kept in all.
    "mail.max-total" => mail.max_total: Size = Text("1GB");

    /// What happens to a message for which one of these quotas has no room: `refuse` it as a server does whose disk is full;
    /// `drop-oldest`: the oldest messages (of the source, where it is the source's quota) make room; or
    /// `accept-and-discard`: the sender is told that it was taken, and only that is recorded. A message over `mail.max-size`
    /// never makes room; where the disk itself is full, all are refused.
    "mail.when-full" => mail.when_full: WhenFull = Text("refuse");

    /// How long captured mail is kept (looked at once a minute). The events about it stay.
    "mail.keep" => mail.keep: Duration = Text("90d");

    /// Over how much captured mail in all the oldest is deleted, whoever sent it.
    "mail.keep-size" => mail.keep_size: Option<Size> =
        Words("none: `mail.max-total` is the limit, and `mail.when-full` says what happens there");

    /// How long a source sees a message of its own in INBOX that it has sent to a mailbox of ours (looked at once a minute). A
    /// source sees its last 32 messages, 2 MiB of them; one over 1 MiB is kept as evidence, but not shown. For as long after
    /// their last session a source and an account find the mail as they have changed it (`dovecot-2.3`).
    "visitors.keep" => visitors.keep: Duration = Text("1d");

    /// How much may wait for each of the sinks below while it is slow or away, in octets of memory. What comes over that is
    /// left out there, counted and told ([sinks.md](sinks.md)); the database has every event whatever becomes of them.
    "sinks.queue-size" => sinks.queue_size: Size = Text("16MB");

    /// A file that gets every event as a line of JSON ([sinks.md](sinks.md)); `-` is standard output, the start-up text then
    /// going to standard error. Made readable by its owner only. SIGHUP opens it anew.
    "jsonl.path" => jsonl.path: Option<Folder> = Words("no such file");

    /// The size at which the file is put aside under a name with the time, and a new one begun.
    "jsonl.rotate-size" => jsonl.rotate_size: Option<Size> = Words("it is not, for its size");

    /// The age at which the file is put aside.
    "jsonl.rotate-after" => jsonl.rotate_after: Option<Duration> = Words("it is not, for its age");

    /// How many of the files that were put aside are kept.
    "jsonl.keep" => jsonl.keep: Option<Count> = Words("all of them");

    /// A file that gets every event as a document of the Elastic Common Schema, one a line ([sinks.md](sinks.md)); `-` is
    /// standard output. The same as `jsonl.path` otherwise.
    "ecs.path" => ecs.path: Option<Folder> = Words("no such file");

    /// As `jsonl.rotate-size`.
    "ecs.rotate-size" => ecs.rotate_size: Option<Size> = Words("it is not, for its size");

    /// As `jsonl.rotate-after`.
    "ecs.rotate-after" => ecs.rotate_after: Option<Duration> = Words("it is not, for its age");

    /// As `jsonl.keep`.
    "ecs.keep" => ecs.keep: Option<Count> = Words("all of them");

    /// Where every event goes as a syslog message of RFC 5424 ([sinks.md](sinks.md)): over UDP, TCP or TLS.
    "syslog.address" => syslog.address: Option<SyslogAddress> = Words("nowhere");

    /// A PEM file with the certificates that may vouch for the server's, which is always verified.
    "syslog.ca" => syslog.ca: Option<Folder> = Words("the system's");

    /// The facility of the messages.
    "syslog.facility" => syslog.facility: Facility = Text("local0");

    /// What a message says: `json`, the event's JSON object.
    "syslog.format" => syslog.format: SyslogFormat = Text("json");

    /// The largest message. A larger event is sent without its own fields, with `"truncated":true` in their place.
    "syslog.max-size" => syslog.max_size: Option<Size> = Words("8192 octets over UDP, 262144 over TCP and TLS");

    /// Where selected events are sent in POST requests, as a JSON array ([sinks.md](sinks.md)). Redirects are not followed,
    /// and the variables that name proxies are not heeded.
    "webhook.url" => webhook.url: Option<Url> = Words("nowhere");

    /// A PEM file with the certificates that may vouch for the server's, which is always verified.
    "webhook.ca" => webhook.ca: Option<Folder> = Words("the system's");

    /// Which events are sent.
    "webhook.events" => webhook.events: EventNames = Text("auth.succeeded,message.read,mail.received");

    /// What must hold of an event besides, all of it: `FIELD` is there and neither empty nor false, `FIELD=VALUE` is that (or
    /// a list with that in it), `FIELD~PART` has that in it.
    "webhook.only" => webhook.only: Conditions = Text("");

    /// A file with the secret that signs the requests: its content without spaces and line ends around it.
    "webhook.secret-file" => webhook.secret_file: Option<Folder> = Words("they are not signed");

    /// Requests a minute at the most. Events wait meanwhile, and go together in one request, up to 100 of them.
    "webhook.rate" => webhook.rate: Count = Text("60");

    /// How long one request may take in all.
    "webhook.timeout" => webhook.timeout: Duration = Text("10s");

    /// How long an event is tried to be sent before it is given up.
    "webhook.max-age" => webhook.max_age: Duration = Text("1h");
}
