//! A listener that can be closed while the connections that came through it are still served.
//!
//! When the end begins it takes in what already waits in the queue, so that nobody who is connected is cut off before
//! having been heard, and then closes: from there on the system refuses connections by itself.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::connect_info::Connected;
use axum_server::{AddrListener, Address};
use tokio::net::{TcpListener, TcpStream};

use crate::shutdown::Shutdown;

/// The address of whoever connects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(SocketAddr);

impl Connected<Peer> for SocketAddr {
    fn connect_info(peer: Peer) -> Self {
        peer.0
    }
}

impl Address for Peer {
    type Stream = TcpStream;
    type Listener = Door;
}

/// See the module.
pub(super) struct Door {
    listener: Mutex<Option<Arc<TcpListener>>>,
    /// Who waited when the listener closed and has not been let through yet.
    waiting: Mutex<Vec<(TcpStream, Peer)>>,
    closing: Shutdown,
    empty: Shutdown,
}

impl Door {
    /// `closing` closes the door.
    pub(super) fn new(listener: TcpListener, closing: Shutdown) -> Self {
        Self {
            listener: Mutex::new(Some(Arc::new(listener))),
            waiting: Mutex::default(),
            closing,
            empty: Shutdown::default(),
        }
    }

    /// Begins when the door is closed and everybody who waited has been let through.
    pub(super) fn empty(&self) -> Shutdown {
        self.empty.clone()
    }

    fn listener(&self) -> Option<Arc<TcpListener>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes in who waits and closes. Asks the system and not the runtime, which may not have heard of them yet.
    fn close(&self, listener: Arc<TcpListener>) -> io::Result<()> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(listener) = Arc::into_inner(listener) else {
            return Ok(());
        };
        let listener = listener.into_std()?;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while let Ok((stream, address)) = listener.accept() {
            stream.set_nonblocking(true)?;
            waiting.push((TcpStream::from_std(stream)?, Peer(address)));
        }
        Ok(())
    }
}

impl AddrListener<TcpStream, Peer> for Door {
    async fn bind_to(_: Peer) -> io::Result<Self> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    async fn accept_stream(&self) -> io::Result<(TcpStream, Peer)> {
        if let Some(listener) = self.listener() {
            tokio::select! {
                biased;
                () = self.closing.begun() => {}
                accepted = listener.accept() => return accepted.map(|(stream, address)| (stream, Peer(address))),
            }
            self.close(listener)?;
        }
        let next = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match next {
            Some(next) => Ok(next),
            None => {
                // Whoever was let through before has been counted by now.
                self.empty.begin();
                std::future::pending().await
            }
        }
    }

    fn get_local_addr(&self) -> io::Result<Peer> {
        self.listener()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?
            .local_addr()
            .map(Peer)
    }
}
