//! A letter taken apart by other means than those that put it together.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub struct Parsed {
    headers: Vec<(String, String)>,
    body: String,
}

impl Parsed {
    pub fn of(raw: &[u8]) -> Self {
        let text = std::str::from_utf8(raw).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in head.split("\r\n") {
            match line.strip_prefix([' ', '\t']) {
                Some(_) => headers.last_mut().unwrap().1.push_str(&format!("\r\n{line}")),
                None => {
                    let (name, value) = line.split_once(':').unwrap();
                    headers.push((name.to_owned(), value.to_owned()));
                }
            }
        }
        Self { headers, body: body.to_owned() }
    }

    /// The one header of this name, unfolded and with its RFC 2047 words read.
    pub fn header(&self, name: &str) -> String {
        let found: Vec<_> = self.headers.iter().filter(|(one, _)| one.eq_ignore_ascii_case(name)).collect();
        assert_eq!(found.len(), 1, "{name}");
        decode(&found[0].1.replace("\r\n", ""))
    }

    /// Content types and contents of its parts, or of itself.
    pub fn parts(&self) -> Vec<(String, String)> {
        let kind = self.header("Content-Type");
        let Some((_, boundary)) = kind.split_once("boundary=") else {
            return vec![(kind, self.content())];
        };
        let boundary = format!("--{}", boundary.trim_matches('"'));
        let pieces: Vec<_> = self.body.split(boundary.as_str()).collect();
        assert!(pieces.last().unwrap().starts_with("--"), "the last boundary closes");
        let inner = &pieces[1..pieces.len() - 1];
        let part = |piece: &&str| {
            let piece = piece.strip_prefix("\r\n").unwrap().strip_suffix("\r\n").unwrap();
            let part = Self::of(piece.as_bytes());
            (part.header("Content-Type"), part.content())
        };
        inner.iter().map(part).collect()
    }

    fn content(&self) -> String {
        let body = self.body.strip_suffix("\r\n").unwrap_or(&self.body);
        match self.header("Content-Transfer-Encoding").as_str() {
            "base64" => String::from_utf8(STANDARD.decode(body.replace("\r\n", "")).unwrap()).unwrap(),
            "quoted-printable" => quoted_printable(&body.replace("=\r\n", "")),
            _ => body.to_owned(),
        }
    }

    /// The tags of its DKIM signature, without white space.
    pub fn tags(&self) -> HashMap<String, String> {
        let (_, value) = self.headers.iter().find(|(name, _)| name == "DKIM-Signature").unwrap();
        let bare: String = value.chars().filter(|c| !c.is_whitespace()).collect();
        let pair = |tag: &str| tag.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        bare.split(';').filter_map(pair).collect()
    }

    /// RFC 6376 §3.4.4.
    pub fn relaxed_body(&self) -> String {
        let even = |line: &str| {
            let mut line = line.replace('\t', " ");
            while line.contains("  ") {
                line = line.replace("  ", " ");
            }
            line.trim_end().to_owned()
        };
        let mut lines: Vec<_> = self.body.split("\r\n").map(even).collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines.iter().map(|line| format!("{line}\r\n")).collect()
    }

    /// RFC 6376 §3.7 and §5.4.2: the headers of `h`, each name from the bottom up, then the signature without its `b`.
    pub fn signed_data(&self, listed: &str) -> String {
        let even = |(name, value): &(String, String)| {
            let words: Vec<_> = value.split_whitespace().collect();
            format!("{}:{}", name.to_ascii_lowercase(), words.join(" "))
        };
        let mut left: Vec<_> = self.headers.iter().collect();
        let mut out = String::new();
        for name in listed.split(':') {
            if let Some(at) = left.iter().rposition(|(one, _)| one.eq_ignore_ascii_case(name)) {
                out.push_str(&format!("{}\r\n", even(left.remove(at))));
            }
        }
        let signature = self.headers.iter().find(|(name, _)| name == "DKIM-Signature").unwrap();
        let (before, _) = signature.1.rsplit_once("b=").unwrap();
        out + &even(&(signature.0.clone(), format!("{before}b=")))
    }
}

/// RFC 2047 §2: `=?charset?encoding?text?=`; white space between two such words is none (§6.2).
fn decode(value: &str) -> String {
    let mut out = String::new();
    let mut was_word = false;
    for word in value.split_whitespace() {
        let decoded = encoded_word(word);
        let is_joined = was_word && decoded.is_some();
        if !out.is_empty() && !is_joined {
            out.push(' ');
        }
        was_word = decoded.is_some();
        out.push_str(decoded.as_deref().unwrap_or(word));
    }
    out
}

fn encoded_word(word: &str) -> Option<String> {
    let inner = word.strip_prefix("=?utf-8?")?.strip_suffix("?=")?;
    let (encoding, text) = inner.split_once('?')?;
    match encoding {
        "b" => Some(String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()),
        "q" => Some(quoted_printable(&text.replace('_', " "))),
        _ => None,
    }
}

fn quoted_printable(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(&after[..2], 16).unwrap());
        rest = &after[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).unwrap()
}
