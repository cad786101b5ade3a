//! The authorization endpoint (OpenID Connect Core §3.1.2, RFC 6749 §4.1.1).
//!
//! 1. [`Provider::enter`]: repeated parameters, client, redirect URI (until here an error is a page, RFC 6749 §4.1.2.1), then
//!    the rest in one order, then what is checked once: the hint.
//! 2. [`Provider::next`]: sessions, consents and the request go into `core::decision`; its answer is a page or an answer.
//! 3. A page gets the request sealed; at resume [`Provider::next`] repeats every check that can have changed.
//! 4. `Issue` writes the grant with the hash of its code; the code goes to the client.
//!
//! Refused: response types other than `code`, request objects (`request`, `request_uri`: announced as unsupported), PKCE
//! `plain`, redirects to anything that is not registered.

use std::sync::Arc;

use kabinet_core::ambient::random;
use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::authn::Session;
use kabinet_core::client::{Client, GrantType};
use kabinet_core::decision::{Asked, Consents, Known, Prompt, Step, decide};
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::id::{ClientId, GrantId, UserId};
use kabinet_core::scope::Scope;
use kabinet_core::secret::{TokenHash, TokenKind};
use kabinet_store::grant::Grant;

use crate::request::{AuthorizeParams, Params};
use crate::respond::{Destination, Response, ResponseMode};
use crate::sealed::{Flow, Target};
use crate::tokens::Detail;
use crate::{Error, Provider, Result, flow};

/// `state` longer than this is refused, bytes.
const LONGEST_STATE: usize = 2048;
/// No other parameter may be longer, bytes.
const LONGEST: usize = 2048;

/// Why a request is answered by a page of ours and by no redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No client of this id, or a disabled one.
    UnknownClient,
    /// The redirect URI is missing or not one of the client's.
    BadRedirectUri,
    /// `client_id` or `redirect_uri` stands twice, or the like.
    BadRequest,
}

/// How an authorization request fails.
#[derive(Debug)]
pub enum Refusal {
    /// A page; never a redirect.
    Page(Fault),
    /// An error for the client.
    Answer(Box<Response>, OAuthError),
    /// The provider failed.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// A request that passed every check.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Whose it is.
    pub client: Arc<Client>,
    /// What it may get of what it asked.
    pub scope: Scope,
    /// `prompt`.
    pub prompt: Prompt,
    destination: Destination,
    max_age: Option<i64>,
    challenge: Option<String>,
}

/// What happens next.
#[derive(Debug)]
pub enum Next {
    /// Show a page; never `Issue` or `Refuse`.
    Page(Step, Checked),
    /// Answer the client.
    Answer(Response),
}

