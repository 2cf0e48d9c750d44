//! A cell of a table for spreadsheets, which run what looks like a formula.
//!
//! One that begins with a sign that makes a formula, also behind spaces and in its wide form, gets an apostrophe in front; so
//! does one that begins with an apostrophe, so that taking the first one away always gives what was there.

use std::borrow::Cow;

/// A cell that is a text in every spreadsheet.
pub(super) fn text(cell: &str) -> Cow<'_, str> {
    let begins = cell.trim_start_matches([' ', '\u{a0}', '\u{feff}', '\u{200b}', '\n', '\0']);
    if cell.starts_with(['\'', '\n'])
        || begins.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'])
    {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for hostile in
            ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "'=1", "＝1"]
        {
            assert_eq!(text(hostile), format!("'{hostile}"));
        }
        for harmless in ["", "admin", "a=b", "1-2", "192.0.2.1"] {
            assert_eq!(text(harmless), harmless);
        }
    }
}
