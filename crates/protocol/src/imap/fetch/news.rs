//! What NOTIFY fetches of new messages (RFC 5465 section 5.2).

use bytes::Bytes;

use super::{Fetching, Item};
use crate::imap::Service;
use crate::imap::state::{Account, Selected};
use crate::session::Actions;

/// Items that are fetched at a time. Of further messages nothing is.
const MOST_ITEMS: usize = 4_000;

/// Tells of the messages of which nothing was told yet what the last NOTIFY has asked for.
pub fn tell_news(service: &Service, account: &mut Account, selected: &mut Selected, out: &mut Actions) {
    let Some(notify) = account.notify.as_ref().filter(|notify| !notify.news.is_empty()) else { return };
    let mut items = notify.news.clone();
    items.sort_by_key(|item| !item.is_from_index());
    let saved = service.wall_clock(notify.now);
    let first = selected.entries.partition_point(|entry| entry.message.uid < selected.fetch_from);
    let most = MOST_ITEMS.checked_div(items.len()).unwrap_or_default();
    let last = selected.entries.len().min(first.saturating_add(most));
    if let Some(entry) = selected.entries.last() {
        selected.fetch_from = entry.message.uid.saturating_add(1);
    }
    let reads = items.iter().any(Item::sets_seen) && !selected.read_only;
    let mut fetching = Fetching {
        tag: Bytes::new(),
        verb: "FETCH",
        spans: std::iter::once(first..last).collect(),
        items,
        least_modseq: None,
        dovecot: true,
        failure: None,
        saved,
        next_item: 0,
        reads,
        newly_seen: false,
        marked: false,
        expunged: false,
        whole: false,
        at_once: true,
    };
    fetching.answer_all(service, account, selected, out);
}
