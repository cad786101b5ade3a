//! API tokens («Токен API»): what a person makes in the cabinet for a program of theirs.
//!
//! The text is [`PREFIX`], 34 random characters of Base62 (202 bits) and six that check it: the CRC-32 of everything before
//! them in Base62, the most significant digit first, filled up with zeros. So a text that was cut, mistyped or made up is
//! known for none of ours without a look-up, and leak scanners find the real ones by [`PATTERN`] without asking anybody.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::ambient::{Entropy, random};
use crate::id::{ApiTokenId, ClientId, OrganisationId, UserId};
use crate::scope::Scope;
use crate::secret::Secret;
use crate::text::disguises;
use crate::time::Timestamp;

/// What every API token begins with.
pub const PREFIX: &str = "kbn_pat_";
/// What every API token looks like, as a regular expression for leak scanners.
pub const PATTERN: &str = "kbn_pat_[0-9A-Za-z]{40}";
/// Its type where it is exchanged (RFC 8693 §3).
pub const TOKEN_TYPE: &str = "urn:kabinet:token-type:api-token";
/// How many networks one may be bound to.
pub const MOST_NETWORKS: usize = 20;

const RANDOM: usize = 34;
const CHECK: usize = 6;
const LONGEST_NAME: usize = 100;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new text.
#[must_use]
pub fn generate(entropy: &dyn Entropy) -> Secret {
    let mut text = PREFIX.to_owned();
    while text.len() < PREFIX.len() + RANDOM {
        let [byte] = random::<1>(entropy);
        // 248 is the largest multiple of 62 in a byte: above it the remainder would favour some characters.
        if byte < 248 {
            text.push(char::from(DIGITS[usize::from(byte % 62)]));
        }
    }
    text.push_str(&check_of(&text));
    Secret::from(text)
}

/// Whether a text is one that [`generate`] could have made.
#[must_use]
pub fn is_sound(text: &str) -> bool {
    let is_shaped = text.len() == PREFIX.len() + RANDOM + CHECK
        && text.starts_with(PREFIX)
        && text.bytes().skip(PREFIX.len()).all(|b| b.is_ascii_alphanumeric());
    is_shaped
        && text
            .split_at_checked(PREFIX.len() + RANDOM)
            .is_some_and(|(rest, check)| check_of(rest) == check)
}

fn check_of(rest: &str) -> String {
    let mut left = crc32fast::hash(rest.as_bytes());
    let mut check = [b'0'; CHECK];
    for place in check.iter_mut().rev() {
        *place = DIGITS[(left % 62) as usize];
        left /= 62;
    }
    check.map(char::from).iter().collect()
}

/// The networks that a token is good in; none: everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Networks(Vec<IpNet>);

/// What was typed is no list of networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNetworks {
    /// One of them cannot be read.
    #[error("each must be an address or a network, as in 203.0.113.0/24")]
    Unreadable,
    /// There are more than [`MOST_NETWORKS`].
    #[error("too many networks")]
    TooMany,
}

impl Networks {
    /// Reads addresses and networks with anything but their own characters between them.
    ///
    /// # Errors
    /// See [`BadNetworks`].
    pub fn parse(text: &str) -> Result<Self, BadNetworks> {
        let parts = text.split([',', ';', ' ', '\t', '\r', '\n']).filter(|part| !part.is_empty());
        let mut networks = Vec::new();
        for part in parts {
            let network = part.parse::<IpNet>().or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
            let network = network.map_err(|_| BadNetworks::Unreadable)?.trunc();
            if !networks.contains(&network) {
                networks.push(network);
            }
            // Each is compared with all before it.
            if networks.len() > MOST_NETWORKS {
                return Err(BadNetworks::TooMany);
            }
        }
        Ok(Self(networks))
    }

    /// Whether a caller at this address may use the token. Where there is a list, an address that cannot be read may not.
    #[must_use]
    pub fn admit(&self, address: &str) -> bool {
        let address = address.parse::<IpAddr>().map(|address| address.to_canonical());
        self.0.is_empty() || address.is_ok_and(|address| self.0.iter().any(|network| network.contains(&address)))
    }

    /// Whether it is good everywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<String> for Networks {
    type Error = BadNetworks;

    fn try_from(text: String) -> Result<Self, BadNetworks> {
        Self::parse(&text)
    }
}

impl From<Networks> for String {
    fn from(networks: Networks) -> Self {
        networks.to_string()
    }
}

impl std::fmt::Display for Networks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, network) in self.0.iter().enumerate() {
            let is_address = network.prefix_len() == network.max_prefix_len();
            let comma = if at == 0 { "" } else { ", " };
            if is_address {
                write!(f, "{comma}{}", network.addr())?;
            } else {
                write!(f, "{comma}{network}")?;
            }
        }
        Ok(())
    }
}

/// Reads a token's name: 1 to 100 characters, none of which hides or reorders others.
#[must_use]
pub fn name(typed: &str) -> Option<String> {
    let typed = typed.trim();
    let is_sound =
        (1..=LONGEST_NAME).contains(&typed.chars().count()) && !typed.chars().any(|c| disguises(c) || c == '\u{fffd}');
    is_sound.then(|| typed.to_owned())
}

/// A token as it is remembered: everything but its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Names it; also the grant of every access token that came of it.
    pub id: ApiTokenId,
    /// Whose.
    pub user_id: UserId,
    /// What the person calls it.
    pub name: String,
    /// The most that comes of it.
    pub scope: Scope,
    /// The one client that may exchange it; none: every client that may exchange tokens.
    pub client_id: Option<ClientId>,
    /// The organisation that its bearer acts for.
    pub organisation_id: Option<OrganisationId>,
    /// Where it may be used from.
    pub networks: Networks,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was used last, to the minute, and by whom.
    pub used: Option<Use>,
    /// When it was revoked.
    pub ended_at: Option<Timestamp>,
}

