//! The configuration file: TOML, walked key by key, so that every complaint has a line.

use std::fs;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Origin, nearest};
use super::raw::Raw;
use super::settings::{SETTINGS, Setting};

/// One setting as the file has it.
pub(super) struct Line {
    pub(super) setting: &'static Setting,
    pub(super) origin: Origin,
    pub(super) raw: Raw,
}

/// Reads the whole file.
pub(super) fn read(path: &Path) -> Result<Vec<Line>, ConfigError> {
    let text =
        fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
    parse(path, &text)
}

/// Reads a file's text; `path` is for what is said about it.
pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<Line>, ConfigError> {
    let at = |offset: usize| {
        let before = text.as_bytes().get(..offset).unwrap_or_default();
        let line = 1 + before.split(|byte| *byte == b'\n').skip(1).count();
        Origin::File { path: path.to_owned(), line }
    };
    let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        origin: at(error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    let mut lines = Vec::new();
    walk(table.get_ref(), "", &at, &mut lines)?;
    Ok(lines)
}

fn walk(
    table: &DeTable<'_>,
    prefix: &str,
    at: &impl Fn(usize) -> Origin,
    lines: &mut Vec<Line>,
) -> Result<(), ConfigError> {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        let origin = at(name.span().start);
        match (Setting::of(&key), value.get_ref()) {
            (Some(setting), value) => lines.push(Line { setting, origin, raw: raw(value) }),
            (None, DeValue::Table(inner)) if is_section(&key) => walk(inner, &format!("{key}."), at, lines)?,
            (None, value) => {
                let nearest = likely(&key, matches!(value, DeValue::Table(_)));
                return Err(ConfigError::UnknownKey { origin, key, nearest });
            }
        }
    }
    Ok(())
}

/// What was probably meant by a key that there is not.
fn likely(key: &str, has_table: bool) -> Option<String> {
    let keys = || SETTINGS.iter().map(|setting| setting.key);
    if is_section(key) {
        return keys().find(|known| known.starts_with(&format!("{key}."))).map(str::to_owned);
    }
    let sections = keys().filter_map(|known| known.split_once('.')).map(|(section, _)| section);
    if has_table { nearest(key, sections) } else { nearest(key, keys()) }
}

fn is_section(key: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Raw::Number(number.as_str().to_owned()),
        DeValue::Array(items) => {
            let texts = items.iter().map(Spanned::get_ref).map(|item| match item {
                DeValue::String(text) => Some(text.to_string()),
                _ => None,
            });
            texts
                .collect::<Option<Vec<String>>>()
                .map_or(Raw::Other("array of other things than strings"), Raw::List)
        }
        other => Raw::Other(other.type_str()),
    }
}
