//! NOTIFY (RFC 5465): which changes of which mailboxes the client wants to hear of. What it asks for is read in
//! `notify/asked.rs`; what is told of mailboxes that are not open is in `notify/watch.rs`, when in `session/unasked.rs`.

mod asked;
mod watch;

use std::time::Duration;

use crate::imap::Service;
use crate::imap::fetch::Item;
use crate::imap::folders::account;
use crate::imap::login;
use crate::imap::state::{Account, State};
use crate::imap::status;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::imap::view::{Telling, enable_condstore};
use crate::session::{Actions, Moment};
use asked::{Asked, FLAGS, NEW};
use watch::{Listener, Watch};

/// How long Dovecot waits after a change for further ones, in NOTIFY as in IDLE.
pub const BUNDLING: Duration = Duration::from_millis(500);
/// How long after a command it looks at the open mailbox again.
pub const LOOK_AFTER: Duration = Duration::from_secs(1);
/// How often it looks at what it hears nothing of.
const POLL: Duration = Duration::from_secs(30);
/// How long after a RENAME it reads the names.
const REFRESH: Duration = Duration::from_secs(1);

/// What the last NOTIFY has set.
#[derive(Debug)]
pub struct Notify {
    /// Whether changes of the open mailbox are told between commands.
    pub selected: bool,
    /// How far it is looked at.
    pub look: Look,
    /// What is fetched of new messages.
    pub news: Vec<Item>,
    /// The time of the turn.
    pub now: Moment,
    others: Option<Watch>,
    /// When it was said.
    began: Moment,
    /// When what has changed elsewhere is told.
    tell: Option<Moment>,
    /// When it is looked for what was not heard.
    poll: Option<Moment>,
    /// When the new names of mailboxes are read.
    refresh: Option<Moment>,
}

/// How far the open mailbox is looked at between commands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Look {
    /// Not at all.
    #[default]
    No,
    /// From then on.
    From(Moment),
    /// It was in this state ([`bait::Folder::touched`]; `None` where it is gone) when that began.
    Since(Option<u64>),
    /// It has changed since, which is told then.
    Due(Moment),
}

/// RFC 5465 section 3.
pub fn notify(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let separator = turn.service.texts.separator;
    let arguments = turn.parse()?;
    let mut asked = Asked::default();
    let read = match arguments.as_slice() {
        [word, ..] if word.is_atom("NONE") => Ok(()),
        [word, groups @ ..] if word.is_atom("SET") => asked.read(groups, separator),
        _ => Err(Phrase::InvalidArguments.into()),
    };
    if asked.names_modseq {
        enable_condstore(turn, state);
    }
    read?;
    asked.check()?;
    let account = account(state)?;
    let before = account.notify.take().and_then(|notify| notify.others);
    let watches = !asked.groups.is_empty();
    let others = watches.then(|| Watch::new(asked.groups, &mut account.world, separator, before.as_ref()));
    account.notify = Some(Box::new(Notify {
        selected: asked.selected.is_some(),
        look: Look::No,
        news: asked.news,
        now: turn.now,
        others,
        began: turn.now,
        tell: None,
        poll: None,
        refresh: None,
    }));
    if asked.status {
        tell_status(turn, state, asked.used & FLAGS != 0)?;
    }
    let events = asked.selected.unwrap_or_default();
    let features = &mut self::account(state)?.features;
    features.mute_counts = events & NEW == 0;
    features.mute_flags = events & FLAGS == 0;
    features.immediate_expunges = asked.immediately;
    turn.sync(state, Telling::default());
    turn.complete();
    Ok(())
}

/// RFC 3501 section 6.1.2. What NOTIFY has to tell is told now.
pub fn noop(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    flush(turn, state);
    login::noop(turn, state)
}

fn flush(turn: &mut Turn<'_>, state: &mut State) {
    with(state, |notify, account, open| {
        if let Some(watch) = &mut notify.others {
            watch.hears(&account.world);
            watch.look();
            notify.tell(turn.service, account, open, turn.now, turn.out);
        }
    });
}

