//! Files that hold certificates, revocation lists or signatures: PEM (RFC 7468) or DER.
//!
//! A file with a `-----BEGIN` line is PEM and may hold several objects, with text around them; any other is one object in
//! DER, or in bare base64. A byte order mark before it is passed over. Base64 is taken with line ends and blanks anywhere and nothing else.

use openssl::base64::decode_block;

use crate::der::Malformed;

/// One object of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The label of PEM, such as `CERTIFICATE`; none in DER.
    pub label: Option<String>,
    /// The object.
    pub der: Vec<u8>,
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// The objects of a file, in their order.
///
/// # Errors
///
/// A PEM object that has no end or is no base64.
pub fn read(file: &[u8]) -> Result<Vec<Object>, Malformed> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    // The text around PEM objects may be in any encoding; the objects themselves are ASCII.
    let text = String::from_utf8_lossy(file);
    let begins = |line: &str| line.starts_with(BEGIN);
    if file.first() == Some(&0x30) || !text.lines().any(|line| begins(line.trim())) {
        let is_der = |bytes: &Vec<u8>| bytes.first() == Some(&0x30);
        let bare = base64(&text).ok().filter(is_der);
        return Ok(vec![Object { label: None, der: bare.unwrap_or_else(|| file.to_vec()) }]);
    }
    let mut objects = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.find(|line| begins(line)) {
        let label = line[BEGIN.len()..].strip_suffix(DASHES).ok_or(Malformed)?.to_owned();
        let end = format!("{END}{label}{DASHES}");
        let mut body = String::new();
        loop {
            match lines.next() {
                Some(line) if line == end => break,
                Some(line) => body.push_str(line),
                None => return Err(Malformed),
            }
        }
        objects.push(Object { label: Some(label), der: base64(&body)? });
    }
    Ok(objects)
}

/// Standard base64 with its padding; blanks and line ends are skipped.
///
/// # Errors
///
/// Any other character, or a length that base64 cannot have.
pub fn base64(text: &str) -> Result<Vec<u8>, Malformed> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let data = text.trim_end_matches('=');
    let is_data = data.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'+' || c == b'/');
    let padding = text.len() - data.len();
    if !is_data || text.is_empty() || !text.len().is_multiple_of(4) || padding > 2 {
        return Err(Malformed);
    }
    let mut bytes = decode_block(&text).map_err(|_| Malformed)?;
    // The library counts padding as zeros.
    bytes.truncate(text.len() / 4 * 3 - padding);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_several_objects_with_text_around_them() {
        let file = b"subject: \xcf\xf0\r\n-----BEGIN A-----\r\nAAEC\r\nAw==\r\n-----END A-----\r\nx\n-----BEGIN B-----\nBAU=\n-----END B-----\n";
        let objects = read(file).unwrap();
        let object = |label: &str, der: &[u8]| Object { label: Some(label.to_owned()), der: der.to_vec() };
        assert_eq!(objects, [object("A", &[0, 1, 2, 3]), object("B", &[4, 5])]);
    }

    #[test]
    fn der_is_one_object_whatever_bytes_it_holds() {
        let der = b"0\x0b\n-----BEGIN A-----\n";
        assert_eq!(read(der).unwrap(), [Object { label: None, der: der.to_vec() }]);
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_and_bare_base64_is_taken() {
        let object = |label: Option<&str>| [Object { label: label.map(str::to_owned), der: vec![0x30, 0] }];
        let marked = "\u{feff}-----BEGIN A-----\nMAA=\n-----END A-----\n";
        assert_eq!(read(marked.as_bytes()).unwrap(), object(Some("A")));
        for bare in ["MAA=", "\u{feff}MA\r\nA=\r\n"] {
            assert_eq!(read(bare.as_bytes()).unwrap(), object(None), "{bare}");
        }
        assert_eq!(read(b"text").unwrap()[0].der, b"text");
    }

    #[test]
    fn an_object_without_an_end_or_with_other_characters_is_malformed() {
        for bad in ["-----BEGIN A-----\nAAEC\n", "-----BEGIN A-----\nAA*C\n-----END A-----\n", "-----BEGIN A\nAAEC\n"] {
            assert_eq!(read(bad.as_bytes()), Err(Malformed), "{bad}");
        }
        for bad in ["", "A", "AA=A", "A===", "AAAA====", "AAA"] {
            assert_eq!(base64(bad), Err(Malformed), "{bad}");
        }
    }
}
