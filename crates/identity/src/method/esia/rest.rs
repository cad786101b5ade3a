//! What is asked of ЕСИА's REST interface, each thing only where the granted scope covers it.
//!
//! A collection is asked for with its elements in it. Where addresses come in their place, each is called at the back channel,
//! and one that leads to another host is refused: an answer does not choose whom this server calls.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Method, StatusCode};
use kabinet_core::external::{Assurance, External, ExternalOrganisation};
use kabinet_fetch::Request;
use serde_json::{Map, Value};
use url::Url;

use super::person::{self, Account, MOST_CONTACTS, MOST_DOCUMENTS, MOST_ROLES, Person, Role};
use super::token::Granted;
use super::{Esia, Settings, misconfigured, no_json};
use crate::method::upstream::{Arrival, UpstreamError};

/// What the names of scopes about an organisation begin with where the system asks by itself.
const SCOPE_PREFIX: &str = "http://esia.gosuslugi.ru/";

/// On whose behalf REST is asked.
pub(super) struct Caller<'a> {
    pub authorization: HeaderValue,
    pub granted: Granted,
    pub subject: &'a str,
    pub arrival: Arrival<'a>,
}

enum Found {
    Object(Map<String, Value>),
    /// 403: the scope does not cover it.
    Forbidden,
    /// 404, 410.
    Gone,
}

