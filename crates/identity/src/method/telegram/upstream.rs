//! Telegram as a provider that people are sent to, in whichever form the operator has a bot for.
//!
//! | form | where the browser goes | what it brings back |
//! |---|---|---|
//! | OpenID | as any OpenID provider has it | a code |
//! | widget | the widget's window at Telegram, with no script of Telegram's on our pages | signed fields, after the `#` |
//! | Mini App | nowhere: the page was opened inside Telegram | `initData`, after the `#` |
//!
//! What stands after the `#` is seen by a page of ours alone, which sends it on as [`INIT_DATA`] or as fields. All three belong to
//! one attempt of one browser, as every way back does; the signed ones are each taken once, whichever attempt brings them.

use std::sync::Arc;

use kabinet_core::external::External;
use kabinet_fetch::Fetch;
use kabinet_store::{Store, assertion};
use serde_json::Value;
use url::Url;

use super::{Proven, Signers, check_init_data, check_widget};
use crate::method::upstream::{Answer, Arrival, Departure, Start, Upstream, UpstreamError};

/// What our page sends `initData` as.
pub const INIT_DATA: &str = "init_data";

/// The widget.
#[derive(Clone, Debug)]
pub struct Widget {
    /// Whose.
    pub bot: i64,
    /// `https://oauth.telegram.org`.
    pub base: Url,
}

/// What the operator has bots for.
#[derive(Clone, Debug, Default)]
pub struct TelegramSettings {
    /// Whose signatures are believed.
    pub signers: Signers,
    /// The widget, where it is on.
    pub widget: Option<Widget>,
    /// Whether Mini Apps sign in.
    pub mini_app: bool,
}

/// Telegram.
pub struct Telegram {
    settings: TelegramSettings,
    openid: Option<Arc<dyn Upstream>>,
    store: Store,
    fetch: Fetch,
}

impl Telegram {
    /// From its settings, and its OpenID service where that is configured.
    #[must_use]
    pub fn new(settings: TelegramSettings, openid: Option<Arc<dyn Upstream>>, (store, fetch): (Store, Fetch)) -> Self {
        Self { settings, openid, store, fetch }
    }

    /// The widget's window; it comes back to `…/widget`, beside the redirect URI.
    fn window(&self, start: Start<'_>) -> Result<Departure, UpstreamError> {
        let Some(widget) = &self.settings.widget else {
            let detail = "there is neither the widget nor upstream.telegram".to_owned();
            return Err(UpstreamError::Misconfigured { code: "no-form".to_owned(), detail });
        };
        let mut back = start.redirect_uri.clone();
        if let Ok(mut segments) = back.path_segments_mut() {
            segments.pop().push("widget");
        }
        back.query_pairs_mut().append_pair("state", start.state);
        let mut location = widget.base.clone();
        location.set_path("/auth");
        location
            .query_pairs_mut()
            .append_pair("bot_id", &widget.bot.to_string())
            .append_pair("origin", &start.redirect_uri.origin().ascii_serialization())
            .append_pair("return_to", back.as_str())
            .append_pair("lang", start.language.code());
        Ok(Departure { location, kept: Value::Null })
    }

    /// The signed form that was brought back; `None`: it is none.
    fn proven(&self, arrival: Arrival<'_>) -> Option<Result<Proven, UpstreamError>> {
        let TelegramSettings { signers, widget, mini_app } = &self.settings;
        let has = |name: &str| arrival.parameters.iter().any(|(key, _)| key == name);
        if *mini_app && has(INIT_DATA) {
            let data = arrival.parameter(INIT_DATA).unwrap_or_default();
            return Some(check_init_data(data, signers, arrival.now).map_err(UpstreamError::from));
        }
        if widget.is_some() && has("hash") {
            let fields: Vec<_> = arrival.parameters.iter().filter(|(key, _)| key != "state").cloned().collect();
            return Some(check_widget(&fields, signers, arrival.now).map_err(UpstreamError::from));
        }
        None
    }

    async fn take(&self, proven: Proven) -> Result<External, UpstreamError> {
        let failed = |error: kabinet_store::Error| UpstreamError::Unavailable(format!("our database: {error}"));
        let mut tx = self.store.begin().await.map_err(failed)?;
        let is_first = assertion::use_up_proof(&mut tx, &proven.mark, proven.until).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        if is_first {
            Ok(proven.person)
        } else {
            Err(UpstreamError::Stale("the proof was used before".to_owned()))
        }
    }
}

impl Upstream for Telegram {
    fn begin<'a>(&'a self, start: Start<'a>) -> Answer<'a, Departure> {
        match &self.openid {
            Some(openid) => openid.begin(start),
            None => Box::pin(async move { self.window(start) }),
        }
    }

    fn finish<'a>(&'a self, arrival: Arrival<'a>) -> Answer<'a, External> {
        match (self.proven(arrival), &self.openid) {
            (Some(proven), _) => Box::pin(async move { self.take(proven?).await }),
            (None, Some(openid)) => openid.finish(arrival),
            (None, None) if arrival.parameter("error") == Some("access_denied") => {
                Box::pin(std::future::ready(Err(UpstreamError::Cancelled)))
            }
            (None, None) => {
                Box::pin(std::future::ready(Err(UpstreamError::Stale("nothing was brought back".to_owned()))))
            }
        }
    }

    fn leave(&self, back: &Url) -> Option<Url> {
        self.openid.as_ref()?.leave(back)
    }

    fn probe(&self) -> Answer<'_, ()> {
        match (&self.openid, &self.settings.widget) {
            (Some(openid), _) => openid.probe(),
            (None, None) => Box::pin(std::future::ready(Ok(()))),
            (None, Some(widget)) => Box::pin(async move {
                let answer = self.fetch.get(widget.base.clone()).await;
                match answer {
                    Ok(answer) if answer.status.is_server_error() || answer.status.as_u16() == 451 => {
                        Err(UpstreamError::Unavailable(format!("status {}", answer.status)))
                    }
                    Ok(_) => Ok(()),
                    Err(error) => Err(UpstreamError::Unavailable(error.to_string())),
                }
            }),
        }
    }
}
