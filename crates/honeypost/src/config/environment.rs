//! The environment: `HONEYPOST_*` for every key, and the variables of the original specification.

use std::ffi::{OsStr, OsString};

use super::error::{ConfigError, nearest};
use super::settings::{SETTINGS, Setting};

/// The variable that names the configuration file; `--config` beats it.
pub(crate) const CONFIG_VARIABLE: &str = "HONEYPOST_CONFIG";

/// One setting as the environment has it.
pub(super) struct Variable {
    pub(super) setting: &'static Setting,
    pub(super) name: String,
    pub(super) value: String,
}

/// Reads the variables that are ours; one that is set to nothing counts as not set.
pub(super) fn read(environment: &[(OsString, OsString)]) -> Result<Vec<Variable>, ConfigError> {
    let mut found: Vec<Variable> = Vec::new();
    for (name, value) in environment {
        let Some((name, setting)) = ours(name)? else { continue };
        if value.is_empty() {
            continue;
        }
        let Some(value) = value.to_str() else { return Err(ConfigError::NotText { name }) };
        if let Some(earlier) = found.iter().find(|variable| variable.setting.key == setting.key) {
            let (one, other) = (earlier.name.clone(), name);
            return Err(ConfigError::Twice { one, other, key: setting.key });
        }
        found.push(Variable { setting, name, value: value.to_owned() });
    }
    Ok(found)
}

fn ours(name: &OsStr) -> Result<Option<(String, &'static Setting)>, ConfigError> {
    let Some(name) = name.to_str() else { return Ok(None) };
    let known = SETTINGS.iter().find(|setting| setting.alias == Some(name) || setting.variable() == name);
    match known {
        Some(setting) => Ok(Some((name.to_owned(), setting))),
        None if name == CONFIG_VARIABLE => Ok(None),
        None if name.starts_with("HONEYPOST_") => {
            let variables: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
            let known = variables.iter().map(String::as_str).chain([CONFIG_VARIABLE]);
            Err(ConfigError::UnknownVariable { nearest: nearest(name, known), name: name.to_owned() })
        }
        None => Ok(None),
    }
}
