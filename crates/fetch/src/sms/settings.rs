//! A template from an operator's settings: strings, checked one by one, each fault with the name of its setting.

use std::collections::HashSet;

use url::Url;

use super::{Auth, Body, Condition, Template};
use crate::message::is_code;

/// A gateway's form as an operator writes it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings<'a> {
    /// Where requests go, by POST.
    pub url: &'a str,
    /// `fields`, `basic` or `bearer`.
    pub auth: &'a str,
    /// `form` or `json`.
    pub body: &'a str,
    /// `name=value`; values hold placeholders.
    pub fields: &'a [String],
    /// `/pointer=value` for what must stand in the answer, `!/pointer` for what must not.
    pub accepted: &'a [String],
    /// Where the gateway's id of the message stands.
    pub id: &'a str,
    /// Where the price in roubles stands; empty where the gateway tells none.
    pub cost: &'a str,
    /// Where the code of a refusal may stand.
    pub error: &'a [String],
    /// Codes by which the gateway only asks for patience.
    pub busy: &'a [String],
}

/// A setting that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {why}")]
pub struct BadSetting {
    /// The name of the field of [`Settings`].
    pub setting: &'static str,
    /// What it has to be.
    pub why: &'static str,
}

/// What a value may hold in braces.
const PLACEHOLDERS: [&str; 9] = ["to", "to_plus", "text", "id", "sender", "login", "key", "password", "apikey"];

const NO_POINTER: &str = "a JSON pointer begins with / and holds no placeholder but {to}";

impl Template {
    /// The template that the settings describe.
    ///
    /// # Errors
    /// [`BadSetting`] names the first setting that cannot be used.
    pub fn parse(settings: &Settings<'_>) -> Result<Self, BadSetting> {
        Ok(Self {
            url: url(settings.url)?,
            auth: auth(settings.auth)?,
            body: body(settings.body)?,
            fields: fields(settings.fields)?,
            accepted: settings.accepted.iter().map(|text| condition(text)).collect::<Result<_, _>>()?,
            id: pointer("id", settings.id)?,
            cost: if settings.cost.is_empty() {
                None
            } else {
                Some(pointer("cost", settings.cost)?)
            },
            error: settings.error.iter().map(|text| pointer("error", text)).collect::<Result<_, _>>()?,
            busy: settings.busy.iter().map(|text| code(text)).collect::<Result<_, _>>()?,
        })
    }
}

const fn bad(setting: &'static str, why: &'static str) -> BadSetting {
    BadSetting { setting, why }
}

fn url(text: &str) -> Result<Url, BadSetting> {
    let refused = |why| Err(bad("url", why));
    let Ok(url) = text.parse::<Url>() else {
        return refused("no URL");
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return refused("an http or https URL with a host");
    }
    if !url.username().is_empty() || url.password().is_some() || text.contains('{') {
        return refused("credentials and placeholders belong into fields: URLs end up in logs");
    }
    Ok(url)
}

fn auth(text: &str) -> Result<Auth, BadSetting> {
    match text {
        "fields" => Ok(Auth::Fields),
        "basic" => Ok(Auth::Basic),
        "bearer" => Ok(Auth::Bearer),
        _ => Err(bad("auth", "fields, basic or bearer")),
    }
}

fn body(text: &str) -> Result<Body, BadSetting> {
    match text {
        "form" => Ok(Body::Form),
        "json" => Ok(Body::Json),
        _ => Err(bad("body", "form or json")),
    }
}

fn fields(texts: &[String]) -> Result<Vec<(String, String)>, BadSetting> {
    let refused = |why| Err(bad("fields", why));
    let mut fields = Vec::new();
    let mut names = HashSet::new();
    let mut held = HashSet::new();
    for text in texts {
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return refused("each is name=value");
        };
        let Some(found) = placeholders(value) else {
            return refused("a value holds a placeholder that does not exist");
        };
        held.extend(found);
        if !names.insert(name) {
            return refused("a name stands there twice");
        }
        fields.push((name.to_owned(), value.to_owned()));
    }
    if !held.contains("text") || !(held.contains("to") || held.contains("to_plus")) {
        return refused("one has to hold {text}, and one {to} or {to_plus}");
    }
    Ok(fields)
}

/// The placeholders in a value; nothing when a brace is none.
fn placeholders(value: &str) -> Option<Vec<&str>> {
    let mut pieces = value.split('{');
    let is_plain = |text: &str| !text.contains('}');
    pieces.next().filter(|before| is_plain(before))?;
    let name = |piece: &'_ str| -> Option<_> {
        let (name, after) = piece.split_once('}')?;
        (PLACEHOLDERS.contains(&name) && is_plain(after)).then_some(name.len())
    };
    pieces.map(|piece| name(piece).map(|length| &piece[..length])).collect()
}

fn condition(text: &str) -> Result<Condition, BadSetting> {
    if let Some(at) = text.strip_prefix('!') {
        return Ok(Condition::Absent(pointer("accepted", at)?));
    }
    let (at, value) = text.split_once('=').ok_or(bad("accepted", "each is /pointer=value or !/pointer"))?;
    Ok(Condition::Is(pointer("accepted", at)?, value.to_owned()))
}

