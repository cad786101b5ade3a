//! Signing keys: is each there, does the schedule move it, and what the copies of the 1С key will meet.

use kabinet::config::Config;
use kabinet_core::client::{Alg, Profile};
use kabinet_core::key::{KeyState, Ring, SigningKey};
use kabinet_core::time::Timestamp;
use kabinet_store::Store;

use super::Findings;
use crate::cli::client;

const DAY: i64 = 86_400;
/// A key that has signed for longer should be rotated where no schedule does it.
const OLD: i64 = 180 * DAY;
/// The same for the key of the profile 1c, of which people must paste a new copy.
const OLD_COPY: i64 = 365 * DAY;
/// For so long after a rotation of that key somebody may still have an old copy.
const FRESH_COPY: i64 = 30 * DAY;

pub(super) async fn all(config: &Config, store: &Store, known: (&[SigningKey], Timestamp), findings: &mut Findings) {
    let every = kabinet::schedule(config).rotate_every;
    for alg in Alg::ALL {
        common(alg, every, known, findings);
    }
    match client::every(store).await {
        Ok(clients) => {
            let of_1c = clients
                .iter()
                .filter(|client| client.metadata.profile == Profile::OneC && !client.disabled);
            one_c(of_1c.count(), known, findings);
        }
        Err(why) => findings.fail("keys", why.to_string()),
    }
}

fn find(place: (Ring, Alg), state: KeyState, keys: &[SigningKey]) -> Option<&SigningKey> {
    keys.iter().find(|key| (key.ring, key.alg) == place && key.state == state)
}

fn common(alg: Alg, every: i64, (keys, now): (&[SigningKey], Timestamp), findings: &mut Findings) {
    let find = |state| find((Ring::Common, alg), state, keys);
    let name = alg.as_str();
    let (Some(current), Some(_)) = (find(KeyState::Current), find(KeyState::Next)) else {
        return findings.fail("keys", format!("A {name} key is missing; run `kabinet migrate`."));
    };
    let age = now.since(current.signs_since());
    let signs = format!("The {name} key has signed for {} days", age / DAY);
    if every == 0 && age > OLD {
        findings.warn(
            "keys",
            format!("{signs} and nothing rotates it (keys.rotate_every); run `kabinet key rotate --alg {name}`."),
        );
    } else if every > 0 && age > every + DAY {
        findings.warn(
            "keys",
            format!(
                "{signs}, longer than keys.rotate_every ({} days); is `kabinet serve` running?",
                every / DAY
            ),
        );
    } else if every > 0 {
        findings.ok("keys", format!("{signs}; the next one takes its place after {} days.", every / DAY));
    } else {
        findings.ok("keys", format!("{signs}."));
    }
}

/// 1С holds a pasted copy of this key: nobody but a person can bring it a new one.
fn one_c(clients: usize, (keys, now): (&[SigningKey], Timestamp), findings: &mut Findings) {
    let place = (Ring::OneC, Alg::RS256);
    let (Some(current), Some(_)) = (find(place, KeyState::Current, keys), find(place, KeyState::Next, keys)) else {
        return findings.fail("keys", "A key of the profile 1c is missing; run `kabinet migrate`.");
    };
    if clients == 0 {
        return;
    }
    let age = now.since(current.signs_since());
    let days = age / DAY;
    let was_rotated = keys.iter().any(|key| (key.ring, key.alg) == place && key.retired_at.is_some());
    if was_rotated && age < FRESH_COPY {
        findings.warn(
            "keys",
            format!(
                "The key of the profile 1c was rotated {days} days ago: a publication that still holds the old one refuses every sign-in; paste {} into each ({clients} clients).",
                current.id
            ),
        );
    } else if age > OLD_COPY {
        findings.warn(
            "keys",
            format!(
                "The key of the profile 1c has signed for {days} days and moves by hand only: plan `kabinet key rotate --profile 1c`, after which each of {clients} clients needs the new public key pasted."
            ),
        );
    } else {
        findings.ok(
            "keys",
            format!("The key of the profile 1c has signed for {days} days; it moves by hand only."),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::Grade;
    use super::*;
    use kabinet_core::id::KeyId;

    fn key(ring: Ring, state: KeyState, activated_at: i64) -> SigningKey {
        SigningKey {
            id: KeyId::from("kid"),
            alg: Alg::RS256,
            ring,
            state,
            public_jwk: String::new(),
            private_sealed: String::new(),
            created_at: Timestamp(0),
            activated_at: Some(Timestamp(activated_at)),
            retired_at: (state == KeyState::Previous).then_some(Timestamp(activated_at)),
        }
    }

    fn grade(check: impl FnOnce(&mut Findings)) -> Option<Grade> {
        let mut findings = Findings::default();
        check(&mut findings);
        findings.0.first().map(|finding| finding.grade)
    }

    #[test]
    fn the_key_of_1c_is_warned_of_when_it_is_old_and_when_old_copies_are_about() {
        let ring = Ring::OneC;
        let pair = [key(ring, KeyState::Current, 0), key(ring, KeyState::Next, 0)];
        let rotated = [&pair[..], &[key(ring, KeyState::Previous, 0)]].concat();
        let at = |clients, keys: &[SigningKey], days| {
            grade(|findings| one_c(clients, (keys, Timestamp(days * DAY)), findings))
        };
        assert_eq!(at(1, &pair, 10), Some(Grade::Ok), "the first key was never another");
        assert_eq!(at(1, &rotated, 10), Some(Grade::Warn));
        assert_eq!(at(1, &rotated, 31), Some(Grade::Ok));
        assert_eq!(at(1, &pair, 366), Some(Grade::Warn));
        assert_eq!(at(0, &pair, 366), None, "nobody has a copy");
        assert_eq!(at(1, &pair[..1], 1), Some(Grade::Fail));
    }

    #[test]
    fn a_common_key_is_warned_of_when_nothing_has_moved_it() {
        let pair = [key(Ring::Common, KeyState::Current, 0), key(Ring::Common, KeyState::Next, 0)];
        let at =
            |every, days| grade(|findings| common(Alg::RS256, every * DAY, (&pair, Timestamp(days * DAY)), findings));
        assert_eq!((at(0, 180), at(0, 181)), (Some(Grade::Ok), Some(Grade::Warn)));
        assert_eq!((at(90, 91), at(90, 92)), (Some(Grade::Ok), Some(Grade::Warn)));
    }
}
