//! `honeypost docs`: the generated pages of `docs/`, so that what is documented is what there is.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::Page;
use crate::config;

/// Prints a page.
pub(crate) fn run(page: Page) -> anyhow::Result<ExitCode> {
    io::stdout().lock().write_all(text(page)?.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn text(page: Page) -> anyhow::Result<String> {
    Ok(match page {
        Page::Configuration => config::docs::configuration(),
        Page::Events => event::docs::page(),
        Page::AuditChecks => audit::docs::page()?,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Compares the page with the file; with `BLESS=1` in the environment writes the file anew.
    fn compare(page: Page, name: &str) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        let text = text(page).expect("a page");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&file, &text).expect("the repository is writable");
        }
        let found = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            found == text,
            "docs/{name} is out of date: `BLESS=1 cargo test -p honeypost` writes it anew"
        );
    }

    #[test]
    fn the_pages_are_what_the_code_says() {
        compare(Page::Configuration, "configuration.md");
        compare(Page::Events, "events.md");
        compare(Page::AuditChecks, "audit-checks.md");
    }
}