/// The last use of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// When.
    pub at: Timestamp,
    /// From which address.
    pub ip: String,
    /// By which program, as it calls itself.
    pub agent: String,
}

/// Why a token that exists opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Expired,
    /// It is another client's.
    OtherClient,
    /// The caller is in none of its networks.
    Network,
}

impl ApiToken {
    /// Whether this client may exchange it now, from this address; the first rule that says no.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn admit(&self, client: &ClientId, address: &str, now: Timestamp) -> Result<(), Refusal> {
        if self.ended_at.is_some() {
            return Err(Refusal::Revoked);
        }
        if self.expires_at <= now {
            return Err(Refusal::Expired);
        }
        if self.client_id.as_ref().is_some_and(|own| own != client) {
            return Err(Refusal::OtherClient);
        }
        if !self.networks.admit(address) {
            return Err(Refusal::Network);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Seeded(std::sync::atomic::AtomicU8);
    impl Entropy for Seeded {
        fn fill(&self, out: &mut [u8]) {
            for byte in out {
                *byte = self.0.fetch_add(73, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }

    fn text(seed: u8) -> String {
        generate(&Seeded(seed.into())).expose().to_owned()
    }

    #[test]
    fn a_token_checks_itself_and_its_sum_is_the_published_one() {
        let text = text(1);
        assert!(is_sound(&text) && text.len() == 48, "{text}");
        // CRC-32 of the 42 characters before, in Base62 (counted by another program).
        assert_eq!(check_of("kbn_pat_0123456789012345678901234567890123"), "31J2RL");
        assert!(is_sound("kbn_pat_012345678901234567890123456789012331J2RL"));
        assert_eq!(PATTERN, format!("{PREFIX}[0-9A-Za-z]{{{}}}", RANDOM + CHECK));
    }

    proptest! {
        #[test]
        fn one_wrong_character_is_seen(seed in any::<u8>(), at in 0_usize..48, with in "[0-9A-Za-z]") {
            let right = text(seed);
            let mut wrong = right.clone();
            wrong.replace_range(at..=at, &with);
            prop_assert_eq!(is_sound(&wrong), wrong == right);
        }

        #[test]
        fn nothing_else_is_a_token(text in ".{0,60}") {
            prop_assert!(!is_sound(&text));
        }
    }

    #[test]
    fn networks_are_read_and_admit_their_own() {
        let list = Networks::parse("203.0.113.7/24, 2001:db8::1\n10.0.0.1").unwrap();
        assert_eq!(list.to_string(), "203.0.113.0/24, 2001:db8::1, 10.0.0.1");
        for (address, is_admitted) in [
            ("203.0.113.200", true),
            ("::ffff:203.0.113.200", true),
            ("203.0.114.1", false),
            ("10.0.0.1", true),
            ("10.0.0.2", false),
            ("2001:db8::1", true),
            ("2001:db8::2", false),
            ("", false),
        ] {
            assert_eq!(list.admit(address), is_admitted, "{address}");
        }
        assert!(Networks::parse(" \n").unwrap().admit(""));
        assert_eq!(Networks::parse("203.0.113.0/33"), Err(BadNetworks::Unreadable));
        assert_eq!(Networks::parse("example.com"), Err(BadNetworks::Unreadable));
        let many: Vec<String> = (0..=MOST_NETWORKS).map(|n| format!("10.0.0.{n}")).collect();
        assert_eq!(Networks::parse(&many.join(",")), Err(BadNetworks::TooMany));
        // Nothing beyond them is looked at.
        assert_eq!(Networks::parse(&format!("{},x", many.join(","))), Err(BadNetworks::TooMany));
    }

    #[test]
    fn each_rule_refuses_in_its_order() {
        let now = Timestamp(100);
        let token = ApiToken {
            id: ApiTokenId::from("t"),
            user_id: UserId::from("u"),
            name: "Обмен".to_owned(),
            scope: Scope::default(),
            client_id: Some(ClientId::from("c")),
            organisation_id: None,
            networks: Networks::parse("10.0.0.0/8").unwrap(),
            created_at: Timestamp(1),
            expires_at: Timestamp(101),
            used: None,
            ended_at: None,
        };
        let admit = |token: &ApiToken, client: &str, ip: &str| token.admit(&ClientId::from(client), ip, now);
        assert_eq!(admit(&token, "c", "10.1.1.1"), Ok(()));
        assert_eq!(admit(&token, "c", "11.1.1.1"), Err(Refusal::Network));
        assert_eq!(admit(&token, "d", "11.1.1.1"), Err(Refusal::OtherClient));
        let late = ApiToken { expires_at: now, ..token.clone() };
        assert_eq!(admit(&late, "d", "11.1.1.1"), Err(Refusal::Expired));
        let ended = ApiToken { ended_at: Some(now), ..late };
        assert_eq!(admit(&ended, "d", "11.1.1.1"), Err(Refusal::Revoked));
        let anybody = ApiToken { client_id: None, ..token };
        assert_eq!(admit(&anybody, "d", "10.1.1.1"), Ok(()));
    }

    #[test]
    fn names_that_hide_something_are_refused() {
        assert_eq!(name("  Выгрузка 1С "), Some("Выгрузка 1С".to_owned()));
        for bad in ["", " ", "a\u{202e}b", "a\nb"] {
            assert_eq!(name(bad), None, "{bad:?}");
        }
        assert_eq!(name(&"я".repeat(101)), None);
    }
}
