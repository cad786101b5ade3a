//! What may be lost: the same verbs in process and on Redis, and what they do while Redis is gone.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kabinet_core::time::Timestamp;
use kabinet_store::ephemeral::{Ephemeral, Marked};

use crate::place::Place;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(120);
/// Whatever is waited for comes within this.
const BOUND: Duration = Duration::from_secs(60);

/// In process, and on the run's Redis if there is one.
fn both() -> Vec<(&'static str, Ephemeral)> {
    let mut kinds = vec![("in process", Ephemeral::open(None).unwrap())];
    if let Ok(url) = std::env::var("KABINET_TEST_REDIS") {
        kinds.push(("on Redis", Ephemeral::open(Some(&url)).unwrap()));
    }
    kinds
}

/// A key of this test's own.
fn key() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    format!("kabinet:test:{}:{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Asks until the answer is yes.
async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !ask().await {
        assert!(begun.elapsed() < BOUND, "{what} did not come to pass");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_mark_is_new_once_until_its_life_is_over() {
    for (kind, ephemeral) in both() {
        let (long, short) = (key(), key());
        assert!(ephemeral.mark_once(&long, LONG).await, "{kind}");
        assert!(!ephemeral.mark_once(&long, SHORT).await, "{kind}");
        let begun = Instant::now();
        assert!(ephemeral.mark_once(&short, SHORT).await, "{kind}");
        until("a second mark", async || ephemeral.mark_once(&short, SHORT).await).await;
        assert!(begun.elapsed() >= SHORT, "{kind}: marked again too early");
        assert!(!ephemeral.mark_once(&long, LONG).await, "{kind}: a second try shortened the life");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_mark_at_once_one_is_the_first() {
    for (kind, ephemeral) in both() {
        for _ in 0..40 {
            let key = key();
            let marks: Vec<_> = (0..20)
                .map(|_| {
                    let (ephemeral, key) = (ephemeral.clone(), key.clone());
                    tokio::spawn(async move { ephemeral.mark_once(&key, LONG).await })
                })
                .collect();
            let won = futures_util::future::join_all(marks)
                .await
                .into_iter()
                .filter(|won| *won.as_ref().unwrap())
                .count();
            assert_eq!(won, 1, "{kind}");
        }
    }
}

#[tokio::test]
async fn a_mark_tells_since_when_none_was_lost() {
    let (first, later) = (Timestamp(1_000), Timestamp(2_000));
    for (kind, ephemeral) in both() {
        let key = key();
        // A Redis that others use, too, may remember from before.
        let since = ephemeral.marked_since(first).await;
        assert_eq!(ephemeral.mark(&key, LONG, later).await, Marked { is_first: true, since }, "{kind}");
        assert_eq!(ephemeral.mark(&key, LONG, later).await, Marked { is_first: false, since }, "{kind}");
    }
}

#[tokio::test]
async fn marks_go_on_while_redis_is_away_and_whatever_was_lost_moves_their_beginning_on() {
    let mut redis = Redis::absent();
    redis.start();
    let ephemeral = Ephemeral::open(Some(&redis.url())).unwrap();
    let at = |second: i64| Timestamp(1_000 + second);
    assert_eq!(ephemeral.mark("a", LONG, at(1)).await, Marked { is_first: true, since: at(1) });
    // Another node knows the same.
    let other = Ephemeral::open(Some(&redis.url())).unwrap();
    assert_eq!(other.mark("a", LONG, at(2)).await, Marked { is_first: false, since: at(1) });
    redis.kill();
    assert_eq!(ephemeral.mark("a", LONG, at(3)).await, Marked { is_first: true, since: at(3) });
    assert_eq!(ephemeral.mark("a", LONG, at(4)).await, Marked { is_first: false, since: at(3) });
    redis.start();
    let begun = Instant::now();
    // Until the connection is made anew the marks stay here, and their beginning with them.
    while ephemeral.mark(&key(), LONG, at(5)).await.since != at(5) {
        assert!(begun.elapsed() < BOUND, "Redis is not used again");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // A node that comes later learns of it.
    let late = Ephemeral::open(Some(&redis.url())).unwrap();
    assert_eq!(late.mark("a", LONG, at(6)).await, Marked { is_first: true, since: at(5) });
}

#[tokio::test]
async fn hits_are_counted_in_a_window_that_begins_with_the_first() {
    for (kind, ephemeral) in both() {
        let (long, short) = (key(), key());
        assert_eq!(ephemeral.hits(&long).await, 0, "{kind}");
        for n in 1..=5 {
            assert_eq!(ephemeral.hit(&long, LONG).await, n, "{kind}");
            assert_eq!(ephemeral.hits(&long).await, n, "{kind}");
        }
        let begun = Instant::now();
        ephemeral.hit(&short, SHORT).await;
        ephemeral.hit(&short, LONG).await;
        until("the end of the window", async || ephemeral.hits(&short).await == 0).await;
        assert!(begun.elapsed() >= SHORT, "{kind}: the window ended too early");
        assert_eq!(ephemeral.hit(&short, LONG).await, 1, "{kind}: a new window begins");
    }
}

#[tokio::test]
async fn a_kept_value_is_taken_once() {
    for (kind, ephemeral) in both() {
        let key = key();
        assert_eq!(ephemeral.take(&key).await, None, "{kind}");
        ephemeral.put(&key, "CANARY-one", LONG).await;
        ephemeral.put(&key, "CANARY-two", LONG).await;
        assert_eq!(ephemeral.take(&key).await.as_deref(), Some("CANARY-two"), "{kind}");
        assert_eq!(ephemeral.take(&key).await, None, "{kind}");
    }
}

#[tokio::test]
async fn a_kept_value_lives_as_long_as_was_said_when_it_was_last_put() {
    for (kind, ephemeral) in both() {
        let (longer, shorter, gone) = (key(), key(), key());
        ephemeral.put(&longer, "old", SHORT).await;
        ephemeral.put(&longer, "new", LONG).await;
        ephemeral.put(&shorter, "old", LONG).await;
        ephemeral.put(&shorter, "new", SHORT).await;
        ephemeral.put(&gone, "gone", SHORT).await;
        let begun = Instant::now();
        until("the time", async || begun.elapsed() > SHORT * 2).await;
        assert_eq!(ephemeral.take(&gone).await, None, "{kind}");
        assert_eq!(ephemeral.take(&shorter).await, None, "{kind}: the later, shorter life counts");
        assert_eq!(
            ephemeral.take(&longer).await.as_deref(),
            Some("new"),
            "{kind}: the later, longer life counts"
        );
    }
}

#[tokio::test]
async fn in_process_the_memory_stays_bounded_and_a_mark_that_still_counts_is_kept() {
    let ephemeral = Ephemeral::open(None).unwrap();
    assert!(ephemeral.mark_once("kept", LONG * 10).await);
    for i in 0..120_000 {
        ephemeral.hit(&format!("network-{i}"), LONG).await;
    }
    assert!(!ephemeral.mark_once("kept", LONG).await, "what ends last is forgotten last");
}

#[tokio::test]
async fn without_redis_nobody_listens_and_publishing_does_nothing() {
    let ephemeral = Ephemeral::open(None).unwrap();
    assert!(ephemeral.ping().await.is_none());
    ephemeral.publish().await;
    tokio::time::timeout(BOUND, ephemeral.listen(|| panic!("nobody called"))).await.unwrap();
}

/// A Redis of the test's own.
struct Redis {
    port: u16,
    process: Option<Child>,
}

impl Redis {
    /// A port on which nothing answers.
    fn absent() -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        Self { port, process: None }
    }

    fn start(&mut self) {
        let port = self.port.to_string();
        let arguments = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", &port, "--dir", "/tmp"];
        let spawned = Command::new("redis-server")
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(spawned.expect("redis-server is installed"));
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < BOUND, "redis-server does not answer");
            std::thread::yield_now();
        }
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

#[tokio::test]
async fn when_redis_dies_marks_are_refused_and_hits_are_counted_on_and_all_is_well_when_it_is_back() {
    let mut redis = Redis::absent();
    redis.start();
    let ephemeral = Ephemeral::open(Some(&redis.url())).unwrap();
    assert!(ephemeral.mark_once("seen", LONG).await);
    assert_eq!(ephemeral.hit("network", LONG).await, 1);
    redis.kill();
    assert!(!ephemeral.mark_once("seen", LONG).await, "accepted twice");
    assert!(!ephemeral.mark_once("never seen", LONG).await, "cannot be known");
    let counted = [ephemeral.hit("network", LONG).await, ephemeral.hit("network", LONG).await];
    assert!(counted[1] == counted[0] + 1, "{counted:?}");
    assert_eq!(ephemeral.hits("network").await, counted[1]);
    ephemeral.put("value", "CANARY-kept", LONG).await;
    assert_eq!(ephemeral.take("value").await.as_deref(), Some("CANARY-kept"));
    assert_eq!(ephemeral.take("value").await, None);
    ephemeral.publish().await;
    assert!(ephemeral.ping().await.unwrap().is_err());
    redis.start();
    until("a new mark", async || ephemeral.mark_once(&key(), LONG).await).await;
}

#[tokio::test]
async fn while_redis_hangs_every_verb_answers() {
    let mut redis = Redis::absent();
    redis.start();
    let ephemeral = Ephemeral::open(Some(&redis.url())).unwrap();
    assert!(ephemeral.mark_once("seen", LONG).await);
    redis.signal("-STOP");
    for _ in 0..2 {
        let begun = Instant::now();
        assert!(!ephemeral.mark_once("new", LONG).await);
        assert!(begun.elapsed() < BOUND, "a mark took {:?}", begun.elapsed());
        let begun = Instant::now();
        assert!(ephemeral.hit("network", LONG).await > 0);
        assert!(begun.elapsed() < BOUND, "a hit took {:?}", begun.elapsed());
        let begun = Instant::now();
        assert_eq!(ephemeral.take("nothing").await, None);
        assert!(begun.elapsed() < BOUND, "a take took {:?}", begun.elapsed());
    }
    redis.signal("-CONT");
    until("a new mark", async || ephemeral.mark_once(&key(), LONG).await).await;
}

#[tokio::test]
async fn a_store_opens_while_redis_is_down_and_uses_it_when_it_comes() {
    let mut redis = Redis::absent();
    let place = Place::sqlite();
    let begun = Instant::now();
    let store = place.open_with_redis(Some(redis.url())).await;
    assert!(begun.elapsed() < BOUND, "opening waited for Redis");
    assert!(!store.ephemeral().mark_once("seen", LONG).await);
    assert_eq!(store.ephemeral().hit("network", LONG).await, 1);
    redis.start();
    until("a new mark", async || store.ephemeral().mark_once(&key(), LONG).await).await;
}

#[tokio::test]
async fn a_publication_wakes_every_node_and_listening_ends_when_redis_dies() {
    let mut redis = Redis::absent();
    redis.start();
    let woken = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let nodes: Vec<_> = woken
        .iter()
        .map(|count| {
            let (count, node) = (count.clone(), Ephemeral::open(Some(&redis.url())).unwrap());
            tokio::spawn(async move {
                node.listen(|| {
                    count.fetch_add(1, Ordering::Relaxed);
                })
                .await
            })
        })
        .collect();
    let publisher = Ephemeral::open(Some(&redis.url())).unwrap();
    until("both nodes are woken", async || {
        publisher.publish().await;
        woken.iter().all(|count| count.load(Ordering::Relaxed) > 0)
    })
    .await;
    redis.kill();
    for node in nodes {
        tokio::time::timeout(BOUND, node).await.expect("a node listens to a dead Redis").unwrap();
    }
}
