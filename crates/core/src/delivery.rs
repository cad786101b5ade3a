//! What becomes of a message after an attempt to send it, and which gateway may be asked.
//!
//! A message goes down a chain of routes. The rules, as functions of values:
//!
//! 1. Who refuses a message has surely not sent it: the next route is asked at once, and after the last one it has failed.
//! 2. Who is not well (no connection, 429, 4xx of SMTP) has not sent it either: the next route at once; after the last one
//!    the chain begins again after a wait that grows.
//! 3. Of an answer that did not come nobody knows: the next attempt waits a minute, so that nobody gets a code twice
//!    within the time in which they would ask for another one.
//! 4. Nothing is tried at or after the moment at which the message has no worth any more.
//!
//! A route that failed [`Breaker::LIMIT`] times in a row is left alone for [`Breaker::PAUSE`] seconds; then one message is
//! its trial.

use crate::time::Timestamp;

/// Waits before the chain begins again, in seconds; the last one counts for every later attempt.
const BACKOFF: [i64; 5] = [2, 4, 8, 15, 30];
/// How long after an unknown outcome nothing is sent, in seconds.
const UNCLEAR: i64 = 60;

/// How an attempt at a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The route has it.
    Taken,
    /// The route will not take it; surely not sent.
    Refused,
    /// The route is not well; surely not sent.
    Later,
    /// Nobody knows whether it was sent.
    Unclear,
}

/// What happens with the message next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it was taken.
    Done,
    /// Another attempt.
    Again {
        /// The place of the route in the chain.
        route: usize,
        /// Not before.
        at: Timestamp,
    },
    /// Nothing: no route took it, or it would come too late.
    Failed,
}

/// An attempt that was made.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// The place of the route that was asked.
    pub route: usize,
    /// How many routes the chain has.
    pub routes: usize,
    /// Attempts at this message so far, this one included.
    pub number: i64,
    /// Until when the message is worth something.
    pub expires_at: Timestamp,
}

impl Attempt {
    /// What follows from how it ended.
    #[must_use]
    pub fn next(self, outcome: Outcome, now: Timestamp) -> Next {
        let further = self.route + 1;
        let is_last = further >= self.routes;
        let (route, at) = match outcome {
            Outcome::Taken => return Next::Done,
            Outcome::Refused if is_last => return Next::Failed,
            Outcome::Refused | Outcome::Later if !is_last => (further, now),
            Outcome::Refused | Outcome::Later => (0, now.plus(backoff(self.number))),
            Outcome::Unclear => (if is_last { 0 } else { further }, now.plus(UNCLEAR)),
        };
        if at >= self.expires_at {
            Next::Failed
        } else {
            Next::Again { route, at }
        }
    }
}

fn backoff(attempts: i64) -> i64 {
    let place = usize::try_from(attempts - 1).unwrap_or(0).min(BACKOFF.len() - 1);
    BACKOFF[place]
}

/// Whether a route may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    open_until: Option<Timestamp>,
}

impl Breaker {
    /// Failures in a row after which a route is left alone.
    pub const LIMIT: u32 = 5;
    /// For how long, in seconds.
    pub const PAUSE: i64 = 30;

    /// From when on the route may be asked; `None`: now. Asking an open breaker whose pause is over makes the asker its
    /// trial: everybody else waits for another pause.
    #[must_use]
    pub fn ask(&mut self, now: Timestamp) -> Option<Timestamp> {
        match self.open_until {
            Some(until) if until > now => Some(until),
            Some(_) => {
                self.open_until = Some(now.plus(Self::PAUSE));
                None
            }
            None => None,
        }
    }

    /// Notes how an attempt ended; whether the breaker opened by it.
    pub fn note(&mut self, outcome: Outcome, now: Timestamp) -> bool {
        match outcome {
            Outcome::Taken | Outcome::Refused => {
                *self = Self::default();
                false
            }
            Outcome::Later | Outcome::Unclear => {
                self.failures = self.failures.saturating_add(1);
                if self.failures < Self::LIMIT {
                    return false;
                }
                let was_open = self.open_until.replace(now.plus(Self::PAUSE)).is_some();
                !was_open
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1000);

    fn attempt(route: usize, number: i64) -> Attempt {
        Attempt { route, routes: 2, number, expires_at: Timestamp(1300) }
    }

    #[test]
    fn what_follows_an_attempt_depends_on_whether_it_may_have_been_sent() {
        let again = |route, seconds| Next::Again { route, at: NOW.plus(seconds) };
        let cases = [
            (attempt(0, 1), Outcome::Taken, Next::Done),
            (attempt(0, 1), Outcome::Refused, again(1, 0)),
            (attempt(1, 2), Outcome::Refused, Next::Failed),
            (attempt(0, 1), Outcome::Later, again(1, 0)),
            (attempt(1, 1), Outcome::Later, again(0, 2)),
            (attempt(1, 4), Outcome::Later, again(0, 15)),
            (attempt(1, 99), Outcome::Later, again(0, 30)),
            (attempt(0, 1), Outcome::Unclear, again(1, 60)),
            (attempt(1, 2), Outcome::Unclear, again(0, 60)),
        ];
        for (attempt, outcome, next) in cases {
            assert_eq!(attempt.next(outcome, NOW), next, "{attempt:?} {outcome:?}");
        }
    }

    #[test]
    fn nothing_is_tried_when_it_would_come_too_late() {
        let late = Attempt { expires_at: NOW.plus(60), ..attempt(0, 1) };
        assert_eq!(late.next(Outcome::Unclear, NOW), Next::Failed);
        assert_eq!(late.next(Outcome::Later, NOW), Next::Again { route: 1, at: NOW });
    }

    #[test]
    fn a_route_that_fails_five_times_in_a_row_is_left_alone_and_then_tried_once() {
        let mut breaker = Breaker::default();
        for n in 1..=Breaker::LIMIT {
            assert_eq!(breaker.ask(NOW), None);
            assert_eq!(breaker.note(Outcome::Later, NOW), n == Breaker::LIMIT);
        }
        assert_eq!(breaker.ask(NOW.plus(29)), Some(NOW.plus(30)));
        assert_eq!(breaker.ask(NOW.plus(30)), None, "the trial");
        assert_eq!(breaker.ask(NOW.plus(30)), Some(NOW.plus(60)), "and nobody else");
        assert!(!breaker.note(Outcome::Unclear, NOW.plus(40)), "it was open before");
        assert_eq!(breaker.ask(NOW.plus(69)), Some(NOW.plus(70)));
        assert_eq!(breaker.ask(NOW.plus(70)), None);
        assert!(!breaker.note(Outcome::Taken, NOW.plus(70)));
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn a_refusal_is_an_answer_and_no_sign_of_illness() {
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            assert!(!breaker.note(Outcome::Refused, NOW));
            assert_eq!(breaker.ask(NOW), None);
        }
    }
}
