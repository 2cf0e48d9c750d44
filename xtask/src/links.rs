//! Links between the project's documents: what they point at exists. Nothing outside is asked.

use std::path::Path;

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// Every dead link, in words.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for path in workspace.files("", ".md")? {
        let file = workspace.root.join(&path);
        let text = std::fs::read_to_string(&file).with_context(|| path.display().to_string())?;
        let folder = file.parent().unwrap_or(Path::new("/"));
        for (number, target) in targets(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (name, anchor) = target.split_once('#').unwrap_or((target, ""));
            let there = if name.is_empty() { file.clone() } else { folder.join(name) };
            if !there.exists() {
                complaints.push(format!("{}:{number}: {target} does not exist", path.display()));
            } else if !anchor.is_empty() && there.extension().is_some_and(|extension| extension == "md") {
                let other = std::fs::read_to_string(&there).with_context(|| there.display().to_string())?;
                if !anchors(&other).any(|known| known == anchor) {
                    complaints.push(format!("{}:{number}: {target}: no such heading", path.display()));
                }
            }
        }
    }
    Ok(complaints)
}

/// The targets of inline links outside code blocks, with their line numbers.
fn targets(text: &str) -> Vec<(usize, &str)> {
    prose(text)
        .flat_map(|(number, line)| {
            line.match_indices("](").filter_map(move |(at, mark)| {
                let rest = &line[at + mark.len()..];
                let target = rest[..rest.find(')')?].split_whitespace().next()?;
                Some((number, target))
            })
        })
        .collect()
}

/// The names under which a document's headings are linked.
fn anchors(text: &str) -> impl Iterator<Item = String> + '_ {
    prose(text).filter_map(|(_, line)| line.strip_prefix('#')).map(|heading| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        words
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect()
    })
}

fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            code = !code;
            return None;
        }
        (!code).then_some((index + 1, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_code() {
        let text = "see [a](docs/a.md) and [b](b.md#one \"t\")\n```\n[x](no.md)\n```\n[c](#here)\n";
        assert_eq!(targets(text), [(1, "docs/a.md"), (1, "b.md#one"), (5, "#here")]);
    }

    #[test]
    fn headings_become_anchors() {
        let text = "# Reporting, and `how`\n## Two words\n";
        assert_eq!(anchors(text).collect::<Vec<_>>(), ["reporting-and-how", "two-words"]);
    }
}
