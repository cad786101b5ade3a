//! The token endpoint: codes, refresh tokens and client credentials for tokens («маркеры»).
//!
//! 1. The system, what must be there, `grant_type`, `state`, `timestamp`, the hash and the signature are checked as at the
//!    authorization endpoint, each with its own code.
//! 2. A code is good once, for two minutes, for its system, `redirect_uri` and scopes (007011); used again, what it gave ends.
//! 3. A refresh token comes with `access_type=offline` only, changes with each use, and an old one is refused (007011).
//! 4. Client credentials open organisations, by scopes with `org_oid`, and renew a consent, by `prm_chg?oid=`.
//! 5. The answer echoes the `state` of this request. Errors are JSON with status 400.

use std::collections::BTreeSet;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet_core::time::Timestamp;
use kabinet_gost::digest::Digest;
use serde_json::{Value, json};

use super::authorize::{Authorization, asked_for, check_state, check_time};
use super::code::{self, Refusal};
use super::fault::{Fault, Step};
use super::fields::Fields;
use super::keys::{self, KeyError, Keys, TokenAlgorithm};
use super::persona::Persona;
use super::signature::{self, Version};
use super::system::{Client, OLD_PREFIX, OrganisationScope};
use super::{Handle, RefreshString, Rules, html};

/// How long a code and a token are remembered after their end, seconds.
const MEMORY: i64 = 86_400;

/// What a person, or the approval of a system, has opened.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) client: String,
    /// None for a system's own token.
    pub(super) person: Option<u64>,
    pub(super) sid: String,
    /// When the person signed in.
    pub(super) at: Timestamp,
    pub(super) scopes: Vec<String>,
    pub(super) organisation_scopes: Vec<OrganisationScope>,
    pub(super) permissions: Vec<String>,
}

impl Grant {
    /// Scopes as tokens name them: `name?oid=OID`; `openid` alone is bare.
    pub(super) fn text(&self) -> String {
        let of_person = self.scopes.iter().map(|scope| match self.person {
            Some(oid) if scope != "openid" => format!("{scope}?oid={oid}"),
            _ => scope.clone(),
        });
        let of_organisations = self.organisation_scopes.iter().map(|one| match one.organisation {
            Some(oid) => format!("{}?org_oid={oid}", one.name),
            None => one.name.clone(),
        });
        of_person.chain(of_organisations).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|one| one == scope)
    }
}

/// A code that was sent.
pub(super) struct Code {
    authorization: Authorization,
    grant: Grant,
    ends: Timestamp,
    pub(super) forgotten: Timestamp,
    /// Whether it was used, and what it gave.
    used: Option<Given>,
}

impl Code {
    pub(super) fn new(authorization: Authorization, grant: Grant, ends: Timestamp) -> Self {
        Self {
            authorization,
            grant,
            ends,
            forgotten: ends.plus(MEMORY),
            used: None,
        }
    }
}

struct Given {
    access: String,
    refresh: Option<String>,
}

/// A refresh token.
#[derive(Clone)]
pub(super) struct Refresh {
    pub(super) grant: Grant,
    scope: String,
    scope_org: String,
    pub(super) ends: Timestamp,
}

/// An access token.
pub(super) struct Access {
    pub(super) grant: Grant,
    pub(super) ends: Timestamp,
    pub(super) forgotten: Timestamp,
    /// Ended with its code.
    pub(super) is_revoked: bool,
    /// The person has taken back what they consented to.
    pub(super) is_withdrawn: bool,
}

impl Version {
    const fn token(self) -> &'static str {
        match self {
            Self::First => "/aas/oauth2/te",
            Self::Second => "/aas/oauth2/v3/te",
        }
    }
}

/// A token of the system's algorithm.
pub(super) fn sign(handle: &Handle, client: &str, subtype: &str, payload: &Value) -> Result<String, KeyError> {
    let algorithm = algorithm(handle, client);
    handle.keys()?.token(subtype, algorithm, payload, handle.entropy())
}

