//! Bar charts made of characters.

/// Eighths of a block, from none to seven.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A bar of this length out of `most`, at most so many cells long. What is not nothing is seen.
pub(crate) fn bar(value: u64, most: u64, cells: usize, ascii: bool) -> String {
    if value == 0 || most == 0 || cells == 0 {
        return String::new();
    }
    let parts = if ascii { 1 } else { 8 };
    let scale = u128::try_from(cells).unwrap_or_default() * parts;
    let length = (u128::from(value) * scale).div_ceil(u128::from(most)).clamp(1, scale);
    let length = usize::try_from(length).unwrap_or(cells);
    if ascii {
        return "#".repeat(length);
    }
    let rest = EIGHTHS.get(length % 8).copied().unwrap_or_default();
    format!("{}{rest}", "█".repeat(length / 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_share() {
        assert_eq!(bar(4, 4, 3, false), "███");
        assert_eq!(bar(3, 6, 3, false), "█▌");
        assert_eq!(bar(1, 1_000_000, 10, false), "▏");
        assert_eq!(bar(1, 1_000_000, 10, true), "#");
        assert_eq!(bar(u64::MAX, u64::MAX, 5, true), "#####");
        assert_eq!((bar(0, 4, 3, false), bar(1, 0, 3, true), bar(1, 1, 0, true)), Default::default());
    }
}
