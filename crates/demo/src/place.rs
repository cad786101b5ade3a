//! Where a demonstration lives: its directory, what it remembers there, its sockets.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};
use kabinet::Ambient;
use kabinet_core::ambient::{Entropy, random};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use url::Url;

use crate::party::PRODUCTS;

const DATABASE: &str = "kabinet.db";

/// What is remembered from run to run. It holds secrets, so only its owner may read the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Saved {
    /// The account's password.
    pub password: String,
    /// In the order of [`PRODUCTS`].
    pub clients: Vec<SavedClient>,
    /// Where the provider listened last.
    pub issuer_port: Option<u16>,
    /// Where the products listened last.
    pub party_ports: Vec<u16>,
    /// Where the outbox page was last.
    pub outbox_port: Option<u16>,
    /// Where the providers that people are sent to listened last, in the order of [`providers::NAMES`](crate::providers::NAMES).
    #[serde(default)]
    pub provider_ports: Vec<u16>,
}

/// A client with its secret, which the database has no more than a hash of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedClient {
    /// `client_id`.
    pub id: String,
    /// `client_secret`.
    pub secret: String,
}

/// The directory, locked for as long as this lives.
pub struct Place {
    dir: PathBuf,
    is_kept: bool,
    saved: Mutex<Saved>,
    _lock: File,
}

impl Place {
    /// Takes the directory, or makes a fresh one that [`Place::leave`] removes.
    ///
    /// # Errors
    /// When it cannot be used or another demonstration uses it.
    pub fn open(dir: Option<PathBuf>, ambient: &Ambient) -> anyhow::Result<Self> {
        let is_kept = dir.is_some();
        let dir = match dir {
            Some(dir) => std::path::absolute(dir)?,
            None => {
                let name = u64::from_be_bytes(random(&*ambient.entropy));
                std::env::temp_dir().join(format!("kabinet-demo-{name:016x}"))
            }
        };
        // A fresh directory must not be there yet: in a shared place somebody else could have laid it out.
        let made = DirBuilder::new().mode(0o700).recursive(is_kept).create(&dir);
        made.with_context(|| format!("cannot make the directory {}", dir.display()))?;
        let lock = lock(&dir)?;
        let file = dir.join("demo.json");
        let saved = match std::fs::read(&file) {
            Ok(bytes) => Some(serde_json::from_slice::<Saved>(&bytes).context("demo.json cannot be read")?),
            Err(why) if why.kind() == io::ErrorKind::NotFound => None,
            Err(why) => return Err(why).context("demo.json cannot be read"),
        };
        // The clients' secrets and the password are nowhere else.
        if saved.is_none() && dir.join(DATABASE).exists() {
            bail!("{} holds a database but no demo.json; take another directory", dir.display());
        }
        let saved = saved.unwrap_or_else(|| crate::seed::invent(ambient));
        if saved.clients.len() != PRODUCTS.len() {
            bail!("{} is of another version; take another directory", file.display());
        }
        Ok(Self { dir, is_kept, saved: Mutex::new(saved), _lock: lock })
    }