fn algorithm(handle: &Handle, client: &str) -> TokenAlgorithm {
    handle
        .state()
        .client(client)
        .map(|client| client.system.token_algorithm)
        .unwrap_or_default()
}

pub(super) async fn answer(handle: &Handle, version: Version, fields: &Fields) -> Response {
    let fault = handle.meet(Step::Token).await;
    if let Some(Fault::Html { status } | Fault::Status { status }) = fault {
        return html(status);
    }
    let mnemonic = fields.get("client_id");
    let now = handle.now();
    let client = handle.state().client(mnemonic).cloned();
    let rules = handle.state().rules.clone();
    let request = Exchange { handle, version, fields, fault: fault.as_ref(), now, rules };
    match request.run(client.as_ref()) {
        Ok(answer) => {
            handle.granted(version.token(), mnemonic, format!("tokens for {}", fields.get("grant_type")));
            let text = answer.to_string();
            let text = if fault == Some(Fault::Truncated) {
                &text[..text.len() / 2]
            } else {
                &text
            };
            ([("content-type", "application/json;charset=UTF-8")], text.to_owned()).into_response()
        }
        Err(refusal) => {
            handle.refused(version.token(), mnemonic, &refusal);
            let body = json!({"error": refusal.code.error, "error_description": refusal.description(),
                "state": fields.get("state")});
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
    }
}

struct Exchange<'a> {
    handle: &'a Handle,
    version: Version,
    fields: &'a Fields,
    fault: Option<&'a Fault>,
    now: Timestamp,
    rules: Rules,
}

