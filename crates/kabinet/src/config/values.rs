//! Types of single settings: how each is written in a file or the environment, and how it is shown.
//!
//! Everything may be given as text, because the environment knows nothing else. A message about a bad value repeats the
//! value only where it cannot hold a secret.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use kabinet_core::secret::Secret;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A length of time in whole seconds, written as a number of seconds or as `90s`, `5m`, `1h`, `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub u32);

impl Seconds {
    /// The number of seconds, in the type that [`kabinet_core::time::Timestamp`] adds.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0 as i64
    }

    /// For timers.
    #[must_use]
    pub const fn duration(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0 as u64)
    }

    /// `n` minutes.
    #[must_use]
    pub const fn minutes(n: u32) -> Self {
        Self(n * 60)
    }

    /// `n` hours.
    #[must_use]
    pub const fn hours(n: u32) -> Self {
        Self(n * 3600)
    }

    /// `n` days.
    #[must_use]
    pub const fn days(n: u32) -> Self {
        Self(n * 86400)
    }
}

const UNITS: [(char, u32); 4] = [('d', 86400), ('h', 3600), ('m', 60), ('s', 1)];

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "must be a number of seconds, or a number with s, m, h or d as in \"5m\"";
        let (digits, unit) = match UNITS.iter().find(|(letter, _)| text.ends_with(*letter)) {
            Some((_, unit)) => (&text[..text.len() - 1], *unit),
            None => (text, 1),
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(FORM);
        }
        let count: u32 = digits.parse().map_err(|_| "is too long a time")?;
        count.checked_mul(unit).map(Self).ok_or("is too long a time")
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit)) {
            Some((letter, unit)) => write!(f, "{}{letter}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Seconds;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time in seconds or with a unit, as in \"5m\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Seconds, E> {
                text.trim().parse().map_err(|why| E::custom(format_args!("{text:?} {why}")))
            }
            fn visit_u64<E: de::Error>(self, count: u64) -> Result<Seconds, E> {
                u32::try_from(count).map(Seconds).map_err(|_| E::custom("is too long a time"))
            }
            fn visit_i64<E: de::Error>(self, count: i64) -> Result<Seconds, E> {
                u32::try_from(count)
                    .map(Seconds)
                    .map_err(|_| E::custom(format_args!("{count} is no length of time")))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// A network in CIDR notation; a bare address is the network of that one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(pub IpNet);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(IpNet::from(address)));
        }
        let network: IpNet = text
            .parse()
            .map_err(|_| format!("{text:?} is no network; write it as 10.0.0.0/8 or fd00::/8"))?;
        if network.trunc() != network {
            return Err(format!("{text:?} has bits set beyond its prefix; write {}", network.trunc()));
        }
        Ok(Self(network))
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The URL of a service. Its password is left out wherever it is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl(String);

impl ServiceUrl {
    /// The URL with its password, for the one place that connects.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for ServiceUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl From<&str> for ServiceUrl {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.starts_with("sqlite:") {
            return f.write_str(&self.0);
        }
        let Ok(mut url) = url::Url::parse(&self.0) else {
            return f.write_str("***");
        };
        // A password may stand in the authority, or as a parameter (libpq, Redis); a parameter is never worth the risk.
        let masked = url.password().is_none() || url.set_password(Some("***")).is_ok();
        if url.query().is_some() {
            url.set_query(Some("***"));
        }
        if masked { f.write_str(url.as_str()) } else { f.write_str("***") }
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ServiceUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ServiceUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = ServiceUrl;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL as text")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<ServiceUrl, E> {
                Ok(ServiceUrl(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A secret setting: shown as `***`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden(pub Secret);

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

/// Reads a list, or the same list as one text separated by commas.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct List<T>(std::marker::PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list, or a text separated by commas")
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.map(|part| T::deserialize(de::value::StrDeserializer::new(part))).collect()
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut out = Vec::new();
            while let Some(item) = items.next_element()? {
                out.push(item);
            }
            Ok(out)
        }
    }
    deserializer.deserialize_any(List(std::marker::PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_with_and_without_unit_and_shown_in_the_largest_unit_that_fits() {
        for (text, seconds, shown) in [("60", 60, "1m"), ("90s", 90, "90s"), ("24h", 86400, "1d"), ("0", 0, "0")] {
            let read: Seconds = text.parse().unwrap();
            assert_eq!((read.0, read.to_string().as_str()), (seconds, shown), "{text}");
        }
        for bad in ["", "m", "-5", "5 m", "1.5h", "5w", "99999999999", "49711d"] {
            assert!(bad.parse::<Seconds>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_network_with_stray_bits_is_refused_with_the_right_form() {
        assert_eq!("10.1.2.3".parse::<Network>().unwrap().0.to_string(), "10.1.2.3/32");
        assert!("10.1.2.3/8".parse::<Network>().unwrap_err().contains("write 10.0.0.0/8"));
        assert!("ten".parse::<Network>().is_err());
    }

    #[test]
    fn the_password_of_a_service_is_never_shown() {
        let shown = |url: &str| ServiceUrl::from(url).to_string();
        assert_eq!(shown("postgres://kabinet:hunter2@db/kabinet"), "postgres://kabinet:***@db/kabinet");
        assert!(!shown("postgres://db/kabinet?password=hunter2").contains("hunter2"));
        assert_eq!(shown("hunter2@nowhere"), "***");
        assert_eq!(shown("sqlite:kabinet.db"), "sqlite:kabinet.db");
    }
}
