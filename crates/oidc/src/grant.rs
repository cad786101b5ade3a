//! Grant types: one module each, one line in [`GRANTS`], which the token endpoint and discovery read.

pub mod client_credentials;
pub mod code;
pub mod device_code;
pub mod jwt_bearer;
pub mod refresh;
pub mod token_exchange;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::client::GrantType;
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::jwk::Thumbprint;
use kabinet_core::scope::Scope;
use kabinet_core::user::User;
use kabinet_store::Tx;
use kabinet_store::audit;
use kabinet_store::grant::{self as store, Grant as Stored};

use crate::client_auth::AuthenticatedClient;
use crate::keys::encryption::Envelope;
use crate::request::Params;
use crate::token::Tokens;
use crate::tokens::{Access, Beside, Confirmation, Detail};
use crate::{Provider, Result};

/// Every grant type that the token endpoint redeems.
pub static GRANTS: &[Grant] = &[
    code::GRANT,
    refresh::GRANT,
    client_credentials::GRANT,
    device_code::GRANT,
    token_exchange::GRANT,
    jwt_bearer::GRANT,
];

/// A grant type.
pub struct Grant {
    /// Its name.
    pub kind: GrantType,
    /// Redeems it: find, check, take, mint.
    pub redeem: for<'a> fn(Request<'a>) -> Redeeming<'a>,
}

/// A redemption that is under way.
pub type Redeeming<'a> = Pin<Box<dyn Future<Output = Result<Tokens>> + Send + 'a>>;

/// A token request of an authenticated client that may use this grant type.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The provider.
    pub provider: &'a Provider,
    /// Who asks.
    pub client: &'a AuthenticatedClient,
    /// What it sent.
    pub params: &'a Params,
    /// From where.
    pub origin: &'a Origin,
    /// What its ID token is encrypted with.
    pub(crate) envelope: Option<&'a Envelope>,
    /// The key that it has proven to hold, and that what it gets is bound to (RFC 9449 §5).
    pub(crate) key: Option<&'a Thumbprint>,
}

/// What is minted of a grant.
pub(crate) struct Minting<'a> {
    pub(crate) grant: &'a Stored,
    pub(crate) detail: &'a Detail,
    /// The scope of this answer; narrower than the grant's when a refresh asked so.
    pub(crate) scope: &'a Scope,
    /// The generation of the refresh token to give; 0: none.
    pub(crate) generation: i64,
    pub(crate) nonce: Option<&'a str>,
}

impl Request<'_> {
    /// Refuses who has not proven to hold the key that something is bound to (RFC 9449 §5, §10).
    pub(crate) fn holds(&self, bound: Option<&Thumbprint>) -> Result<()> {
        const ANOTHER: OAuthError =
            OAuthError::new(Code::InvalidGrant, "bound to a key that no DPoP proof of this request is by (RFC 9449)");
        if bound.is_none() || bound == self.key {
            Ok(())
        } else {
            Err(ANOTHER.into())
        }
    }

    /// `cnf` of an access token in this answer.
    pub(crate) fn confirmation(&self) -> Option<Confirmation> {
        self.key.map(|key| Confirmation { jkt: key.clone() })
    }

    /// The person of a grant: asked before anything is committed, since a grant of nobody must not be spent.
    pub(crate) async fn person(&self, tx: &mut Tx, grant: &Stored) -> Result<Arc<User>> {
        const GONE: OAuthError = OAuthError::new(Code::InvalidGrant, "the person is no longer known");
        Ok(self.provider.user_in(tx, &grant.user_id).await?.ok_or(GONE)?)
    }

    /// Opens a grant whose code this transaction has spent, commits, and mints its first tokens.
    pub(crate) async fn open(&self, tx: Tx, grant: &Stored) -> Result<Tokens> {
        let mut detail = Detail::of(grant)?;
        match self.narrow(&mut detail) {
            Ok(()) => self.open_with(tx, grant, &detail).await,
            Err(error) => {
                tx.rollback().await?;
                Err(error)
            }
        }
    }

    /// The same with what the protocol keeps, already narrowed to what this request asks for.
    pub(crate) async fn open_with(&self, mut tx: Tx, grant: &Stored, detail: &Detail) -> Result<Tokens> {
        let (provider, client) = (self.provider, self.client);
        let (now, life) = (provider.now(), &provider.config().token);
        let generation = i64::from(client.metadata.may(GrantType::RefreshToken));
        let refresh_end = now.plus(if generation > 0 { life.refresh_idle } else { 0 });
        // The row outlives every token of the grant, so that a replay of the code still finds it.
        let keep_until = now.plus(provider.access_life(client).max(600) + 60).max(refresh_end);
        // RFC 9449 §5: refresh tokens of public clients are bound to the key, those of others to the client's authentication.
        let key = self.key.filter(|_| client.metadata.is_public());
        let opening = store::Opening { generation, refresh_expires_at: refresh_end, keep_until, key };
        store::open(&mut tx, &grant.id, opening).await?;
        let record = Record::of(Event::GrantRedeemed)
            .user(&grant.user_id)
            .client(&client.id)
            .session(&grant.session_id);
        let origin = Provider::client_origin(self.origin);
        audit::write(&mut tx, &record.with("grant", grant.id.as_str()), &origin, now, provider.entropy()).await?;
        let minting = Minting {
            grant,
            detail,
            scope: &grant.scope,
            generation,
            nonce: detail.nonce.as_deref(),
        };
        let user = self.person(&mut tx, grant).await?;
        tx.commit().await?;
        self.mint(&user, minting)
    }

    /// Mints access, ID and refresh token for a person's grant. Called after the commit: signing takes longer than the
    /// transaction, and the one writer of SQLite must not wait for it.
    pub(crate) fn mint(&self, user: &User, minting: Minting<'_>) -> Result<Tokens> {
        let Minting { grant, detail, scope, generation, nonce } = minting;
        let provider = self.provider;
        let access = Access {
            cnf: self.confirmation(),
            ..provider.access_of(self.client, (user, grant), detail, scope)
        };
        let (access_token, expires_in) = provider.mint_access(self.client, &access)?;
        let id_token = if scope.has("openid") {
            let beside = Beside {
                user,
                access_token: Some(&access_token),
                code: None,
                nonce,
                envelope: self.envelope,
            };
            Some(provider.mint_id_token(self.client, grant, detail, beside)?)
        } else {
            None
        };
        let refresh_token =
            (generation > 0).then(|| provider.refresh_token(&grant.id, generation, &grant.refresh_salt));
        Ok(Tokens {
            access_token,
            token_type: access.token_type(),
            expires_in,
            scope: scope.to_string(),
            refresh_token,
            id_token,
            issued_token_type: None,
        })
    }

    /// Narrows the resources of a grant to those that this request names (RFC 8707 §2.2).
    pub(crate) fn narrow(&self, detail: &mut Detail) -> Result<()> {
        let asked: Vec<String> = self.params.all("resource").map(str::to_owned).collect();
        let known = |resource: &String| {
            if detail.resource.is_empty() {
                self.client.metadata.resources.contains(resource)
            } else {
                detail.resource.contains(resource)
            }
        };
        if !asked.iter().all(known) {
            return Err(OAuthError::new(Code::InvalidTarget, "resource was not granted (RFC 8707)").into());
        }
        if !asked.is_empty() {
            detail.resource = asked;
        }
        Ok(())
    }
}