/// STATUS of the mailboxes of which messages are watched, but not of the open one.
fn tell_status(turn: &mut Turn<'_>, state: &mut State, modseq: bool) -> Result<(), Fault> {
    let mut items = vec!["MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN"];
    let open = state.selected().map(|selected| selected.name.clone());
    let account = account(state)?;
    let mut condstore = account.features.condstore;
    let watch = account.notify.as_ref().and_then(|notify| notify.others.as_ref());
    let Some(watch) = watch else { return Ok(()) };
    let mut names = watch.names(&account.world, turn.service.texts.separator);
    names.retain(|name| open.as_ref() != Some(name));
    if modseq && !names.is_empty() {
        items.push("HIGHESTMODSEQ");
        enable_condstore(turn, state);
    }
    let account = self::account(state)?;
    let enabled = account.features.condstore;
    for name in &names {
        // What enables CONDSTORE is the first answer.
        status::look_at(account, name, std::mem::replace(&mut condstore, enabled));
        if let Some(folder) = account.world.folder(name) {
            // Dovecot writes these names in UTF-8.
            let line = status::line(folder.name.as_bytes(), folder, &items, None);
            turn.untagged(&line);
        }
    }
    Ok(())
}

/// Does something with what the last NOTIFY has set, and the name of the open mailbox.
fn with(state: &mut State, what: impl FnOnce(&mut Notify, &mut Account, Option<&str>)) {
    let open = state.selected().map(|selected| selected.name.clone());
    let Some(account) = state.account_mut() else { return };
    let Some(mut notify) = account.notify.take() else { return };
    what(&mut notify, account, open.as_deref());
    account.notify = Some(notify);
}

/// Takes note of what has changed elsewhere, to tell it in a moment.
pub fn note(state: &mut State, now: Moment) {
    with(state, |notify, account, _| notify.note(account, now));
}

/// Tells what is due of what has changed elsewhere.
pub fn tell(service: &Service, state: &mut State, now: Moment, out: &mut Actions) {
    let is_due = |due: Option<Moment>| due.is_some_and(|due| due <= now);
    with(state, |notify, account, open| {
        if is_due(notify.refresh) {
            account.world.refresh_list();
        }
        if is_due(notify.poll.take_if(|poll| *poll <= now))
            && let Some(watch) = &mut notify.others
        {
            watch.look();
            notify.tell.get_or_insert(now.after(BUNDLING));
        }
        if is_due(notify.tell) {
            notify.tell(service, account, open, now, out);
        }
        notify.note(account, now);
    });
}

/// Where something is fetched of new messages, Dovecot tells behind it what has changed elsewhere, without waiting.
pub fn tell_behind_news(service: &Service, account: &mut Account, open: &str, out: &mut Actions) {
    let Some(mut notify) = account.notify.take_if(|notify| !notify.news.is_empty()) else { return };
    let due = notify.tell;
    if let Some(watch) = &mut notify.others {
        watch.hears(&account.world);
    }
    notify.tell(service, account, Some(open), notify.now, out);
    notify.tell = due.or(notify.tell);
    account.notify = Some(notify);
}

impl Notify {
    /// When something is to be done without input.
    pub fn deadline(&self) -> Option<Moment> {
        let look = match self.look {
            Look::From(moment) | Look::Due(moment) => Some(moment),
            Look::No | Look::Since(_) => None,
        };
        [self.tell, self.poll, self.refresh, look].into_iter().flatten().min()
    }

    fn note(&mut self, account: &Account, now: Moment) {
        let Some(watch) = &mut self.others else { return };
        if watch.hears(&account.world) {
            self.tell.get_or_insert(now.after(BUNDLING));
        }
        if watch.unheard && self.poll.is_none() {
            let since = now.0.saturating_sub(self.began.0).as_secs();
            let times = since.checked_div(POLL.as_secs()).unwrap_or_default().saturating_add(1);
            let next = POLL.saturating_mul(u32::try_from(times).unwrap_or(u32::MAX));
            self.poll = Some(self.began.after(next));
        }
        if account.world.is_list_behind() {
            self.refresh.get_or_insert(now.after(REFRESH));
        } else {
            self.refresh = None;
        }
    }

    fn tell(
        &mut self,
        service: &Service,
        account: &mut Account,
        open: Option<&str>,
        now: Moment,
        out: &mut Actions,
    ) {
        self.tell = None;
        let Some(watch) = &mut self.others else { return };
        let to = Listener { service, open, condstore: account.features.condstore };
        if watch.tell(&mut account.world, to, out) {
            // Dovecot has read these mailboxes, and hears of that.
            self.tell = Some(now.after(BUNDLING));
        }
    }
}
