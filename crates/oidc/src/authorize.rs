//! The authorization endpoint (OpenID Connect Core §3.1.2, §3.2, §3.3, RFC 6749 §4.1.1).
//!
//! 1. [`Provider::enter`]: repeated parameters, client, the parameters of a pushed request ([`par`](crate::par)) or of a request
//!    object ([`request_object`](crate::request_object)), redirect URI (until here an error is a page, RFC 6749 §4.1.2.1), then
//!    the rest in one order, then what is read once: claims and hint.
//! 2. [`Provider::next`]: sessions, consents and the request go into `core::decision`; its answer is a page or an answer.
//! 3. A page gets the request sealed; at resume [`Provider::next`] repeats every check that can have changed.
//! 4. `Issue` writes the grant with the hash of its code; then tokens that the response type asks for are minted, and all goes
//!    to the client.
//!
//! Refused: response types that the client is not registered for, tokens in a query, an ID token without `nonce`, PKCE
//! `plain`, redirects to anything that is not registered.

use std::sync::Arc;

use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::authn::Session;
use kabinet_core::client::{Client, GrantType};
use kabinet_core::decision::{Asked, Consents, Known, Prompt, Step, decide};
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::id::{ClientId, GrantId, UserId};
use kabinet_core::jwk::Thumbprint;
use kabinet_core::response_type::ResponseType;
use kabinet_core::scope::Scope;
use kabinet_core::secret::{Secret, TokenHash, TokenKind};
use kabinet_core::user::User;
use kabinet_store::grant::Grant;

use crate::claims::ClaimsRequest;
use crate::keys::encryption::Envelope;
use crate::request::{AuthorizeParams, Params};
use crate::respond::{Destination, Response, ResponseMode};
use crate::sealed::{Flow, Target};
use crate::tokens::{Beside, Detail};
use crate::{Error, Provider, Result, flow, par};

/// `state` longer than this is refused, bytes.
const LONGEST_STATE: usize = 2048;
const GONE: OAuthError = OAuthError::new(Code::LoginRequired, "the person is no longer known");
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
    /// A pushed request that is unknown, spent, of another client or older than its minute.
    ExpiredRequest,
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
    kind: ResponseType,
    claims: ClaimsRequest,
    /// The scopes that the person allows: those asked for, and those that the claims asked for by name belong to.
    pub allowing: Scope,
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