impl Provider {
    /// Takes a new request in and makes a flow of it.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn enter(&self, params: &Params, binding: &TokenHash) -> std::result::Result<Flow, Refusal> {
        // Which of two is meant cannot be known, so neither is answered.
        if params.repeats("client_id") || params.repeats("redirect_uri") {
            return Err(Refusal::Page(Fault::BadRequest));
        }
        let mut request = AuthorizeParams::of(params);
        let (client, destination) = self.prove_destination(&request).await?;
        let answer = |error: OAuthError| self.refuse(&destination, error);
        params.sound().map_err(answer)?;
        // OpenID Connect Core §6.1, §6.2: never ignored.
        if params.get("request").is_some() {
            return Err(answer(OAuthError::new(Code::RequestNotSupported, "request objects are not supported")));
        }
        if params.get("request_uri").is_some() {
            return Err(answer(OAuthError::new(Code::RequestUriNotSupported, "request_uri is not supported")));
        }
        if params.get("registration").is_some() {
            return Err(answer(OAuthError::new(Code::RegistrationNotSupported, "registration is not supported")));
        }
        self.check(&request, client, destination.clone())?;
        if let Some(token) = params.get("id_token_hint") {
            let hint = self.read_hint(token).filter(|hint| hint.client_id.as_str() == request.client_id);
            let hint = hint.ok_or_else(|| {
                // OpenID Connect Core §3.1.2.1: the client decrypts an encrypted ID token before it sends it as a hint.
                let sentence = if token.split('.').count() == 5 {
                    "id_token_hint is encrypted; send the ID token that was inside"
                } else {
                    "id_token_hint is not an ID token of this client"
                };
                answer(OAuthError::new(Code::InvalidRequest, sentence))
            })?;
            request.hint = Some(hint.subject);
        }
        Ok(self.new_flow(Target::Authorize(Box::new(request)), binding))
    }

    /// Decides what happens next with a flow, and does it when nobody needs to be asked.
    ///
    /// # Errors
    /// When the request is refused.
    pub async fn next(&self, flow: &Flow, sessions: &[Session], origin: &Origin) -> std::result::Result<Next, Refusal> {
        let Some(request) = flow.request() else {
            return Err(Refusal::Page(Fault::BadRequest));
        };
        let (client, destination) = self.prove_destination(request).await?;
        let checked = self.check(request, client, destination)?;
        let step = self.decide(flow, request, &checked, sessions).await?;
        match step {
            Step::Refuse(code) => Err(self.refuse(
                &checked.destination,
                OAuthError::new(code, "the person must be asked, and prompt=none forbids it"),
            )),
            Step::Issue(place) => {
                let session = sessions
                    .get(place)
                    .ok_or_else(|| Error::Bug("the decision names no session".to_owned()))?;
                Ok(Next::Answer(self.issue(request, &checked, session, origin).await?))
            }
            page => Ok(Next::Page(page, checked)),
        }
    }

    /// The answer when the person says no.
    ///
    /// # Errors
    /// When the request is refused before that.
    pub async fn deny(&self, flow: &Flow) -> std::result::Result<Response, Refusal> {
        let Some(request) = flow.request() else {
            return Err(Refusal::Page(Fault::BadRequest));
        };
        let (_, destination) = self.prove_destination(request).await?;
        Ok(self.error_response(&destination, &OAuthError::new(Code::AccessDenied, "the person refused")))
    }

    /// Client and redirect URI, in this order and before anything else.
    async fn prove_destination(
        &self,
        request: &AuthorizeParams,
    ) -> std::result::Result<(Arc<Client>, Destination), Refusal> {
        if request.client_id.len() > LONGEST {
            return Err(Refusal::Page(Fault::UnknownClient));
        }
        let client = self.client(&ClientId::from(request.client_id.as_str())).await?;
        let client = client.ok_or(Refusal::Page(Fault::UnknownClient))?;
        // RFC 9700 §4.11.2: an unproven redirect URI gets a page and no redirect.
        if client.metadata.find_redirect(&request.redirect_uri).is_none() {
            return Err(Refusal::Page(Fault::BadRedirectUri));
        }
        let mode = request
            .response_mode
            .as_deref()
            .and_then(ResponseMode::parse)
            .unwrap_or(ResponseMode::Query);
        Ok((client, Destination::of(request, mode)))
    }

    /// The checks that entry and resume share, in order.
    fn check(
        &self,
        request: &AuthorizeParams,
        client: Arc<Client>,
        destination: Destination,
    ) -> std::result::Result<Checked, Refusal> {
        let answer = |error: OAuthError| self.refuse(&destination, error);
        let bad = |description| answer(OAuthError::new(Code::InvalidRequest, description));
        if request.response_type.is_empty() {
            return Err(bad("response_type is missing"));
        }
        let mode_known = request.response_mode.as_deref().is_none_or(|mode| ResponseMode::parse(mode).is_some());
        if !mode_known {
            return Err(bad("response_mode must be query, fragment or form_post"));
        }
        if request.state.as_ref().is_some_and(|state| state.len() > LONGEST_STATE) {
            // Too long to be given back.
            let short = Destination { state: None, ..destination.clone() };
            return Err(self.refuse(&short, OAuthError::new(Code::InvalidRequest, "state is longer than 2048 bytes")));
        }
        let others = [&request.nonce, &request.login_hint, &request.acr_values, &request.ui_locales, &request.prompt];
        if others.into_iter().flatten().chain([&request.scope]).any(|value| value.len() > LONGEST) {
            return Err(bad("a parameter is longer than 2048 bytes"));
        }
        if !client.metadata.may(GrantType::AuthorizationCode) {
            return Err(answer(OAuthError::new(
                Code::UnauthorizedClient,
                "this client may not use the authorization endpoint",
            )));
        }
        let approved =
            flow::authorize(request, client.metadata.needs_pkce(), &client.metadata.scope).map_err(answer)?;
        // Without openid this is plain OAuth; without any scope there is nothing to grant.
        if approved.scope.is_empty() {
            return Err(answer(OAuthError::new(
                Code::InvalidScope,
                "none of the scopes may be asked for by this client",
            )));
        }
        if request.resource.iter().any(|resource| !client.metadata.resources.contains(resource)) {
            return Err(answer(OAuthError::new(
                Code::InvalidTarget,
                "resource is not one of this client's (RFC 8707)",
            )));
        }
        let prompt = Prompt::parse(request.prompt.as_deref().unwrap_or_default())
            .map_err(|code| answer(OAuthError::new(code, "prompt=none stands alone")))?;
        let max_age = request.max_age.as_deref().map(|age| age.parse::<u32>().map(i64::from)).transpose();
        let max_age = max_age.map_err(|_| bad("max_age must be a number of seconds"))?;
        // OpenID Connect Registration §2: default_max_age holds where the request says nothing.
        let max_age = max_age.or(client.metadata.default_max_age.map(i64::from));
        let scope = self.offline_scope(&client, approved.scope);
        Ok(Checked {
            client,
            scope,
            prompt,
            destination,
            max_age,
            challenge: approved.challenge,
        })
    }

    /// OpenID Connect Core §11: `offline_access` needs the person's word or a client of the house; and a client that may
    /// refresh.
    fn offline_scope(&self, client: &Client, scope: Scope) -> Scope {
        if client.metadata.may(GrantType::RefreshToken) {
            scope
        } else {
            scope.without(&Scope::from_iter(["offline_access"]))
        }
    }

    async fn decide(
        &self,
        flow: &Flow,
        request: &AuthorizeParams,
        checked: &Checked,
        sessions: &[Session],
    ) -> Result<Step> {
        let db = self.store().db();
        let users: Vec<UserId> = sessions.iter().map(|session| session.user_id.clone()).collect();
        let given = if checked.client.metadata.first_party || users.is_empty() {
            Vec::new()
        } else {
            kabinet_store::consent::of_browser(db, &checked.client.id, &users).await?
        };
        let last = if sessions.len() > 1 {
            let ids: Vec<_> = sessions.iter().map(|session| session.id.clone()).collect();
            kabinet_store::grant::last_for_client(db, &checked.client.id, &ids).await?
        } else {
            None
        };
        let hint = request.hint.as_deref().map(|hint| self.hinted(&checked.client, hint, sessions));
        let asked = Asked {
            flow: &flow.id,
            prompt: checked.prompt,
            max_age: checked.max_age,
            hint: hint.as_ref(),
        };
        let consent =
            (!checked.client.metadata.first_party).then_some(Consents { asked: &checked.scope, given: &given });
        let mut known = Known {
            sessions,
            last_for_client: last.as_ref(),
            incomplete: &[],
            consent,
            now: self.now(),
        };
        let step = decide(&asked, &known);
        let (Step::Consent(place) | Step::Issue(place)) = step else {
            return Ok(step);
        };
        // Only now, and of the chosen account only: it may cost a read.
        let chosen = &users[place..=place];
        if self.missing(&users[place], Some((&checked.client, &checked.scope))).await?.is_some() {
            known.incomplete = chosen;
        }
        Ok(decide(&asked, &known))
    }

    async fn issue(
        &self,
        request: &AuthorizeParams,
        checked: &Checked,
        session: &Session,
        origin: &Origin,
    ) -> Result<Response> {
        let (now, entropy) = (self.now(), self.entropy());
        let life = &self.config().token;
        let detail = Detail {
            redirect_uri: request.redirect_uri.clone(),
            nonce: request.nonce.clone(),
            challenge: checked.challenge.clone(),
            authentication: session.authentication.clone(),
            resource: request.resource.clone(),
        };
        let code = TokenKind::Code.generate(entropy);
        let grant = Grant {
            id: GrantId::generate(now, entropy),
            client_id: checked.client.id.clone(),
            user_id: session.user_id.clone(),
            session_id: session.id.clone(),
            scope: checked.scope.clone(),
            detail: serde_json::to_string(&detail).map_err(|e| Error::Bug(e.to_string()))?,
            offline: checked.scope.has("offline_access"),
            refresh_salt: base64::Engine::encode(
                &base64::engine::general_purpose::URL_SAFE_NO_PAD,
                random::<16>(entropy),
            ),
            refresh_generation: 0,
            refresh_used_at: now,
            refresh_expires_at: now,
            created_at: now,
            expires_at: now.plus(life.refresh_absolute),
            ended_at: None,
        };
        let mut tx = self.store().begin().await?;
        kabinet_store::grant::issue(
            &mut tx,
            &grant,
            &TokenHash::of(code.expose()),
            now.plus(life.code),
            now.plus(life.code + 60),
        )
        .await?;
        let record = Record::of(Event::GrantIssued)
            .user(&grant.user_id)
            .client(&grant.client_id)
            .session(&grant.session_id);
        kabinet_store::audit::write(&mut tx, &record.with("grant", grant.id.as_str()), origin, now, entropy).await?;
        tx.commit().await?;
        Ok(checked
            .destination
            .clone()
            .answer(vec![("code", code.expose().to_owned())], self.issuer()))
    }

    fn refuse(&self, to: &Destination, error: OAuthError) -> Refusal {
        Refusal::Answer(Box::new(self.error_response(to, &error)), error)
    }

    fn error_response(&self, to: &Destination, error: &OAuthError) -> Response {
        let params =
            vec![("error", error.code.as_str().to_owned()), ("error_description", error.description.to_owned())];
        to.clone().answer(params, self.issuer())
    }
}
