//! How signing keys move, by hand or by themselves.
//!
//! ```text
//!         ensure, rotate        rotate              retire                     retire
//! (made) ───────────────▶ next ────────▶ current ──▶ previous ────────▶ retired ────────▶ (gone)
//!                       published,      published,   published,     not published, private part
//!                       signs nothing   signs        signs nothing  erased; knows our own hints
//! ```
//!
//! 1. A key is published from the rotation before the one that lets it sign: for a whole period, and never for less than
//!    [`JWKS_CACHE`], unless an operator forces it.
//! 2. [`due`] says which places have signed for long enough. The ring `1c` never is: 1С holds pasted copies of its key, so an
//!    operator moves it.
//! 3. [`rotate`] moves one place in one transaction. It names the next key that it means, which can leave that state once
//!    only: of two nodes that do it at once, one has done nothing.
//! 4. [`retire`] takes keys out of the set once nothing that they signed can be good, and forgets them once no session can
//!    send a hint that they signed.

use kabinet_core::ambient::Entropy;
use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::client::Alg;
use kabinet_core::id::KeyId;
use kabinet_core::key::{KeyState, Ring, SigningKey};
use kabinet_core::time::Timestamp;
use kabinet_store::{Store, audit, change, key};

use super::{Forge, generate, places};
use crate::{Error, Result};

/// How long relying parties may keep the JWK set, seconds.
pub const JWKS_CACHE: i64 = 300;
/// Until every node has heard of a new key and serves it, seconds.
const SPREAD: i64 = 5;

/// When keys move by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// For how long a key signs, seconds; 0: until somebody rotates it.
    pub rotate_every: i64,
    /// How long a key stays published after it signed last, seconds: longer than any token of it, and any cache.
    pub published: i64,
    /// How long after that moment it is known at all, seconds: longer than any session.
    pub kept: i64,
}

/// Makes every key that is missing: a current and a next one per ring and algorithm. How many were made.
///
/// # Errors
/// When the store or OpenSSL fails.
pub async fn ensure(store: &Store, forge: Forge<'_>) -> Result<usize> {
    let present = key::every(store.db()).await?;
    let has = |place, state| present.iter().any(|key| (key.ring, key.alg) == place && key.state == state);
    let mut made = 0;
    for (ring, alg) in places() {
        for state in [KeyState::Current, KeyState::Next] {
            if has((ring, alg), state) {
                continue;
            }
            let new = generate((ring, alg), state, forge)?;
            let now = new.created_at;
            let mut tx = store.begin().await?;
            if key::insert(&mut tx, &new).await? {
                let origin = Origin { actor: "system", ..Origin::default() };
                audit::write(&mut tx, &record(Event::KeyCreated, &new), &origin, now, forge.entropy).await?;
                change::tell(&mut tx, change::Kind::Keys, &[new.id.to_string()], now).await?;
                made += 1;
            }
            tx.commit().await?;
        }
    }
    Ok(made)
}

/// Whether a next key has been published for so long that whoever keeps the JWK set has it.
#[must_use]
pub fn is_known(next: &SigningKey, now: Timestamp) -> bool {
    now.since(next.created_at) >= JWKS_CACHE + SPREAD
}

/// The next key of a place.
///
/// # Errors
/// When there is none.
pub fn next(keys: &[SigningKey], place: (Ring, Alg)) -> Result<&SigningKey> {
    let next = keys.iter().find(|key| (key.ring, key.alg) == place && key.state == KeyState::Next);
    next.ok_or_else(|| Error::Bug(format!("there is no next {} key; run kabinet migrate", place.1.as_str())))
}

/// The next keys, known to everybody, whose predecessors have signed for long enough.
#[must_use]
pub fn due(keys: &[SigningKey], schedule: Schedule, now: Timestamp) -> Vec<&SigningKey> {
    let every = schedule.rotate_every;
    let current = |place| keys.iter().find(|key| (key.ring, key.alg) == place && key.state == KeyState::Current);
    let is_due = |place: &(Ring, Alg)| {
        let is_old = |key: &SigningKey| now.since(key.signs_since()) >= every;
        every > 0 && place.0 != Ring::OneC && current(*place).is_some_and(is_old)
    };
    places()
        .filter(is_due)
        .filter_map(|place| next(keys, place).ok())
        .filter(|key| is_known(key, now))
        .collect()
}

/// Lets a next key sign, and puts `fresh` in its place. `false` when it signs already: another node was faster.
///
/// # Errors
/// When the store fails; then nothing has moved.
pub async fn rotate(
    store: &Store,
    next: &SigningKey,
    fresh: &SigningKey,
    entropy: &dyn Entropy,
    origin: &Origin,
) -> Result<bool> {
    let now = fresh.created_at;
    let mut tx = store.begin().await?;
    let place = |key: &SigningKey| (key.ring, key.alg);
    for old in key::every_in(&mut tx).await? {
        if place(&old) == place(next) && old.state == KeyState::Current {
            key::replace(&mut tx, &old.id, now).await?;
        }
    }
    if !(key::activate(&mut tx, &next.id, now).await? && key::insert(&mut tx, fresh).await?) {
        tx.rollback().await?;
        return Ok(false);
    }
    audit::write(&mut tx, &record(Event::KeyRotated, next), origin, now, entropy).await?;
    change::tell(&mut tx, change::Kind::Keys, &[next.id.to_string()], now).await?;
    tx.commit().await?;
    Ok(true)
}

