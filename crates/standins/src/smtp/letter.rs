//! What a caught letter says, for whoever looks at it: as much of MIME (RFC 2045, 2046) as a letter of one part, or of
//! alternatives, needs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Caught;

/// A part of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its type, `text/plain` or `text/html`.
    pub kind: String,
    /// What it says.
    pub text: String,
}

impl Caught {
    /// The value of a header as it stands, the first of that name; empty without one.
    #[must_use]
    pub fn header(&self, name: &str) -> String {
        let raw = String::from_utf8_lossy(&self.raw);
        header(split(&raw).0, name)
    }

    /// The parts of the letter, the plainest first.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let raw = String::from_utf8_lossy(&self.raw);
        let (head, body) = split(&raw);
        let kind = header(head, "Content-Type");
        let Some((_, boundary)) = kind.split_once("boundary=") else {
            return vec![part(&raw)];
        };
        let line = format!("--{}", boundary.trim_matches('"'));
        let inside = body.split(line.as_str()).skip(1).take_while(|text| !text.starts_with("--"));
        inside.map(|text| part(text.trim_start_matches("\r\n"))).collect()
    }
}

fn split(text: &str) -> (&str, &str) {
    text.split_once("\r\n\r\n").unwrap_or((text, ""))
}

/// A header, with its folded lines as one.
fn header(head: &str, name: &str) -> String {
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let of_name = |line: &&str| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
    let line = unfolded.split("\r\n").find(of_name).and_then(|line| line.split_once(':'));
    line.map_or_else(String::new, |(_, value)| value.trim().to_owned())
}

fn part(text: &str) -> Part {
    let (head, body) = split(text);
    let kind = header(head, "Content-Type");
    let bytes = match header(head, "Content-Transfer-Encoding").to_ascii_lowercase().as_str() {
        "base64" => STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap_or_default(),
        "quoted-printable" => unquoted(body),
        _ => body.as_bytes().to_vec(),
    };
    Part {
        kind: kind.split(';').next().unwrap_or_default().trim().to_owned(),
        text: String::from_utf8_lossy(&bytes).trim_end().to_owned(),
    }
}

/// RFC 2045 §6.7.
fn unquoted(body: &str) -> Vec<u8> {
    let soft = body.replace("=\r\n", "");
    let mut rest = soft.as_bytes();
    let mut out = Vec::new();
    while let Some((first, behind)) = rest.split_first() {
        let pair = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match pair.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'=') {
            Some(byte) => {
                out.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caught(raw: &str) -> Caught {
        Caught {
            from: String::new(),
            to: Vec::new(),
            raw: raw.replace('\n', "\r\n").into_bytes(),
            over_tls: false,
            login: None,
        }
    }

    #[test]
    fn alternatives_are_read_whatever_they_are_wrapped_in() {
        let letter = caught(
            "Message-ID: <m1@id.test>\nContent-Type: multipart/alternative;\n boundary=\"=_m1\"\n\n--=_m1\nContent-Type: text/plain; \
             charset=utf-8\nContent-Transfer-Encoding: base64\n\n0JrQvtC0IDAxMjM0NQ==\n--=_m1\nContent-Type: \
             text/html\nContent-Transfer-Encoding: quoted-printable\n\n<p>=D0=9A=\n=D0=BE=D0=B4 1=3D1</p>\n--=_m1--\n",
        );
        let parts = letter.parts();
        let told: Vec<_> = parts.iter().map(|part| (part.kind.as_str(), part.text.as_str())).collect();
        assert_eq!(told, [("text/plain", "Код 012345"), ("text/html", "<p>Код 1=1</p>")]);
        assert_eq!(letter.header("message-id"), "<m1@id.test>");
    }

    #[test]
    fn a_letter_of_one_part_is_that_part_and_a_broken_one_is_no_trouble() {
        let plain = caught("Subject: x\nContent-Type: text/plain\n\nКод =4\n").parts();
        assert_eq!((plain.len(), plain[0].text.as_str()), (1, "Код =4"));
        assert_eq!(caught("").parts()[0].text, "");
        assert_eq!(unquoted("a=4"), b"a=4");
    }
}
