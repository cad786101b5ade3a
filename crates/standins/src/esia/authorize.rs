//! The authorization request: everything that ЕСИА checks, in its order, before anybody sees a page.
//!
//! 1. `client_id` is of a system that was registered (008010) and given access (007005).
//! 2. What must be there is (007014, with the name), nothing twice (007003).
//! 3. `response_type` is `code` (007009).
//! 4. `redirect_uri` is allowed (007023).
//! 5. `state` is a UUID (007003).
//! 6. `timestamp` has its form and is now (007015).
//! 7. Scopes are there (007013), known (007006), approved (007019).
//! 8. The hash is of an active certificate (007053), and 9. the signature holds (007053; first version 007002, 007005).
//! 10. `person_filter` (007003) and 11. `permissions` (0367xx) can be read.
//!
//! A failure goes back to the client where `redirect_uri` is one of the system's, else a page with status 400 is shown.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kabinet_core::time::Timestamp;
use serde::Deserialize;

use super::code::{self, Refusal};
use super::fault::{Fault, Step};
use super::fields::{self, Fields};
use super::signature::{self, Version};
use super::system::{Client, OrganisationScope, SCOPES};
use super::{Handle, Rules, html, login};

/// How long a person may take to sign in, seconds.
const REQUEST_LIFE: i64 = 1_800;

/// A request that has passed the checks.
#[derive(Clone, Debug)]
pub(super) struct Authorization {
    pub(super) version: Version,
    pub(super) client: String,
    pub(super) redirect_uri: String,
    pub(super) state: String,
    /// As it came, for the token request has to repeat it.
    pub(super) scope: String,
    pub(super) scope_org: String,
    pub(super) scopes: Vec<String>,
    pub(super) organisation_scopes: Vec<OrganisationScope>,
    pub(super) is_offline: bool,
    pub(super) challenge: Option<String>,
    pub(super) filter: Option<Filter>,
    pub(super) permissions: Vec<Permission>,
    pub(super) ends: Timestamp,
}

/// Whom `person_filter` lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// Confirmed accounts.
    Confirmed,
    /// Children.
    Children,
    /// Everybody but children.
    NoChildren,
}

/// What consent is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Permission {
    pub(super) responsible_object: String,
    pub(super) sysname: String,
    pub(super) expire: i64,
    pub(super) actions: Vec<Named>,
    pub(super) purposes: Vec<Named>,
    pub(super) scopes: Vec<Named>,
}

/// Something by its system name.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Named {
    #[serde(default)]
    pub(super) sysname: String,
}

/// Where a failure is told.
pub(super) struct Back {
    pub(super) redirect_uri: String,
    pub(super) state: String,
}

struct Failure {
    refusal: Refusal,
    back: Option<Box<Back>>,
}

impl Version {
    pub(super) const fn authorize(self) -> &'static str {
        match self {
            Self::First => "/aas/oauth2/ac",
            Self::Second => "/aas/oauth2/v2/ac",
        }
    }
}

pub(super) async fn answer(handle: &Handle, version: Version, fields: &Fields) -> Response {
    let fault = handle.meet(Step::Authorize).await;
    if let Some(Fault::Html { status } | Fault::Status { status }) = fault {
        return html(status);
    }
    let now = handle.now();
    let mnemonic = fields.get("client_id");
    let outcome = {
        let state = handle.state();
        let outcome = check(state.client(mnemonic), &state.rules, version, fields, now);
        outcome.and_then(|authorization| match &fault {
            Some(Fault::Error { code }) => Err(Failure {
                refusal: asked_for(code),
                back: Some(Box::new(Back {
                    redirect_uri: authorization.redirect_uri,
                    state: authorization.state,
                })),
            }),
            _ => Ok(authorization),
        })
    };
    match outcome {
        Ok(authorization) => {
            handle.granted(version.authorize(), mnemonic, "the signature holds; the person is asked");
            let id = handle.uuid();
            let mut state = handle.state();
            state.sweep(now);
            state.requests.insert(id.clone(), authorization);
            (StatusCode::FOUND, [("location", format!("/login?request={id}"))]).into_response()
        }
        Err(Failure { refusal, back }) => {
            handle.refused(version.authorize(), mnemonic, &refusal);
            match back {
                Some(back) => back.tell(&refusal),
                None => login::refused(&refusal),
            }
        }
    }
}

