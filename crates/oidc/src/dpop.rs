//! Proof of possession (DPoP, RFC 9449): tokens that are of no use to whoever merely has them.
//!
//! 1. A client makes a key pair and sends with each request a proof: a JWT signed by that key, which stands in its header.
//!    [`Provider::possession`] checks it and gives the key's thumbprint (RFC 7638).
//! 2. Tokens that are given in answer are bound to that key: `token_type` is `DPoP`, and access tokens say `cnf.jkt`. A refresh token
//!    of a public client is bound, too, and then not rotated (§5); one of a confidential client is bound to its authentication.
//! 3. `dpop_jkt` in an authorization request, or a proof with a pushed one, binds the code (§10).
//! 4. Where a bound token is shown, [`Provider::admit`] asks for a proof by its key that names the token (`ath`, §7).
//!
//! A proof passes the checks of §4.3 in this order: one header of at most [`LONGEST`] bytes; a JWS of type `dpop+jwt` with an
//! algorithm of [`ALGS`] and no header extension; a public key that fits it; the signature; every claim there and of its type;
//! `htm`; `htu` against the published address; `ath`; the nonce; `iat`; `jti`.
//!
//! **Nonces** are always demanded. A proof without a good one gets `use_dpop_nonce` and a nonce, which clients that know DPoP
//! answer by themselves. For it a proof is good for [`NONCE_LIFE`] and not for as long as clocks may differ, nobody can make
//! proofs in advance, and marks of `jti` need not outlive it. A nonce is a moment with a code that only this installation
//! makes: every node gives and takes the same, and nothing is kept.
//!
//! **Single use.** Marks of `jti` live in Redis or in process. When some may have been lost (a restart, an empty Redis, none at
//! all), a nonce from before is refused like an old one, so that a replay needs a new proof and an honest client one more round
//! trip.
//!
//! Refused: RS256 (FAPI 2.0 Security Profile §5.4), `none` and symmetric algorithms, keys with a private half, tokens of the
//! authorization endpoint, which nothing could bind, for clients and requests that want bound ones.

use std::sync::Arc;
use std::time::Duration;

use kabinet_core::client::Alg;
use kabinet_core::dpop::is_target;
use kabinet_core::error::{Code, OAuthError};
use kabinet_core::jwk::Thumbprint;
use kabinet_core::secret::{Secret, TokenHash};
use kabinet_core::time::Timestamp;

use crate::keys::client::{BadJwt, ClientClaims, TypPolicy, verify_by_own};
use crate::tokens::Access;
use crate::{Error, Provider, Result};

/// What proofs may be signed with.
pub const ALGS: [Alg; 3] = [Alg::ES256, Alg::EdDSA, Alg::PS256];
/// Longer proofs are not read, bytes: one with an RSA key of 4096 bits has about 2500.
const LONGEST: usize = 4096;
/// How long a nonce is good, seconds.
const NONCE_LIFE: i64 = 120;
/// How far the clocks of two nodes may be apart, seconds.
const NODE_SKEW: i64 = 10;
/// How far the clock of a client may be from ours either way, seconds; the nonce is what keeps a proof fresh.
const WINDOW: i64 = 300;
/// The longest `jti`, bytes.
const LONGEST_JTI: usize = 256;
const TYP: TypPolicy = TypPolicy::Required(&["dpop+jwt"]);

/// The `DPoP` headers of a request.
#[derive(Clone, Debug, Default)]
pub enum Presented {
    /// None.
    #[default]
    Nothing,
    /// One, not looked at yet.
    Proof(Secret),
    /// Several, or what is no text.
    Unreadable,
}

impl Presented {
    /// Takes the values of all of them.
    #[must_use]
    pub fn of<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Self {
        match (values.next(), values.next()) {
            (None, _) => Self::Nothing,
            (Some(one), None) => std::str::from_utf8(one).map_or(Self::Unreadable, |text| Self::Proof(text.into())),
            (Some(_), Some(_)) => Self::Unreadable,
        }
    }

    /// Whether the client knows DPoP at all.
    #[must_use]
    pub fn is_there(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

/// How a token came to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750.
    Bearer,
    /// RFC 9449 §7.1.
    Dpop,
}

/// What a request to a resource shows.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// The access token.
    pub token: &'a Secret,
    /// How it came.
    pub scheme: Scheme,
    /// What came with it.
    pub proof: &'a Presented,
    /// The method and the path of the request.
    pub target: (&'a str, &'a str),
}

/// What a proof must be about.
struct Expected<'a> {
    method: &'a str,
    address: &'a str,
    token: Option<&'a Secret>,
}

/// What a proof says, beside what it must say.
#[derive(Debug, PartialEq, Eq)]
struct Said<'a> {
    jti: &'a str,
    iat: Timestamp,
    nonce: Option<&'a str>,
}

const fn bad(why: &'static str) -> OAuthError {
    OAuthError::new(Code::InvalidDpopProof, why)
}

const NONCE: OAuthError = OAuthError::new(Code::UseDpopNonce, "the proof needs the nonce of the header DPoP-Nonce");

