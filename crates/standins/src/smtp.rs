//! An SMTP server that catches letters: it takes them as a relay would (RFC 5321) and carries them nowhere.
//!
//! It offers STARTTLS or TLS from the first byte, with a certificate made for `localhost` and `127.0.0.1` at its start,
//! and asks for AUTH PLAIN or LOGIN when it has a login. It keeps each letter raw. One connection after the other may be
//! told to behave as bad servers do: [`Behaviour`].

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use tokio_native_tls::TlsAcceptor;

mod certificate;
mod letter;
mod session;

pub use letter::Part;

/// How connections are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    None,
    /// After STARTTLS; MAIL is refused before.
    Start,
    /// From the first byte.
    Implicit,
}

/// What the server does with one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes the letter.
    Take,
    /// Greets with this code and closes: 421 or 554.
    Greet(u16),
    /// Answers RCPT with this code: 550 refuses, 451 defers.
    Recipient(u16),
    /// Answers the letter's end with this code.
    Letter(u16),
    /// Closes after the letter's end, in place of an answer; the letter is kept.
    Drop,
    /// Closes when DATA is asked for.
    DropBefore,
    /// Waits before it answers the letter's end.
    Slow(Duration),
    /// Never answers the letter's end; the letter is kept.
    Hang,
    /// Adds a line in the clear behind the answer to STARTTLS, as one between the two would.
    Inject,
}

/// A letter that was caught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caught {
    /// The address after MAIL FROM.
    pub from: String,
    /// The addresses after RCPT TO.
    pub to: Vec<String>,
    /// The letter as it came, without the dots of transparency.
    pub raw: Vec<u8>,
    /// Whether it came under TLS.
    pub over_tls: bool,
    /// Who had signed in.
    pub login: Option<String>,
}

/// A running server; it ends when this is dropped.
pub struct Catcher {
    address: SocketAddr,
    ca: Vec<u8>,
    shared: Arc<Shared>,
    listener: AbortHandle,
}

struct Shared {
    tls: Tls,
    login: Option<(String, String)>,
    acceptor: TlsAcceptor,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: VecDeque<Behaviour>,
    caught: Vec<Caught>,
    followers: Vec<UnboundedSender<Caught>>,
    connections: usize,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Catcher {
    /// Starts a server; port 0 takes a free one. With a login, name and password, it takes letters after AUTH only.
    ///
    /// # Errors
    /// When the address cannot be listened on, or no certificate can be made.
    pub async fn start(listen: SocketAddr, tls: Tls, login: Option<(&str, &str)>) -> io::Result<Self> {
        let certificate = certificate::make().map_err(io::Error::other)?;
        let acceptor = native_tls::TlsAcceptor::new(certificate.identity).map_err(io::Error::other)?;
        let socket = TcpListener::bind(listen).await?;
        let address = socket.local_addr()?;
        let shared = Arc::new(Shared {
            tls,
            login: login.map(|(name, password)| (name.to_owned(), password.to_owned())),
            acceptor: acceptor.into(),
            state: Mutex::default(),
        });
        let listener = tokio::spawn(listen_on(socket, Arc::clone(&shared))).abort_handle();
        Ok(Self { address, ca: certificate.pem, shared, listener })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its certificate, PEM, which is its own authority.
    #[must_use]
    pub fn ca(&self) -> &[u8] {
        &self.ca
    }

    /// Says what the next connection meets that has nothing said for it yet.
    pub fn then(&self, behaviour: Behaviour) {
        self.shared.state().next.push_back(behaviour);
    }

    /// The letters so far.
    #[must_use]
    pub fn caught(&self) -> Vec<Caught> {
        self.shared.state().caught.clone()
    }

    /// Each letter from now on, as it is caught.
    #[must_use]
    pub fn follow(&self) -> UnboundedReceiver<Caught> {
        let (follower, caught) = unbounded_channel();
        self.shared.state().followers.push(follower);
        caught
    }

    /// The connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }
}

impl Drop for Catcher {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn listen_on(socket: TcpListener, shared: Arc<Shared>) {
    while let Ok((tcp, _)) = socket.accept().await {
        tokio::spawn(serve(tcp, Arc::clone(&shared)));
    }
}

async fn serve(tcp: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let behaviour = {
        let mut state = shared.state();
        state.connections += 1;
        state.next.pop_front().unwrap_or(Behaviour::Take)
    };
    let session = session::Session::new(Box::new(tcp), &shared, behaviour);
    match shared.tls {
        Tls::Implicit => session.secured().await?.run().await,
        Tls::None | Tls::Start => session.run().await,
    }
}