impl Exchange<'_> {
    fn run(&self, client: Option<&Client>) -> Result<Value, Refusal> {
        let fields = self.fields;
        let Some(client) = client else {
            let why = format!("there is no system with the mnemonic {}", fields.get("client_id"));
            return Err(code::CLIENT_UNKNOWN.because(why));
        };
        if !client.system.active {
            return Err(code::UNAUTHORIZED.because("the system was registered but given no access"));
        }
        self.check_presence()?;
        let grant_type = fields.get("grant_type");
        let parts = self.signed_parts(grant_type)?;
        check_state(fields)?;
        check_time(fields, &self.rules, self.now)?;
        signature::Request {
            fields,
            version: self.version,
            allowed: &parts,
            is_lenient: self.rules.lenient_base64,
            now: self.now.0,
        }
        .check(client)?;
        if let Some(Fault::Error { code }) = self.fault {
            return Err(asked_for(code));
        }
        match grant_type {
            "authorization_code" => self.redeem(),
            "refresh_token" => self.refresh(),
            _ => self.credentials(client),
        }
    }

    fn check_presence(&self) -> Result<(), Refusal> {
        let fields = self.fields;
        fields.each_once()?;
        let mandatory = ["client_secret", "grant_type", "state", "timestamp", "scope", "token_type"];
        fields.demand(&mandatory)?;
        if self.version == Version::Second {
            fields.demand(&["client_certificate_hash"])?;
        }
        match fields.get("grant_type") {
            "authorization_code" => fields.demand(&["code", "redirect_uri"])?,
            "refresh_token" => fields.demand(&["refresh_token"])?,
            "client_credentials" if self.version == Version::First && fields.get("response_type") != "token" => {
                return Err(code::RESPONSE_TYPE.because("response_type is not token"));
            }
            _ => {}
        }
        if !fields.get("token_type").eq_ignore_ascii_case("Bearer") {
            return Err(code::INVALID_PARAMETER.because("token_type is not Bearer"));
        }
        Ok(())
    }

    fn signed_parts(&self, grant_type: &str) -> Result<Vec<&'static [&'static str]>, Refusal> {
        let known = ["authorization_code", "refresh_token", "client_credentials"];
        if !known.contains(&grant_type) {
            return Err(code::GRANT_TYPE.because(format!("there is no grant_type {grant_type}")));
        }
        Ok(match (self.version, grant_type, self.rules.refresh_string) {
            (Version::First, ..) => vec![signature::FIRST],
            (_, "authorization_code", _) => vec![signature::CODE],
            (_, "client_credentials", _) => vec![signature::CREDENTIALS],
            (_, _, RefreshString::AsAuthorize) => vec![signature::AUTHORIZE],
            (_, _, RefreshString::WithToken) => vec![signature::REFRESH_WITH_TOKEN],
            (_, _, RefreshString::Either) => vec![signature::AUTHORIZE, signature::REFRESH_WITH_TOKEN],
        })
    }

    fn redeem(&self) -> Result<Value, Refusal> {
        let fields = self.fields;
        let refuse = |why: &str| Err(code::INVALID_GRANT.because(why));
        let (authorization, grant) = {
            let mut guard = self.handle.state();
            let state = &mut *guard;
            let Some(code) = state.codes.get_mut(fields.get("code")) else {
                return refuse("the code was never sent, or long ago");
            };
            if let Some(given) = &code.used {
                if let Some(access) = state.tokens.get_mut(&given.access) {
                    access.is_revoked = true;
                }
                given.refresh.as_ref().and_then(|refresh| state.refreshes.remove(refresh));
                return refuse("the code was used before; what it gave has ended");
            }
            let Code { authorization, grant, ends, .. } = &*code;
            if self.now >= *ends {
                return refuse("the code has expired");
            }
            if authorization.client != fields.get("client_id") {
                return refuse("the code is another system's");
            }
            if authorization.version != self.version {
                return refuse("the code is of the other version of the protocol");
            }
            if authorization.redirect_uri != fields.get("redirect_uri") {
                return refuse("redirect_uri is not the one of the authorization request");
            }
            if authorization.scope != fields.get("scope") || authorization.scope_org != fields.get("scope_org") {
                return refuse("scope or scope_org is not the one of the authorization request");
            }
            (authorization.clone(), grant.clone())
        };
        check_verifier(authorization.challenge.as_deref(), fields)?;
        let refresh = authorization.is_offline.then(|| self.refresh_token(&grant, &authorization));
        let answer = self.tokens(&grant, refresh.clone())?;
        let access = answer["access_token"].as_str().unwrap_or_default().to_owned();
        if let Some(code) = self.handle.state().codes.get_mut(fields.get("code")) {
            code.used = Some(Given { access, refresh });
        }
        Ok(answer)
    }

    fn refresh_token(&self, grant: &Grant, authorization: &Authorization) -> String {
        self.keep(Refresh {
            grant: grant.clone(),
            scope: authorization.scope.clone(),
            scope_org: authorization.scope_org.clone(),
            ends: self.now.plus(self.rules.refresh_life),
        })
    }

    fn keep(&self, refresh: Refresh) -> String {
        let id = self.handle.uuid();
        self.handle.state().refreshes.insert(id.clone(), refresh);
        id
    }

    fn refresh(&self) -> Result<Value, Refusal> {
        let fields = self.fields;
        let given = fields.get("refresh_token");
        let kept = self.handle.state().refreshes.get(given).cloned();
        let kept = kept.filter(|one| self.now < one.ends);
        let kept = kept.ok_or_else(|| {
            code::INVALID_GRANT.because("the refresh token is unknown, used, expired or its consent was taken back")
        })?;
        if kept.grant.client != fields.get("client_id") {
            return Err(code::INVALID_GRANT.because("the refresh token is another system's"));
        }
        if kept.scope != fields.get("scope") || kept.scope_org != fields.get("scope_org") {
            return Err(code::INVALID_GRANT.because("scope or scope_org is not the one of the authorization request"));
        }
        if kept
            .grant
            .person
            .is_some_and(|oid| self.person(oid).is_none_or(|person| person.is_deleted))
        {
            return Err(code::INVALID_GRANT.because("the account was deleted"));
        }
        self.handle.state().refreshes.remove(given);
        let next = self.keep(kept.clone());
        self.tokens(&kept.grant, Some(next))
    }

    fn person(&self, oid: u64) -> Option<Persona> {
        self.handle.state().person(oid).cloned()
    }

    fn credentials(&self, client: &Client) -> Result<Value, Refusal> {
        let scope = self.fields.get("scope");
        let bare = scope.strip_prefix(OLD_PREFIX).unwrap_or(scope);
        let (person, scopes, organisation_scopes) = match bare.strip_prefix("prm_chg?oid=") {
            Some(oid) => {
                let (oid, scopes) = self.consented(client, oid)?;
                (Some(oid), scopes, Vec::new())
            }
            None => (None, Vec::new(), self.organisations(client, scope)?),
        };
        let grant = Grant {
            client: client.system.mnemonic.clone(),
            person,
            sid: self.handle.uuid(),
            at: self.now,
            scopes,
            organisation_scopes,
            permissions: Vec::new(),
        };
        self.tokens(&grant, None)
    }

    fn organisations(&self, client: &Client, scope: &str) -> Result<Vec<OrganisationScope>, Refusal> {
        let scopes = client.organisation_scopes(scope)?;
        let state = self.handle.state();
        for one in &scopes {
            let Some(oid) = one.organisation else {
                return Err(code::INVALID_SCOPE.because(format!("{} needs ?org_oid=", one.name)));
            };
            if state.organisation(oid).is_none() {
                return Err(code::NOT_MEMBER.because(format!("there is no organisation {oid}")));
            }
        }
        Ok(scopes)
    }

    /// The scopes that the person has consented to by a type of consent.
    fn consented(&self, client: &Client, oid: &str) -> Result<(u64, Vec<String>), Refusal> {
        let mnemonic = &client.system.mnemonic;
        let none = || code::NO_GRANTS.because(format!("{oid} has given {mnemonic} no consent that holds"));
        let oid: u64 = oid.parse().map_err(|_| none())?;
        let state = self.handle.state();
        let grants = state.codes.values().map(|code| &code.grant);
        let of_person = |grant: &&Grant| grant.person == Some(oid) && &grant.client == mnemonic;
        let consented = grants.filter(of_person).filter(|grant| !grant.permissions.is_empty());
        let still = state.consents.iter().any(|(person, client, _)| *person == oid && client == mnemonic);
        let scopes: BTreeSet<String> = consented.flat_map(|grant| grant.scopes.iter().cloned()).collect();
        if scopes.is_empty() || !still {
            Err(none())
        } else {
            Ok((oid, scopes.into_iter().collect()))
        }
    }

    fn tokens(&self, grant: &Grant, refresh: Option<String>) -> Result<Value, Refusal> {
        let failed = |why: KeyError| code::SERVER_ERROR.because(why.to_string());
        let access = self.sign("access", grant, self.access_payload(grant)).map_err(failed)?;
        let record = Access {
            grant: grant.clone(),
            ends: self.now.plus(self.rules.access_life),
            forgotten: self.now.plus(self.rules.access_life + MEMORY),
            is_revoked: false,
            is_withdrawn: false,
        };
        self.handle.state().tokens.insert(access.clone(), record);
        let state = match self.fault {
            Some(Fault::WrongState) => Some(self.handle.uuid()),
            Some(Fault::NoState) => None,
            _ => Some(self.fields.get("state").to_owned()),
        };
        let mut answer = json!({"access_token": access, "token_type": "Bearer", "expires_in": self.rules.access_life});
        if let Some(state) = state {
            answer["state"] = state.into();
        }
        if let Some(refresh) = refresh {
            answer["refresh_token"] = refresh.into();
        }
        let person = grant.person.filter(|_| grant.has("openid")).and_then(|oid| self.person(oid));
        if let Some(person) = person.filter(|_| self.fault != Some(&Fault::NoIdToken)) {
            let token = self.sign("id", grant, self.id_payload(grant, &person)).map_err(failed)?;
            answer["id_token"] = token.into();
        }
        Ok(answer)
    }

    fn oid(&self, oid: u64) -> Value {
        if self.rules.text_subject {
            oid.to_string().into()
        } else {
            oid.into()
        }
    }

    /// What both tokens begin with.
    fn payload(&self, life: i64) -> Value {
        let (from, to) = match self.fault {
            Some(Fault::Expired) => (self.now.plus(-3_600 - life), self.now.plus(-3_600)),
            Some(Fault::NotYetValid) => (self.now.plus(3_600), self.now.plus(3_600 + life)),
            _ => (self.now, self.now.plus(life)),
        };
        let issuer = match self.fault {
            Some(Fault::WrongIssuer) => "http://esia.example.com/",
            _ => self.handle.issuer(),
        };
        json!({"iss": issuer, "iat": from.0, "nbf": from.0, "exp": to.0})
    }

    fn audience(&self, grant: &Grant) -> Value {
        match self.fault {
            Some(Fault::WrongAudience) => "ANOTHER_SYSTEM".into(),
            _ => grant.client.clone().into(),
        }
    }

    fn access_payload(&self, grant: &Grant) -> Value {
        let mut payload = self.payload(self.rules.access_life);
        payload["client_id"] = self.audience(grant);
        payload["scope"] = grant.text().into();
        payload["urn:esia:sid"] = grant.sid.clone().into();
        if let Some(oid) = grant.person {
            payload["urn:esia:sbj_id"] = self.oid(oid);
        }
        if self.rules.acr {
            payload["acr"] = json!({"tls": "gost"});
        }
        if !grant.permissions.is_empty() {
            payload["permissions"] = grant.permissions.iter().map(|sysname| json!({"sysname": sysname})).collect();
        }
        payload
    }

    fn id_payload(&self, grant: &Grant, person: &Persona) -> Value {
        let oid = if self.fault == Some(&Fault::AnotherSubject) {
            person.oid + 1
        } else {
            person.oid
        };
        let mut subject = json!({"urn:esia:sbj:typ": "P", "urn:esia:sbj:oid": self.oid(oid),
            "urn:esia:sbj:nam": format!("OID.{oid}")});
        // Absent where the account is not confirmed, never false.
        if person.level.is_trusted() {
            subject["urn:esia:sbj:is_tru"] = true.into();
        }
        if self.rules.level {
            subject["urn:esia:sbj:lvl"] = person.level.claim().into();
        }
        let mut payload = self.payload(self.rules.id_life);
        payload["aud"] = self.audience(grant);
        payload["sub"] = self.oid(oid);
        payload["amr"] = "PWD".into();
        payload["urn:esia:amd"] = "PWD".into();
        payload["auth_time"] = grant.at.0.into();
        payload["urn:esia:sid"] = grant.sid.clone().into();
        payload["urn:esia:sbj"] = subject;
        payload
    }

    /// Signs as the system's setting says, or as a fault does.
    fn sign(&self, subtype: &str, grant: &Grant, payload: Value) -> Result<String, KeyError> {
        let algorithm = algorithm(self.handle, &grant.client);
        let (keys, entropy) = (self.handle.keys()?, self.handle.entropy());
        match self.fault {
            Some(Fault::NoAlgorithm) => Ok(keys::unsigned(subtype, "none", &payload) + "."),
            Some(Fault::OtherAlgorithm) => keys.token(subtype, algorithm.other(), &payload, entropy),
            Some(Fault::SwappedAlgorithm) => {
                let input = keys::unsigned(subtype, algorithm.other().as_str(), &payload);
                let signature = keys.sign(algorithm, input.as_bytes(), entropy)?;
                Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
            }
            Some(Fault::UnknownKey) => {
                Keys::make("unknown", entropy, self.now)?.token(subtype, algorithm, &payload, entropy)
            }
            _ => keys.token(subtype, algorithm, &payload, entropy),
        }
    }
}

/// RFC 7636 §4.6; the codes are ЕСИА's.
fn check_verifier(challenge: Option<&str>, fields: &Fields) -> Result<(), Refusal> {
    let verifier = fields.get("code_verifier");
    match challenge {
        None if verifier.is_empty() => Ok(()),
        None => Err(code::NO_CHALLENGE.into()),
        Some(challenge) if URL_SAFE_NO_PAD.encode(Digest::Sha256.of(verifier.as_bytes())) == challenge => Ok(()),
        Some(_) => Err(code::CHALLENGE_MISMATCH.into()),
    }
}