impl Provider {
    /// A nonce for the next proof (RFC 9449 §8).
    #[must_use]
    pub fn dpop_nonce(&self) -> String {
        let at = self.now().0.to_string();
        format!("{at}.{}", self.inner.nonce_stamper.stamp(&[&at]))
    }

    /// When a nonce was given, if it is one of ours and not too old.
    fn nonce_time(&self, nonce: &str, now: Timestamp) -> Option<Timestamp> {
        let (text, stamp) = nonce.split_once('.')?;
        let at = Timestamp(text.parse().ok()?);
        let is_ours = self.inner.nonce_stamper.verify(&[text], stamp);
        (is_ours && (-NODE_SKEW..=NONCE_LIFE).contains(&now.since(at))).then_some(at)
    }

    /// The key that the sender of a request has proven to hold; none when no proof came. `target` is the method and the path;
    /// `token` the access token that came with it.
    ///
    /// # Errors
    /// `invalid_dpop_proof`; `use_dpop_nonce`, and then the answer must carry a nonce, as all do whose request held a proof.
    pub async fn possession(
        &self,
        presented: &Presented,
        target: (&str, &str),
        token: Option<&Secret>,
    ) -> Result<Option<Thumbprint>> {
        let proof = match presented {
            Presented::Nothing => return Ok(None),
            Presented::Proof(proof) => self.check_proof(proof, target, token).await,
            // RFC 9449 §4.3, check 1.
            Presented::Unreadable => Err(bad("there must be one DPoP header, with one proof")),
        };
        let result = match &proof {
            Ok(_) => "good",
            Err(error) if error.code == Code::UseDpopNonce => "nonce",
            Err(_) => "refused",
        };
        metrics::counter!("kabinet_dpop_proofs_total", "result" => result).increment(1);
        Ok(Some(proof?))
    }

    async fn check_proof(
        &self,
        proof: &Secret,
        (method, path): (&str, &str),
        token: Option<&Secret>,
    ) -> std::result::Result<Thumbprint, OAuthError> {
        if proof.expose().len() > LONGEST {
            return Err(bad("the proof is longer than 4096 bytes"));
        }
        let (key, claims) = verify_by_own(proof.expose(), &ALGS, TYP).map_err(|BadJwt(why)| bad(why))?;
        let address = format!("{}{path}", self.issuer());
        let expected = Expected { method, address: &address, token };
        let said = check(&claims, &expected).map_err(|BadJwt(why)| bad(why))?;
        let now = self.now();
        let marks = self.store().ephemeral();
        let Some(given) = said.nonce.and_then(|nonce| self.nonce_time(nonce, now)) else {
            // So that the nonce which the answer brings is not older than the first mark.
            marks.marked_since(now).await;
            return Err(NONCE);
        };
        if !(-WINDOW..=WINDOW).contains(&now.since(said.iat)) {
            return Err(bad("iat is more than five minutes away from the provider's clock"));
        }
        let thumbprint = key.thumbprint();
        let mark = format!("kabinet:dpop:{}:{}", thumbprint.as_str(), TokenHash::of(said.jti).as_str());
        let life = Duration::from_secs(NONCE_LIFE.unsigned_abs() + NODE_SKEW.unsigned_abs() + 1);
        let marked = marks.mark(&mark, life, now).await;
        if !marked.is_first {
            return Err(bad("the proof was used before"));
        }
        if given < marked.since {
            return Err(NONCE.with_detail("marks may have been lost since"));
        }
        Ok(thumbprint)
    }

    /// The claims of an access token that opens a resource of ours, as it came: a bound one with a proof by its key.
    ///
    /// # Errors
    /// `invalid_token`, and those of [`Self::possession`].
    pub async fn admit(&self, shown: Credentials<'_>) -> Result<Arc<Access>> {
        const BARE: OAuthError =
            OAuthError::new(Code::InvalidToken, "the token is bound to a key and is no bearer token (RFC 9449)");
        const UNBOUND: OAuthError =
            OAuthError::new(Code::InvalidToken, "the token is bound to no key: it is a bearer token");
        const ANOTHER: OAuthError = OAuthError::new(Code::InvalidToken, "the token is bound to another key");
        let access = self.read_access(shown.token.expose()).await?;
        match (shown.scheme, &access.cnf) {
            (Scheme::Bearer, None) => Ok(access),
            // RFC 9449 §7.2: a bound token must not be taken as a bearer token.
            (Scheme::Bearer, Some(_)) => Err(BARE.into()),
            (Scheme::Dpop, None) => Err(UNBOUND.into()),
            (Scheme::Dpop, Some(bound)) => {
                let key = self.possession(shown.proof, shown.target, Some(shown.token)).await?;
                let key = key.ok_or(bad("the header DPoP is missing"))?;
                // RFC 9449 §4.3, check 12.
                if key == bound.jkt { Ok(access) } else { Err(Error::from(ANOTHER)) }
            }
        }
    }
}

