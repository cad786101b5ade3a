//! The configuration of a node: defaults, then a TOML file, then the environment.
//!
//! 1. The file is the one named by `--config`, else by `KABINET_CONFIG`, else `/etc/kabinet/kabinet.toml` when it is
//!    there. None is needed.
//! 2. Every key is also `KABINET__SECTION__KEY`; a list is written with commas. The secrets (`master_key`, `store.url`,
//!    `redis.url`, keys of gateways) may be kept in a file that `KABINET__…_FILE` names.
//! 3. All that is wrong is reported at once: unknown keys with the nearest known one, values that cannot be read and
//!    values that contradict each other, each with its full path and where it came from.
//!
//! A secret is neither printed nor repeated in a message.

mod certificate;
mod check;
mod country;
mod delivery;
mod esia;
mod master_key;
mod people;
mod print;
mod sections;
mod telegram;
mod upstream;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::error::Kind;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

pub use certificate::Certificate;
pub use delivery::*;
pub use esia::{Contour, Esia, SignerKind};
pub use master_key::{MasterKeyError, database_file, key_file, master_key};
pub use people::{ApiTokens, Invitation, Merge};
pub use print::Origins;
pub use sections::*;
pub use telegram::Telegram;
pub use upstream::Upstream;
pub use values::{Hidden, Network, Seconds, ServiceUrl};

/// Where a file is looked for when none is named.
const USUAL_FILE: &str = "/etc/kabinet/kabinet.toml";
const PREFIX: &str = "KABINET__";
/// Keys that also have a `…_FILE` variable and whose values are never repeated.
const SECRETS: [&str; 12] = [
    "certificate.verifier_token",
    "delivery.exolve.key",
    "delivery.gateway.key",
    "delivery.smsaero.key",
    "delivery.smsc.key",
    "delivery.smsru.key",
    "delivery.smtp.password",
    "esia.signer_token",
    "master_key",
    "redis.url",
    "store.url",
    "telegram.bot_token",
];

/// Whether a key holds a secret.
fn is_secret(key: &str) -> bool {
    SECRETS.contains(&key) || (key.starts_with("upstream.") && key.ends_with(".client_secret"))
}

/// Bad values that are reported in one go, at most.
const MOST_PROBLEMS: usize = 50;

/// A configuration and where each of its values came from.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration, checked.
    pub config: Config,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    origins: BTreeMap<String, String>,
}

/// Everything that is wrong with a configuration, one line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

/// The variables that a process was started with.
#[derive(Debug, Default)]
pub struct Environment(pub BTreeMap<String, String>);

impl Environment {
    /// The variables of this process. One that is not UTF-8 is read with replacement characters, which no key accepts.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |raw: std::ffi::OsString| raw.to_string_lossy().into_owned();
        Self(std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect())
    }

    fn ours(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value.as_str())))
    }
}

impl Loaded {
    /// Reads the file and the environment and checks the result.
    ///
    /// # Errors
    /// Everything that is wrong, see [`ConfigError`].
    pub fn read(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let file = match (file, environment.0.get("KABINET_CONFIG")) {
            (Some(named), _) => Some(named.to_owned()),
            (None, Some(named)) => Some(PathBuf::from(named)),
            (None, None) => Some(PathBuf::from(USUAL_FILE)).filter(|usual| usual.exists()),
        };
        let mut sources = Sources::new();
        if let Some(path) = &file {
            let text = std::fs::read_to_string(path)
                .map_err(|why| ConfigError(vec![format!("cannot read the file {}: {why}", path.display())]))?;
            sources.add_toml(&text, &format!("file {}", path.display()))?;
        }
        sources.add_environment(environment);
        let (config, origins) = sources.finish()?;
        Ok(Self { config, file, origins })
    }

    /// Where the value of a key came from: `default`, `file PATH` or `environment variable NAME`.
    #[must_use]
    pub fn origin(&self, key: &str) -> &str {
        self.origins.get(key).map_or("default", String::as_str)
    }
}

impl Config {
    /// Reads a configuration from TOML text alone and checks it.
    ///
    /// # Errors
    /// Everything that is wrong, see [`ConfigError`].
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let mut sources = Sources::new();
        sources.add_toml(text, "text")?;
        sources.finish().map(|(config, _)| config)
    }

    /// Whether the database is SQLite.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        self.store.url.expose().starts_with("sqlite:")
    }

    /// Whether `serve` brings the schema up to date.
    #[must_use]
    pub fn migrates(&self) -> bool {
        self.store.migrate.unwrap_or_else(|| self.is_sqlite())
    }

    /// Whether the issuer is https, so that cookies are `Secure` and the outbox is refused.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.issuer.starts_with("https://")
    }
}

