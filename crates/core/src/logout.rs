//! Which clients can be told of a sign-out, and what becomes of a logout notice after an attempt to hand it to a client (Back-Channel Logout 1.0 §2.8).
//!
//! 1. 2xx: the client has ended its session.
//! 2. No answer, 429 and 5xx: it may be able to later. It is asked again after a wait that grows, for about a day.
//! 3. Anything else, 400 above all: it will never take it. A redirect, too: a token is not carried on to where nobody
//!    registered.

use crate::client::{BadClient, ClientMetadata, GrantType};
use crate::redirect::{PrivateSchemes, check_registration};
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
        self.backchannel_logout_uri.is_some()
    }

    pub(crate) fn check_logout(&self) -> Result<(), BadClient> {
        let field = "backchannel_logout_uri";
        let Some(uri) = &self.backchannel_logout_uri else {
            return Ok(());
        };
        // Back-Channel Logout §2.2: an absolute URI without a fragment; https, as everything that carries a token.
        let problem = check_registration(uri, PrivateSchemes::Refused).err().map(|why| format!("{uri:?} {why}"));
        let problem = problem.or_else(|| (!self.may(GrantType::AuthorizationCode)).then(|| NOBODY.to_owned()));
        problem.map_or(Ok(()), |detail| Err(BadClient { field, detail }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Profile;

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
        let mut machine = ClientMetadata::of_profile(Profile::Machine, "Служба");
        machine.backchannel_logout_uri = Some("https://rp.example/out".to_owned());
        assert_eq!(refused(&machine), Some("backchannel_logout_uri"));
    }
}
