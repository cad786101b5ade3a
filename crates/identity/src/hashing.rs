//! Password hashes: Argon2id (RFC 9106) with a pepper, as PHC strings, behind permits of their own.
//!
//! 1. A permit comes first ([`Hasher::permit`]). There are as many as cores; a bounded number waits for one, for a
//!    bounded time; everybody else is told to come later. So a flood of sign-ins takes no more than permits × memory.
//! 2. The work runs off the async threads and carries its permit along, so that a visitor who goes away half-way does
//!    not free a place that is still in use. Its memory goes on to the next hash while somebody waits for one, since
//!    new pages cost a tenth of a hash, and back to the system when nobody does.
//! 3. Where there is no hash to compare with (unknown person, no password), the same work is done against a hash of
//!    nothing that was made from random bytes when the program started, and the answer is no.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use kabinet_core::ambient::{Entropy, random};
use kabinet_core::secret::Secret;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::config::HashingConfig;

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many want to.
    #[error("too many sign-ins at once")]
    Busy {
        /// When to come again.
        seconds: i64,
    },
    /// The hash could not be computed or the stored one not be read.
    #[error("password hash: {0}")]
    Failed(String),
}

/// The right to compute hashes, one at a time, and to hold the memory of one.
pub struct Permit(#[expect(dead_code, reason = "it is held, and works by being dropped")] OwnedSemaphorePermit);

type Pepper = Zeroizing<[u8; 32]>;

/// Blocks (1 KiB each) of address space for one hash. glibc keeps a freed piece of up to 32 MiB for its thread and never
/// gives it back, so that each thread would hold the memory of a hash for ever; larger ones go straight back to the
/// system. Only the blocks that a hash touches become memory.
const RESERVED: usize = 33 * 1024;

/// Makes and compares password hashes.
pub struct Hasher {
    params: Params,
    pepper: Arc<Pepper>,
    nothing: String,
    permits: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    queue: usize,
    wait: Duration,
    made: Arc<AtomicU64>,
    memory: Arc<Memory>,
}

impl Hasher {
    /// Costs below what Argon2 can do at all are raised to it.
    pub(crate) fn new(config: &HashingConfig, pepper: Pepper, entropy: &dyn Entropy) -> Self {
        let lanes = config.parallelism.clamp(1, 255);
        let memory = config.memory.max(Params::MIN_M_COST * lanes);
        let params = Params::new(memory, config.iterations.max(1), lanes, Some(Params::DEFAULT_OUTPUT_LEN));
        let params = params.unwrap_or_default();
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            nothing: nothing(&params, entropy).unwrap_or_default(),
            params,
            pepper: Arc::new(pepper),
            permits: Arc::new(Semaphore::new(config.permits.unwrap_or_else(cores).max(1))),
            waiting: Arc::default(),
            queue: config.queue,
            wait: Duration::from_secs(config.wait.max(0).unsigned_abs()),
            made: Arc::default(),
            memory: Arc::default(),
        }
    }

    /// How many hashes were computed.
    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Waits for the right to hash.
    ///
    /// # Errors
    /// [`HashError::Busy`] when too many wait already, or it takes too long.
    pub(crate) async fn permit(&self) -> Result<Permit, HashError> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Ok(Permit(permit));
        }
        let busy = || HashError::Busy {
            seconds: i64::try_from(self.wait.as_secs()).unwrap_or(i64::MAX).max(1),
        };
        let place = Place::take(&self.waiting);
        if place.before >= self.queue {
            return Err(busy());
        }
        match tokio::time::timeout(self.wait, self.permits.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Permit(permit)),
            _ => Err(busy()),
        }
    }

    /// The PHC string of a password in normal form.
    pub(crate) async fn hash(
        &self,
        permit: Permit,
        password: &str,
        entropy: &dyn Entropy,
    ) -> Result<(String, Permit), HashError> {
        let salt: [u8; 16] = random(entropy);
        let params = self.params.clone();
        let (output, permit) = self.work(permit, password, params.clone(), Salt::new(&salt).map_err(failed)?).await?;
        let hash = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(failed)?,
            salt: Some(Salt::new(&salt).map_err(failed)?),
            hash: Some(output),
        };
        Ok((hash.to_string(), permit))
    }

    /// Whether a password in normal form is the one of the PHC string; costs the same without one.
    pub(crate) async fn verify(
        &self,
        permit: Permit,
        password: &str,
        phc: Option<&str>,
    ) -> Result<(bool, Permit), HashError> {
        let there = phc.is_some();
        let stored = PasswordHash::new(phc.unwrap_or(&self.nothing)).map_err(failed)?;
        let (Some(salt), Some(wanted)) = (stored.salt, stored.hash) else {
            return Err(HashError::Failed("a stored hash without salt or hash".to_owned()));
        };
        if stored.algorithm != ARGON2ID_IDENT || stored.version != Some(Version::V0x13.into()) {
            return Err(HashError::Failed(format!("a stored hash of the kind {}", stored.algorithm)));
        }
        let params = Params::try_from(&stored).map_err(failed)?;
        let (output, permit) = self.work(permit, password, params, salt).await?;
        // `Output` compares in constant time.
        Ok((output == wanted && there, permit))
    }

    /// Whether a hash was made at another cost than today's.
    pub(crate) fn is_outdated(&self, phc: &str) -> bool {
        let Ok(hash) = PasswordHash::new(phc) else { return true };
        let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        hash.algorithm != ARGON2ID_IDENT
            || hash.version != Some(Version::V0x13.into())
            || Params::try_from(&hash).map_or(true, |params| cost(&params) != cost(&self.params))
    }

    async fn work(
        &self,
        permit: Permit,
        password: &str,
        params: Params,
        salt: Salt,
    ) -> Result<(Output, Permit), HashError> {
        let (pepper, made) = (self.pepper.clone(), self.made.clone());
        let (memory, waiting) = (self.memory.clone(), self.waiting.clone());
        let password = Secret::from(password);
        let hashed = move || {
            let (mut blocks, length) = (memory.take(), params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN));
            blocks.resize(params.block_count(), Block::new());
            let argon2 = Argon2::new_with_secret(&**pepper, Algorithm::Argon2id, Version::V0x13, params);
            let argon2 = argon2.map_err(failed)?;
            made.fetch_add(1, Ordering::Relaxed);
            let mut out = vec![0; length];
            let done =
                argon2.hash_password_into_with_memory(password.expose().as_bytes(), &salt, &mut out, &mut blocks[..]);
            if waiting.load(Ordering::SeqCst) > 0 {
                memory.keep(blocks);
            }
            done.map_err(failed)?;
            Output::new(&out).map_err(failed)
        };
        let (out, permit) = aside(permit, hashed).await?;
        Ok((out?, permit))
    }
}

