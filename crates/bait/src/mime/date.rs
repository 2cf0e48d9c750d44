//! Dates of RFC 5322 section 3.3.

use jiff::civil::Date;

/// The day of a Date header as written, disregarding time and zone; obsolete forms (two-digit years, no day name) too.
pub fn civil_date(value: &[u8]) -> Option<Date> {
    let _ = value;
    todo!()
}
