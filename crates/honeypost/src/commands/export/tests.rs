//! How far an export says it is.

use super::share;

#[test]
fn a_share_is_a_share() {
    for (key, first, end, expected) in
        [(5, 5, 15, 0.0), (10, 5, 15, 0.5), (20, 5, 15, 1.0), (5, 5, 5, 0.0), (i64::MAX, i64::MIN, 0, 1.0)]
    {
        assert!((share(key, first, end) - expected).abs() < 1e-9, "{key} of {first} to {end}");
    }
}