/// What the tokens of the authorization endpoint are minted with.
struct FrontChannel<'a> {
    /// Whom an ID token is about, where one is asked for.
    user: Option<&'a User>,
    /// The code in the same answer.
    code: Option<&'a Secret>,
    envelope: Option<&'a Envelope>,
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
        let client = self.known_client(params.get("client_id").unwrap_or_default()).await?;
        let request = match params.get("request_uri").filter(|uri| par::is_pushed(uri)) {
            Some(id) => self.pushed(id, &client).await?,
            None => self.read_directly(&client, params).await?,
        };
        Ok(self.new_flow(Target::Authorize(Box::new(request)), binding))
    }

    async fn read_directly(
        &self,
        client: &Arc<Client>,
        params: &Params,
    ) -> std::result::Result<AuthorizeParams, Refusal> {
        let request = self.read(client, params).await?;
        // RFC 9126 §6.
        if client.metadata.require_pushed_authorization_requests {
            let why = "this client must push its authorization requests (RFC 9126)";
            return Err(self.refuse(&Self::destination(client, &request)?, OAuthError::new(Code::InvalidRequest, why)));
        }
        Ok(request)
    }

    /// Reads and checks the parameters of a request, wherever they come from.
    pub(crate) async fn read(
        &self,
        client: &Arc<Client>,
        params: &Params,
    ) -> std::result::Result<AuthorizeParams, Refusal> {
        let params = &self.resolve(client, params).await?;
        let mut request = AuthorizeParams::of(params);
        let destination = Self::destination(client, &request)?;
        let answer = |error: OAuthError| self.refuse(&destination, error);
        params.sound().map_err(answer)?;
        if params.get("registration").is_some() {
            return Err(answer(OAuthError::new(Code::RegistrationNotSupported, "registration is not supported")));
        }
        if let Some(claims) = params.get("claims") {
            request.claims = ClaimsRequest::parse(claims).map_err(answer)?;
        }
        self.check(&request, client.clone(), destination.clone())?;
        // OpenID Connect Core §5.5.1: a `sub` that is asked for by value admits only that person, as a hint does.
        request.hint = request.claims.sub.take();
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
            if request.hint.as_ref().is_some_and(|wanted| *wanted != hint.subject) {
                return Err(answer(OAuthError::new(
                    Code::InvalidRequest,
                    "id_token_hint and the sub of claims name two people",
                )));
            }
            request.hint = Some(hint.subject);
        }
        Ok(request)
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
            Step::Refuse(code) => {
                let why = match code {
                    Code::UnmetAuthenticationRequirements => "no sign-in of this person reaches the essential acr",
                    _ => "the person must be asked, and prompt=none forbids it",
                };
                Err(self.refuse(&checked.destination, OAuthError::new(code, why)))
            }
            Step::Issue(place) => {
                let session = sessions
                    .get(place)
                    .ok_or_else(|| Error::Bug("the decision names no session".to_owned()))?;
                match self.issue(request, &checked, session, origin).await {
                    Ok(response) => Ok(Next::Answer(response)),
                    Err(Error::Client(error)) => Err(self.refuse(&checked.destination, error)),
                    Err(error) => Err(error.into()),
                }
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
        let client = self.known_client(&request.client_id).await?;
        let destination = Self::destination(&client, request)?;
        Ok((client, destination))
    }

    pub(crate) async fn known_client(&self, id: &str) -> std::result::Result<Arc<Client>, Refusal> {
        if id.len() > LONGEST {
            return Err(Refusal::Page(Fault::UnknownClient));
        }
        self.client(&ClientId::from(id)).await?.ok_or(Refusal::Page(Fault::UnknownClient))
    }

    /// Where the answer to a request goes, errors included.
    pub(crate) fn destination(client: &Client, request: &AuthorizeParams) -> std::result::Result<Destination, Refusal> {
        // RFC 9700 §4.11.2: an unproven redirect URI gets a page and no redirect.
        if client.metadata.find_redirect(&request.redirect_uri).is_none() {
            return Err(Refusal::Page(Fault::BadRedirectUri));
        }
        let asked = request.response_mode.as_deref().and_then(ResponseMode::parse);
        let mode = match (asked, ResponseType::asks_for_tokens(&request.response_type)) {
            (None, false) => ResponseMode::Query,
            // OAuth 2.0 Multiple Response Types §3: never in a query, not even the error that says so.
            (None | Some(ResponseMode::Query), true) => ResponseMode::Fragment,
            (Some(mode), _) => mode,
        };
        Ok(Destination::of(request, mode))
    }

    /// The checks that entry and resume share, in order.
    pub(crate) fn check(
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
        let Ok(kind) = request.response_type.parse::<ResponseType>() else {
            return Err(answer(OAuthError::new(
                Code::UnsupportedResponseType,
                "response_type is none of those that are offered",
            )));
        };
        let mode_known = request.response_mode.as_deref().is_none_or(|mode| ResponseMode::parse(mode).is_some());
        if !mode_known {
            return Err(bad("response_mode must be query, fragment or form_post"));
        }
        // OAuth 2.0 Multiple Response Types §3: tokens must not stand in a query.
        if kind.is_front_channel() && request.response_mode.as_deref() == Some("query") {
            return Err(bad("response_mode query is not for this response_type"));
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
        let may = |asked: bool, grant| !asked || client.metadata.may(grant);
        let may_ask = may(kind.code, GrantType::AuthorizationCode) && may(kind.is_front_channel(), GrantType::Implicit);
        if !may_ask || !client.metadata.response_types.contains(&kind) {
            return Err(answer(OAuthError::new(
                Code::UnauthorizedClient,
                "this client is not registered for this response_type",
            )));
        }
        // OpenID Connect Core §3.2.2.1, §3.3.2.11: what arrives through the browser is bound to it by the nonce.
        if kind.id_token && request.nonce.is_none() {
            return Err(bad("nonce is required where an ID token comes from the authorization endpoint"));
        }
        let needs_pkce = kind.code && client.metadata.needs_pkce();
        let approved = flow::authorize(request, needs_pkce, &client.metadata.scope).map_err(answer)?;
        if kind.id_token && !approved.scope.has("openid") {
            return Err(answer(OAuthError::new(Code::InvalidScope, "an ID token needs the scope openid")));
        }
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
        if let Some(key) = &request.dpop_jkt {
            // RFC 9449 §10.
            if Thumbprint::parse(key).is_none() {
                return Err(bad("dpop_jkt must be a JWK thumbprint with SHA-256 (RFC 7638)"));
            }
            // Nobody proves anything to get a token of this endpoint.
            if kind.token {
                return Err(bad("dpop_jkt is not for a response_type with token"));
            }
        }
        let prompt = Prompt::parse(request.prompt.as_deref().unwrap_or_default())
            .map_err(|code| answer(OAuthError::new(code, "prompt=none stands alone")))?;
        let max_age = request.max_age.as_deref().map(|age| age.parse::<u32>().map(i64::from)).transpose();
        let max_age = max_age.map_err(|_| bad("max_age must be a number of seconds"))?;
        // OpenID Connect Registration §2: default_max_age holds where the request says nothing.
        let max_age = max_age.or(client.metadata.default_max_age.map(i64::from));
        // OpenID Connect Core §11: offline_access is ignored unless a code is asked for, which alone can bring a refresh token.
        let scope = if kind.code {
            self.offline_scope(&client, approved.scope)
        } else {
            without_offline(&approved.scope)
        };
        let claims = request.claims.clone().within(&client.metadata.scope);
        Ok(Checked {
            allowing: scope.union(&claims.scope()),
            client,
            scope,
            kind,
            claims,
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
            without_offline(&scope)
        }
    }

    /// Which of several people in one browser `login_hint` means: whose confirmed contact it is.
    async fn login_hinted(&self, request: &AuthorizeParams, users: &[UserId]) -> Result<Option<UserId>> {
        let Some(hint) = request.login_hint.as_deref().filter(|_| users.len() > 1) else {
            return Ok(None);
        };
        for id in users {
            if self.user(id).await?.is_some_and(|user| user.is_known_by(hint)) {
                return Ok(Some(id.clone()));
            }
        }
        Ok(None)
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
        let hint = match request.hint.as_deref() {
            Some(hint) => Some(self.hinted(&checked.client, hint, sessions).await?),
            None => None,
        };
        let login_hint = self.login_hinted(request, &users).await?;
        let asked = Asked {
            flow: &flow.id,
            prompt: checked.prompt,
            max_age: checked.max_age,
            acr: &checked.claims.acr,
            hint: hint.as_ref(),
            login_hint: login_hint.as_ref(),
        };
        let consent =
            (!checked.client.metadata.first_party).then_some(Consents { asked: &checked.allowing, given: &given });
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
            userinfo_claims: checked.claims.userinfo.clone(),
            id_token_claims: checked.claims.id_token.clone(),
            dpop_jkt: request.dpop_jkt.as_deref().and_then(Thumbprint::parse),
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
            refresh_salt: Self::refresh_salt(entropy),
            refresh_generation: 0,
            refresh_used_at: now,
            refresh_expires_at: now,
            created_at: now,
            expires_at: now.plus(life.refresh_absolute),
            ended_at: None,
            key: None,
        };
        let encryption = checked.client.metadata.id_token_encryption().filter(|_| checked.kind.id_token);
        let envelope = self.envelope(&checked.client, encryption).await?;
        // A grant without a code has one that nobody gets and that is over. The row outlives an access token of this answer, so
        // that it can be ended.
        let code_end = now.plus(if checked.kind.code { life.code } else { 0 });
        let token_life = if checked.kind.token { self.access_life(&checked.client) } else { 0 };
        let keep = now.plus(life.code.max(token_life) + 60);
        let mut tx = self.store().begin().await?;
        if let Some(id) = &request.pushed {
            self.spend_pushed(&mut tx, id, now).await?;
        }
        kabinet_store::grant::issue(&mut tx, &grant, &TokenHash::of(code.expose()), code_end, keep).await?;
        // The key to the session decides whether it is still there: tokens in the front channel are not redeemed first.
        if checked.kind.is_front_channel() || checked.client.metadata.hears_of_logout() {
            kabinet_store::logout::note(&mut tx, &session.id, &checked.client.id).await?;
        }
        let record = Record::of(Event::GrantIssued)
            .user(&grant.user_id)
            .client(&grant.client_id)
            .session(&grant.session_id);
        kabinet_store::audit::write(&mut tx, &record.with("grant", grant.id.as_str()), origin, now, entropy).await?;
        let user = if checked.kind.is_front_channel() {
            Some(self.user_in(&mut tx, &grant.user_id).await?.ok_or(GONE)?)
        } else {
            None
        };
        tx.commit().await?;
        let mut params = Vec::new();
        let code = checked.kind.code.then_some(&code);
        if let Some(code) = code {
            params.push(("code", code.expose().to_owned()));
        }
        let beside = FrontChannel { user: user.as_deref(), code, envelope: envelope.as_ref() };
        params.extend(self.front_channel(checked, &grant, &detail, beside)?);
        Ok(checked.destination.clone().answer(params, self.issuer()))
    }

    /// Tokens of the authorization endpoint itself (OpenID Connect Core §3.2.2.5, §3.3.2.5). After the commit, as in
    /// [`grant`](crate::grant).
    fn front_channel(
        &self,
        checked: &Checked,
        grant: &Grant,
        detail: &Detail,
        FrontChannel { user, code, envelope }: FrontChannel<'_>,
    ) -> Result<Vec<(&'static str, String)>> {
        let (client, mut params) = (&checked.client, Vec::new());
        let Some(user) = user else { return Ok(params) };
        let token = if checked.kind.token {
            let access = self.access_of(client, (user, grant), detail, &checked.scope);
            let (token, life) = self.mint_access(client, &access)?;
            params.push(("access_token", token.expose().to_owned()));
            params.push(("token_type", "Bearer".to_owned()));
            params.push(("expires_in", life.to_string()));
            params.push(("scope", checked.scope.to_string()));
            Some(token)
        } else {
            None
        };
        if checked.kind.id_token {
            let nonce = detail.nonce.as_deref();
            // Claims about the person stay out of the browser when a code can still bring an access token for them.
            let beside = Beside { user, access_token: token.as_ref(), code, nonce, envelope };
            params.push(("id_token", self.mint_id_token(client, grant, detail, beside)?));
        }
        Ok(params)
    }

    pub(crate) fn refuse(&self, to: &Destination, error: OAuthError) -> Refusal {
        Refusal::Answer(Box::new(self.error_response(to, &error)), error)
    }

    fn error_response(&self, to: &Destination, error: &OAuthError) -> Response {
        let params =
            vec![("error", error.code.as_str().to_owned()), ("error_description", error.description.to_owned())];
        to.clone().answer(params, self.issuer())
    }
}

fn without_offline(scope: &Scope) -> Scope {
    scope.without(&Scope::from_iter(["offline_access"]))
}
