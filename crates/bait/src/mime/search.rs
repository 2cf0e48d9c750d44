//! What SEARCH looks in: header values and text bodies, decoded to UTF-8 and case-folded.

use bytes::Bytes;

use crate::mime::part::Part;

/// Case-folds for comparison (RFC 5051 in spirit).
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// The searchable text of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText {
    /// Each header field: name in lower case, value unfolded, encoded words decoded (RFC 2047), case-folded.
    pub headers: Vec<(String, String)>,
    /// All header text as one, case-folded (for TEXT).
    pub header: String,
    /// The text parts decoded (transfer encoding, charset) and case-folded, one behind the other, attached messages included.
    pub body: String,
}

impl SearchText {
    /// Decodes a message.
    pub fn of(message: &Bytes, structure: &Part) -> Self {
        let _ = (message, structure);
        todo!()
    }
}
