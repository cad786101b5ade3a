//! `[telegram]`: the forms of sign-in at Telegram that a bot's token signs. Its OpenID service, the main form, is
//! `[upstream.telegram]`.

use kabinet_identity::method::telegram::{BotToken, PRODUCTION_KEY, Signers, TelegramSettings, ThirdPartyKey, Widget};
use serde::{Deserialize, Serialize};
use url::Url;

use super::Config;
use super::values::{Hidden, list};

/// The Login Widget and Mini Apps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Telegram {
    /// Tokens of the bots, with commas or line breaks between them: the new one first while one is changed.
    pub bot_token: Option<Hidden>,
    /// Whether the Login Widget signs in. Reason: off, its vendor replaced it by the OpenID service.
    pub widget: bool,
    /// Whether Mini Apps sign in. Reason: off, it is for whoever has one.
    pub mini_app: bool,
    /// Ids of bots without a token here, whose Mini Apps are believed by Telegram's own signature. Reason: none, a stranger's bot
    /// is signed for as well.
    #[serde(deserialize_with = "list")]
    pub bots: Vec<String>,
    /// The Ed25519 keys of that signature, 64 hexadecimal digits each.
    #[serde(deserialize_with = "list")]
    pub ed25519_keys: Vec<String>,
    /// Where the widget's window is.
    pub base_url: Url,
}

impl Default for Telegram {
    fn default() -> Self {
        Self {
            bot_token: None,
            widget: false,
            mini_app: false,
            bots: Vec::new(),
            ed25519_keys: vec![PRODUCTION_KEY.to_owned()],
            #[expect(clippy::expect_used, reason = "a constant")]
            base_url: Url::parse("https://oauth.telegram.org").expect("an address"),
        }
    }
}

impl Telegram {
    /// Whether any of its forms is on.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.widget || self.mini_app
    }

    fn token_texts(&self) -> impl Iterator<Item = &str> {
        let text = self.bot_token.as_ref().map_or("", |token| token.0.expose());
        text.split([',', '\n']).map(str::trim).filter(|token| !token.is_empty())
    }

    fn tokens(&self) -> Vec<BotToken> {
        self.token_texts().filter_map(BotToken::parse).collect()
    }

    /// What the method is set to.
    #[must_use]
    pub fn settings(&self) -> TelegramSettings {
        let tokens = self.tokens();
        let widget = tokens.first().filter(|_| self.widget).map(BotToken::id);
        let own = tokens.iter().map(BotToken::id);
        TelegramSettings {
            widget: widget.map(|bot| Widget { bot, base: self.base_url.clone() }),
            mini_app: self.mini_app,
            signers: Signers {
                bots: own.chain(self.bots.iter().filter_map(|id| id.parse().ok())).collect(),
                keys: self.ed25519_keys.iter().filter_map(|key| ThirdPartyKey::parse(key)).collect(),
                tokens,
            },
        }
    }
}

/// Every contradiction in the section.
pub(super) fn problems(config: &Config) -> Vec<(&'static str, String)> {
    let telegram = &config.telegram;
    let mut found = Vec::new();
    let mut must = |holds: bool, key: &'static str, what: &str| {
        if !holds {
            found.push((key, what.to_owned()));
        }
    };
    let (texts, tokens) = (telegram.token_texts().count(), telegram.tokens());
    must(
        texts == tokens.len(),
        "telegram.bot_token",
        "holds one that BotFather has not made: NUMBER:KEY",
    );
    must(
        !telegram.widget || texts > 0,
        "telegram.bot_token",
        "must be given: telegram.widget is true",
    );
    must(
        !telegram.widget || !config.upstream.contains_key("telegram"),
        "telegram.widget",
        "is not for a bot with OpenID: leave it out beside upstream.telegram",
    );
    let has_key = !telegram.bots.is_empty() && !telegram.ed25519_keys.is_empty();
    must(
        !telegram.mini_app || texts > 0 || has_key,
        "telegram.mini_app",
        "needs telegram.bot_token, or telegram.bots and telegram.ed25519_keys",
    );
    must(
        !telegram.mini_app || telegram.widget || config.upstream.contains_key("telegram"),
        "telegram.mini_app",
        "is for those who are in Telegram already: set telegram.widget or upstream.telegram beside it for everybody else",
    );
    let is_id = |id: &String| id.parse::<i64>().is_ok_and(|id| id > 0);
    must(telegram.bots.iter().all(is_id), "telegram.bots", "must be numbers");
    let is_key = |key: &String| ThirdPartyKey::parse(key).is_some();
    must(
        telegram.ed25519_keys.iter().all(is_key),
        "telegram.ed25519_keys",
        "must be Ed25519 keys of 64 hexadecimal digits in lower case",
    );
    let is_fit = telegram.base_url.scheme() == "https" || super::check::is_loopback(&telegram.base_url);
    must(is_fit, "telegram.base_url", "must be https, or http to loopback");
    found
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    #[test]
    fn the_forms_need_what_they_check_with() {
        let refusal = |text: &str| Config::from_toml(text).unwrap_err().to_string();
        let token = "bot_token = \"7000000001:CANARY-a-bot-token-of-a-test\"";
        for (text, key) in [
            ("widget = true", "telegram.bot_token"),
            ("bot_token = \"7000000001:short\"", "telegram.bot_token"),
            ("mini_app = true\nwidget = true", "telegram.mini_app"),
            (&*format!("mini_app = true\n{token}"), "telegram.mini_app"),
            (
                &*format!("widget = true\n{token}\n[upstream.telegram]\npreset = \"telegram\"\nclient_id = \"1\""),
                "telegram.widget",
            ),
            ("bots = \"abc\"", "telegram.bots"),
            ("ed25519_keys = \"00\"", "telegram.ed25519_keys"),
            ("base_url = \"http://telegram.example.test\"", "telegram.base_url"),
        ] {
            let said = refusal(&format!("[telegram]\n{text}\n"));
            assert!(said.contains(&format!("{key} ")) && !said.contains("CANARY"), "{text}: {said}");
        }
        let both = "7000000001:CANARY-a-new-bot-token, 7000000001:CANARY-an-old-bot-token";
        let config =
            Config::from_toml(&format!("[telegram]\nwidget = true\nmini_app = true\nbot_token = \"{both}\"")).unwrap();
        let settings = config.telegram.settings();
        assert_eq!((settings.signers.tokens.len(), settings.widget.unwrap().bot), (2, 7_000_000_001));
    }
}