/// Takes keys out of the set that were published for long enough, and forgets those that no session needs. How many.
///
/// # Errors
/// When the store fails; then nothing has changed.
pub async fn retire(store: &Store, schedule: Schedule, entropy: &dyn Entropy, now: Timestamp) -> Result<usize> {
    let is_over =
        |key: &SigningKey, state, time| key.state == state && key.retired_at.is_some_and(|at| now.since(at) > time);
    let keys = key::every(store.db()).await?;
    let is_due = |key: &&SigningKey| {
        is_over(key, KeyState::Previous, schedule.published) || is_over(key, KeyState::Retired, schedule.kept)
    };
    let mut moved = Vec::new();
    let due: Vec<&SigningKey> = keys.iter().filter(is_due).collect();
    if due.is_empty() {
        return Ok(0);
    }
    let origin = Origin { actor: "system", ..Origin::default() };
    let mut tx = store.begin().await?;
    for old in due {
        let (event, is_first) = match old.state {
            KeyState::Previous => (Event::KeyRetired, key::retire(&mut tx, &old.id).await?),
            _ => (Event::KeyDeleted, key::delete(&mut tx, &old.id).await?),
        };
        if is_first {
            audit::write(&mut tx, &record(event, old), &origin, now, entropy).await?;
            moved.push(old.id.to_string());
        }
    }
    if !moved.is_empty() {
        change::tell(&mut tx, change::Kind::Keys, &moved, now).await?;
    }
    tx.commit().await?;
    Ok(moved.len())
}

/// Deletes a key that signs nothing any more, at once: what it signed is worthless from then on. `false` when there is no
/// such key or it still has its turn.
///
/// # Errors
/// When the store fails.
pub async fn remove(store: &Store, id: &KeyId, forge: Forge<'_>, origin: &Origin) -> Result<bool> {
    let now = forge.clock.now();
    let mut tx = store.begin().await?;
    let keys = key::every_in(&mut tx).await?;
    let old = keys.iter().find(|key| key.id == *id);
    let Some(old) = old.filter(|key| matches!(key.state, KeyState::Previous | KeyState::Retired)) else {
        tx.rollback().await?;
        return Ok(false);
    };
    let is_first = key::delete(&mut tx, id).await?;
    if is_first {
        audit::write(&mut tx, &record(Event::KeyDeleted, old), origin, now, forge.entropy).await?;
        change::tell(&mut tx, change::Kind::Keys, &[id.to_string()], now).await?;
    }
    tx.commit().await?;
    Ok(is_first)
}

fn record(event: Event, key: &SigningKey) -> Record {
    Record::of(event)
        .with("kid", key.id.as_str())
        .with("alg", key.alg.as_str())
        .with("ring", key.ring.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn key(place: (Ring, Alg), state: KeyState, created_at: i64, activated_at: Option<i64>) -> SigningKey {
        SigningKey {
            id: KeyId::from(format!("{place:?}{state:?}")),
            alg: place.1,
            ring: place.0,
            state,
            public_jwk: String::new(),
            private_sealed: String::new(),
            created_at: Timestamp(created_at),
            activated_at: activated_at.map(Timestamp),
            retired_at: None,
        }
    }

    #[test]
    fn a_key_is_due_when_it_has_signed_for_long_enough_and_the_next_one_is_known() {
        let schedule = |days| Schedule { rotate_every: days * DAY, published: DAY, kept: DAY };
        let es256 = (Ring::Common, Alg::ES256);
        let pair = |place, next_at| {
            vec![key(place, KeyState::Current, 0, Some(10 * DAY)), key(place, KeyState::Next, next_at, None)]
        };
        let is_due = |keys: &[SigningKey], days, now| due(keys, schedule(days), Timestamp(now)).len() == 1;
        assert!(!is_due(&pair(es256, 10 * DAY), 30, 40 * DAY - 1));
        assert!(is_due(&pair(es256, 10 * DAY), 30, 40 * DAY));
        assert!(!is_due(&pair(es256, 10 * DAY), 0, 4000 * DAY), "switched off");
        assert!(!is_due(&pair(es256, 40 * DAY), 30, 40 * DAY + 304), "somebody may not have it");
        assert!(is_due(&pair(es256, 40 * DAY), 30, 40 * DAY + 305));
        assert!(!is_due(&pair((Ring::OneC, Alg::RS256), 0), 30, 400 * DAY), "by hand only");
        assert!(!is_due(&pair(es256, 10 * DAY)[..1], 30, 400 * DAY), "no next key");
        // Keys of before the moment was noted count from when they were made.
        let old = vec![key(es256, KeyState::Current, 0, None), key(es256, KeyState::Next, 0, None)];
        assert!(is_due(&old, 30, 30 * DAY) && !is_due(&old, 30, 30 * DAY - 1));
    }
}
