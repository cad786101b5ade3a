//! The connection to a relay: look-up, TCP, TLS.
//!
//! STARTTLS is spoken here and not by the library above: each byte of an answer in the clear is read by itself, so that
//! nothing a stranger adds behind «220» is taken for said under TLS (RFC 3207 §6; CVE-2011-0411 and its kind). After
//! TLS the server waits for EHLO (RFC 3207 §4.2) while the library waits for a greeting; [`Stream`] gives it one.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncTokioStream;
use lettre::transport::smtp::extension::ClientId;
use native_tls::{Certificate, Protocol, TlsConnector};
use openssl::x509::X509;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_native_tls::TlsStream;

use super::{BadRelay, Fault, Inner, Security, Step};
use crate::Failure;

/// How long one address is given, so that the next one has its turn.
const CONNECT: Duration = Duration::from_secs(3);

/// How TLS is made. Its connector is made at its first use: that reads the system's certificate authorities.
pub(super) struct Tls {
    further: Vec<Certificate>,
    connector: OnceCell<TlsConnector>,
}

impl Tls {
    pub(super) fn new(ca: Option<&[u8]>) -> Result<Self, BadRelay> {
        let further = ca.map_or(Ok(Vec::new()), |pem| certificates(pem).ok_or(BadRelay::Ca))?;
        Ok(Self { further, connector: OnceCell::new() })
    }

    async fn connector(&self) -> Result<&TlsConnector, Fault> {
        let further = self.further.clone();
        let make = async move || {
            let built = tokio::task::spawn_blocking(move || build(further)).await;
            built.ok().and_then(Result::ok)
        };
        let unusable = || Fault::new(Step::Tls, Failure::Unreached, "the TLS library cannot be used");
        self.connector.get_or_try_init(async || make().await.ok_or_else(unusable)).await
    }
}

fn certificates(pem: &[u8]) -> Option<Vec<Certificate>> {
    let found = X509::stack_from_pem(pem).ok().filter(|found| !found.is_empty())?;
    found.iter().map(|one| Certificate::from_der(&one.to_der().ok()?).ok()).collect()
}

fn build(further: Vec<Certificate>) -> native_tls::Result<TlsConnector> {
    let mut builder = TlsConnector::builder();
    builder.min_protocol_version(Some(Protocol::Tlsv12));
    for one in further {
        builder.add_root_certificate(one);
    }
    builder.build()
}

impl Inner {
    /// A connection that is protected as the options say, before the server's greeting or after a pretended one.
    pub(super) async fn connect(&self, step: &mut Step, hello: &ClientId) -> Result<Stream, Fault> {
        let (mut tcp, peer) = self.dial(step).await?;
        let security = self.options.security;
        if security == Security::StartTls {
            start_tls(&mut tcp, step, hello).await?;
        }
        let layer: Box<dyn Layer> = match security {
            Security::Plain => Box::new(tcp),
            Security::Tls | Security::StartTls => Box::new(self.secure(tcp, step).await?),
        };
        let pretended: &[u8] = if security == Security::StartTls { b"220 \r\n" } else { b"" };
        Ok(Stream { layer, peer, pretended })
    }

    async fn dial(&self, step: &mut Step) -> Result<(TcpStream, SocketAddr), Fault> {
        let options = &self.options;
        let found = tokio::net::lookup_host((self.host.as_str(), options.port)).await;
        let found = found.map_err(|_| Fault::new(*step, Failure::Unreached, "the name has no address"))?;
        *step = Step::Connect;
        let mut fault = Fault::new(*step, Failure::Unreached, "the name has no address");
        for address in found {
            match options.permit(address.ip()) {
                Err(why) => fault.why = why.to_string(),
                Ok(()) => match timeout(CONNECT, TcpStream::connect(address)).await {
                    Ok(Ok(tcp)) => return Ok((tcp, address)),
                    Ok(Err(why)) => fault.why = why.kind().to_string(),
                    Err(_) => fault.why = "the time is up".to_owned(),
                },
            }
        }
        Err(fault)
    }

    async fn secure(&self, tcp: TcpStream, step: &mut Step) -> Result<TlsStream<TcpStream>, Fault> {
        *step = Step::Tls;
        let connector = tokio_native_tls::TlsConnector::from(self.tls.connector().await?.clone());
        let secured = connector.connect(&self.host, tcp).await;
        secured.map_err(|why| Fault::new(*step, Failure::Unreached, why.to_string()))
    }
}

/// RFC 3207 §4: greeting, EHLO, STARTTLS in the clear, byte by byte.
async fn start_tls(tcp: &mut TcpStream, step: &mut Step, hello: &ClientId) -> Result<(), Fault> {
    *step = Step::Greeting;
    expect(tcp, *step, 220).await?;
    say(tcp, *step, &format!("EHLO {hello}\r\n")).await?;
    let offers = expect(tcp, *step, 250).await?;
    *step = Step::Tls;
    if !offers.iter().any(|offer| offer.eq_ignore_ascii_case("STARTTLS")) {
        return Err(Fault::new(*step, Failure::Unreached, "the server does not offer STARTTLS"));
    }
    say(tcp, *step, "STARTTLS\r\n").await?;
    expect(tcp, *step, 220).await.map(drop)
}

fn broken(step: Step) -> Fault {
    Fault::new(step, Failure::Unreached, "the connection ended, or the answer is none of SMTP")
}

async fn say(tcp: &mut TcpStream, step: Step, line: &str) -> Result<(), Fault> {
    tcp.write_all(line.as_bytes()).await.map_err(|_| broken(step))
}

/// The lines of an answer with this code.
async fn expect(tcp: &mut TcpStream, step: Step, code: u16) -> Result<Vec<String>, Fault> {
    let (found, lines) = answer(tcp).await.ok_or_else(|| broken(step))?;
    if found == code {
        Ok(lines)
    } else {
        let first = lines.first().map(String::as_str);
        Err(Fault::answered(step, found, first.unwrap_or_default()))
    }
}

/// Bytes of an answer that are read at most.
const ANSWER: usize = 8 * 1024;

/// RFC 5321 §4.2.1: lines `250-text`, the last one `250 text`.
async fn answer(tcp: &mut TcpStream) -> Option<(u16, Vec<String>)> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    for _ in 0..ANSWER {
        line.push(tcp.read_u8().await.ok()?);
        if !line.ends_with(b"\n") {
            continue;
        }
        let text = String::from_utf8(std::mem::take(&mut line)).ok()?;
        let code = text.get(..3)?.parse().ok()?;
        lines.push(text.get(4..).unwrap_or_default().trim().to_owned());
        if text.as_bytes().get(3) != Some(&b'-') {
            return Some((code, lines));
        }
    }
    None
}

/// A connection, whatever protects it.
trait Layer: AsyncRead + AsyncWrite + Send + Sync + Unpin + Debug {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin + Debug> Layer for T {}

/// What the library above speaks through.
#[derive(Debug)]
pub(super) struct Stream {
    layer: Box<dyn Layer>,
    peer: SocketAddr,
    /// What is read before the connection itself.
    pretended: &'static [u8],
}

impl AsyncTokioStream for Stream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.pretended.is_empty() {
            return Pin::new(&mut self.layer).poll_read(cx, buf);
        }
        let (now, later) = self.pretended.split_at(buf.remaining().min(self.pretended.len()));
        buf.put_slice(now);
        self.pretended = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.layer).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.layer).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.layer).poll_shutdown(cx)
    }
}
