//! From layers of text to one value per setting, each with the layer it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::duration::parse_duration;
use super::settings::Settings;
use super::table::{CORE, Group, Kind, Preset, Setting};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "layer")]
pub enum Layer {
    /// The command line.
    Flag,
    /// The environment.
    Environment {
        /// The variable's name.
        name: String,
    },
    /// The settings file.
    File {
        /// Its path.
        path: PathBuf,
    },
    /// What `--preset` names.
    Preset {
        /// The preset.
        name: String,
    },
    /// Built in.
    Default,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment { name } => write!(f, "environment {name}"),
            Self::File { path } => write!(f, "file {}", path.display()),
            Self::Preset { name } => write!(f, "preset {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Why the settings do not stand.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the settings file {path}: {reason}; check the path after `--config`")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file is not TOML.
    #[error("the settings file {path} is not valid TOML: {reason}")]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Where the parser stopped.
        reason: String,
    },
    /// The file has a key that does not exist.
    #[error("the settings file {path} has a key `{key}` that does not exist{}", suggestion(.nearest.as_deref()))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The nearest key that exists.
        nearest: Option<String>,
    },
    /// A value does not fit.
    #[error("`{key}` cannot be `{value}` (from the {layer}): {reason}")]
    BadValue {
        /// The setting.
        key: &'static str,
        /// The value as given.
        value: String,
        /// Where it was given.
        layer: Layer,
        /// What is expected.
        reason: String,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(|| "; `neuron config show` lists all keys".to_owned(), |key| format!("; did you mean `{key}`?"))
}

/// What was said, before it is judged.
#[derive(Debug, Clone)]
pub struct Layers {
    /// What can be said; by default the core alone.
    pub rows: Vec<&'static Setting>,
    /// What `preset` may name.
    pub presets: Vec<&'static Preset>,
    /// From the command line: key and the texts given.
    pub flags: BTreeMap<&'static str, Vec<String>>,
    /// The whole environment.
    pub environment: BTreeMap<String, String>,
    /// The file of `--config`.
    pub file: Option<(PathBuf, Table)>,
}

impl Default for Layers {
    fn default() -> Self {
        let rows = CORE.iter().collect();
        Self { rows, presets: Vec::new(), flags: BTreeMap::new(), environment: BTreeMap::new(), file: None }
    }
}

/// A value with its origin.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedValue {
    /// The setting.
    pub setting: &'static Setting,
    /// The value; `None` when nobody said anything and there is no default.
    pub value: Option<Value>,
    /// Where it came from.
    pub layer: Layer,
}

/// One value for every setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// In the order of the rows.
    pub values: Vec<ResolvedValue>,
}

impl Layers {
    /// Reads `path` as the file layer.
    ///
    /// # Errors
    /// [`ConfigError`] when it cannot be read, is no TOML, or has unknown keys.
    pub fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| ConfigError::Unreadable { path: path.to_owned(), reason: e.to_string() })?;
        let table: Table = text
            .parse()
            .map_err(|e: toml::de::Error| ConfigError::NotToml { path: path.to_owned(), reason: e.to_string() })?;
        refuse_unknown_keys(path, &table, &self.rows)?;
        self.file = Some((path.to_owned(), table));
        Ok(())
    }

    /// One value per setting.
    ///
    /// # Errors
    /// The first [`ConfigError::BadValue`].
    pub fn resolve(&self) -> Result<Resolved, ConfigError> {
        let preset = self.preset();
        let values = self.rows.iter().map(|setting| self.resolve_one(setting, preset)).collect::<Result<_, _>>()?;
        Ok(Resolved { values })
    }

    fn resolve_one(&self, setting: &'static Setting, preset: Option<&Preset>) -> Result<ResolvedValue, ConfigError> {
        let (texts, layer) = self.said(setting, preset);
        let value = match texts {
            None => None,
            Some(texts) => Some(parse(setting, &texts).map_err(|reason| ConfigError::BadValue {
                key: setting.key,
                value: masked(&texts.join(",")),
                layer: layer.clone(),
                reason,
            })?),
        };
        Ok(ResolvedValue { setting, value, layer })
    }

    /// The uppermost layer that says something about `setting`.
    fn said(&self, setting: &Setting, preset: Option<&Preset>) -> (Option<Vec<String>>, Layer) {
        if let Some((texts, layer)) = self.told(setting) {
            return (Some(texts), layer);
        }
        let of_preset = |preset: &Preset| {
            let (_, text) = preset.values.iter().find(|(key, _)| *key == setting.key)?;
            Some((Some(vec![(*text).to_owned()]), Layer::Preset { name: preset.name.to_owned() }))
        };
        let default = || (setting.default.map(|text| vec![text.to_owned()]), Layer::Default);
        preset.and_then(of_preset).unwrap_or_else(default)
    }

    /// The preset that somebody named. One that there is not is refused with the value of its setting.
    fn preset(&self) -> Option<&'static Preset> {
        let row = self.rows.iter().find(|row| row.key == "preset")?;
        let (names, _) = self.told(row)?;
        self.presets.iter().copied().find(|preset| names.iter().any(|name| name == preset.name))
    }

    /// What the operator said of `setting`: a flag, else the environment, else the file.
    fn told(&self, setting: &Setting) -> Option<(Vec<String>, Layer)> {
        if let Some(texts) = self.flags.get(setting.key) {
            return Some((texts.clone(), Layer::Flag));
        }
        let own = setting.own_env();
        for name in std::iter::once(own.as_str()).chain(setting.env.iter().copied()) {
            if let Some(text) = self.environment.get(name).filter(|text| !text.is_empty()) {
                let texts = match setting.kind {
                    Kind::List => text.split(',').map(|part| part.trim().to_owned()).collect(),
                    _ => vec![text.clone()],
                };
                return Some((texts, Layer::Environment { name: name.to_owned() }));
            }
        }
        if let Some((path, table)) = &self.file
            && let Some(value) = lookup(table, setting.key)
        {
            return Some((texts_of(value), Layer::File { path: path.clone() }));
        }
        None
    }
}