/// Every key with its full path, in the order of the alphabet.
#[must_use]
pub fn keys() -> Vec<String> {
    let mut out = Vec::new();
    collect_keys(&default_dict(), "", &mut out);
    out
}

/// The keys of the providers that a configuration names.
fn upstream_keys(config: &Config) -> Vec<String> {
    let of = |name: &String| upstream::fields().into_keys().map(|field| format!("upstream.{name}.{field}")).collect();
    config.upstream.keys().flat_map::<Vec<String>, _>(of).collect()
}

fn collect_keys(dict: &Dict, prefix: &str, out: &mut Vec<String>) {
    for (name, value) in dict {
        let path = format!("{prefix}{name}");
        match value {
            Value::Dict(_, inner) => collect_keys(inner, &format!("{path}."), out),
            _ => out.push(path),
        }
    }
}

fn default_dict() -> Dict {
    Value::serialize(Config::default()).ok().and_then(Value::into_dict).unwrap_or_default()
}

/// One source of values under its own name.
struct Layer {
    name: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// The sources read so far and what is wrong with them.
struct Sources {
    figment: Figment,
    keys: Vec<String>,
    problems: Vec<String>,
}

impl Sources {
    fn new() -> Self {
        let figment = Figment::from(Layer { name: "default".to_owned(), values: default_dict() });
        Self { figment, keys: keys(), problems: Vec::new() }
    }

    fn add(&mut self, name: &str, values: Dict) {
        self.know_upstreams(&values);
        let known = self.keep_known(values, "", name);
        let figment = std::mem::take(&mut self.figment);
        self.figment = figment.merge(Layer { name: name.to_owned(), values: known });
    }

    /// A provider's section has the name that the operator gives it: its keys are known from then on.
    fn know_upstreams(&mut self, values: &Dict) {
        let Some(Value::Dict(_, named)) = values.get("upstream") else {
            return;
        };
        for name in named.keys() {
            let keys = upstream::fields().into_keys().map(|field| format!("upstream.{name}.{field}"));
            let new: Vec<String> = keys.filter(|key| !self.keys.contains(key)).collect();
            self.keys.extend(new);
        }
    }

    fn add_toml(&mut self, text: &str, name: &str) -> Result<(), ConfigError> {
        // The parser's own message would repeat the line, which may hold a secret.
        let table: toml::Table = toml::from_str(text).map_err(|why| {
            let before = why.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            ConfigError(vec![format!("{name}, line {line}: this is not TOML: {}", why.message())])
        })?;
        self.add(name, Value::serialize(table).ok().and_then(Value::into_dict).unwrap_or_default());
        Ok(())
    }

    fn add_environment(&mut self, environment: &Environment) {
        for (rest, value) in environment.ours() {
            let name = format!("environment variable {PREFIX}{rest}");
            let path = rest.to_ascii_lowercase().replace("__", ".");
            if rest != rest.to_ascii_uppercase() {
                self.problems
                    .push(format!("{name}: is written in capitals, {PREFIX}{}", rest.to_ascii_uppercase()));
                continue;
            }
            let path = dashed(&path);
            let secret = path.strip_suffix("_file").filter(|key| is_secret(key));
            let (path, value) = match secret {
                Some(_) if environment.ours().any(|(other, _)| format!("{other}_FILE") == rest) => {
                    self.problems
                        .push(format!("{name}: give either this or the variable without _FILE, not both"));
                    continue;
                }
                Some(key) => match std::fs::read_to_string(value) {
                    Ok(text) => (key, text.trim_end_matches(['\r', '\n']).to_owned()),
                    Err(why) => {
                        self.problems.push(format!("{key} ({name}): cannot read the file {value}: {why}"));
                        continue;
                    }
                },
                None => (path.as_str(), value.to_owned()),
            };
            self.add(&name, figment::util::nest(path, value.into()).into_dict().unwrap_or_default());
        }
    }

