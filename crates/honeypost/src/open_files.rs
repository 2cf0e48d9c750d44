//! How many files the operating system lets this process open: each connection is one.

use std::fs;

/// Files that are not connections: the store's, the listeners', the runtime's, mail's while it is written.
const OTHERS: usize = 64;

/// The number of connections, lowered to what `ulimit -n` allows. Says so when it does.
pub(crate) fn lower(connections: usize) -> usize {
    let Some(files) = soft_limit() else { return connections };
    let most = files.saturating_sub(OTHERS).max(1);
    if connections <= most {
        return connections;
    }
    tracing::warn!(
        "limits.connections = {connections} is more than this process may open: serving {most} at a time (raise `ulimit -n`, \
         now {files}, or LimitNOFILE= in a systemd unit)"
    );
    most
}

/// What `ulimit -n` is; nothing where it is unlimited.
pub(crate) fn soft_limit() -> Option<usize> {
    parse(&fs::read_to_string("/proc/self/limits").ok()?)
}

fn parse(limits: &str) -> Option<usize> {
    let row = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    row.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_the_first_number() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             96000                96000                processes \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(parse(limits), Some(1024));
        assert_eq!(parse("Max open files            unlimited            unlimited            files"), None);
        assert_eq!(parse(""), None);
    }
}
