//! Threads by References and In-Reply-To (RFC 5256 section 3, REFERENCES), as Dovecot finds them; REFS is the same without
//! the look at subjects, its threads in the order of their newest messages.

use std::collections::BTreeMap;

use bait::Message;
use bait::mime::header::fields;
use bait::mime::message_ids;

use super::sort::{base_subject, sent};
use super::thread::Node;

/// Answers to answers deeper than this hang on the last one that is not too deep.
const MAX_DEPTH: usize = 100;
/// References of one message that are looked at.
const MOST_REFERENCES: usize = 50;

/// A message that is there, or one that others refer to.
#[derive(Default)]
struct Link<'a> {
    message: Option<(usize, &'a Message)>,
    parent: Option<usize>,
}

/// The threads of these messages, given in the order of their numbers.
pub fn threads(messages: &[(usize, &Message)], by_subject: bool) -> Vec<Node> {
    let mut links: Vec<Link<'_>> = Vec::with_capacity(messages.len());
    let mut ids: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for (position, message) in messages {
        let (id, references) = ids_of(message);
        let mut before: Option<usize> = None;
        for reference in references {
            let place = place_of(reference, &mut ids, &mut links);
            link(&mut links, before, place, false);
            before = Some(place);
        }
        let place = id.map(|id| place_of(id, &mut ids, &mut links));
        // Of two messages with one id, the second is on its own.
        let free = |place: &usize| links.get(*place).is_some_and(|link| link.message.is_none());
        let place = place.filter(free).unwrap_or_else(|| {
            links.push(Link::default());
            links.len().saturating_sub(1)
        });
        if let Some(link) = links.get_mut(place) {
            link.message = Some((*position, message));
        }
        link(&mut links, before, place, true);
    }
    let mut roots = trees(&links);
    if by_subject {
        roots = merged(roots);
        roots.sort_by_key(Tree::first);
    } else {
        // None is older than 1970.
        roots.sort_by_key(|root| (root.newest.0.max(0), root.message.map(|(position, _)| position)));
    }
    roots.into_iter().map(Tree::into_node).collect()
}

/// The place of the message of that id.
fn place_of(id: Vec<u8>, ids: &mut BTreeMap<Vec<u8>, usize>, links: &mut Vec<Link<'_>>) -> usize {
    *ids.entry(id).or_insert_with(|| {
        links.push(Link::default());
        links.len().saturating_sub(1)
    })
}

/// Hangs a message below another, unless that makes a ring. What a message says of itself counts more than what others say.
fn link(links: &mut [Link<'_>], parent: Option<usize>, place: usize, own: bool) {
    if let Some(link) = links.get_mut(place).filter(|link| own && link.parent != parent) {
        link.parent = None;
    }
    let mut above = parent;
    while let Some(at) = above {
        if at == place {
            return;
        }
        above = links.get(at).and_then(|link| link.parent);
    }
    if let Some(link) = links.get_mut(place)
        && link.parent.is_none()
    {
        link.parent = parent;
    }
}

/// A thread, or a part of it.
struct Tree<'a> {
    message: Option<(usize, &'a Message)>,
    date: (i64, usize),
    newest: (i64, usize),
    children: Vec<Tree<'a>>,
}

impl Tree<'_> {
    /// When it begins.
    const fn first(&self) -> (i64, usize) {
        self.date
    }

    fn dummy(children: Vec<Self>) -> Self {
        let mut tree = Self { message: None, date: (0, 0), newest: (i64::MIN, 0), children };
        tree.settle();
        tree
    }

    /// Puts what hangs on it in order.
    fn settle(&mut self) {
        self.children.sort_by_key(Self::first);
        if self.message.is_none() {
            self.date = self.children.first().map_or((0, 0), Self::first);
        }
        let newest = self.children.iter().map(|child| child.newest).max();
        self.newest =
            newest.unwrap_or(self.newest).max(if self.message.is_some() { self.date } else { self.newest });
    }

    fn message_for_subject(&self) -> Option<&Message> {
        let of = |tree: &Self| tree.message.map(|(_, message)| message);
        of(self).or_else(|| self.children.first().and_then(of))
    }

    fn into_node(self) -> Node {
        let children = self.children.into_iter().map(Tree::into_node).collect();
        Node::of(self.message.map(|(position, _)| position), children)
    }
}

/// The trees that links make, without the messages that are not there: those stay only as roots of several.
fn trees<'a>(links: &[Link<'a>]) -> Vec<Tree<'a>> {
    let parent_of = |place: usize| links.get(place).and_then(|link| link.parent);
    // The nearest message above that is there, or the root.
    let owner = |place: usize| {
        let (mut above, mut last) = (parent_of(place), None);
        while let Some(at) = above {
            last = Some(at);
            if links.get(at).is_some_and(|link| link.message.is_some()) {
                break;
            }
            above = parent_of(at);
        }
        last
    };
    let mut below: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for (place, link) in links.iter().enumerate() {
        let root = link.parent.is_none();
        if link.message.is_some() || root {
            below.entry(if root { None } else { owner(place) }).or_default().push(place);
        }
    }
    let roots = below.get(&None).cloned().unwrap_or_default();
    roots.into_iter().filter_map(|root| tree(root, links, &below, 0)).collect()
}

fn tree<'a>(
    place: usize,
    links: &[Link<'a>],
    below: &BTreeMap<Option<usize>, Vec<usize>>,
    depth: usize,
) -> Option<Tree<'a>> {
    let message = links.get(place)?.message;
    let mut children: Vec<Tree<'a>> = Vec::new();
    for child in below.get(&Some(place)).into_iter().flatten() {
        let mut child = tree(*child, links, below, depth.saturating_add(1))?;
        if depth >= MAX_DEPTH {
            children.append(&mut child.children);
        }
        children.push(child);
    }
    let date = message.map_or((0, 0), |(position, message)| (sent(message), position));
    if message.is_none() && children.len() < 2 {
        return children.pop();
    }
    let mut tree = Tree { message, date, newest: (i64::MIN, 0), children };
    tree.settle();
    Some(tree)
}

