//! What a client may say of itself beside its grants: addresses, keys, ways in, its sector.

use url::Url;

use super::{Alg, AuthMethod, BadClient, ClientMetadata, GrantType, Profile, SubjectType};
use crate::method::{login_problem, registration_problem};
use crate::redirect::{BadRedirect, PrivateSchemes, check_registration};
use crate::text::disguises;

/// Bytes of an address that people or the operator are shown.
const LONGEST_URI: usize = 2048;

/// Redirect URIs of a kind that one client may have.
const MOST_URIS: usize = 32;

impl ClientMetadata {
    pub(super) fn check_redirects(&self) -> Result<(), BadClient> {
        let wants = self.redirects();
        if wants && self.redirect_uris.is_empty() {
            return Err(BadClient {
                field: "redirect_uris",
                detail: "at least one is needed".to_owned(),
            });
        }
        if !wants && !self.redirect_uris.is_empty() {
            return Err(BadClient {
                field: "redirect_uris",
                detail: "this client has no grant type that redirects".to_owned(),
            });
        }
        let lists = [
            ("redirect_uris", &self.redirect_uris),
            ("post_logout_redirect_uris", &self.post_logout_redirect_uris),
        ];
        for (field, uris) in lists {
            if uris.len() > MOST_URIS {
                return Err(BadClient { field, detail: format!("may hold {MOST_URIS} at most") });
            }
            for uri in uris {
                check_registration(uri, self.private_schemes())
                    .map_err(|why: BadRedirect| BadClient { field, detail: format!("{uri:?} {why}") })?;
            }
        }
        Ok(())
    }

    fn private_schemes(&self) -> PrivateSchemes {
        if self.profile == Profile::Native {
            PrivateSchemes::Allowed
        } else {
            PrivateSchemes::Refused
        }
    }

    pub(super) fn check_description(&self) -> Result<(), BadClient> {
        let links = [
            ("client_uri", &self.client_uri),
            ("logo_uri", &self.logo_uri),
            ("policy_uri", &self.policy_uri),
            ("tos_uri", &self.tos_uri),
        ];
        for (field, link) in links {
            let is_web = |uri: &String| {
                uri.len() <= LONGEST_URI && Url::parse(uri).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
            };
            if !link.as_ref().is_none_or(is_web) {
                return Err(BadClient { field, detail: "must be an http or https URL".to_owned() });
            }
        }
        let bad = |field, detail: &str| Err(BadClient { field, detail: detail.to_owned() });
        let is_short = |text: &String| (1..=256).contains(&text.len()) && !text.chars().any(disguises);
        if self.contacts.len() > 10 || !self.contacts.iter().all(is_short) {
            return bad("contacts", "may hold ten texts of at most 256 bytes");
        }
        for (field, text) in [("software_id", &self.software_id), ("software_version", &self.software_version)] {
            if !text.as_ref().is_none_or(is_short) {
                return bad(field, "must have 1 to 256 bytes");
            }
        }
        if let Some(uri) = &self.initiate_login_uri {
            // OpenID Connect Registration §2: the scheme must be https.
            let is_https = uri.starts_with("https://") && check_registration(uri, PrivateSchemes::Refused).is_ok();
            if !is_https {
                return bad("initiate_login_uri", "must be an https URL (OpenID Connect Registration section 2)");
            }
        }
        if let Some(uri) = &self.sector_identifier_uri
            && let Err(why) = check_registration(uri, PrivateSchemes::Refused)
        {
            return bad("sector_identifier_uri", &format!("{uri:?} {why}"));
        }
        // OpenID Connect Core §8.1: several hosts need a sector_identifier_uri.
        if self.subject_type == SubjectType::Pairwise && self.sector().is_none() {
            return bad(
                "subject_type",
                "pairwise needs https redirect URIs of one host, or a sector_identifier_uri",
            );
        }
        Ok(())
    }

