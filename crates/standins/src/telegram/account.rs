//! Bots and people. Everybody is invented.

use openssl::sha::sha256;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::openid::Alg;

/// Which sign-in a bot has. The way from the first to the second is a one-way street, as it is in BotFather.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The Login Widget.
    Legacy,
    /// OpenID Connect.
    #[default]
    Oidc,
}

/// A bot, as BotFather knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bot {
    /// The number before the colon of its token; also `client_id`.
    pub id: i64,
    /// The rest of the token.
    pub key: String,
    /// Its user name.
    pub name: String,
    /// Where the widget may stand (`/setdomain`), with the port if it has one.
    #[serde(default)]
    pub domain: String,
    /// `client_secret`.
    #[serde(default)]
    pub secret: String,
    /// Origins and whole redirect URIs (Allowed URLs).
    #[serde(default)]
    pub urls: Vec<String>,
    /// How its ID tokens are signed.
    #[serde(default = "usual")]
    pub alg: Alg,
    /// Which sign-in it has.
    #[serde(default)]
    pub mode: Mode,
}

const fn usual() -> Alg {
    Alg::RS256
}

impl Bot {
    /// A bot with OpenID Connect and this one address.
    #[must_use]
    pub fn new(id: i64, secret: &str, redirect_uri: impl Into<String>) -> Self {
        Self {
            id,
            key: format!("standin-{}", crate::openid::encode(&sha256(secret.as_bytes())[..18])),
            name: format!("standin{id}_bot"),
            domain: String::new(),
            secret: secret.to_owned(),
            urls: vec![redirect_uri.into()],
            alg: Alg::RS256,
            mode: Mode::Oidc,
        }
    }

    /// A bot with the widget on this domain.
    #[must_use]
    pub fn legacy(id: i64, domain: &str) -> Self {
        let domain = domain.to_owned();
        Self {
            domain,
            mode: Mode::Legacy,
            urls: Vec::new(),
            ..Self::new(id, "legacy", "")
        }
    }

    /// The token, which also signs what the widget and Mini Apps bring.
    #[must_use]
    pub fn token(&self) -> String {
        format!("{}:{}", self.id, self.key)
    }
}

/// Somebody with an account at Telegram; an empty text is a field that is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    /// The number by which bots know them.
    pub id: i64,
    /// The name that they gave themselves.
    pub first_name: String,
    /// Surname, or what they have put there.
    pub last_name: String,
    /// The name with the `@`; it can be given to somebody else.
    pub username: String,
    /// A picture.
    pub photo_url: String,
    /// Digits, without a plus.
    pub phone: String,
    /// Whether they let systems have the phone.
    pub shares_phone: bool,
}

impl User {
    /// Those who are there at the start; the first is the one that the page proposes.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let user = |id, first_name: &str, last_name: &str| Self {
            id,
            first_name: first_name.to_owned(),
            last_name: last_name.to_owned(),
            ..Self::default()
        };
        vec![
            Self {
                username: "vera_komarova".to_owned(),
                photo_url: "https://t.invalid/i/userpic/320/vera.jpg".to_owned(),
                phone: "79161110011".to_owned(),
                shares_phone: true,
                ..user(987_654_321, "Вера", "Комарова")
            },
            Self {
                phone: "79161110012".to_owned(),
                ..user(987_654_322, "🦊 Лёша ✨", "")
            },
            Self {
                username: "JohnDoe".to_owned(),
                phone: "971577777777".to_owned(),
                shares_phone: true,
                ..user(5_000_000_017, "John", "O\u{2019}Doe & Söhne\u{200d}")
            },
        ]
    }

    /// Both names.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim().to_owned()
    }

    /// `sub` for a client: a long number, another for each, and never the id.
    #[must_use]
    pub fn subject(&self, bot: i64) -> String {
        let digest = sha256(format!("sub {bot} {}", self.id).as_bytes());
        let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        // 19 digits, as in the vendor's sample.
        (1_000_000_000_000_000_000 + number % 8_000_000_000_000_000_000).to_string()
    }

    /// What these scopes tell of them.
    pub(crate) fn claims(&self, scopes: &[&str], has_plus: bool) -> Map<String, Value> {
        let mut claims = Map::new();
        claims.insert("id".to_owned(), json!(self.id));
        let mut tell = |name: &str, value: String| {
            if !value.is_empty() {
                claims.insert(name.to_owned(), json!(value));
            }
        };
        if scopes.contains(&"profile") {
            tell("name", self.name());
            tell("preferred_username", self.username.clone());
            tell("picture", self.photo_url.clone());
        }
        if scopes.contains(&"phone") && self.shares_phone {
            tell("phone_number", format!("{}{}", if has_plus { "+" } else { "" }, self.phone));
        }
        claims
    }

    /// The fields that the widget and Mini Apps know, in the vendor's order.
    pub(crate) fn fields(&self) -> Vec<(&'static str, Value)> {
        let fields = [
            ("id", json!(self.id)),
            ("first_name", json!(self.first_name)),
            ("last_name", json!(self.last_name)),
            ("username", json!(self.username)),
            ("photo_url", json!(self.photo_url)),
        ];
        fields.into_iter().filter(|(_, value)| value != "").collect()
    }
}
