//! Proof of work in place of a captcha: a number that takes many hashes to find and one to check.
//!
//! The SHA-256 of `nonce.answer` must begin with so many zero bits; the answer is a decimal number. A challenge is sealed,
//! so that nothing is kept for it, and is good for one action of one browser, once, within [`LIFE`]. Whoever has no script
//! waits instead: after its delay the same challenge is accepted without an answer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ambient::{Entropy, random};
use crate::time::Timestamp;

/// How long a challenge is good, seconds.
pub const LIFE: i64 = 600;
/// How far the clock of the node that issued it may be ahead, seconds.
const SKEW: i64 = 60;
/// The longest answer, characters.
const LONGEST: usize = 20;

/// What the work is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// To try a password.
    SignIn,
    /// To register.
    Register,
    /// To get an account back.
    Recover,
    /// To have a code sent again.
    Resend,
}

/// A challenge, as it is sealed for the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// What is hashed before the answer; also what marks the challenge as used.
    pub nonce: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// How many zero bits the hash must begin with.
    pub bits: u32,
    /// What for.
    pub action: Action,
}

impl Challenge {
    /// A new one.
    #[must_use]
    pub fn new(action: Action, bits: u32, now: Timestamp, entropy: &dyn Entropy) -> Self {
        Self {
            nonce: URL_SAFE_NO_PAD.encode(random::<16>(entropy)),
            issued_at: now,
            bits,
            action,
        }
    }

    /// Whether it can be used for this now, answered or not.
    #[must_use]
    pub fn is_good(&self, action: Action, now: Timestamp) -> bool {
        self.action == action && (-SKEW..=LIFE).contains(&now.since(self.issued_at))
    }

    /// How many seconds somebody without a script still waits.
    #[must_use]
    pub fn wait(&self, delay: i64, now: Timestamp) -> i64 {
        self.issued_at.plus(delay).since(now).clamp(0, delay)
    }

    /// Whether the work is done: the answer is right, or the wait is over.
    #[must_use]
    pub fn is_done(&self, answer: &str, delay: i64, now: Timestamp) -> bool {
        self.wait(delay, now) == 0 || solves(&self.nonce, answer, self.bits)
    }
}

/// Whether the hash of the nonce and the answer begins with so many zero bits.
#[must_use]
pub fn solves(nonce: &str, answer: &str, bits: u32) -> bool {
    let sound = (1..=LONGEST).contains(&answer.len()) && answer.bytes().all(|b| b.is_ascii_digit());
    sound && zeros(&Sha256::digest(format!("{nonce}.{answer}").as_bytes())) >= bits
}

/// The least answer; for programs that have no page.
#[must_use]
pub fn solve(nonce: &str, bits: u32) -> String {
    let answers = (0_u64..).map(|n| n.to_string());
    let mut right = answers.filter(|answer| solves(nonce, answer, bits));
    right.next().unwrap_or_default()
}

fn zeros(hash: &[u8]) -> u32 {
    let mut zeros = 0;
    for byte in hash {
        zeros += byte.leading_zeros();
        if *byte != 0 {
            break;
        }
    }
    zeros
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(bits: u32) -> Challenge {
        Challenge {
            nonce: "bm9uY2U".to_owned(),
            issued_at: Timestamp(1000),
            bits,
            action: Action::SignIn,
        }
    }

    #[test]
    fn bits_are_counted_from_the_front_across_bytes() {
        for (hash, bits) in [(&[0x80, 0][..], 0), (&[0x01, 0xff], 7), (&[0, 0x10, 0xff], 11), (&[0, 0, 0], 24)] {
            assert_eq!(zeros(hash), bits, "{hash:?}");
        }
    }

    #[test]
    fn an_answer_solves_its_own_nonce_and_what_is_no_plain_number_solves_none() {
        let answer = solve("bm9uY2U", 10);
        assert!(solves("bm9uY2U", &answer, 10) && !solves("bm9uY2V", &answer, 10));
        for bad in ["", "-1", "1e3", " 7", "999999999999999999999", "٣"] {
            assert!(!solves("bm9uY2U", bad, 0), "{bad}");
        }
    }

    #[test]
    fn the_work_is_done_by_an_answer_at_once_or_by_the_wait_without_one() {
        let (challenge, answer) = (challenge(8), solve("bm9uY2U", 8));
        assert!(challenge.is_done(&answer, 10, Timestamp(1000)));
        assert!(!challenge.is_done("", 10, Timestamp(1009)) && challenge.is_done("", 10, Timestamp(1010)));
        assert_eq!([1000, 1004, 1010, 2000].map(|now| challenge.wait(10, Timestamp(now))), [10, 6, 0, 0]);
        // A clock that was set back makes nobody wait for longer than the delay.
        assert_eq!(challenge.wait(10, Timestamp(1)), 10);
    }

    #[test]
    fn a_challenge_is_for_one_action_and_ten_minutes() {
        let is_good = |action, now| challenge(8).is_good(action, Timestamp(now));
        assert!(is_good(Action::SignIn, 1000) && is_good(Action::SignIn, 1600));
        assert!(!is_good(Action::SignIn, 1601) && !is_good(Action::SignIn, 939) && !is_good(Action::Register, 1000));
    }
}