    pub(super) fn check_requests(&self) -> Result<(), BadClient> {
        let bad = |field, detail: &str| Err(BadClient { field, detail: detail.to_owned() });
        // RFC 7591 §2.1: response types and grant types go together.
        if self.may(GrantType::AuthorizationCode) != self.response_types.iter().any(|kind| kind.code) {
            return bad(
                "response_types",
                "those with code must go with the grant type authorization_code (RFC 7591 section 2.1)",
            );
        }
        if self.may(GrantType::Implicit) != self.response_types.iter().any(|kind| kind.is_front_channel()) {
            return bad(
                "response_types",
                "those with id_token or token must go with the grant type implicit (RFC 7591 section 2.1)",
            );
        }
        for uri in &self.request_uris {
            // OpenID Connect Core §6.2: https; a fragment is the hash of a request and never registered here.
            let sound = Url::parse(uri).is_ok_and(|url| {
                matches!(url.scheme(), "https" | "http") && url.fragment().is_none() && url.username().is_empty()
            });
            if !sound || uri.len() > 512 {
                return bad(
                    "request_uris",
                    "each must be an https URL of at most 512 bytes without a fragment; http is for addresses that outbound.allow lists",
                );
            }
        }
        if self.request_uris.len() > 20 {
            return bad("request_uris", "at most 20 can be registered");
        }
        Ok(())
    }

    pub(super) fn check_methods(&self) -> Result<(), BadClient> {
        let login = self.login_methods.as_deref().and_then(login_problem);
        let registration = self.registration_methods.as_deref().and_then(registration_problem);
        let problems = [("login_methods", login), ("registration_methods", registration)];
        match problems.into_iter().find_map(|(field, detail)| Some((field, detail?))) {
            Some((field, detail)) => Err(BadClient { field, detail }),
            None => Ok(()),
        }
    }

    pub(super) fn check_keys(&self) -> Result<(), BadClient> {
        let bad = |field, detail: String| Err(BadClient { field, detail });
        if let Some(set) = &self.jwks
            && let Err(why) = set.check()
        {
            return bad("jwks", why.to_string());
        }
        if let Some(uri) = &self.jwks_uri {
            // RFC 7591 §2: both must not stand in one registration.
            if self.jwks.is_some() {
                return bad("jwks_uri", "stands in place of jwks, not beside it (RFC 7591 section 2)".to_owned());
            }
            if let Err(why) = check_registration(uri, PrivateSchemes::Refused) {
                return bad("jwks_uri", format!("{uri:?} {why}"));
            }
        }
        if self.token_endpoint_auth_method != AuthMethod::PrivateKeyJwt {
            return Ok(());
        }
        let algs = self.assertion_algs();
        match (&self.jwks, &self.jwks_uri) {
            (None, None) => bad("jwks", "private_key_jwt needs jwks or jwks_uri".to_owned()),
            (Some(set), _) if !set.usable().iter().any(|key| algs.iter().any(|alg| key.verifies(*alg))) => {
                bad("jwks", "holds no key that could verify an assertion".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// What its assertions may be signed with.
    #[must_use]
    pub fn assertion_algs(&self) -> &[Alg] {
        match &self.token_endpoint_auth_signing_alg {
            Some(alg) => std::slice::from_ref(alg),
            None => &Alg::ALL,
        }
    }

    /// The sector that its pairwise subjects are for: a host (OpenID Connect Core §8.1). That of redirect URIs counts over https
    /// only, which proves who is there: the host of a private scheme is anybody's.
    #[must_use]
    pub fn sector(&self) -> Option<String> {
        let host = |url: Url| url.host_str().map(str::to_owned);
        if let Some(uri) = &self.sector_identifier_uri {
            return host(Url::parse(uri).ok()?);
        }
        let proven = |uri: &String| host(Url::parse(uri).ok().filter(|url| url.scheme() == "https")?);
        let sector = proven(self.redirect_uris.first()?)?;
        self.redirect_uris
            .iter()
            .all(|uri| proven(uri).as_ref() == Some(&sector))
            .then_some(sector)
    }
}
