//! Distinguished names (RFC 5280 §4.1.2.4).
//!
//! Read in every string type that authorities write: UTF8String, PrintableString, NumericString, IA5String, T61String (as
//! ISO 8859-1), BMPString, UniversalString; several values in one RDN; in any order; blanks at the ends removed;
//! characters that show nothing or turn the text around it are replaced by U+FFFD. Two names are the same when their DER is, so this text compares nothing.

use crate::der::{Malformed, Reader, Result, tag};
use crate::oid;

/// The most attributes that a name may have.
const MAX_ATTRIBUTES: usize = 64;

/// A distinguished name: its attributes in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    attributes: Vec<(Vec<u8>, String)>,
}

impl Name {
    #[cfg(test)]
    pub(crate) fn of(attributes: Vec<(Vec<u8>, String)>) -> Self {
        Self { attributes }
    }

    pub(crate) fn read(der: &[u8]) -> Result<Self> {
        let mut attributes = Vec::new();
        let mut relative = Reader::of_only(der, tag::SEQUENCE)?;
        while !relative.is_empty() {
            let mut values = Reader::new(relative.expect(tag::SET)?);
            while !values.is_empty() {
                let mut attribute = values.sequence()?;
                let kind = attribute.oid()?.to_vec();
                let value = attribute.element()?;
                attribute.end()?;
                if attributes.len() == MAX_ATTRIBUTES {
                    return Err(Malformed);
                }
                attributes.push((kind, text(value.tag, value.content)?));
            }
        }
        Ok(Self { attributes })
    }

    /// The values of an attribute (the DER content of its identifier).
    pub fn values<'a>(&'a self, attribute: &'a [u8]) -> impl Iterator<Item = &'a str> {
        let same = move |(kind, _): &&(Vec<u8>, String)| kind == attribute;
        self.attributes.iter().filter(same).map(|(_, value)| value.as_str())
    }

    /// For people: the common name, else the first value that is there.
    #[must_use]
    pub fn title(&self) -> &str {
        let first = self.attributes.first().map(|(_, value)| value.as_str());
        self.values(oid::COMMON_NAME).next().or(first).unwrap_or_default()
    }
}

/// Text of any string type that names are written in.
pub(crate) fn text(tag: u8, content: &[u8]) -> Result<String> {
    let text: String = match tag {
        tag::UTF8_STRING => std::str::from_utf8(content).map_err(|_| Malformed)?.to_owned(),
        tag::PRINTABLE_STRING | tag::NUMERIC_STRING | tag::IA5_STRING if content.is_ascii() => {
            content.iter().map(|byte| char::from(*byte)).collect()
        }
        tag::T61_STRING => content.iter().map(|byte| char::from(*byte)).collect(),
        tag::BMP_STRING if content.len().is_multiple_of(2) => {
            let units = content.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).collect::<std::result::Result<_, _>>().map_err(|_| Malformed)?
        }
        tag::UNIVERSAL_STRING if content.len().is_multiple_of(4) => {
            let units = content
                .chunks_exact(4)
                .map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]));
            units.map(char::from_u32).collect::<Option<_>>().ok_or(Malformed)?
        }
        _ => return Err(Malformed),
    };
    // Ends are cut before line ends become blanks: a number that is followed by one is none.
    Ok(text.trim_matches(' ').chars().map(shown).collect())
}

fn shown(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' => ' ',
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => '\u{fffd}',
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der::wrap;

    #[test]
    fn every_string_type_of_names_is_read() {
        for (tag, content, read) in [
            (tag::UTF8_STRING, "Ёж".as_bytes(), "Ёж"),
            (tag::PRINTABLE_STRING, b" Ivan  ", "Ivan"),
            (tag::NUMERIC_STRING, b"11223344595", "11223344595"),
            (tag::IA5_STRING, b"a@b.test", "a@b.test"),
            (tag::T61_STRING, b"caf\xe9", "café"),
            (tag::BMP_STRING, b"\x04\x01\x04\x36", "Ёж"),
            (tag::UNIVERSAL_STRING, b"\0\0\x04\x01", "Ё"),
            (tag::UTF8_STRING, b"a\x1b[31m\r\nb\0", "a\u{fffd}[31m  b\u{fffd}"),
            (tag::NUMERIC_STRING, b"11223344595\0", "11223344595\u{fffd}"),
            (tag::NUMERIC_STRING, b"11223344595\n", "11223344595 "),
            (tag::UTF8_STRING, "И\u{202e}ва\u{200b}н".as_bytes(), "И\u{fffd}ва\u{fffd}н"),
        ] {
            assert_eq!(text(tag, content).as_deref(), Ok(read), "{tag:#x}");
        }
        for (tag, content) in [
            (tag::UTF8_STRING, &b"\xff"[..]),
            (tag::PRINTABLE_STRING, b"\xd0"),
            (tag::BMP_STRING, b"\x04"),
            (tag::BMP_STRING, b"\xd8\x00"),
            (tag::UNIVERSAL_STRING, b"\xff\xff\xff\xff"),
            (tag::OCTET_STRING, b"a"),
        ] {
            assert_eq!(text(tag, content), Err(Malformed), "{tag:#x}");
        }
    }

    #[test]
    fn several_values_in_one_rdn_are_all_read() {
        let attribute = |oid: &[u8], value: &str| {
            let inside = [wrap(tag::OID, oid), wrap(tag::UTF8_STRING, value.as_bytes())].concat();
            wrap(tag::SEQUENCE, &inside)
        };
        let both = wrap(tag::SET, &[attribute(oid::SURNAME, "А"), attribute(oid::GIVEN_NAME, "Б")].concat());
        let alone = wrap(tag::SET, &attribute(oid::COMMON_NAME, "В"));
        let name = Name::read(&wrap(tag::SEQUENCE, &[both.clone(), alone].concat())).unwrap();
        assert_eq!(
            name.values(oid::SURNAME).chain(name.values(oid::GIVEN_NAME)).collect::<Vec<_>>(),
            ["А", "Б"]
        );
        assert_eq!(name.title(), "В");
        assert_eq!(Name::read(&wrap(tag::SEQUENCE, &both.repeat(33))), Err(Malformed));
    }
}
