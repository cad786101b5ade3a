//! Marks that tell when they were last forgotten, so that whoever relies on them can ask for something newer.
//!
//! [`mark`](Ephemeral::mark) says, beside whether a key is new, since when nothing marked was lost: what is older than that may
//! have been marked before and nobody knows. That moment moves on when a process begins, when Redis comes back empty (it is
//! itself a key there), when marks had to be made in process because Redis did not answer, and when too many are kept here.
//! While Redis is away each node has its own marks; a failover that loses the last writes of a Redis that kept the rest is not
//! seen.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use kabinet_core::time::Timestamp;

use super::{CAP, Ephemeral, Redis, millis};
use crate::Result;

/// Where Redis keeps the moment.
const SINCE: &str = "kabinet:marks:since";

/// What became of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Whether nobody is known to have marked the key before.
    pub is_first: bool,
    /// Since when that is known.
    pub since: Timestamp,
}

/// Marks in process.
#[derive(Default)]
pub(super) struct Marks {
    seen: HashMap<String, Instant>,
    since: Option<Timestamp>,
    /// Whether Redis, which is configured, does not know of them.
    is_astray: bool,
}

impl Ephemeral {
    /// Marks `key` as seen for `life`.
    pub async fn mark(&self, key: &str, life: Duration, now: Timestamp) -> Marked {
        let Some(redis) = &self.redis else {
            return self.marks().mark(key, life, now);
        };
        let is_astray = self.marks().is_astray;
        match redis.mark(key, life, (now, is_astray)).await {
            Ok(marked) => {
                if is_astray {
                    *self.marks() = Marks::default();
                }
                marked
            }
            Err(error) => {
                tracing::warn!(%error, "redis does not mark; marking in process");
                let mut marks = self.marks();
                marks.is_astray = true;
                marks.mark(key, life, now)
            }
        }
    }

    /// Since when no mark was lost; from now on, where there is none yet.
    pub async fn marked_since(&self, now: Timestamp) -> Timestamp {
        self.mark("kabinet:marks:none", Duration::from_millis(1), now).await.since
    }
}

impl Marks {
    fn mark(&mut self, key: &str, life: Duration, now: Timestamp) -> Marked {
        let instant = Instant::now();
        if self.seen.len() >= CAP {
            self.seen.retain(|_, until| *until > instant);
            // Where few are over, the next marks would look through all again.
            if self.seen.len() > CAP - CAP / 10 {
                self.seen.clear();
                self.since = None;
            }
        }
        let since = *self.since.get_or_insert(now);
        let known = self.seen.get(key).is_some_and(|until| *until > instant);
        if !known {
            self.seen.insert(key.to_owned(), instant + life);
        }
        Marked { is_first: !known, since }
    }
}

impl Redis {
    /// One round trip: the moment, set where it is missing or must move on, and the mark.
    async fn mark(&self, key: &str, life: Duration, (now, moves_on): (Timestamp, bool)) -> Result<Marked> {
        let script = redis::Script::new(
            "if ARGV[3] == '1' then redis.call('SET', KEYS[2], ARGV[2]) else redis.call('SET', KEYS[2], ARGV[2], 'NX') end \
             local first = redis.call('SET', KEYS[1], 1, 'NX', 'PX', ARGV[1]) \
             return {first and 1 or 0, redis.call('GET', KEYS[2])}",
        );
        let mut connection = self.connect().await?;
        let mut call = script.key(key);
        call.key(SINCE).arg(millis(life)).arg(now.0).arg(i64::from(moves_on));
        let (first, since): (i64, i64) = call.invoke_async(&mut connection).await?;
        Ok(Marked { is_first: first == 1, since: Timestamp(since) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn too_many_marks_are_forgotten_and_it_is_said() {
        let mut marks = Marks::default();
        assert_eq!(marks.mark("a", LONG, Timestamp(7)), Marked { is_first: true, since: Timestamp(7) });
        assert_eq!(marks.mark("a", LONG, Timestamp(8)), Marked { is_first: false, since: Timestamp(7) });
        for n in 1..CAP {
            marks.mark(&n.to_string(), LONG, Timestamp(9));
        }
        assert_eq!(marks.mark("a", LONG, Timestamp(10)), Marked { is_first: true, since: Timestamp(10) });
    }

    #[test]
    fn all_are_forgotten_where_too_few_are_over_so_that_not_every_mark_looks_through_all() {
        let mut marks = Marks::default();
        marks.mark("over", Duration::ZERO, Timestamp(7));
        for n in 1..CAP {
            marks.mark(&n.to_string(), LONG, Timestamp(8));
        }
        assert_eq!(marks.mark("new", LONG, Timestamp(9)), Marked { is_first: true, since: Timestamp(9) });
        assert_eq!(marks.seen.len(), 1);
    }

    #[test]
    fn marks_that_are_over_make_room_first() {
        let mut marks = Marks::default();
        for n in 1..CAP {
            marks.mark(&n.to_string(), Duration::ZERO, Timestamp(7));
        }
        marks.mark("kept", LONG, Timestamp(8));
        assert_eq!(marks.mark("new", LONG, Timestamp(9)), Marked { is_first: true, since: Timestamp(7) });
        assert!(!marks.mark("kept", LONG, Timestamp(9)).is_first);
        assert!(marks.mark("1", LONG, Timestamp(9)).is_first);
    }
}