    /// What is remembered now.
    pub fn saved(&self) -> Saved {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes what is remembered, on disk too.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn update(&self, change: impl FnOnce(&mut Saved)) -> anyhow::Result<Saved> {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut saved);
        let fresh = self.dir.join("demo.json.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&serde_json::to_vec_pretty(&*saved)?)?;
        std::fs::rename(fresh, self.dir.join("demo.json")).context("cannot write demo.json")?;
        Ok(saved.clone())
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.dir.join(DATABASE)
    }

    /// Where codes are sent.
    pub fn outbox(&self) -> PathBuf {
        self.dir.join("outbox.jsonl")
    }

    /// Whom the stand-in for the mail server is known by.
    pub fn authority(&self) -> PathBuf {
        self.dir.join("mail-ca.pem")
    }

    /// The certificates of the stand-in for Astral.Toolbox.
    pub fn toolbox(&self) -> PathBuf {
        self.dir.join("toolbox")
    }

    /// The files that the stand-in for ЕСИА and whoever signs in by it have.
    pub fn esia(&self) -> PathBuf {
        self.dir.join("esia")
    }

    /// The directory, when it stays.
    pub fn kept(&self) -> Option<&Path> {
        self.is_kept.then_some(self.dir.as_path())
    }

    /// Removes a directory that was made for this run alone.
    pub fn leave(&self) {
        if !self.is_kept {
            // Whatever cannot be removed stays with the other temporary files.
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

fn lock(dir: &Path) -> anyhow::Result<File> {
    let path = dir.join("demo.lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another demonstration is running in {}", dir.display()),
        Err(TryLockError::Error(why)) => Err(why).context("cannot lock the directory"),
    }
}

/// The sockets of everything but the provider, bound and not yet served.
pub struct Sockets {
    /// In the order of [`PRODUCTS`].
    pub parties: Vec<TcpListener>,
    /// The page with the sent codes.
    pub outbox: TcpListener,
}

impl Sockets {
    /// Binds the last run's ports, or free ones where those are taken.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn bind(saved: &Saved) -> io::Result<Self> {
        let mut parties = Vec::new();
        for n in 0..PRODUCTS.len() {
            parties.push(bind(saved.party_ports.get(n).copied()).await?);
        }
        Ok(Self { parties, outbox: bind(saved.outbox_port).await? })
    }
}

/// Binds a port, or a free one where it is taken.
///
/// # Errors
/// When there is no free port.
pub async fn bind(wanted: Option<u16>) -> io::Result<TcpListener> {
    if let Some(port) = wanted
        && let Ok(socket) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
    {
        return Ok(socket);
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

/// The port of a bound socket.
pub fn port(socket: &TcpListener) -> u16 {
    socket.local_addr().map_or(0, |address| address.port())
}

/// An address on a bound socket.
///
/// # Errors
/// Never with a path.
pub fn url(socket: &TcpListener, path: &str) -> Result<Url, url::ParseError> {
    format!("http://127.0.0.1:{}{path}", port(socket)).parse()
}

/// Whether `localhost:port` is nobody's: browsers try its IPv6 address first.
pub async fn is_free(port: u16) -> bool {
    let four = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let six = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await;
    four.is_ok() && !six.is_err_and(|why| why.kind() == io::ErrorKind::AddrInUse)
}

/// A port that nobody listens on.
pub async fn free_port() -> io::Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map(|socket| port(&socket))
}

/// A password that can be typed: four words and two digits.
pub fn readable_password(entropy: &dyn Entropy) -> String {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let bytes = random::<6>(entropy);
    let word = |n: usize| words[usize::from(bytes[n]) % words.len()];
    let number = u16::from_be_bytes([bytes[4], bytes[5]]) % 90 + 10;
    format!("{}-{}-{}-{}-{number}", word(0), word(1), word(2), word(3))
}

/// 64 words, so that every byte is fair.
const WORDS: &str = "amber anchor apple arrow autumn bamboo basket birch bridge bronze candle canvas castle cedar cherry \
    circle clover cobalt copper coral cotton crystal desert dolphin ember falcon feather forest garden ginger granite \
    harbor harvest hazel indigo island ivory jasmine lantern lemon lilac magnet maple marble meadow melody mirror mosaic \
    ocean olive orchard pebble pepper planet prairie quartz raven river saffron silver thunder timber velvet walnut";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::party::PRODUCTS;

    #[test]
    fn a_password_is_readable_and_long_enough() {
        assert_eq!(WORDS.split_whitespace().count(), 64);
        let password = readable_password(&*Ambient::real().entropy);
        assert_eq!(password.split('-').count(), 5);
        assert!(password.chars().count() >= 20, "{password}");
    }

    #[test]
    fn a_directory_remembers_and_holds_one_demonstration_at_a_time() {
        let dir = std::env::temp_dir().join(format!("kabinet-demo-test-{}", std::process::id()));
        let ambient = Ambient::real();
        let place = Place::open(Some(dir.clone()), &ambient).unwrap();
        let first = place.update(|saved| saved.issuer_port = Some(7)).unwrap();
        assert!(Place::open(Some(dir.clone()), &ambient).is_err());
        drop(place);
        let again = Place::open(Some(dir.clone()), &ambient).unwrap();
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(dir.join("demo.json")).unwrap().permissions());
        assert_eq!((again.saved().password, mode & 0o777), (first.password, 0o600));
        assert_eq!((again.saved().issuer_port, again.saved().clients.len()), (Some(7), PRODUCTS.len()));
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_directory_of_its_own_goes_at_the_end() {
        let place = Place::open(None, &Ambient::real()).unwrap();
        let dir = place.dir.clone();
        assert!(dir.exists() && place.kept().is_none());
        place.leave();
        assert!(!dir.exists());
    }
}