fn pointer(setting: &'static str, text: &str) -> Result<String, BadSetting> {
    let is_one = text.starts_with('/') && !text.replace("{to}", "").contains(['{', '}']);
    if is_one {
        Ok(text.to_owned())
    } else {
        Err(bad(setting, NO_POINTER))
    }
}

fn code(text: &str) -> Result<String, BadSetting> {
    if is_code(text) {
        Ok(text.to_owned())
    } else {
        Err(bad("busy", "each is a code: letters, digits, . _ -"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(all: &[&str]) -> Vec<String> {
        all.iter().map(|one| (*one).to_owned()).collect()
    }

    /// Changes one setting of a good gateway and parses it.
    fn with(change: impl FnOnce(&mut Settings<'_>)) -> Result<Template, BadSetting> {
        let (fields, accepted) = (owned(&["to={to}", "text={text}"]), owned(&["/status=ok", "!/error"]));
        let (error, busy) = (owned(&["/error/code"]), owned(&["later"]));
        let mut settings = Settings {
            url: "https://sms.example/send",
            auth: "bearer",
            body: "json",
            fields: &fields,
            accepted: &accepted,
            id: "/id",
            cost: "/price",
            error: &error,
            busy: &busy,
        };
        change(&mut settings);
        Template::parse(&settings)
    }

    fn with_fields(fields: &[&str]) -> Result<Template, BadSetting> {
        let fields = owned(fields);
        let (accepted, none) = (Vec::new(), Vec::new());
        let settings = Settings {
            url: "https://sms.example/",
            auth: "fields",
            body: "form",
            fields: &fields,
            accepted: &accepted,
            id: "/id",
            cost: "",
            error: &none,
            busy: &none,
        };
        Template::parse(&settings)
    }

    #[test]
    fn good_settings_become_a_template() {
        let template = with(|_| ()).unwrap();
        assert_eq!((template.auth, template.body), (Auth::Bearer, Body::Json));
        assert_eq!(template.fields[1], ("text".to_owned(), "{text}".to_owned()));
        let conditions = [Condition::Is("/status".to_owned(), "ok".to_owned()), Condition::Absent("/error".to_owned())];
        assert_eq!(template.accepted, conditions);
        assert_eq!((template.id.as_str(), template.cost.as_deref()), ("/id", Some("/price")));
        assert_eq!(with(|settings| settings.cost = "").unwrap().cost, None);
    }

    #[test]
    fn a_bad_setting_is_named() {
        let cases: [(Result<Template, BadSetting>, &str); 12] = [
            (with(|settings| settings.url = "sms.example"), "url"),
            (with(|settings| settings.url = "ftp://sms.example/"), "url"),
            (with(|settings| settings.url = "https://login:key@sms.example/"), "url"),
            (with(|settings| settings.url = "https://sms.example/?key={key}"), "url"),
            (with(|settings| settings.auth = "Basic"), "auth"),
            (with(|settings| settings.auth = ""), "auth"),
            (with(|settings| settings.body = "xml"), "body"),
            (with(|settings| settings.id = ""), "id"),
            (with(|settings| settings.id = "id"), "id"),
            (with(|settings| settings.cost = "price"), "cost"),
            (with(|settings| settings.id = "/{text}"), "id"),
            (with(|settings| settings.fields = &[]), "fields"),
        ];
        for (at, (parsed, setting)) in cases.into_iter().enumerate() {
            assert_eq!(parsed.unwrap_err().setting, setting, "case {at}");
        }
        let (accepted, error, busy) = (owned(&["status=ok"]), owned(&["code"]), owned(&["try later"]));
        assert_eq!(with(|settings| settings.accepted = &[]).unwrap().accepted, []);
        let parse = |settings: Settings<'_>| Template::parse(&settings).unwrap_err().setting;
        let fields = owned(&["to={to_plus}", "text={text}"]);
        let good = Settings {
            url: "https://sms.example/",
            auth: "basic",
            body: "form",
            fields: &fields,
            id: "/id",
            ..Settings::default()
        };
        assert_eq!(parse(Settings { accepted: &accepted, ..good }), "accepted");
        assert_eq!(parse(Settings { error: &error, ..good }), "error");
        assert_eq!(parse(Settings { busy: &busy, ..good }), "busy");
    }

    #[test]
    fn fields_hold_the_number_the_text_and_no_unknown_placeholder() {
        assert!(with_fields(&["phone={to_plus}", "body=[{sender}] {text}", "key={key}"]).is_ok());
        for wrong in [
            &["to={to}"][..],
            &["text={text}"],
            &["to={to}", "text={text}", "to=1"],
            &["to={to}", "text={text}", "={id}"],
            &["to={to}", "text={text}", "plain"],
            &["to={to}", "text={text} {secret}"],
            &["to={to}", "text={text", "text2={text}"],
            &["to={to}", "text={text}}"],
        ] {
            assert_eq!(with_fields(wrong).unwrap_err().setting, "fields", "{wrong:?}");
        }
        let text = with_fields(&[]).unwrap_err().to_string();
        assert_eq!(text, "fields: one has to hold {text}, and one {to} or {to_plus}");
    }
}