impl Resolved {
    /// The typed settings of the core.
    ///
    /// # Errors
    /// As [`Resolved::typed`].
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        self.typed(|setting| !matches!(setting.group, Group::Work(_)))
    }

    /// The values of the rows that `belongs` picks, as a type that has a field for each.
    ///
    /// # Errors
    /// [`ConfigError::BadValue`] cannot occur for values that [`Layers::resolve`] accepted, unless the rows and the type
    /// disagree, which a test excludes.
    pub fn typed<T: DeserializeOwned>(&self, belongs: impl Fn(&'static Setting) -> bool) -> Result<T, ConfigError> {
        let mut root = Table::new();
        for resolved in self.values.iter().filter(|resolved| belongs(resolved.setting)) {
            if let Some(value) = &resolved.value {
                insert(&mut root, resolved.setting.key, value.clone());
            }
        }
        T::deserialize(Value::Table(root)).map_err(|e| ConfigError::BadValue {
            key: "settings",
            value: String::new(),
            layer: Layer::Default,
            reason: e.to_string(),
        })
    }
}

impl ResolvedValue {
    /// The value as a person may see it: credentials in URLs are masked.
    #[must_use]
    pub fn shown(&self) -> Option<Value> {
        fn mask(value: &Value) -> Value {
            match value {
                Value::String(text) => Value::String(masked(text)),
                Value::Array(items) => Value::Array(items.iter().map(mask).collect()),
                other => other.clone(),
            }
        }
        self.value.as_ref().map(mask)
    }
}

/// Hides the credentials of a URL: `user:password@` and the values of its query.
fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = authority.rsplit_once('@').map_or_else(|| authority.to_owned(), |(_, host)| format!("***@{host}"));
    let path = path.split_once('?').map_or_else(|| path.to_owned(), |(path, _)| format!("{path}?***"));
    format!("{scheme}://{authority}{path}")
}

fn lookup<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        None => table.get(key),
        Some((first, rest)) => table.get(first)?.as_table().and_then(|inner| lookup(inner, rest)),
    }
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

fn texts_of(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(texts_of).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

fn refuse_unknown_keys(path: &Path, table: &Table, rows: &[&'static Setting]) -> Result<(), ConfigError> {
    let mut found = Vec::new();
    collect_keys("", table, rows, &mut found);
    for key in found {
        if !rows.iter().any(|setting| setting.key == key) {
            let nearest = nearest_key(&key, rows);
            return Err(ConfigError::UnknownKey { path: path.to_owned(), key, nearest });
        }
    }
    Ok(())
}

fn collect_keys(prefix: &str, table: &Table, rows: &[&'static Setting], found: &mut Vec<String>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) if !rows.iter().any(|setting| setting.key == key) => {
                collect_keys(&key, inner, rows, found);
            }
            _ => found.push(key),
        }
    }
}

fn nearest_key(key: &str, rows: &[&'static Setting]) -> Option<String> {
    rows.iter()
        .map(|setting| (strsim::jaro_winkler(setting.key, key), setting.key))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(similarity, _)| *similarity > 0.75)
        .map(|(_, key)| key.to_owned())
}

