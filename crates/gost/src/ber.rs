//! BER made DER (ITU-T X.690 §8, §10): what streaming signers write, rewritten so that one strict parser reads it.
//!
//! 1. Indefinite lengths become definite, long lengths as short as they can be.
//! 2. An OCTET STRING in pieces (constructed, as CMS content in a stream) becomes one.
//! 3. Everything else stays as it is and where it is. Elements of a SET are not sorted: the signed attributes may have been
//!    signed in the order in which they stand, and `cms` tries both.
//!
//! Depth and total size are bounded; the result is at most a few octets longer than the input. Other strings in pieces are
//! refused: no signer writes them, and they would give one name two encodings.

use crate::der::{Malformed, tag, wrap};

/// How deep elements may nest.
pub(crate) const MAX_DEPTH: usize = 32;

/// Why bytes cannot be made DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They are no BER, or use a form that is not taken.
    Malformed,
    /// They nest deeper than 32.
    TooDeep,
}

impl From<Malformed> for Fault {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// The DER of one element in BER.
///
/// # Errors
///
/// [`Fault`]. Bytes after the element are [`Fault::Malformed`].
pub fn normalise(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut rest = bytes;
    let whole = element(&mut rest, MAX_DEPTH)?;
    if rest.is_empty() { Ok(whole) } else { Err(Fault::Malformed) }
}

/// Takes one element off the front.
fn element(rest: &mut &[u8], depth: usize) -> Result<Vec<u8>, Fault> {
    let Header { identifier, length } = header(rest)?;
    let is_constructed = identifier & 0x20 != 0;
    if !is_constructed {
        let content = take(rest, length.ok_or(Fault::Malformed)?)?;
        return Ok(wrap(identifier, content));
    }
    let depth = depth.checked_sub(1).ok_or(Fault::TooDeep)?;
    let is_octets = identifier == tag::OCTET_STRING | 0x20;
    // X.690 §8.14-§8.23: a universal string type in pieces.
    if identifier & 0xc0 == 0 && ![tag::SEQUENCE, tag::SET].contains(&identifier) && !is_octets {
        return Err(Fault::Malformed);
    }
    let content = match length {
        Some(length) => {
            let mut content = take(rest, length)?;
            let mut made = Vec::with_capacity(length);
            while !content.is_empty() {
                append(&mut made, element(&mut content, depth)?, is_octets)?;
            }
            made
        }
        None => {
            let mut made = Vec::new();
            while !is_end(rest)? {
                append(&mut made, element(rest, depth)?, is_octets)?;
            }
            made
        }
    };
    Ok(wrap(if is_octets { tag::OCTET_STRING } else { identifier }, &content))
}

/// Appends an element of DER, or of a piece of an OCTET STRING the content.
fn append(made: &mut Vec<u8>, element: Vec<u8>, is_octets: bool) -> Result<(), Fault> {
    if !is_octets {
        made.extend_from_slice(&element);
        return Ok(());
    }
    let mut reader = crate::der::Reader::new(&element);
    made.extend_from_slice(reader.expect(tag::OCTET_STRING)?);
    Ok(())
}

/// Takes the end-of-contents octets if they are next.
fn is_end(rest: &mut &[u8]) -> Result<bool, Fault> {
    match rest {
        [0, 0, after @ ..] => {
            *rest = after;
            Ok(true)
        }
        [] => Err(Fault::Malformed),
        _ => Ok(false),
    }
}

struct Header {
    identifier: u8,
    /// None where the end is marked.
    length: Option<usize>,
}

fn header(rest: &mut &[u8]) -> Result<Header, Fault> {
    let octets = take(rest, 2)?;
    let (identifier, first) = (octets[0], octets[1]);
    // End-of-contents octets have no place here, and no structure of ours has tag numbers above 30.
    if identifier == 0 || identifier & 0x1f == 0x1f {
        return Err(Fault::Malformed);
    }
    let length = match first {
        0..=0x7f => Some(usize::from(first)),
        0x80 => None,
        0xff => return Err(Fault::Malformed),
        _ => {
            let octets = take(rest, usize::from(first & 0x7f))?;
            let fits = octets.iter().rev().skip(4).all(|octet| *octet == 0);
            let length = octets.iter().fold(0_usize, |length, octet| length << 8 | usize::from(*octet));
            Some(if fits { length } else { return Err(Fault::Malformed) })
        }
    };
    Ok(Header { identifier, length })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Fault> {
    let (taken, after) = rest.split_at_checked(length).ok_or(Fault::Malformed)?;
    *rest = after;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_stays_as_it_is() {
        let signed = include_bytes!("../fixtures/detached-person-256.p7s");
        assert_eq!(normalise(signed).unwrap(), signed);
    }

    #[test]
    fn indefinite_lengths_and_long_lengths_become_definite_and_short() {
        let ber = [0x30, 0x80, 0x02, 0x81, 0x01, 0x05, 0x31, 0x80, 0x04, 0x82, 0x00, 0x01, 0xaa, 0, 0, 0, 0];
        assert_eq!(normalise(&ber).unwrap(), [0x30, 8, 2, 1, 5, 0x31, 3, 4, 1, 0xaa]);
    }

    #[test]
    fn octets_in_pieces_become_one_string_even_when_pieces_have_pieces() {
        let ber = [0xa0, 0x80, 0x24, 0x80, 4, 1, 1, 0x24, 6, 4, 1, 2, 4, 1, 3, 0, 0, 0, 0];
        assert_eq!(normalise(&ber).unwrap(), [0xa0, 5, 4, 3, 1, 2, 3]);
    }

    #[test]
    fn other_strings_in_pieces_and_broken_lengths_are_refused() {
        for bad in [
            &[][..],
            &[0x30],
            &[0x30, 0x80],
            &[0x30, 0x80, 0],
            &[0x2c, 3, 0x0c, 1, 0x41],
            &[0x23, 4, 3, 2, 0, 1],
            &[0x04, 0x80, 0, 0],
            &[0x24, 3, 2, 1, 5],
            &[0, 0],
            &[0x30, 2, 0, 0],
            &[0x1f, 1, 0],
            &[0x30, 0xff],
            &[4, 0x85, 1, 0, 0, 0, 1, 0],
            &[5, 0, 5, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(normalise(bad), Err(Fault::Malformed), "{bad:?}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nest = |depth: usize| (0..depth).fold(vec![5, 0], |inner, _| wrap(tag::SEQUENCE, &inner));
        assert!(normalise(&nest(MAX_DEPTH)).is_ok());
        assert_eq!(normalise(&nest(MAX_DEPTH + 1)), Err(Fault::TooDeep));
        assert_eq!(normalise(&[0x30, 0x80].repeat(60_000)), Err(Fault::TooDeep));
    }
}