/// The error that a fault names.
pub(super) fn asked_for(number: &str) -> Refusal {
    let code = code::Code::find(number).unwrap_or(code::SERVER_ERROR);
    code.because("this error was asked for")
}

impl Back {
    pub(super) fn tell(&self, refusal: &Refusal) -> Response {
        let description = refusal.description();
        let mut fields = vec![("error", refusal.code.error), ("error_description", description.as_str())];
        if !self.state.is_empty() {
            fields.push(("state", self.state.as_str()));
        }
        self.with(&fields)
    }

    /// The way back with these fields.
    pub(super) fn with(&self, fields: &[(&str, &str)]) -> Response {
        let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let joint = if self.redirect_uri.contains('?') { '&' } else { '?' };
        Redirect::to(&format!("{}{joint}{query}", self.redirect_uri)).into_response()
    }
}

fn check(
    client: Option<&Client>,
    rules: &Rules,
    version: Version,
    fields: &Fields,
    now: Timestamp,
) -> Result<Authorization, Failure> {
    let Some(client) = client else {
        let why = match fields.get("client_id") {
            "" => "client_id is absent".to_owned(),
            unknown => format!("there is no system with the mnemonic {unknown}"),
        };
        return Err(Failure { refusal: code::CLIENT_UNKNOWN.because(why), back: None });
    };
    let redirect_uri = fields.get("redirect_uri");
    let checked = Checked { client, rules, version, fields, now };
    checked.run().map_err(|refusal| Failure {
        refusal,
        // Of two addresses neither is known to be meant.
        back: (fields.count("redirect_uri") == 1 && client.may_return_to(redirect_uri)).then(|| {
            Box::new(Back {
                redirect_uri: redirect_uri.to_owned(),
                state: fields.get("state").to_owned(),
            })
        }),
    })
}

/// A request of a system that is registered.
struct Checked<'a> {
    client: &'a Client,
    rules: &'a Rules,
    version: Version,
    fields: &'a Fields,
    now: Timestamp,
}