fn failed(error: impl std::fmt::Display) -> HashError {
    HashError::Failed(error.to_string())
}

/// Memory of hashes that are done, for those who wait: never more pieces than permits, since whoever keeps one has a
/// permit and whoever gets the permit next takes it.
#[derive(Default)]
struct Memory(Mutex<Vec<Vec<Block>>>);

impl Memory {
    fn take(&self) -> Vec<Block> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| Vec::with_capacity(RESERVED))
    }

    fn keep(&self, blocks: Vec<Block>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(blocks);
    }
}

/// Does work that takes long off the async threads; it holds the permit until it is done.
pub(crate) async fn aside<T: Send + 'static>(
    permit: Permit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<(T, Permit), HashError> {
    let done = tokio::task::spawn_blocking(move || (work(), permit));
    done.await.map_err(|e| HashError::Failed(e.to_string()))
}

/// A hash that no password has: random bytes in the form of one.
fn nothing(params: &Params, entropy: &dyn Entropy) -> Option<String> {
    let hash = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).ok()?,
        salt: Some(Salt::new(&random::<16>(entropy)).ok()?),
        hash: Some(Output::new(&random::<32>(entropy)).ok()?),
    };
    Some(hash.to_string())
}

/// A place in the queue for a permit.
struct Place<'a> {
    waiting: &'a AtomicUsize,
    before: usize,
}

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Self {
        Self { waiting, before: waiting.fetch_add(1, Ordering::SeqCst) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ones;
    impl Entropy for Ones {
        fn fill(&self, out: &mut [u8]) {
            out.fill(1);
        }
    }

    fn hasher(config: &HashingConfig, pepper: u8) -> Hasher {
        Hasher::new(config, Zeroizing::new([pepper; 32]), &Ones)
    }

    fn cheap() -> HashingConfig {
        HashingConfig {
            memory: 8,
            iterations: 1,
            permits: Some(1),
            queue: 1,
            wait: 0,
            ..HashingConfig::default()
        }
    }

    #[tokio::test]
    async fn a_hash_is_good_only_for_its_password_and_its_pepper() {
        let ours = hasher(&cheap(), 1);
        let (phc, permit) = ours.hash(ours.permit().await.unwrap(), "лошадь-батарея", &Ones).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{phc}");
        let (same, permit) = ours.verify(permit, "лошадь-батарея", Some(&phc)).await.unwrap();
        let (other, permit) = ours.verify(permit, "лошадь-батарея ", Some(&phc)).await.unwrap();
        drop(permit);
        let theirs = hasher(&cheap(), 2);
        let (elsewhere, _) = theirs.verify(theirs.permit().await.unwrap(), "лошадь-батарея", Some(&phc)).await.unwrap();
        assert_eq!((same, other, elsewhere), (true, false, false));
        assert!(!ours.is_outdated(&phc));
        assert!(hasher(&HashingConfig { iterations: 2, ..cheap() }, 1).is_outdated(&phc));
    }

    #[tokio::test]
    async fn no_hash_costs_one_hash_and_is_never_right() {
        let hasher = hasher(&cheap(), 1);
        assert!(!hasher.is_outdated(&hasher.nothing));
        let (right, _) = hasher.verify(hasher.permit().await.unwrap(), "anything", None).await.unwrap();
        assert_eq!((right, hasher.made()), (false, 1));
    }

    #[tokio::test]
    async fn an_unreadable_hash_is_an_error_and_not_a_wrong_password() {
        let hasher = hasher(&cheap(), 1);
        assert!(matches!(
            hasher.verify(hasher.permit().await.unwrap(), "x", Some("$2b$12$abc")).await,
            Err(HashError::Failed(_))
        ));
    }

    #[tokio::test]
    async fn whoever_finds_no_permit_in_time_or_no_place_in_the_queue_is_told_to_come_later() {
        let hasher = hasher(&cheap(), 1);
        let held = hasher.permit().await.unwrap();
        assert!(matches!(hasher.permit().await, Err(HashError::Busy { seconds: 1 })));
        hasher.waiting.store(1, Ordering::SeqCst);
        assert!(matches!(hasher.permit().await, Err(HashError::Busy { .. })));
        hasher.waiting.store(0, Ordering::SeqCst);
        drop(held);
        assert!(hasher.permit().await.is_ok());
    }
}
