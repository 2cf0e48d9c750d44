//! How long things take. Bounds are generous: a real server over a real network is never blamed.

use std::time::Duration;

use anyhow::Result;

use crate::claim::Product;
use crate::facts::Facts;
use crate::finding::Finding;

/// The checks' names.
pub(crate) const BANNER: &str = "banner-time";
pub(crate) const PIECES: &str = "small-pieces";

/// Sooner than this after the connection potsnitch calls a greeting instant.
const INSTANT: Duration = Duration::from_millis(5);
/// A wait from here on is one that was put there.
const WAIT: Duration = Duration::from_millis(200);
/// Waits of a real server differ by more than so much of them.
const SPREAD: f64 = 0.005;
/// A system that nobody has told otherwise acknowledges so much later, or more: Linux, 40 ms.
const ACKNOWLEDGED_LATE: Duration = Duration::from_millis(30);
/// How often a command is said in pieces.
const ROUNDS: usize = 5;

/// The time from connection to greeting.
pub(crate) fn check(facts: &Facts) -> Result<Vec<Finding>> {
    let place = facts.place.name();
    // The way there and back is the network's.
    let waits: Vec<Duration> =
        facts.times.iter().map(|(connected, greeted)| greeted.saturating_sub(*connected)).collect();
    let finding = banner(&place, &waits, facts.place.is_near(), facts.claim.product);
    Ok(vec![finding])
}

/// How long it takes until the second half of a line arrives which waits until the first one is acknowledged (RFC 896).
pub(crate) fn pieces(facts: &Facts) -> Result<Vec<Finding>> {
    let place = facts.place.name();
    if facts.claim.product != Some(Product::Dovecot) || facts.place.is_smtp() {
        return Ok(Vec::new());
    }
    let finding = match facts.place.say_in_pieces(ROUNDS) {
        Ok(took) => acknowledged(&place, &took, facts.place.is_near()),
        Err(error) => Finding::not_checked(PIECES, &place, format!("{error:#}")),
    };
    Ok(vec![finding])
}

fn acknowledged(place: &str, took: &[Duration], near: bool) -> Finding {
    let mut sorted = took.to_vec();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let shown = format!("{:.1} ms longer than the way there and back", median.as_secs_f64() * 1000.0);
    if median < ACKNOWLEDGED_LATE {
        return Finding::ok(PIECES, place, format!("what comes in pieces is acknowledged at once: {shown}"));
    }
    // What stands between may acknowledge for it.
    let finding = if near { Finding::tell } else { Finding::note };
    finding(PIECES, place, "what comes in pieces is acknowledged late")
        .seen(shown)
        .real("Dovecot has everything acknowledged at once (TCP_QUICKACK)")
        .mend("let the server set TCP_QUICKACK after each of its answers")
}

fn banner(place: &str, waits: &[Duration], near: bool, product: Option<Product>) -> Finding {
    let shown: Vec<String> =
        waits.iter().map(|wait| format!("{:.1} ms", wait.as_secs_f64() * 1000.0)).collect();
    let shown = shown.join(", ");
    let (Some(least), Some(most)) = (waits.iter().min(), waits.iter().max()) else {
        return Finding::not_checked(BANNER, place, "there was no greeting");
    };
    let spread = most.saturating_sub(*least).as_secs_f64();
    if *least >= WAIT && spread < least.as_secs_f64() * SPREAD {
        // Postscreen, and Sendmail's greet_pause, wait for a fixed time, too: spam senders do not.
        let usual =
            product.is_none_or(|product| product == Product::Postfix || matches!(product, Product::Other(_)));
        let finding = if usual { Finding::note } else { Finding::tell };
        return finding(BANNER, place, "the greeting waits for a fixed time")
            .seen(shown)
            .real("Dovecot's takes as long as its process takes to start: some milliseconds, never twice the same")
            .who("potsnitch: connection_timing_anomaly; imap-honey waits for three seconds")
            .mend("do not wait, or not always for the same time");
    }
    if *most < INSTANT {
        let text = if near { "the greeting is instant, as it is so near" } else { "the greeting is instant" };
        return Finding::note(BANNER, place, text)
            .seen(shown)
            .real("Postfix, and Dovecot with processes that stay, are as fast")
            .who("potsnitch: smtp_instant_banner (it suspects real servers that are near, too)");
    }
    Finding::ok(BANNER, place, format!("the greeting takes its time: {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Verdict;

    #[test]
    fn late_acknowledgements_are_told() {
        let verdict = |took: &[u64], near| {
            let took: Vec<Duration> = took.iter().copied().map(Duration::from_millis).collect();
            acknowledged("x", &took, near).verdict
        };
        assert_eq!(verdict(&[44, 41, 44, 0, 43], true), Verdict::Tell);
        assert_eq!(verdict(&[44, 41, 44, 0, 43], false), Verdict::Note);
        assert_eq!(verdict(&[0, 1, 0, 41, 0], true), Verdict::Ok);
    }

    #[test]
    fn fixed_waits_are_told() {
        let verdict = |waits: &[f64], product| {
            let waits: Vec<Duration> = waits.iter().map(|wait| Duration::from_secs_f64(*wait)).collect();
            banner("x", &waits, true, product).verdict
        };
        let dovecot = Some(Product::Dovecot);
        assert_eq!(verdict(&[3.001, 3.002, 3.001], dovecot), Verdict::Tell);
        assert_eq!(verdict(&[6.001, 6.002, 6.001], Some(Product::Postfix)), Verdict::Note);
        assert_eq!(verdict(&[0.006, 0.009, 0.007], dovecot), Verdict::Ok);
        assert_eq!(verdict(&[0.3, 0.31, 0.35], dovecot), Verdict::Ok);
        assert_eq!(verdict(&[0.0001, 0.0002], dovecot), Verdict::Note);
    }
}
