//! A reader of DER (ITU-T X.690 §10-§11): definite lengths in the fewest octets, tag numbers up to 30.
//!
//! Values are slices of the input. Nothing is allocated and nothing recurses, so what a reader costs is bounded by the
//! input's length. Anything that is not DER is [`Malformed`].

/// It is not the structure that it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed")]
pub struct Malformed;

pub(crate) type Result<T> = std::result::Result<T, Malformed>;

/// Identifier octets (X.690 §8.1.2) that the structures here use.
pub(crate) mod tag {
    pub const BOOLEAN: u8 = 0x01;
    pub const INTEGER: u8 = 0x02;
    pub const BIT_STRING: u8 = 0x03;
    pub const OCTET_STRING: u8 = 0x04;
    pub const NULL: u8 = 0x05;
    pub const OID: u8 = 0x06;
    pub const UTF8_STRING: u8 = 0x0c;
    pub const NUMERIC_STRING: u8 = 0x12;
    pub const PRINTABLE_STRING: u8 = 0x13;
    pub const T61_STRING: u8 = 0x14;
    pub const IA5_STRING: u8 = 0x16;
    pub const UTC_TIME: u8 = 0x17;
    pub const GENERALIZED_TIME: u8 = 0x18;
    pub const UNIVERSAL_STRING: u8 = 0x1c;
    pub const BMP_STRING: u8 = 0x1e;
    pub const SEQUENCE: u8 = 0x30;
    pub const SET: u8 = 0x31;

    /// [number], primitive.
    pub const fn context(number: u8) -> u8 {
        0x80 | number
    }

    /// [number], constructed.
    pub const fn constructed(number: u8) -> u8 {
        0xa0 | number
    }
}

/// One element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub tag: u8,
    pub content: &'a [u8],
    /// With its identifier and length.
    pub whole: &'a [u8],
}

/// Elements one after another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The reader of the one element of this tag that the bytes hold.
    pub(crate) fn of_only(bytes: &'a [u8], tag: u8) -> Result<Self> {
        let mut reader = Self::new(bytes);
        let content = reader.expect(tag)?;
        reader.end()?;
        Ok(Self::new(content))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(crate) fn element(&mut self) -> Result<Element<'a>> {
        let (header, length) = header(self.rest)?;
        let end = header.checked_add(length).ok_or(Malformed)?;
        let whole = self.rest.get(..end).ok_or(Malformed)?;
        self.rest = &self.rest[end..];
        Ok(Element { tag: whole[0], content: &whole[header..], whole })
    }

    /// The content of the next element, which has this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<&'a [u8]> {
        let element = self.element()?;
        if element.tag == tag { Ok(element.content) } else { Err(Malformed) }
    }

    /// The content of the next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>> {
        if self.peek() == Some(tag) {
            self.expect(tag).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(crate) fn sequence(&mut self) -> Result<Self> {
        self.expect(tag::SEQUENCE).map(Self::new)
    }

    pub(crate) fn oid(&mut self) -> Result<&'a [u8]> {
        self.expect(tag::OID)
            .and_then(|oid| if oid.is_empty() { Err(Malformed) } else { Ok(oid) })
    }

    /// The octets of an INTEGER, the fewest that hold it (X.690 §8.3.2).
    pub(crate) fn integer(&mut self) -> Result<&'a [u8]> {
        let octets = self.expect(tag::INTEGER)?;
        match octets {
            [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => Err(Malformed),
            _ => Ok(octets),
        }
    }

    /// A BIT STRING whose bits fill its octets.
    pub(crate) fn bytes_of_bits(&mut self) -> Result<&'a [u8]> {
        match self.expect(tag::BIT_STRING)? {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(Malformed),
        }
    }

    /// UTCTime or GeneralizedTime in the forms of RFC 5280 §4.1.2.5: seconds since 1970-01-01T00:00:00Z.
    pub(crate) fn time(&mut self) -> Result<i64> {
        let element = self.element()?;
        match element.tag {
            tag::UTC_TIME => utc_time(element.content),
            tag::GENERALIZED_TIME => generalized_time(element.content),
            _ => Err(Malformed),
        }
    }
}

/// How long the identifier and length octets are together, and the length that they state.
fn header(bytes: &[u8]) -> Result<(usize, usize)> {
    let (identifier, first) = match bytes {
        [identifier, first, ..] => (*identifier, *first),
        _ => return Err(Malformed),
    };
    if identifier & 0x1f == 0x1f {
        return Err(Malformed);
    }
    if first < 0x80 {
        return Ok((2, usize::from(first)));
    }
    let count = usize::from(first & 0x7f);
    let octets = bytes
        .get(2..2 + count)
        .filter(|octets| (1..=4).contains(&octets.len()))
        .ok_or(Malformed)?;
    let length = octets.iter().fold(0_usize, |length, octet| length << 8 | usize::from(*octet));
    // X.690 §10.1: in the fewest octets.
    if length < 0x80 || octets[0] == 0 {
        return Err(Malformed);
    }
    Ok((2 + count, length))
}

