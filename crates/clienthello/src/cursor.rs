//! Octets from the front of a slice: numbers in network order and vectors with their length in front (RFC 8446
//! section 3). `None` where there are too few.

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    /// So many octets.
    pub(crate) fn take(&mut self, octets: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(octets)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*first))
    }

    /// A vector whose length stands in one octet.
    pub(crate) fn vector8(&mut self) -> Option<&'a [u8]> {
        let octets = self.u8()?;
        self.take(octets.into())
    }

    /// A vector whose length stands in two octets.
    pub(crate) fn vector16(&mut self) -> Option<&'a [u8]> {
        let octets = self.u16()?;
        self.take(octets.into())
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

/// All whole numbers of two octets in a slice; an odd octet at the end is left out.
pub(crate) fn numbers(octets: &[u8]) -> Vec<u16> {
    let (pairs, _) = octets.as_chunks();
    pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect()
}