    /// What of `values` stands under known keys; the rest becomes problems.
    fn keep_known(&mut self, values: Dict, prefix: &str, name: &str) -> Dict {
        let mut known = Dict::new();
        for (key, value) in values {
            let path = format!("{prefix}{key}");
            let inside = format!("{path}.");
            let is_section = self.keys.iter().any(|key| key.starts_with(&inside));
            match value {
                Value::Dict(tag, inner) if is_section => {
                    let inner = self.keep_known(inner, &inside, name);
                    known.insert(key, Value::Dict(tag, inner));
                }
                Value::Dict(..) if self.keys.contains(&path) => {
                    self.problems.push(format!("{path} ({name}): is one value and has no keys of its own"));
                }
                _ if is_section => {
                    let first = self.keys.iter().find(|key| key.starts_with(&inside)).cloned().unwrap_or_default();
                    self.problems.push(format!("{path} ({name}): is a section; give its keys, as in {first}"));
                }
                value if self.keys.contains(&path) => {
                    known.insert(key, value);
                }
                _ => self
                    .problems
                    .push(format!("{path} ({name}): is not a known key; the nearest is {}", self.nearest(&path))),
            }
        }
        known
    }

    fn nearest(&self, path: &str) -> &str {
        let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
        let likeness = |key: &str| {
            let whole = strsim::normalized_damerau_levenshtein(key, path);
            // The right name in the wrong section is near, too.
            whole.max(0.9 * strsim::normalized_damerau_levenshtein(&last(key), &last(path)))
        };
        let best = self.keys.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        best.map_or("", String::as_str)
    }

    fn finish(mut self) -> Result<(Config, BTreeMap<String, String>), ConfigError> {
        let name_of = |key: &String| Some((key.clone(), self.figment.find_metadata(key)?.name.to_string()));
        let origins: BTreeMap<String, String> = self.keys.iter().filter_map(name_of).collect();
        let config = self.extract(&origins)?;
        let fixed = check::problems(&config).into_iter().map(|(key, what)| (key.to_owned(), what));
        for (key, what) in fixed.chain(upstream::problems(&config)) {
            let key = key.as_str();
            let origin = origins.get(key).map_or("default", String::as_str);
            let line = format!("{key} ({origin}): {what}");
            // A value that could not be read stands here as its default and is not to blame for what it contradicts.
            if !self.problems.iter().any(|problem| problem.starts_with(&format!("{key} ("))) {
                self.problems.push(line);
            }
        }
        if self.problems.is_empty() {
            Ok((config, origins))
        } else {
            Err(ConfigError(self.problems))
        }
    }

    /// Reads the values; one that cannot be read is reported and its default taken, so that all are reported.
    fn extract(&mut self, origins: &BTreeMap<String, String>) -> Result<Config, ConfigError> {
        let defaults = Value::from(default_dict());
        while self.problems.len() < MOST_PROBLEMS {
            let error = match self.figment.extract_lossy::<Config>() {
                Ok(config) => return Ok(config),
                Err(error) => error,
            };
            let path = error.path.join(".");
            let key = self.keys.iter().find(|key| path == **key || path.starts_with(&format!("{key}.")));
            let Some((key, default)) = key.and_then(|key| Some((key.clone(), default_of(&defaults, key)?))) else {
                self.problems.push(format!("{path}: {}", explain(&error.kind, true)));
                break;
            };
            let origin = origins.get(&key).map_or("default", String::as_str);
            let what = explain(&error.kind, is_secret(&key));
            self.problems.push(format!("{key} ({origin}): {what}"));
            let figment = std::mem::take(&mut self.figment);
            let values = figment::util::nest(&key, default).into_dict().unwrap_or_default();
            self.figment = figment.merge(Layer { name: "default".to_owned(), values });
        }
        Err(ConfigError(std::mem::take(&mut self.problems)))
    }
}

/// What a key is without being given.
fn default_of(defaults: &Value, key: &str) -> Option<Value> {
    let fixed = defaults.find_ref(key).cloned();
    fixed.or_else(|| upstream::fields().get(key.strip_prefix("upstream.")?.split_once('.')?.1).cloned())
}

/// A path from the environment, where the name of a provider cannot have a dash.
fn dashed(path: &str) -> String {
    let name = path.strip_prefix("upstream.").and_then(|rest| rest.split_once('.'));
    name.map_or_else(|| path.to_owned(), |(name, rest)| format!("upstream.{}.{rest}", name.replace('_', "-")))
}

fn explain(kind: &Kind, is_secret: bool) -> String {
    match kind {
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) if is_secret => format!("must be {expected}"),
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
            format!("is {actual}; it must be {expected}")
        }
        Kind::UnknownVariant(found, known) => format!("is {found:?}; it must be one of {}", known.join(", ")),
        Kind::Message(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