fn utc_time(text: &[u8]) -> Result<i64> {
    let year = i64::from(number(text.get(..2).ok_or(Malformed)?)?);
    seconds(if year < 50 { 2000 + year } else { 1900 + year }, &text[2..])
}

fn generalized_time(text: &[u8]) -> Result<i64> {
    let year = number(text.get(..4).ok_or(Malformed)?)?;
    seconds(i64::from(year), &text[4..])
}

/// MMDDHHMMSSZ.
fn seconds(year: i64, rest: &[u8]) -> Result<i64> {
    if rest.len() != 11 || rest[10] != b'Z' {
        return Err(Malformed);
    }
    let part = |at: usize| number(&rest[at..at + 2]).map(i64::from);
    let (month, day, hour, minute, second) = (part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return Err(Malformed),
    };
    if !(1..=last).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return Err(Malformed);
    }
    Ok(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970-01-01 in the Gregorian calendar; the year begins in March for the sake of the leap day.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn number(digits: &[u8]) -> Result<u32> {
    digits.iter().try_fold(0, |sum, digit| match digit {
        b'0'..=b'9' => Ok(sum * 10 + u32::from(digit - b'0')),
        _ => Err(Malformed),
    })
}

/// An element of this tag around the content.
pub(crate) fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut whole = vec![tag];
    let length = content.len();
    if length < 0x80 {
        whole.push(length as u8);
    } else {
        let octets = length.to_be_bytes();
        let octets = &octets[octets.iter().take_while(|octet| **octet == 0).count()..];
        whole.push(0x80 | octets.len() as u8);
        whole.extend_from_slice(octets);
    }
    whole.extend_from_slice(content);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_definite_and_in_the_fewest_octets() {
        for good in [vec![4, 0], vec![4, 1, 7], [&[4, 0x81, 0x80][..], &[0; 128]].concat()] {
            assert_eq!(Reader::new(&good).element().unwrap().whole, good);
        }
        for bad in [
            &[][..],
            &[4],
            &[4, 1],
            &[4, 0x80, 0, 0],
            &[4, 0x81, 1, 7],
            &[4, 0x82, 0, 0x80],
            &[0x1f, 0],
            &[4, 0x85, 1, 0, 0, 0, 0],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(Reader::new(bad).element().map(|element| element.whole), Err(Malformed), "{bad:?}");
        }
    }

    #[test]
    fn what_is_wrapped_is_read_back() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let whole = wrap(tag::OCTET_STRING, &vec![5; length]);
            assert_eq!(Reader::of_only(&whole, tag::OCTET_STRING).unwrap().rest.len(), length);
        }
    }

    #[test]
    fn an_integer_is_in_the_fewest_octets() {
        for (bytes, good) in [
            (&[2, 1, 0][..], true),
            (&[2, 2, 0, 0x80], true),
            (&[2, 1, 0xff], true),
            (&[2, 0], false),
            (&[2, 2, 0, 1], false),
            (&[2, 2, 0xff, 0x80], false),
        ] {
            assert_eq!(Reader::new(bytes).integer().is_ok(), good, "{bytes:?}");
        }
    }

    #[test]
    fn times_are_read_in_the_forms_of_rfc_5280_only() {
        let time = |tag: u8, text: &str| Reader::new(&wrap(tag, text.as_bytes())).time();
        assert_eq!(time(tag::UTC_TIME, "700101000000Z"), Ok(0));
        assert_eq!(time(tag::UTC_TIME, "000229120000Z"), Ok(951_825_600));
        assert_eq!(time(tag::UTC_TIME, "491231235959Z"), Ok(2_524_607_999));
        assert_eq!(time(tag::GENERALIZED_TIME, "20500101000000Z"), Ok(2_524_608_000));
        assert_eq!(time(tag::GENERALIZED_TIME, "99991231235959Z"), Ok(253_402_300_799));
        for (tag, bad) in [
            (tag::UTC_TIME, "7001010000Z"),
            (tag::UTC_TIME, "700101000000+0300"),
            (tag::UTC_TIME, "010229000000Z"),
            (tag::UTC_TIME, "701301000000Z"),
            (tag::UTC_TIME, "700101240000Z"),
            (tag::UTC_TIME, "7x0101000000Z"),
            (tag::GENERALIZED_TIME, "20500101000000.5Z"),
            (tag::GENERALIZED_TIME, "2"),
            (tag::UTC_TIME, ""),
        ] {
            assert_eq!(time(tag, bad), Err(Malformed), "{bad}");
        }
    }
}
