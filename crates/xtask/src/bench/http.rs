//! A small HTTP/1.1 client over one kept-alive connection, with what the load needs and nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// One connection to a server on loopback; it reconnects when the server has closed it.
pub struct Connection {
    port: u16,
    stream: Option<BufReader<TcpStream>>,
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The values of the header, in lower case, in order.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("{}: {}", self.status, self.text()))
    }
}

impl Connection {
    pub fn new(port: u16) -> Self {
        Self { port, stream: None }
    }

    /// Sends the request made by `get` or `post` and reads the answer.
    pub fn send(&mut self, request: &[u8]) -> Result<Response> {
        let was_open = self.stream.is_some();
        match self.exchange(request) {
            // A server may close an idle connection at any time (RFC 9112 §9.3.1).
            Err(_) if was_open => {
                self.stream = None;
                self.exchange(request)
            }
            answer => answer,
        }
    }

    fn exchange(&mut self, request: &[u8]) -> Result<Response> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.port)?,
        };
        stream.get_mut().write_all(request)?;
        let answer = read(&mut stream)?;
        if !answer.headers("connection").any(|value| value.eq_ignore_ascii_case("close")) {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

fn connect(port: u16) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(BufReader::new(stream))
}

fn read(stream: &mut BufReader<TcpStream>) -> Result<Response> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no status line")?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            bail!("the answer ends in its head");
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Response { status, headers, body: Vec::new() };
    let length = answer.headers("content-length").next().and_then(|value| value.parse::<u64>().ok());
    if let Some(length) = length {
        stream.by_ref().take(length).read_to_end(&mut answer.body)?;
    } else if answer.headers("transfer-encoding").any(|value| value.eq_ignore_ascii_case("chunked")) {
        read_chunks(stream, &mut answer.body)?;
    }
    Ok(answer)
}

fn read_chunks(stream: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Result<()> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = line.trim().split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16).context("a chunk without a size")?;
        stream.by_ref().take(size).read_to_end(body)?;
        line.clear();
        stream.read_line(&mut line)?;
        if size == 0 {
            return Ok(());
        }
    }
}

/// A GET request as bytes; `headers` are whole lines.
pub fn get(path: &str, headers: &[String]) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n", lines(headers)).into_bytes()
}

/// A POST of form fields as bytes.
pub fn post(path: &str, headers: &[String], fields: &[(&str, &str)]) -> Vec<u8> {
    let body = encode(fields);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n{}Content-Length: {}\r\n\r\n",
        lines(headers),
        body.len()
    );
    (head + &body).into_bytes()
}

fn lines(headers: &[String]) -> String {
    // A browser without cookies sends no Cookie header.
    headers
        .iter()
        .filter(|header| !header.ends_with(": "))
        .map(|header| format!("{header}\r\n"))
        .collect()
}

/// `application/x-www-form-urlencoded`, also good for a query.
pub fn encode(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    pairs.join("&")
}

fn escape(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// The header line for client_secret_basic (RFC 6749 §2.3.1).
pub fn basic(id: &str, secret: &str) -> String {
    format!("Authorization: Basic {}", base64(format!("{}:{}", escape(id), escape(secret)).as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = (number >> (18 - 6 * place)) as usize & 63;
            out.push(if place <= chunk.len() { char::from(ALPHABET[digit]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads_as_rfc_4648_shows() {
        let shown = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        shown.iter().for_each(|(plain, encoded)| assert_eq!(base64(plain.as_bytes()), *encoded));
    }

    #[test]
    fn fields_are_escaped_byte_by_byte() {
        assert_eq!(
            encode(&[("scope", "openid profile"), ("имя", "+")]),
            "scope=openid%20profile&%D0%B8%D0%BC%D1%8F=%2B"
        );
    }
}