/// Judges the texts of one setting.
fn parse(setting: &Setting, texts: &[String]) -> Result<Value, String> {
    if setting.kind == Kind::List {
        return Ok(Value::Array(texts.iter().map(|text| Value::String(text.clone())).collect()));
    }
    let [text] = texts else { return Err("it takes one value".to_owned()) };
    match setting.kind {
        Kind::Text | Kind::List => Ok(Value::String(text.clone())),
        Kind::Path => Ok(Value::String(expand_home(text))),
        Kind::Bool => match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Value::Boolean(true)),
            "false" | "0" | "no" | "off" => Ok(Value::Boolean(false)),
            _ => Err("expected true or false".to_owned()),
        },
        Kind::Integer { min, max } => {
            text.parse::<i64>().ok().filter(|number| (min..=max).contains(number)).map(Value::Integer).ok_or_else(
                || {
                    if max == i64::MAX {
                        format!("expected a whole number from {min}")
                    } else {
                        format!("expected a whole number from {min} to {max}")
                    }
                },
            )
        }
        Kind::Number { min, max } => text
            .parse::<f64>()
            .ok()
            .filter(|number| (min..=max).contains(number))
            .map(Value::Float)
            .ok_or_else(|| format!("expected a number from {min} to {max}")),
        Kind::Duration => parse_duration(text).map(|_| Value::String(text.clone())).map_err(|e| e.to_string()),
        Kind::Choice(words) => words
            .iter()
            .find(|word| word.eq_ignore_ascii_case(text))
            .map(|word| Value::String((*word).to_owned()))
            .ok_or_else(|| format!("expected one of {}", words.join(", "))),
    }
}

/// `~/…` under the home folder, when there is one.
fn expand_home(text: &str) -> String {
    match (text.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest).to_string_lossy().into_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(file: &str) -> Layers {
        Layers { file: Some(("neuron.toml".into(), file.parse().unwrap())), ..Layers::default() }
    }

    fn value(layers: &Layers, key: &str) -> (Option<Value>, Layer) {
        let resolved = layers.resolve().unwrap();
        let found = resolved.values.into_iter().find(|v| v.setting.key == key).unwrap();
        (found.value, found.layer)
    }

    #[test]
    fn flag_beats_environment_beats_file_beats_default() {
        let mut layers = layers("[axon]\nport = 1");
        assert_eq!(value(&layers, "axon.port").0, Some(Value::Integer(1)));
        layers.environment.insert("BT_AXON_PORT".into(), "2".into());
        assert_eq!(
            value(&layers, "axon.port"),
            (Some(Value::Integer(2)), Layer::Environment { name: "BT_AXON_PORT".into() })
        );
        layers.environment.insert("NEURON_AXON_PORT".into(), "3".into());
        assert_eq!(value(&layers, "axon.port").0, Some(Value::Integer(3)));
        layers.flags.insert("axon.port", vec!["4".into()]);
        assert_eq!(value(&layers, "axon.port"), (Some(Value::Integer(4)), Layer::Flag));
        assert_eq!(value(&Layers::default(), "axon.port"), (Some(Value::Integer(8091)), Layer::Default));
    }

    #[test]
    fn a_typo_in_the_file_is_an_error_that_knows_better() {
        let table: Table = "[axon]\nprot = 1".parse().unwrap();
        let error = refuse_unknown_keys(Path::new("n.toml"), &table, &Layers::default().rows).unwrap_err().to_string();
        assert!(error.contains("`axon.prot`") && error.contains("did you mean `axon.port`?"), "{error}");
    }

    #[test]
    fn a_bad_value_names_the_setting_the_layer_and_what_fits() {
        let mut layers = Layers::default();
        layers.environment.insert("BT_AXON_PORT".into(), "eighty".into());
        let error = layers.resolve().unwrap_err().to_string();
        assert!(error.contains("axon.port") && error.contains("eighty") && error.contains("BT_AXON_PORT"), "{error}");
        assert!(error.contains("0 to 65535"), "{error}");
    }

    #[test]
    fn every_default_fits_its_kind_and_the_types_take_the_table() {
        let settings = Layers::default().resolve().unwrap().settings().unwrap();
        assert_eq!(settings.axon.port, 8091);
        assert_eq!(settings.dendrite.timeout, std::time::Duration::from_secs(12));
    }

    #[test]
    fn lists_come_from_every_layer() {
        let mut layers = layers("[subtensor]\nchain_endpoint = [\"ws://a\", \"ws://b\"]");
        assert_eq!(layers.resolve().unwrap().settings().unwrap().subtensor.chain_endpoint, ["ws://a", "ws://b"]);
        layers.environment.insert("BT_CHAIN_ENDPOINT".into(), "ws://c, ws://d".into());
        assert_eq!(layers.resolve().unwrap().settings().unwrap().subtensor.chain_endpoint, ["ws://c", "ws://d"]);
    }

    #[test]
    fn credentials_in_urls_are_masked() {
        assert_eq!(masked("wss://me:pw@host:9944/x?key=abc"), "wss://***@host:9944/x?***");
        assert_eq!(masked("ws://host"), "ws://host");
        assert_eq!(masked("plain"), "plain");
    }
}
