//! Whether codes go on being sent to a destination: to the numbers that differ in their last four digits only, or to a
//! whole country.
//!
//! People enter the codes that they asked for. Whoever asks for codes to get a share of their price (SMS pumping) enters
//! none, and spreads over many numbers of one range. So each destination has a window that begins with its first code, in
//! which codes sent and codes entered are counted:
//!
//! 1. so many are sent in a window, and from half of them on whoever asks does some work first;
//! 2. once there are enough to judge by, and too few of them were entered, the destination is closed for a while; then it
//!    is counted anew.

use crate::time::Timestamp;

/// What was counted for a destination, the code that is asked for included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Codes sent.
    pub sent: i64,
    /// Codes entered.
    pub entered: i64,
    /// Whether too few were entered.
    pub closed: bool,
    /// When its window, or the time for which it is closed, is over.
    pub ends_at: Timestamp,
}

/// What a destination is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Codes in one window at most; `None`: any number.
    pub most: Option<i64>,
    /// How many must have been sent before it is judged.
    pub sample: i64,
    /// How many of a hundred must have been entered.
    pub percent: i64,
    /// For how long it is closed otherwise, seconds.
    pub closed: i64,
}

/// What becomes of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is sent.
    Open,
    /// It is sent to whoever has done some work for it.
    Tight,
    /// It is not sent: too many were.
    Full {
        /// In how many seconds the next one may be asked for.
        seconds: i64,
    },
    /// It is not sent: the destination is closed.
    Closed {
        /// In how many seconds it opens.
        seconds: i64,
    },
    /// It is not sent: too few were entered, and the destination closes now.
    Closes {
        /// For how many seconds.
        seconds: i64,
    },
}

/// What becomes of the code that was counted last.
#[must_use]
pub fn judge(tally: &Tally, limits: &Limits, now: Timestamp) -> Verdict {
    let seconds = tally.ends_at.since(now).max(1);
    if tally.closed {
        return Verdict::Closed { seconds };
    }
    if limits.most.is_some_and(|most| tally.sent > most) {
        return Verdict::Full { seconds };
    }
    let before = tally.sent - 1;
    if before >= limits.sample && tally.entered.saturating_mul(100) < before.saturating_mul(limits.percent) {
        return Verdict::Closes { seconds: limits.closed };
    }
    match limits.most {
        Some(most) if tally.sent > most / 2 => Verdict::Tight,
        _ => Verdict::Open,
    }
}

/// What was counted in an hour for the codes that one autonomous system asks for.
///
/// An autonomous system is no suspect: a mobile one holds a third of a country behind few addresses. So numbers alone cost
/// work at most; it is closed only when hardly any of a great many codes come back, which honest people of the same
/// system prevent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Requests, and the number from which on each costs some work.
    pub asked: (i64, i64),
    /// SMS that were sent.
    pub sent: i64,
    /// Codes of such that were entered.
    pub entered: i64,
}

/// A source whose codes do not come back is closed once it was sent this many times the sample.
const SHUT: i64 = 5;

/// What becomes of the next code of a source, in an hour that is over in `seconds`.
#[must_use]
pub fn judge_source(source: &Source, sample: i64, percent: i64, seconds: i64) -> Verdict {
    let Source { asked: (asked, most), sent, entered } = *source;
    let is_poor = sent >= sample && entered.saturating_mul(100) < sent.saturating_mul(percent);
    if is_poor && sent >= sample.saturating_mul(SHUT) {
        Verdict::Closed { seconds: seconds.max(1) }
    } else if is_poor || asked > most {
        Verdict::Tight
    } else {
        Verdict::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1000);

    #[test]
    fn a_destination_closes_when_it_is_full_and_when_too_few_codes_come_back() {
        let limits = Limits { most: Some(40), sample: 20, percent: 20, closed: 900 };
        let open = |sent, entered| Tally { sent, entered, closed: false, ends_at: Timestamp(1600) };
        for (tally, verdict) in [
            (open(1, 0), Verdict::Open),
            (open(20, 0), Verdict::Open),
            // The twenty-first is judged by the twenty before it.
            (open(21, 0), Verdict::Closes { seconds: 900 }),
            (open(21, 3), Verdict::Closes { seconds: 900 }),
            (open(21, 4), Verdict::Tight),
            (open(26, 4), Verdict::Closes { seconds: 900 }),
            (open(40, 30), Verdict::Tight),
            (open(41, 40), Verdict::Full { seconds: 600 }),
            (Tally { closed: true, ..open(21, 20) }, Verdict::Closed { seconds: 600 }),
            (Tally { ends_at: NOW, closed: true, ..open(2, 1) }, Verdict::Closed { seconds: 1 }),
        ] {
            assert_eq!(judge(&tally, &limits, NOW), verdict, "{tally:?}");
        }
    }

    #[test]
    fn a_source_costs_work_when_it_asks_for_much_and_is_closed_only_when_nothing_of_a_lot_comes_back() {
        let of = |asked, sent, entered| Source { asked: (asked, 2000), sent, entered };
        for (source, verdict) in [
            (of(1, 0, 0), Verdict::Open),
            (of(2000, 199, 0), Verdict::Open),
            (of(2001, 0, 0), Verdict::Tight),
            (of(200, 200, 39), Verdict::Tight),
            (of(200, 200, 40), Verdict::Open),
            (of(999, 999, 0), Verdict::Tight),
            (of(1000, 1000, 199), Verdict::Closed { seconds: 60 }),
            (of(1000, 1000, 200), Verdict::Open),
            // However much it asks for, if people answer.
            (of(1_000_000, 1_000_000, 700_000), Verdict::Tight),
        ] {
            assert_eq!(judge_source(&source, 200, 20, 60), verdict, "{source:?}");
        }
        assert_eq!(judge_source(&of(1, 1_000_000, 0), 200, 0, 60), Verdict::Open);
    }

    #[test]
    fn a_destination_without_a_limit_is_judged_by_what_comes_back_alone() {
        let limits = Limits { most: None, sample: 1000, percent: 20, closed: 900 };
        let tally = |sent, entered| Tally { sent, entered, closed: false, ends_at: Timestamp(4600) };
        for (tally, verdict) in [
            (tally(1000, 0), Verdict::Open),
            (tally(1_000_000, 200_000), Verdict::Open),
            (tally(1001, 199), Verdict::Closes { seconds: 900 }),
        ] {
            assert_eq!(judge(&tally, &limits, NOW), verdict, "{tally:?}");
        }
    }
}
