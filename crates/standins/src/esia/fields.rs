//! The fields of a request: those of the query and those of a form, where the same name twice is a mistake.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};

use super::code::{self, Refusal};

/// The fields, decoded, in the order in which they came.
pub(super) struct Fields {
    pub(super) headers: HeaderMap,
    list: Vec<(String, String)>,
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = StatusCode;

    async fn from_request(request: Request, state: &S) -> Result<Self, StatusCode> {
        let headers = request.headers().clone();
        let query = request.uri().query().unwrap_or_default().to_owned();
        let body = Bytes::from_request(request, state).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
        let of = |text: &[u8]| form_urlencoded::parse(text).into_owned().collect::<Vec<_>>();
        let mut list = of(query.as_bytes());
        list.extend(of(&body));
        Ok(Self { headers, list })
    }
}

impl Fields {
    /// The first of this name; empty where there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.list.iter().find(|(one, _)| one == name).map_or("", |(_, value)| value.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.list.iter().any(|(one, _)| one == name)
    }

    pub(super) fn count(&self, name: &str) -> usize {
        self.list.iter().filter(|(one, _)| one == name).count()
    }

    /// Refuses a name that comes twice.
    pub(super) fn each_once(&self) -> Result<(), Refusal> {
        for (at, (name, _)) in self.list.iter().enumerate() {
            if self.list[..at].iter().any(|(other, _)| other == name) {
                return Err(code::INVALID_PARAMETER.because(format!("{name} comes more than once")));
            }
        }
        Ok(())
    }

    /// Refuses the first of these that is absent or empty.
    pub(super) fn demand(&self, names: &[&str]) -> Result<(), Refusal> {
        let absent = names.iter().find(|name| self.get(name).is_empty());
        absent.map_or(Ok(()), |name| Err(code::missing(name)))
    }

    /// A cookie's value.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let values = self.headers.get_all(header::COOKIE).into_iter();
        values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(one, _)| *one == name)
            .map(|(_, value)| value)
    }
}

#[cfg(test)]
impl Fields {
    pub(super) fn of(list: &[(&str, &str)]) -> Self {
        Self {
            headers: HeaderMap::new(),
            list: list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        }
    }
}

/// Whether the text is a UUID with its dashes.
pub(super) fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Reads `yyyy.MM.dd HH:mm:ss Z` as seconds since 1970; strictly, as ЕСИА does.
pub(super) fn timestamp(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let shape = "0000.00.00 00:00:00 +0000";
    let fits = |(byte, wanted): (&u8, u8)| match wanted {
        b'0' => byte.is_ascii_digit(),
        b'+' => matches!(byte, b'+' | b'-'),
        other => *byte == other,
    };
    if bytes.len() != shape.len() || !bytes.iter().zip(shape.bytes()).all(fits) {
        return None;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let (zone_hours, zone_minutes) = (number(21, 23)?, number(23, 25)?);
    if hour > 23 || minute > 59 || second > 59 || zone_hours > 14 || zone_minutes > 59 {
        return None;
    }
    let offset = (zone_hours * 60 + zone_minutes) * 60 * if bytes[20] == b'-' { -1 } else { 1 };
    Some(days(year, month, day)? * 86_400 + (hour * 60 + minute) * 60 + second - offset)
}

/// Days since 1970-01-01, where there is such a day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    // The year begins in March for the sake of the leap day.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_read_in_its_one_form() {
        assert_eq!(timestamp("2026.01.15 12:00:00 +0000"), Some(1_768_478_400));
        assert_eq!(timestamp("2026.01.15 15:00:00 +0300"), Some(1_768_478_400));
        assert_eq!(timestamp("2024.02.29 23:30:00 -0130"), Some(1_709_254_800));
        for bad in [
            "",
            "2026.01.15 12:00:00  0000",
            "2026.01.15 12:00:00 +00:00",
            "2026-01-15 12:00:00 +0000",
            "2026.01.15T12:00:00 +0000",
            "2026.02.29 12:00:00 +0000",
            "2026.13.01 12:00:00 +0000",
            "2026.01.15 24:00:00 +0000",
            "2026.01.15 12:00:00 +0000 ",
            "२०२६.01.15 12:00:00 +0000",
        ] {
            assert_eq!(timestamp(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_uuid_has_its_dashes() {
        assert!(is_uuid("7f4c1a52-0d1e-4c55-9f8e-3a2b6c9d0e11"));
        for bad in ["", "7f4c1a520d1e4c559f8e3a2b6c9d0e11", "7f4c1a52-0d1e-4c55-9f8e-3a2b6c9d0e1g"] {
            assert!(!is_uuid(bad), "{bad}");
        }
    }

    #[test]
    fn a_field_that_comes_twice_or_not_at_all_is_named() {
        let fields = Fields::of(&[("a", "1"), ("b", ""), ("a", "1")]);
        assert!(fields.each_once().unwrap_err().why.starts_with("a "));
        assert_eq!(
            fields.demand(&["a", "b"]).unwrap_err().description(),
            "ESIA-007014: The request doesn`t contain the mandatory parameter [b]."
        );
    }
}
