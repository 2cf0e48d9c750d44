//! The mod-sequences of what is added to a mailbox.

/// Mod-sequences of messages that are added at once: one for all, and one for each keyword that they bring.
#[derive(Debug, Default)]
pub struct Counted {
    first: Option<u64>,
    keywords: Vec<u32>,
}

impl Counted {
    /// The mod-sequence of the next one, which has these keywords, where `highest` is the mailbox'.
    pub(crate) fn modseq(&mut self, highest: u64, mut keywords: u64) -> u64 {
        let first = *self.first.get_or_insert(highest + 1);
        let mut last = first;
        while keywords != 0 {
            let bit = keywords.trailing_zeros();
            keywords &= keywords - 1;
            let place = self.keywords.iter().position(|known| *known == bit).unwrap_or_else(|| {
                self.keywords.push(bit);
                self.keywords.len() - 1
            });
            last = last.max(first + place as u64 + 1);
        }
        last
    }
}
