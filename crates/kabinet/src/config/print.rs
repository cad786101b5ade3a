//! Showing a configuration. Secrets stay hidden: their types serialize as `***`.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::{Loaded, keys, upstream_keys};

/// Whether each value is shown with where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Values only.
    Hidden,
    /// With a comment on each line.
    Shown,
}

impl Loaded {
    /// The configuration as TOML that can be read again, but for the secrets.
    #[must_use]
    pub fn to_toml(&self, origins: Origins) -> String {
        let mut out = String::new();
        let mut section = String::new();
        let values = self.values();
        let (top, mut rest): (Vec<_>, Vec<_>) = values.iter().partition(|(key, _)| !key.contains('.'));
        // A section's own keys before the sections inside it.
        rest.sort_by_key(|(key, _)| key.rsplit_once('.'));
        for (key, value) in top.into_iter().chain(rest) {
            let (path, name) = key.rsplit_once('.').unwrap_or(("", key));
            if path != section {
                section = path.to_owned();
                let _ = writeln!(out, "\n[{section}]");
            }
            let line = match value {
                Value::Null => format!("# {name} is not given"),
                value => format!("{name} = {}", toml_text(value)),
            };
            let _ = match origins {
                Origins::Hidden => writeln!(out, "{line}"),
                Origins::Shown => writeln!(out, "{line}  # {}", self.origin(key)),
            };
        }
        out
    }

    /// The configuration as one flat object: key to value, or with origins to an object of both.
    #[must_use]
    pub fn to_json(&self, origins: Origins) -> Value {
        let shown = |key: &str, value: Value| match origins {
            Origins::Hidden => value,
            Origins::Shown => json!({"value": value, "origin": self.origin(key)}),
        };
        Value::Object(
            self.values()
                .into_iter()
                .map(|(key, value)| (key.clone(), shown(&key, value)))
                .collect::<Map<_, _>>(),
        )
    }

    fn values(&self) -> Vec<(String, Value)> {
        let tree = serde_json::to_value(&self.config).unwrap_or_default();
        let find = |key: &str| tree.pointer(&format!("/{}", key.replace('.', "/"))).cloned().unwrap_or_default();
        let all = keys().into_iter().chain(upstream_keys(&self.config));
        all.map(|key| (key.clone(), find(&key))).collect()
    }
}

/// A JSON value without objects as TOML.
fn toml_text(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml_text).collect::<Vec<_>>().join(", ")),
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        other => other.to_string(),
    }
}