/// The claims of a proof, and whether they are about this request (RFC 9449 §4.3, checks 3, 8, 9 and 12).
fn check<'a>(claims: &'a ClientClaims, expected: &Expected<'_>) -> std::result::Result<Said<'a>, BadJwt> {
    let jti = claims.text("jti")?.ok_or(BadJwt("jti is missing"))?;
    if jti.is_empty() || jti.len() > LONGEST_JTI {
        return Err(BadJwt("jti must have 1 to 256 bytes"));
    }
    let iat = claims.time("iat")?.ok_or(BadJwt("iat is missing"))?;
    if claims.text("htm")?.ok_or(BadJwt("htm is missing"))? != expected.method {
        return Err(BadJwt("htm is not the method of the request"));
    }
    if !is_target(claims.text("htu")?.ok_or(BadJwt("htu is missing"))?, expected.address) {
        return Err(BadJwt("htu is not the address of the endpoint"));
    }
    if let Some(token) = expected.token {
        let ath = claims.text("ath")?.ok_or(BadJwt("ath is missing"))?;
        if !TokenHash::of(token.expose()).is(ath) {
            return Err(BadJwt("ath is not the hash of the access token"));
        }
    }
    Ok(Said { jti, iat, nonce: claims.text("nonce")? })
}

#[cfg(test)]
mod tests {
    use kabinet_core::json;

    use super::*;

    const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

    fn claims(text: &str) -> ClientClaims {
        ClientClaims(json::object(text.as_bytes()).unwrap())
    }

    fn judged(text: &str, token: Option<&str>) -> std::result::Result<(), &'static str> {
        let token = token.map(Secret::from);
        let expected = Expected {
            method: "POST",
            address: "https://server.example.com/token",
            token: token.as_ref(),
        };
        check(&claims(text), &expected).map(drop).map_err(|BadJwt(why)| why)
    }

    #[test]
    fn the_proofs_of_the_specification_are_about_their_requests() {
        // RFC 9449 §4.2 and §7.1.
        let first =
            r#"{"jti":"-BwC3ESc6acc2lTc","htm":"POST","htu":"https://server.example.com/token","iat":1562262616}"#;
        assert_eq!(judged(first, None), Ok(()));
        let second = r#"{"jti":"e1j3V_bKic8-LAEB","htm":"POST","htu":"https://server.example.com/token","iat":1562262618,
            "ath":"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo","more":{"is":"ignored"}}"#;
        assert_eq!(judged(second, Some(TOKEN)), Ok(()));
        assert_eq!(judged(second, None), Ok(()), "an ath that nobody asked for");
        assert_eq!(judged(second, Some("another")), Err("ath is not the hash of the access token"));
        assert_eq!(judged(first, Some(TOKEN)), Err("ath is missing"));
    }

    #[test]
    fn each_claim_must_be_there_and_of_its_type() {
        let text = "a claim that must be a text is none";
        for (claims, why) in [
            (r#"{"htm":"POST","htu":"https://server.example.com/token","iat":1}"#, "jti is missing"),
            (
                r#"{"jti":"","htm":"POST","htu":"https://server.example.com/token","iat":1}"#,
                "jti must have 1 to 256 bytes",
            ),
            (r#"{"jti":7,"htm":"POST","htu":"https://server.example.com/token","iat":1}"#, text),
            (r#"{"jti":"x","htu":"https://server.example.com/token","iat":1}"#, "htm is missing"),
            (
                r#"{"jti":"x","htm":"post","htu":"https://server.example.com/token","iat":1}"#,
                "htm is not the method of the request",
            ),
            (r#"{"jti":"x","htm":["POST"],"htu":"https://server.example.com/token","iat":1}"#, text),
            (r#"{"jti":"x","htm":"POST","iat":1}"#, "htu is missing"),
            (r#"{"jti":"x","htm":"POST","htu":null,"iat":1}"#, text),
            (
                r#"{"jti":"x","htm":"POST","htu":"https://server.example.com/other","iat":1}"#,
                "htu is not the address of the endpoint",
            ),
            (r#"{"jti":"x","htm":"POST","htu":"https://server.example.com/token"}"#, "iat is missing"),
            (
                r#"{"jti":"x","htm":"POST","htu":"https://server.example.com/token","iat":"1"}"#,
                "a claim that must be a time in seconds is none",
            ),
            (
                r#"{"jti":"x","htm":"POST","htu":"https://server.example.com/token","iat":1,"nonce":1}"#,
                text,
            ),
        ] {
            assert_eq!(judged(claims, None), Err(why), "{claims}");
        }
    }

    #[test]
    fn one_header_is_read_and_several_are_not() {
        let of = |values: &[&[u8]]| Presented::of(values.iter().copied());
        assert!(matches!(of(&[]), Presented::Nothing));
        assert!(matches!(of(&[b"a.b.c"]), Presented::Proof(_)));
        assert!(matches!(of(&[b"a.b.c", b"a.b.c"]), Presented::Unreadable));
        assert!(matches!(of(&[b"\xff"]), Presented::Unreadable));
    }
}
