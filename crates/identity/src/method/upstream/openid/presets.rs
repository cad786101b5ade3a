//! Providers that need no more than a client id and its secret. Taken from their documentation; which ones were tried against the
//! real provider stands in `docs/how-to/upstream-oidc`.

use kabinet_core::language::Words;
use serde::{Deserialize, Serialize};

use super::{Asking, ClientAuth, Mode, OpenIdSettings, Places, Quirks, Signing};

/// A provider whose settings are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Any OpenID provider.
    #[default]
    Openid,
    /// Another kabinet.
    Kabinet,
    /// Telegram. Without userinfo; the nonce does not always come back; `id` is the second identifier.
    Telegram,
    /// VK ID: OAuth 2.1 without an ID token.
    Vk,
    /// Яндекс ID: OAuth 2.0 without an ID token.
    Yandex,
    /// Сбер ID; its token endpoint wants a client certificate, so it is called through a proxy that has one.
    Sber,
    /// Т-ID.
    TId,
}

impl Preset {
    /// What is known of the provider; the rest is empty.
    #[must_use]
    pub fn settings(self) -> OpenIdSettings {
        let plain = OpenIdSettings {
            name: String::new(),
            issuer: String::new(),
            client_id: String::new(),
            client_secret: None,
            scopes: words("openid profile email phone"),
            mode: Mode::Openid,
            client_auth: ClientAuth::Basic,
            signing: Signing::RS256,
            asking: Asking::Bearer,
            quirks: Quirks::default(),
            places: Places::default(),
            claims: std::collections::BTreeMap::new(),
        };
        let claims = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        match self {
            Self::Openid | Self::Kabinet => plain,
            Self::Telegram => OpenIdSettings {
                issuer: "https://oauth.telegram.org".to_owned(),
                scopes: words("openid profile phone"),
                quirks: Quirks {
                    no_userinfo: true,
                    nonce_optional: true,
                    no_email: true,
                    ..Quirks::default()
                },
                claims: claims(&[("id", "id")]),
                ..plain
            },
            Self::Vk => OpenIdSettings {
                issuer: "https://id.vk.com".to_owned(),
                scopes: words("email phone"),
                mode: Mode::Userinfo,
                client_auth: ClientAuth::Post,
                asking: Asking::Form,
                quirks: Quirks { device_id: true, ..Quirks::default() },
                places: places(
                    "https://id.vk.com/authorize",
                    "https://id.vk.com/oauth2/auth",
                    "https://id.vk.com/oauth2/user_info",
                ),
                claims: claims(&[
                    ("sub", "user.user_id"),
                    ("family_name", "user.last_name"),
                    ("given_name", "user.first_name"),
                    ("phone_number", "user.phone"),
                    ("email", "user.email"),
                ]),
                ..plain
            },
            Self::Yandex => OpenIdSettings {
                issuer: "https://oauth.yandex.ru".to_owned(),
                scopes: words("login:info login:email login:default_phone"),
                mode: Mode::Userinfo,
                asking: Asking::OAuth,
                places: places(
                    "https://oauth.yandex.ru/authorize",
                    "https://oauth.yandex.ru/token",
                    "https://login.yandex.ru/info?format=json",
                ),
                claims: claims(&[
                    ("sub", "id"),
                    ("name", "real_name"),
                    ("family_name", "last_name"),
                    ("given_name", "first_name"),
                    ("birthdate", "birthday"),
                    ("gender", "sex"),
                    ("phone_number", "default_phone.number"),
                    ("email", "default_email"),
                ]),
                ..plain
            },
            Self::Sber => OpenIdSettings {
                issuer: "https://id.sber.ru".to_owned(),
                scopes: words("openid name email mobile"),
                mode: Mode::Userinfo,
                client_auth: ClientAuth::Post,
                quirks: Quirks { numbered: true, ..Quirks::default() },
                places: places(
                    "https://id.sber.ru/CSAFront/oidc/authorize.do",
                    "https://oauth.sber.ru/ru/prod/tokens/v2/oidc",
                    "https://oauth.sber.ru/ru/prod/sberbankid/v2.1/userinfo",
                ),
                ..plain
            },
            Self::TId => OpenIdSettings {
                issuer: "https://id.tbank.ru".to_owned(),
                scopes: words("openid profile email phone"),
                mode: Mode::Userinfo,
                asking: Asking::Post,
                places: places(
                    "https://id.tbank.ru/auth/authorize",
                    "https://id.tbank.ru/auth/token",
                    "https://id.tbank.ru/userinfo/userinfo",
                ),
                ..plain
            },
        }
    }

    /// What its button says unless the operator says otherwise; empty: the page's own text, or the name.
    #[must_use]
    pub fn title(self) -> Words {
        match self {
            Self::Openid | Self::Telegram => Words::default(),
            Self::Kabinet => Words::new("Личный кабинет", "Kabinet"),
            Self::Vk => Words::new("VK ID", "VK ID"),
            Self::Yandex => Words::new("Яндекс ID", "Yandex ID"),
            Self::Sber => Words::new("Сбер ID", "Sber ID"),
            Self::TId => Words::new("T-ID", "T-ID"),
        }
    }

    /// Whether it is another country's, so that it is never a way in by itself (406-ФЗ).
    #[must_use]
    pub const fn is_foreign(self) -> bool {
        matches!(self, Self::Telegram)
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// Addresses that are written here and are URLs.
fn places(authorization: &str, token: &str, userinfo: &str) -> Places {
    let url = |text: &str| text.parse().ok();
    Places {
        authorization: url(authorization),
        token: url(token),
        userinfo: url(userinfo),
        ..Places::default()
    }
}