pub(super) fn bearer(token: &str) -> Result<HeaderValue, UpstreamError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| UpstreamError::Untrusted("a token that cannot be sent".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

impl Esia {
    pub(super) async fn person(&self, caller: &Caller<'_>, account: &Account) -> Result<External, UpstreamError> {
        let subject = caller.subject;
        let person = match self.rest(&caller.authorization, self.back(&format!("rs/prns/{subject}"))?).await? {
            Found::Object(fields) => Person::of(fields),
            Found::Gone => return Err(UpstreamError::Stale("the account is gone".to_owned())),
            Found::Forbidden => return Err(misconfigured("rest-403", "the scope does not open the person's data")),
        };
        if !person.is_there() {
            return Err(UpstreamError::Stale("the account is gone".to_owned()));
        }
        let assurance = person.assurance(account);
        if self.settings.require_confirmed && assurance != Assurance::Confirmed {
            return Err(UpstreamError::Unconfirmed { is_verifying: person.is_verifying() });
        }
        let mut external = External::new(&self.settings.upstream, subject, self.clock.now());
        external.assurance = assurance;
        person.describe(&mut external);
        if caller.granted.has(&["email", "mobile", "contacts"], subject) {
            let elements = self.elements(caller, "ctts", MOST_CONTACTS).await?;
            external.contacts = person::contacts(&elements);
        }
        if caller.granted.has(&["id_doc"], subject) {
            let elements = self.elements(caller, "docs", MOST_DOCUMENTS).await?;
            external.documents = person::documents(&elements);
        }
        if caller.granted.has(&["usr_org"], subject) {
            let elements = self.elements(caller, "roles", MOST_ROLES).await?;
            let roles = person::roles(&elements);
            external.organisations = self.organisations(caller, &roles, external.inn.as_deref()).await?;
        }
        Ok(external)
    }

    async fn organisations(
        &self,
        caller: &Caller<'_>,
        roles: &[Role],
        person_inn: Option<&str>,
    ) -> Result<Vec<ExternalOrganisation>, UpstreamError> {
        let told = join_all(roles.iter().map(|role| self.organisation(caller, role))).await;
        let mut found = Vec::new();
        for (role, told) in roles.iter().zip(told) {
            // What is not known for want of an answer must not look like what ESIA no longer tells of.
            found.extend(role.organisation(told?.as_ref(), person_inn));
        }
        Ok(found)
    }

    /// The org step: what ЕСИА tells of an organisation; `None`: nothing.
    async fn organisation(
        &self,
        caller: &Caller<'_>,
        role: &Role,
    ) -> Result<Option<Map<String, Value>>, UpstreamError> {
        let authorization = if caller.granted.has_organisation(&role.oid) {
            caller.authorization.clone()
        } else if self.settings.org_scopes.is_empty() {
            return Ok(None);
        } else {
            let scope = |name: &String| format!("{SCOPE_PREFIX}{name}?org_oid={}", role.oid);
            let scopes: Vec<String> = self.settings.org_scopes.iter().map(scope).collect();
            match self.own_token(&scopes.join(" "), caller.arrival).await {
                Ok(token) => bearer(&token)?,
                // One organisation that this system may not ask about does not keep the person out.
                Err(why @ (UpstreamError::Misconfigured { .. } | UpstreamError::OtherOrganisation)) => {
                    tracing::warn!(upstream = self.settings.upstream, error = %why, "an organisation is left out");
                    return Ok(None);
                }
                Err(why) => return Err(why),
            }
        };
        match self.rest(&authorization, self.back(&format!("rs/orgs/{}", role.oid))?).await? {
            Found::Object(fields) => Ok(Some(fields)),
            Found::Forbidden | Found::Gone => Ok(None),
        }
    }

    /// The elements of one of the person's collections: embedded in it, or each at an address of its own.
    async fn elements(
        &self,
        caller: &Caller<'_>,
        collection: &str,
        most: usize,
    ) -> Result<Vec<Map<String, Value>>, UpstreamError> {
        let mut url = self.back(&format!("rs/prns/{}/{collection}", caller.subject))?;
        url.set_query(Some("embed=(elements)"));
        let Found::Object(mut fields) = self.rest(&caller.authorization, url).await? else {
            // The scope does not cover it after all.
            tracing::info!(upstream = self.settings.upstream, collection, "ESIA does not tell of this collection");
            return Ok(Vec::new());
        };
        let Some(Value::Array(elements)) = fields.remove("elements") else {
            return Ok(Vec::new());
        };
        let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
        for element in elements.into_iter().take(most) {
            match element {
                Value::Object(fields) => found.push(fields),
                Value::String(link) if seen.insert(link.clone()) => {
                    let url = self.rewritten(&link)?;
                    if let Found::Object(fields) = self.rest(&caller.authorization, url).await? {
                        found.push(fields);
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// An address in an answer, as this server may call it: at the back channel, whatever way there ЕСИА knows.
    fn rewritten(&self, link: &str) -> Result<Url, UpstreamError> {
        let foreign = || UpstreamError::Untrusted("an address in an answer leads elsewhere".to_owned());
        let link = Url::parse(link).map_err(|_| foreign())?;
        let Settings { base, back_channel, .. } = &self.settings;
        // ESIA writes http and https for itself; where the call goes is not the link's choice.
        let is_known = |one: &&Url| (one.host(), one.port()) == (link.host(), link.port());
        let known = [base, back_channel].into_iter().find(is_known).ok_or_else(foreign)?;
        let path = link.path().strip_prefix(known.path().trim_end_matches('/'));
        let path = path.and_then(|path| path.strip_prefix('/')).filter(|path| path.starts_with("rs/"));
        self.back(path.ok_or_else(foreign)?)
    }

    async fn rest(&self, authorization: &HeaderValue, url: Url) -> Result<Found, UpstreamError> {
        let mut request = Request::new(Method::GET, url);
        request.headers.insert(AUTHORIZATION, authorization.clone());
        request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.call(request).await?;
        match answer.status {
            status if status.is_success() => {
                let fields = serde_json::from_slice(&answer.body).map_err(|_| no_json(status))?;
                Ok(Found::Object(fields))
            }
            StatusCode::FORBIDDEN => Ok(Found::Forbidden),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Found::Gone),
            StatusCode::UNAUTHORIZED => Err(UpstreamError::Stale("the access token is not accepted".to_owned())),
            status => Err(UpstreamError::Unavailable(format!("status {}", status.as_u16()))),
        }
    }
}