impl Checked<'_> {
    fn run(&self) -> Result<Authorization, Refusal> {
        let Self { client, fields, .. } = self;
        if !client.system.active {
            return Err(code::UNAUTHORIZED.because("the system was registered but given no access"));
        }
        self.check_presence()?;
        if fields.get("response_type") != "code" {
            return Err(code::RESPONSE_TYPE.because("response_type is not code"));
        }
        let redirect_uri = fields.get("redirect_uri");
        if !client.may_return_to(redirect_uri) {
            return Err(code::REDIRECT_URI.because(format!("{redirect_uri} is no address of the system")));
        }
        check_state(fields)?;
        check_time(fields, self.rules, self.now)?;
        if fields.get("scope").is_empty() {
            return Err(code::NO_SCOPE.because("scope is empty"));
        }
        let scopes = client.scopes(fields.get("scope"))?;
        let organisation_scopes = match self.version {
            Version::First => Vec::new(),
            Version::Second => client.organisation_scopes(fields.get("scope_org"))?,
        };
        let parts = match self.version {
            Version::First => signature::FIRST,
            Version::Second => signature::AUTHORIZE,
        };
        signature::Request {
            fields,
            version: self.version,
            allowed: &[parts],
            is_lenient: self.rules.lenient_base64,
            now: self.now.0,
        }
        .check(client)?;
        Ok(Authorization {
            version: self.version,
            client: client.system.mnemonic.clone(),
            redirect_uri: redirect_uri.to_owned(),
            state: fields.get("state").to_owned(),
            scope: fields.get("scope").to_owned(),
            scope_org: fields.get("scope_org").to_owned(),
            scopes,
            organisation_scopes,
            is_offline: fields.get("access_type") == "offline",
            challenge: self.challenge()?,
            filter: filter(fields.get("person_filter"))?,
            permissions: self.permissions()?,
            ends: self.now.plus(REQUEST_LIFE),
        })
    }

    fn check_presence(&self) -> Result<(), Refusal> {
        self.fields.each_once()?;
        self.fields
            .demand(&["client_secret", "redirect_uri", "response_type", "state", "timestamp", "access_type"])?;
        if !self.fields.has("scope") {
            return Err(code::missing("scope"));
        }
        if self.version == Version::Second {
            self.fields.demand(&["client_certificate_hash"])?;
        }
        if !["online", "offline"].contains(&self.fields.get("access_type")) {
            return Err(code::INVALID_PARAMETER.because("access_type is neither online nor offline"));
        }
        Ok(())
    }

    /// RFC 7636 §4.3. Which methods the real service knows is not known.
    fn challenge(&self) -> Result<Option<String>, Refusal> {
        match (self.fields.get("code_challenge"), self.fields.get("code_challenge_method")) {
            ("", _) => Ok(None),
            (challenge, "S256") => Ok(Some(challenge.to_owned())),
            _ => Err(code::INVALID_PARAMETER.because("code_challenge_method is not S256")),
        }
    }

    fn permissions(&self) -> Result<Vec<Permission>, Refusal> {
        let text = self.fields.get("permissions");
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let unreadable = || code::CONSENT_TYPE_MISSING.because("permissions is no base64url of a JSON array");
        let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| unreadable())?;
        let permissions: Vec<Permission> = serde_json::from_slice(&json).map_err(|_| unreadable())?;
        let first = permissions.iter().map(|one| self.check_permission(one)).find_map(Result::err);
        match first {
            Some(refusal) => Err(refusal),
            None if permissions.is_empty() => Err(unreadable()),
            None => Ok(permissions),
        }
    }

    fn check_permission(&self, permission: &Permission) -> Result<(), Refusal> {
        let Permission { sysname, expire, actions, purposes, scopes, .. } = permission;
        if sysname.is_empty() {
            return Err(code::CONSENT_TYPE_MISSING.into());
        }
        if !self.client.system.consents.contains(sysname) {
            return Err(code::CONSENT_TYPE_UNKNOWN.because(format!("the consent {sysname} was not approved")));
        }
        if scopes.is_empty() {
            return Err(code::CONSENT_SCOPE_MISSING.into());
        }
        let is_approved =
            |one: &Named| SCOPES.contains(&one.sysname.as_str()) && self.client.system.scopes.contains(&one.sysname);
        if !scopes.iter().all(is_approved) {
            return Err(code::CONSENT_SCOPE_EXCESS.into());
        }
        if actions.is_empty() {
            return Err(code::CONSENT_ACTION_MISSING.into());
        }
        let known = ["ALL_ACTIONS_TO_DATA", "SHARE_DATA", "USE_DATA"];
        if !actions.iter().all(|one| known.contains(&one.sysname.as_str())) {
            return Err(code::CONSENT_ACTION_UNKNOWN.into());
        }
        match purposes.as_slice() {
            [] => return Err(code::CONSENT_PURPOSE_MISSING.into()),
            [one] if one.sysname.is_empty() => return Err(code::CONSENT_PURPOSE_UNKNOWN.into()),
            [_] => {}
            _ => return Err(code::CONSENT_PURPOSE_SEVERAL.into()),
        }
        if *expire <= 0 {
            return Err(code::CONSENT_EXPIRY.into());
        }
        Ok(())
    }
}

pub(super) fn check_state(fields: &Fields) -> Result<(), Refusal> {
    if fields::is_uuid(fields.get("state")) {
        Ok(())
    } else {
        Err(code::INVALID_PARAMETER.because("state is no UUID"))
    }
}

pub(super) fn check_time(fields: &Fields, rules: &Rules, now: Timestamp) -> Result<(), Refusal> {
    let text = fields.get("timestamp");
    let Some(at) = fields::timestamp(text) else {
        let hint = if text.contains("  ") {
            "; the `+` of the zone must be sent as %2B"
        } else {
            ""
        };
        let why = format!("timestamp is not of the form `yyyy.MM.dd HH:mm:ss Z`: `{text}`{hint}");
        return Err(code::TIME.because(why));
    };
    let off = at - now.0;
    if off.abs() > rules.time_window {
        let why = format!("timestamp is {off} s off; the window is ±{} s", rules.time_window);
        return Err(code::TIME.because(why));
    }
    Ok(())
}

fn filter(text: &str) -> Result<Option<Filter>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let decoded = STANDARD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).unwrap_or_default();
    match decoded.as_slice() {
        b"conf_acc" => Ok(Some(Filter::Confirmed)),
        b"acc_kid" => Ok(Some(Filter::Children)),
        b"acc_not_kid" => Ok(Some(Filter::NoChildren)),
        _ => Err(code::INVALID_PARAMETER.because("person_filter is no base64 of conf_acc, acc_kid or acc_not_kid")),
    }
}
