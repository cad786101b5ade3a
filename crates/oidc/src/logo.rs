//! The pictures of clients (`logo_uri`, OpenID Connect Registration 1.0 §2, RFC 7591 §2).
//!
//! Pages load nothing from elsewhere: a picture there would tell that place who signs in. So:
//!
//! 1. When a client is saved whose `logo_uri` is new, the picture is fetched once through the guarded client: no private
//!    address unless listed, no redirect, 64 KiB, seconds. A failure fails nothing: it is logged, the client has no picture,
//!    and the next save tries again.
//! 2. What came is a PNG, JPEG or WebP by its content (`kabinet_core::picture`) or is not kept.
//! 3. It is served from our own origin under the hash of its content, and shown to people at sign-in and consent.
//!
//! Somebody who registers themselves could show anybody's picture (RFC 7591 §5), so without a token nobody's is fetched or
//! shown, unless the setting says `all` or an administrator set the `logo_uri`.

use kabinet_core::client::{Client, ClientMetadata};
use kabinet_core::id::ClientId;
use kabinet_core::picture::{BadPicture, Format, Picture};
use kabinet_core::time::Timestamp;
use kabinet_fetch::Fetch;
use kabinet_store::logo::{self, Shown};
use kabinet_store::{Db, Tx};
use url::Url;

use crate::{Provider, Result};

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum BadLogo {
    /// It is no URL.
    #[error("it is no URL")]
    Url,
    /// It did not come.
    #[error(transparent)]
    Fetch(#[from] kabinet_fetch::Error),
    /// Something else came.
    #[error(transparent)]
    Picture(#[from] BadPicture),
}

/// Whether a picture is fetched that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Only a new `logo_uri` is.
    IfNew,
    /// It is: somebody named it again.
    Always,
}

/// What becomes of the picture of a client that is being saved.
#[derive(Debug)]
pub enum Change {
    /// It stays as it is.
    Stays,
    /// There is none, or none any more.
    None,
    /// This is it from now on.
    New(String, Picture),
}

impl Change {
    /// Carries it out in the transaction that saves the client.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn apply(&self, tx: &mut Tx, client: &ClientId, now: Timestamp) -> kabinet_store::Result<()> {
        match self {
            Self::Stays => Ok(()),
            Self::None => logo::forget(tx, client).await,
            Self::New(uri, picture) => logo::keep(tx, client, uri, picture, now).await,
        }
    }
}

/// Fetches the picture of a client that is about to be saved, where that is due. With it: why it could not be, for whoever
/// saves.
///
/// # Errors
/// When the store fails.
pub async fn renew(
    fetch: &Fetch,
    db: &Db,
    (client, metadata): (&ClientId, &ClientMetadata),
    renewal: Renewal,
) -> kabinet_store::Result<(Change, Option<BadLogo>)> {
    let Some(uri) = &metadata.logo_uri else {
        return Ok((Change::None, None));
    };
    let is_there = logo::source(db, client).await?.as_ref() == Some(uri);
    if is_there && renewal == Renewal::IfNew {
        return Ok((Change::Stays, None));
    }
    Ok(match load(fetch, uri).await {
        Ok(picture) => (Change::New(uri.clone(), picture), None),
        Err(why) => (if is_there { Change::Stays } else { Change::None }, Some(why)),
    })
}

async fn load(fetch: &Fetch, uri: &str) -> std::result::Result<Picture, BadLogo> {
    let url = Url::parse(uri).map_err(|_| BadLogo::Url)?;
    let answer = fetch.get(url).await?.success()?;
    Ok(Picture::of(answer.body.into())?)
}

impl Provider {
    /// The hash of the picture that pages show of a client; no read for one that has none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn logo_of(&self, client: &Client) -> Result<Option<String>> {
        let Some(uri) = &client.metadata.logo_uri else {
            return Ok(None);
        };
        Ok(logo::of_client(self.store().db(), &client.id, uri, self.shown_logos()).await?)
    }

    /// The picture with this hash, if pages show it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn logo(&self, hash: &str) -> Result<Option<(Format, Vec<u8>)>> {
        if hash.len() != 64 || !hash.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Ok(None);
        }
        Ok(logo::by_hash(self.store().db(), hash, self.shown_logos()).await?)
    }

    fn shown_logos(&self) -> Shown {
        self.config().registration.show_logos
    }

    /// Fetches the picture of a client that saves itself. Of one whose picture nobody would see nothing is fetched.
    pub(crate) async fn renew_logo(
        &self,
        client: (&ClientId, &ClientMetadata),
        is_vouched: bool,
    ) -> kabinet_store::Result<Change> {
        if !is_vouched && self.shown_logos() == Shown::Vouched {
            return Ok(Change::None);
        }
        let (change, bad) = renew(&self.inner.fetch, self.store().db(), client, Renewal::IfNew).await?;
        if let Some(why) = bad {
            tracing::warn!(client.id = %client.0, error = %why, "the picture of a client could not be fetched");
        }
        Ok(change)
    }
}
