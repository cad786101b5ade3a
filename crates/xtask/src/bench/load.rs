//! Load: one thread and one kept-alive connection per script, a warm-up, then a measured stretch.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::http::{Connection, Response};

pub const CONNECTIONS: usize = 16;
const WARM_UP: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(5);

/// What an answer means for the operation that a script is in.
pub enum Progress {
    Done,
    /// The operation has a further request.
    More,
    Refused,
}

/// What one connection asks, one request after the other.
pub trait Script: Send {
    /// The next request; none when there is nothing left to ask.
    fn next(&mut self) -> Option<Vec<u8>>;

    fn took(&mut self, answer: &Response) -> Progress {
        if answer.status < 400 { Progress::Done } else { Progress::Refused }
    }
}

/// The same request again and again.
pub struct Same(pub Vec<u8>);

impl Script for Same {
    fn next(&mut self) -> Option<Vec<u8>> {
        Some(self.0.clone())
    }
}

#[derive(Debug)]
pub struct Measured {
    /// Operations per second.
    pub rate: f64,
    pub p50: Duration,
    pub p99: Duration,
    pub refused: usize,
}

/// Runs every script on its own connection to the port.
pub fn run(port: u16, scripts: Vec<Box<dyn Script>>) -> Result<Measured> {
    run_for(port, scripts, WARM_UP, MEASURED)
}

/// As `run`, with other times; the warm-up may be zero where a script uses up a stock.
pub fn run_for(port: u16, scripts: Vec<Box<dyn Script>>, warm_up: Duration, measured: Duration) -> Result<Measured> {
    let begin = Instant::now() + warm_up;
    let all = Mutex::new((Vec::new(), 0));
    let first_error = Mutex::new(None);
    std::thread::scope(|scope| {
        for script in scripts {
            scope.spawn(|| match drive(port, script, begin, measured) {
                Ok((times, refused)) => {
                    if let Ok(mut all) = all.lock() {
                        all.0.extend(times);
                        all.1 += refused;
                    }
                }
                Err(error) => {
                    if let Ok(mut first) = first_error.lock() {
                        first.get_or_insert(error);
                    }
                }
            });
        }
    });
    if let Some(error) = first_error.into_inner().ok().flatten() {
        return Err(error);
    }
    let (times, refused) = all.into_inner().unwrap_or_default();
    let lasted = begin.elapsed().min(measured);
    summary(times, refused, lasted)
}

fn drive(port: u16, mut script: Box<dyn Script>, begin: Instant, measured: Duration) -> Result<(Vec<Duration>, usize)> {
    let mut connection = Connection::new(port);
    let (mut times, mut refused) = (Vec::new(), 0);
    let mut started = Instant::now();
    while let Some(request) = script.next() {
        let answer = connection.send(&request)?;
        let now = Instant::now();
        let counts = now >= begin && now < begin + measured;
        match script.took(&answer) {
            Progress::More => continue,
            Progress::Done if counts => times.push(now - started),
            Progress::Refused if counts => refused += 1,
            _ => {}
        }
        if now >= begin + measured {
            break;
        }
        started = Instant::now();
    }
    Ok((times, refused))
}

fn summary(mut times: Vec<Duration>, refused: usize, lasted: Duration) -> Result<Measured> {
    if times.is_empty() {
        bail!("not one of {refused} operations succeeded");
    }
    times.sort();
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
    let rate = times.len() as f64 / lasted.as_secs_f64();
    Ok(Measured { rate, p50: at(50), p99: at(99), refused })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_what_succeeded() {
        let times = (1..=200).map(Duration::from_millis).collect();
        let measured = summary(times, 3, Duration::from_secs(2));
        assert!(measured.is_ok_and(|m| m.rate == 100.0
            && m.p50 == Duration::from_millis(101)
            && m.p99 == Duration::from_millis(199)
            && m.refused == 3));
        assert!(summary(Vec::new(), 3, Duration::from_secs(2)).is_err());
    }
}
