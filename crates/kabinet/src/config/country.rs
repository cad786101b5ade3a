//! `[country]`: which ways to sign in people of a country are shown.

use kabinet_core::country::{CountryCode, CountryRule};
use serde::{Deserialize, Serialize};

use super::Config;
use super::values::list;

/// Which ways to sign in people of a country are shown (149-ФЗ article 8 part 10).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Country {
    /// For each country the ways that its people may be shown, as in `RU: password certificate esia code`. Reason: which ways are
    /// lawful where is the operator's to say.
    #[serde(deserialize_with = "list")]
    pub rules: Vec<CountryRule>,
    /// The header in which trusted proxies name the visitor's country.
    pub header: Option<String>,
    /// Which country is believed where nobody names one. Reason: none, so that rules hold where a proxy tells.
    pub default: Option<CountryCode>,
}

/// Rules that nobody could be told to keep.
pub(super) fn problems(config: &Config, found: &mut Vec<(&'static str, String)>) {
    if let Some(header) = &config.country.header {
        if header.parse::<http::HeaderName>().is_err() {
            found.push(("country.header", format!("{header:?} is no name of a header")));
        } else if config.trusted_proxies.is_empty() {
            found.push(("country.header", "is believed of trusted_proxies, and there are none".to_owned()));
        }
    }
}