/// Puts threads of one subject together (RFC 5256, step 5).
fn merged(mut roots: Vec<Tree<'_>>) -> Vec<Tree<'_>> {
    roots.sort_by_key(Tree::first);
    let mut subjects: BTreeMap<String, usize> = BTreeMap::new();
    let keys: Vec<(String, bool)> =
        roots.iter().map(|root| root.message_for_subject().map(base_subject).unwrap_or_default()).collect();
    for (place, (subject, reply)) in keys.iter().enumerate() {
        if subject.is_empty() {
            continue;
        }
        let known = *subjects.entry(subject.clone()).or_insert(place);
        let dummy = |place: usize| roots.get(place).is_some_and(|root| root.message.is_none());
        let replies = keys.get(known).is_some_and(|(_, reply)| *reply);
        if (dummy(place) && !dummy(known)) || (replies && !reply && !dummy(known)) {
            subjects.insert(subject.clone(), place);
        }
    }
    let mut slots: Vec<Option<Tree<'_>>> = roots.into_iter().map(Some).collect();
    for (place, (subject, reply)) in keys.iter().enumerate() {
        let Some(known) = subjects.get(subject).copied().filter(|known| *known != place) else { continue };
        let (Some(this), Some(mut other)) =
            (slots.get_mut(place).and_then(Option::take), slots.get_mut(known).and_then(Option::take))
        else {
            continue;
        };
        let known_reply = keys.get(known).is_some_and(|(_, reply)| *reply);
        let together = match (this.message.is_none(), other.message.is_none()) {
            (true, true) => {
                other.children.extend(this.children);
                other.settle();
                other
            }
            (false, true) => {
                other.children.push(this);
                other.settle();
                other
            }
            _ if *reply && !known_reply => {
                other.children.push(this);
                other.settle();
                other
            }
            _ => Tree::dummy(vec![other, this]),
        };
        if let Some(slot) = slots.get_mut(known) {
            *slot = Some(together);
        }
    }
    slots.into_iter().flatten().collect()
}

/// The message's own id, and the ids that it refers to, the nearest last.
fn ids_of(message: &Message) -> (Option<Vec<u8>>, Vec<Vec<u8>>) {
    let header = message.bytes.get(message.header()).unwrap_or_default();
    let of = |wanted: &[u8]| {
        let field = fields(header).find(|field| field.name.eq_ignore_ascii_case(wanted));
        field.map(|field| message_ids(&field.unfolded())).unwrap_or_default()
    };
    let mut references = of(b"References");
    if references.is_empty() {
        references = of(b"In-Reply-To").into_iter().take(1).collect();
    }
    let surplus = references.len().saturating_sub(MOST_REFERENCES);
    (of(b"Message-ID").into_iter().next(), references.split_off(surplus))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bait::Flags;
    use bytes::Bytes;
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::*;

    /// The threads of messages of these headers, each sent a day after the one before.
    fn of(headers: &[&str], by_subject: bool) -> String {
        let messages: Vec<Arc<Message>> = headers
            .iter()
            .enumerate()
            .map(|(day, header)| {
                let text =
                    format!("Date: {} Mar 2024 10:00:00 +0000\r\n{header}\r\n\r\n", day.saturating_add(1));
                let arrived = Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC);
                Arc::new(Message::new(1, Flags::default(), arrived, Bytes::from(text), Vec::new()))
            })
            .collect();
        let messages: Vec<(usize, &Message)> =
            messages.iter().map(|message| &**message).enumerate().collect();
        let mut out = Vec::new();
        for thread in threads(&messages, by_subject) {
            out.push(b'(');
            thread
                .render(&|position| u32::try_from(position).unwrap_or_default().saturating_add(1), &mut out);
            out.push(b')');
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn answers_to_what_is_not_there_stand_together() {
        let answers = ["Message-ID: <2@x>\r\nReferences: <1@x>", "Message-ID: <3@x>\r\nIn-Reply-To: <1@x>"];
        assert_eq!(of(&answers, false), "((1)(2))");
        assert_eq!(of(&answers[..1], false), "(1)");
    }

    #[test]
    fn rings_and_doubles() {
        let ring = ["Message-ID: <1@x>\r\nReferences: <2@x>", "Message-ID: <2@x>\r\nReferences: <1@x>"];
        assert_eq!(of(&ring, false), "(2 1)");
        assert_eq!(of(&["Message-ID: <1@x>", "Message-ID: <1@x>"], false), "(1)(2)");
    }

    #[test]
    fn subjects_bring_threads_together() {
        let same = ["Subject: a\r\nMessage-ID: <1@x>", "Subject: Re: a\r\nMessage-ID: <2@x>"];
        assert_eq!(of(&same, true), "(1 2)");
        assert_eq!(of(&same, false), "(1)(2)");
        assert_eq!(of(&["Subject: a", "Subject: b", "Subject: a"], true), "((1)(3))(2)");
    }

    #[test]
    fn a_chain_of_any_length_is_no_danger() {
        let headers: Vec<String> = (0..2000)
            .map(|number: u32| {
                format!("Message-ID: <{number}@x>\r\nReferences: <{}@x>", number.wrapping_sub(1))
            })
            .collect();
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        assert!(of(&headers, true).starts_with("(1 2 3"));
    }
}
