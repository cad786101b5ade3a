//! What may be lost: counters per network, replay marks, short-lived values. Redis when configured, else in process.
//!
//! The verbs are the same; [`mark`](Ephemeral::mark) is in a file of its own. While Redis does not answer, [`hit`](Ephemeral::hit) counts in process, so that limits do not
//! fail open, and [`mark_once`](Ephemeral::mark_once) refuses, so that nothing is accepted twice.

mod marks;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use redis::AsyncCommands;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use crate::{Error, Result};

pub use marks::Marked;

/// How long a command may take before Redis counts as gone.
const PATIENCE: Duration = Duration::from_millis(500);
/// How many things are kept in process at most; the oldest go first.
const CAP: usize = 100_000;

/// Ephemera, in process or in Redis.
#[derive(Clone)]
pub struct Ephemeral {
    memory: Arc<Mutex<HashMap<String, Kept>>>,
    marks: Arc<Mutex<marks::Marks>>,
    redis: Option<Redis>,
}

#[derive(Clone)]
struct Redis {
    client: redis::Client,
    connection: Arc<tokio::sync::OnceCell<ConnectionManager>>,
}

struct Kept {
    value: String,
    count: u32,
    until: Instant,
}

impl Ephemeral {
    /// Prepares the connection without waiting for it: a node starts while Redis is down.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn open(url: Option<&str>) -> Result<Self> {
        let redis = url
            .map(|url| redis::Client::open(url).map(|client| Redis { client, connection: Arc::default() }))
            .transpose()?;
        Ok(Self { memory: Arc::default(), marks: Arc::default(), redis })
    }

    /// Whether Redis is configured, and then whether it answers.
    pub async fn ping(&self) -> Option<Result<()>> {
        let redis = self.redis.as_ref()?;
        Some(match redis.connect().await {
            Ok(mut connection) => connection.ping::<String>().await.map(drop).map_err(Error::from),
            Err(e) => Err(e),
        })
    }

    /// Marks `key` as seen for `life`: `true` the first time, `false` afterwards and whenever it cannot be known.
    pub async fn mark_once(&self, key: &str, life: Duration) -> bool {
        let Some(redis) = &self.redis else {
            return self.remember(key, life, |kept| kept.count == 1);
        };
        let marked = async {
            let mut connection = redis.connect().await?;
            let options = redis::SetOptions::default()
                .conditional_set(redis::ExistenceCheck::NX)
                .with_expiration(redis::SetExpiry::PX(millis(life)));
            Ok::<bool, Error>(connection.set_options::<_, _, Option<String>>(key, 1, options).await?.is_some())
        };
        marked.await.unwrap_or_else(|e| refuse("mark", &e))
    }

    /// Counts a hit on `key` in a window that begins with the first one; how many there were.
    pub async fn hit(&self, key: &str, window: Duration) -> u32 {
        if let Some(redis) = &self.redis {
            let counted = async {
                let mut connection = redis.connect().await?;
                let script = redis::Script::new(
                    "local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end return n",
                );
                Ok::<u32, Error>(script.key(key).arg(millis(window)).invoke_async(&mut connection).await?)
            };
            match counted.await {
                Ok(count) => return count,
                Err(e) => tracing::warn!(error = %e, "redis does not count; counting in process"),
            }
        }
        self.remember(key, window, |kept| kept.count)
    }

    /// How many hits `key` has in its window, without counting one.
    pub async fn hits(&self, key: &str) -> u32 {
        if let Some(redis) = &self.redis {
            let read = async {
                let mut connection = redis.connect().await?;
                Ok::<Option<u32>, Error>(connection.get(key).await?)
            };
            match read.await {
                Ok(count) => return count.unwrap_or(0),
                Err(e) => tracing::warn!(error = %e, "redis does not count; looking in process"),
            }
        }
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.get(key).filter(|kept| kept.until > Instant::now()).map_or(0, |kept| kept.count)
    }

    /// Keeps a value for `life`; losing it must cost nothing but a new start.
    pub async fn put(&self, key: &str, value: &str, life: Duration) {
        if let Some(redis) = &self.redis {
            let kept = async {
                let mut connection = redis.connect().await?;
                Ok::<(), Error>(connection.pset_ex(key, value, millis(life)).await?)
            };
            match kept.await {
                Ok(()) => return,
                Err(e) => tracing::warn!(error = %e, "redis does not keep; keeping in process"),
            }
        }
        self.remember(key, life, |kept| {
            *kept = Kept {
                value: value.to_owned(),
                count: 1,
                until: Instant::now() + life,
            }
        });
    }

    /// Takes a kept value: whoever asks first gets it.
    pub async fn take(&self, key: &str) -> Option<String> {
        if let Some(redis) = &self.redis {
            let taken = async {
                let mut connection = redis.connect().await?;
                Ok::<Option<String>, Error>(connection.get_del(key).await?)
            };
            match taken.await {
                Ok(Some(value)) => return Some(value),
                Ok(None) => {}
                Err(e) => tracing::warn!(error = %e, "redis does not answer; looking in process"),
            }
        }
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.remove(key).filter(|kept| kept.until > Instant::now()).map(|kept| kept.value)
    }

    /// Tells other nodes to look for changes now. Losing it costs a quarter of a second.
    pub async fn publish(&self) {
        let Some(redis) = &self.redis else { return };
        let told = async {
            let mut connection = redis.connect().await?;
            Ok::<(), Error>(connection.publish(CHANNEL, 1).await?)
        };
        if let Err(e) = told.await {
            tracing::debug!(error = %e, "redis does not publish");
        }
    }

    /// Calls `wake` for every publication of any node, until the connection is lost; returns at once without Redis.
    pub async fn listen(&self, wake: impl Fn() + Send) {
        let Some(redis) = &self.redis else { return };
        let Ok(Ok(mut channel)) = tokio::time::timeout(PATIENCE, redis.client.get_async_pubsub()).await else {
            return;
        };
        if channel.subscribe(CHANNEL).await.is_err() {
            return;
        }
        let mut stream = std::pin::pin!(channel.into_on_message());
        while stream.next().await.is_some() {
            wake();
        }
    }

    fn marks(&self) -> MutexGuard<'_, marks::Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts in process; what is over is forgotten, and beyond the cap what ends first.
    fn remember<T>(&self, key: &str, life: Duration, read: impl FnOnce(&mut Kept) -> T) -> T {
        let now = Instant::now();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.len() >= CAP && !memory.contains_key(key) {
            make_room(&mut memory, now);
        }
        let fresh = || Kept { value: String::new(), count: 0, until: now + life };
        let kept = memory.entry(key.to_owned()).or_insert_with(fresh);
        if kept.until <= now {
            *kept = fresh();
        }
        kept.count = kept.count.saturating_add(1);
        read(kept)
    }
}

/// Forgets what is over; when that frees too little, also the tenth that ends first: many at once, since looking for them
/// costs as much as for one.
fn make_room(memory: &mut HashMap<String, Kept>, now: Instant) {
    memory.retain(|_, kept| kept.until > now);
    if memory.len() < CAP - CAP / 10 {
        return;
    }
    let mut ends: Vec<Instant> = memory.values().map(|kept| kept.until).collect();
    let (_, last, _) = ends.select_nth_unstable(CAP / 10);
    let last = *last;
    memory.retain(|_, kept| kept.until > last);
}

const CHANNEL: &str = "kabinet:changes";

fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1)
}

fn refuse(verb: &str, error: &Error) -> bool {
    tracing::warn!(%error, "redis does not {verb}; refusing");
    false
}

impl Redis {
    async fn connect(&self) -> Result<ConnectionManager> {
        let config = || {
            ConnectionManagerConfig::new()
                .set_connection_timeout(Some(PATIENCE))
                .set_response_timeout(Some(PATIENCE))
                .set_number_of_retries(1)
        };
        let manager = self
            .connection
            .get_or_try_init(|| ConnectionManager::new_with_config(self.client.clone(), config()));
        Ok(manager.await?.clone())
    }
}
