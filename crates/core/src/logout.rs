//! Which clients can be told of a sign-out, and what becomes of a logout notice after an attempt to hand it to a client (Back-Channel Logout 1.0 §2.8).
//!
//! 1. 2xx: the client has ended its session.
//! 2. No answer, 429 and 5xx: it may be able to later. It is asked again after a wait that grows, for about a day.
//! 3. Anything else, 400 above all: it will never take it. A redirect, too: a token is not carried on to where nobody
//!    registered.

use crate::client::{BadClient, ClientMetadata, Profile};
use crate::redirect::{LoopbackPort, PrivateSchemes, check_registration, find, origin_of};
use crate::time::Timestamp;

/// Why a client that nobody signs in to hears of no sign-out.
const NOBODY: &str = "nobody signs in to this client: it has no grant type that redirects";

/// Waits before each further attempt, in seconds; after the last one the client is given up.
const LADDER: [i64; 7] = [10, 60, 300, 1800, 7200, 21_600, 43_200];

/// How a client answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// By this status.
    Status(u16),
    /// Not at all, or not in time.
    Silence,
}

/// What happens with the notice next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: the client knows.
    Told,
    /// Another attempt, not before this moment.
    Again(Timestamp),
    /// Nothing: the client does not take it.
    Dead,
}

impl Answer {
    /// What follows from the answer to attempt number `attempts`, counted from 1.
    #[must_use]
    pub fn next(self, attempts: i64, now: Timestamp) -> Next {
        let wait = usize::try_from(attempts - 1).ok().and_then(|done| LADDER.get(done));
        match (self, wait) {
            (Self::Status(200..=299), _) => Next::Told,
            (Self::Silence | Self::Status(429 | 500..=599), Some(wait)) => Next::Again(now.plus(*wait)),
            _ => Next::Dead,
        }
    }
}

impl ClientMetadata {
    /// Whether the sessions in which it got codes are noted, so that it can be told of their end.
    #[must_use]
    pub fn hears_of_logout(&self) -> bool {
        self.backchannel_logout_uri.is_some() || self.frontchannel_logout_uri.is_some()
    }

    /// The post-logout redirect URI that a request asks for, if it is one of the client's.
    #[must_use]
    pub fn find_post_logout<'a>(&self, asked: &'a str) -> Option<&'a str> {
        let port = if self.profile == Profile::Native {
            LoopbackPort::Any
        } else {
            LoopbackPort::Exact
        };
        find(&self.post_logout_redirect_uris, asked, port)
    }

    pub(crate) fn check_logout(&self) -> Result<(), BadClient> {
        let back = self.backchannel_logout_uri.as_deref().map(|uri| ("backchannel_logout_uri", uri));
        let front = self.frontchannel_logout_uri.as_deref().map(|uri| ("frontchannel_logout_uri", uri));
        let bad = |field, detail| Err(BadClient { field, detail });
        for (field, uri) in back.into_iter().chain(front) {
            // Back-Channel Logout §2.2, Front-Channel Logout §2: an absolute URI; https, and no fragment.
            if let Err(why) = check_registration(uri, PrivateSchemes::Refused) {
                return bad(field, format!("{uri:?} {why}"));
            }
            if !self.redirects() {
                return bad(field, NOBODY.to_owned());
            }
        }
        // Front-Channel Logout §2: scheme, host and port of a redirect URI.
        let is_own = |uri| self.redirect_uris.iter().any(|own| origin_of(own) == origin_of(uri));
        if let Some((field, uri)) = front.filter(|(_, uri)| !is_own(uri)) {
            return bad(
                field,
                format!("{uri:?} must have scheme, host and port of a redirect URI (Front-Channel Logout section 2)"),
            );
        }
        if self.session_management && !self.redirects() {
            return bad("session_management", NOBODY.to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::GrantType;

    #[test]
    fn only_what_may_pass_is_tried_again_and_not_for_ever() {
        let now = Timestamp(1000);
        for (answer, attempts, next) in [
            (Answer::Status(200), 1, Next::Told),
            (Answer::Status(204), 8, Next::Told),
            (Answer::Silence, 1, Next::Again(Timestamp(1010))),
            (Answer::Status(429), 2, Next::Again(Timestamp(1060))),
            (Answer::Status(503), 7, Next::Again(Timestamp(44_200))),
            (Answer::Status(500), 8, Next::Dead),
            (Answer::Silence, 8, Next::Dead),
            (Answer::Status(400), 1, Next::Dead),
            (Answer::Status(404), 1, Next::Dead),
            (Answer::Status(302), 1, Next::Dead),
        ] {
            assert_eq!(answer.next(attempts, now), next, "{answer:?}, attempt {attempts}");
        }
    }

    #[test]
    fn a_client_is_told_over_https_and_only_where_somebody_signs_in() {
        let mut client = ClientMetadata::of_profile(Profile::Web, "Проба");
        client.redirect_uris.push("https://rp.example/cb".to_owned());
        let refused = |client: &ClientMetadata| client.check().err().map(|bad| bad.field);
        for (uri, is_bad) in [
            ("https://rp.example/out?a=b", false),
            ("http://127.0.0.1:9/out", false),
            ("http://rp.example/out", true),
            ("https://rp.example/out#x", true),
            ("com.example.app:/out", true),
            ("https://me@rp.example/out", true),
            ("/out", true),
        ] {
            client.backchannel_logout_uri = Some(uri.to_owned());
            assert_eq!(refused(&client), is_bad.then_some("backchannel_logout_uri"), "{uri}");
        }
        client.backchannel_logout_uri = Some("https://rp.example/out".to_owned());
        client.grant_types = vec![GrantType::Implicit];
        client.response_types = vec!["id_token".parse().unwrap()];
        assert_eq!(refused(&client), None, "people come to it without a code, too");
        let mut machine = ClientMetadata::of_profile(Profile::Machine, "Служба");
        machine.backchannel_logout_uri = Some("https://rp.example/out".to_owned());
        assert_eq!(refused(&machine), Some("backchannel_logout_uri"));
    }

    #[test]
    fn a_front_channel_has_the_origin_of_a_redirect_uri() {
        let mut client = ClientMetadata::of_profile(Profile::Web, "Проба");
        client.redirect_uris.push("https://rp.example/cb".to_owned());
        for (uri, is_bad) in [
            ("https://rp.example/out", false),
            ("https://rp.example:443/out", false),
            ("https://rp.example:8443/out", true),
            ("https://other.example/out", true),
            ("http://rp.example/out", true),
            ("javascript:alert(1)", true),
        ] {
            client.frontchannel_logout_uri = Some(uri.to_owned());
            let field = client.check().err().map(|bad| bad.field);
            assert_eq!(field, is_bad.then_some("frontchannel_logout_uri"), "{uri}");
        }
        let mut machine = ClientMetadata::of_profile(Profile::Machine, "Служба");
        machine.session_management = true;
        assert_eq!(machine.check().unwrap_err().field, "session_management");
    }
}
