//! Fetching revocation lists.
//!
//! Where to ask is said by authorities that lead to an anchor and, once a signature's chain holds up to revocation
//! ([`Identity::fetch_missing_lists`]), by the certificates on it. Until then an address is an attacker's word.
//!
//! 1. A node takes the lease of an address whose turn it is: one statement, so one node asks, and once.
//! 2. The guarded client asks: http or https, no private address, no redirect to another host, [`MAX_LIST`], [`PATIENCE`].
//! 3. The list must be understood, not from the future, and signed by an authority that leads to an anchor.
//! 4. It replaces an older list of the same key and distribution point; an older one is refused whoever serves it.
//! 5. The address's next turn is half-way between thisUpdate and nextUpdate, an hour from now at the earliest (less where lists
//!    live shorter) and a day at the latest. After a failure it is a minute, then two, four … up to an hour from now, and the
//!    old list stays: an address that leads nowhere costs nobody a call each time that somebody mentions it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use kabinet_core::time::Timestamp;
use kabinet_fetch::{Error as CallError, Request};
use kabinet_gost::digest::Digest;
use kabinet_gost::{Certificate, Crl, Trust, pem};
use kabinet_store::change::{self, Kind};
use kabinet_store::trust::{self, Told};
use url::Url;

use super::{Role, Source, addresses_in, row_of};
use crate::{Error, Identity};

/// The longest revocation list that is fetched, in bytes.
pub const MAX_LIST: usize = 16 * 1024 * 1024;
/// How long one address may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long somebody waits for lists while signing in; what takes longer is there the next time.
const WAIT: Duration = Duration::from_secs(5);
/// How often who waits for another node's call looks whether it has ended.
const LOOK: Duration = Duration::from_millis(100);
const MAX_LOOKS: u32 = 300;
/// How long a lease lasts, seconds: longer than a call and what follows it.
const LEASE: i64 = 60;
/// How many addresses are asked at the same time.
const AT_ONCE: usize = 4;
/// How many addresses one round looks at.
const ROUND: i64 = 64;
/// How many redirects one host may need.
const HOPS: usize = 2;
/// How many addresses signatures may add.
const MAX_TOLD_BY_SIGNATURES: usize = 500;
/// After so many failures an address that only a signature named is forgotten: two days.
const GIVE_UP: i64 = 52;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Why an address led to no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody answers, or the address may not be called.
    Unreachable,
    /// The answer took too long.
    TooSlow,
    /// Another status than 200.
    Status(u16),
    /// A redirect to another host, or too many.
    Redirect,
    /// It is longer than [`MAX_LIST`].
    TooLarge,
    /// It is no revocation list.
    NoList,
    /// It is a delta list, or of a kind that is not understood.
    NotUnderstood,
    /// Its issuer is no authority that leads to an anchor.
    UnknownIssuer,
    /// Its issuer did not sign it.
    WrongSignature,
    /// It was made later than now.
    Future,
    /// There is a newer list of its kind already.
    Older,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Status(status) => return write!(f, "status {status}"),
            Self::Unreachable => "no answer",
            Self::TooSlow => "too slow",
            Self::Redirect => "a redirect to another place",
            Self::TooLarge => "larger than 16 MiB",
            Self::NoList => "no revocation list",
            Self::NotUnderstood => "a list of a kind that is not understood",
            Self::UnknownIssuer => "a list of an authority that leads to no anchor",
            Self::WrongSignature => "its issuer did not sign it",
            Self::Future => "made later than now",
            Self::Older => "older than the list that is there",
        })
    }
}

/// What came of asking one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Which.
    pub address: String,
    /// `true`: a newer list was stored; `false`: the list was there already.
    pub outcome: Result<bool, Fault>,
}

/// What became of an attempt.
enum Attempt {
    Done(Result<bool, Fault>),
    /// It is not its turn.
    Waits,
    /// Somebody else is asking.
    Busy,
}

/// A list that was verified, as it is stored.
struct Checked {
    list: trust::List,
    /// DER in base64.
    data: String,
    issuer: Certificate,
}

/// When an address is asked again after it led to a list of these times.
fn turn(this_update: i64, next_update: i64, now: i64) -> Timestamp {
    let life = next_update.saturating_sub(this_update).max(0);
    let earliest = now.saturating_add((life / 8).clamp(MINUTE, HOUR));
    let half = this_update.saturating_add(life / 2);
    Timestamp(half.clamp(earliest, now.saturating_add(DAY)))
}

/// When an address is asked again after so many failures before this one.
fn retry(failures: i64, now: i64) -> Timestamp {
    let wait = MINUTE << failures.clamp(0, 6);
    Timestamp(now.saturating_add(wait.min(HOUR)))
}

/// Whether a list is newer than the one that is there: by its number (RFC 5280 §5.2.3), then by its time.
fn is_newer(new: &trust::List, old: &trust::List) -> bool {
    let padded = |number: &Option<String>| number.as_ref().map(|number| format!("{number:0>64}"));
    match (padded(&new.number), padded(&old.number)) {
        (Some(new_number), Some(old_number)) => {
            (new_number, new.this_update) > (old_number, old.this_update) && new.this_update >= old.this_update
        }
        _ => new.this_update > old.this_update,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn checked(list: &Crl, der: &[u8], issuer: Certificate, now: Timestamp) -> Checked {
    let series = [issuer.authority_id().as_bytes(), list.point_der()].concat();
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let list = trust::List {
        series: hex(&Digest::Sha256.of(&series)),
        issuer: issuer.subject().title().to_owned(),
        digest: hex(&Digest::Sha256.of(der)),
        // RFC 5280 §5.2.3: no more than 20 octets.
        number: list.number().filter(|number| number.len() <= 20).map(hex),
        this_update: Timestamp(list.this_update()),
        next_update: Timestamp(list.next_update()),
        entries: count(list.entries()),
        bytes: count(der.len()),
        stored_at: now,
    };
    Checked { list, data: STANDARD.encode(der), issuer }
}

/// Reads a list and finds the authority that made it.
fn check(bytes: &[u8], trust: &Trust, now: Timestamp, allow_foreign: bool) -> Result<Checked, Fault> {
    // A SEQUENCE of more than 127 octets; anything else is PEM or nothing.
    let der = if matches!(bytes, [0x30, length, ..] if *length >= 0x80) {
        bytes.to_vec()
    } else {
        let objects = pem::read(bytes).map_err(|_| Fault::NoList)?;
        let is_list = |label: &Option<String>| label.as_deref().is_none_or(|label| label == "X509 CRL");
        objects.into_iter().find(|one| is_list(&one.label)).ok_or(Fault::NoList)?.der
    };
    let list = Crl::parse(&der).map_err(|_| Fault::NoList)?;
    if !list.is_understood() {
        return Err(Fault::NotUnderstood);
    }
    if list.this_update() > now.0 {
        return Err(Fault::Future);
    }
    let all = trust.anchors.iter().map(kabinet_gost::Anchor::certificate).chain(&trust.certificates);
    let mut fault = Fault::UnknownIssuer;
    for authority in all.filter(|one| one.subject_der() == list.issuer_der()) {
        if trust.lead(authority, now.0, allow_foreign).is_err() {
            continue;
        }
        if list.is_of(authority) {
            return Ok(checked(&list, &der, authority.clone(), now));
        }
        fault = Fault::WrongSignature;
    }
    Err(fault)
}

impl Identity {
    /// Asks the addresses whose turn it is; how many were asked. Costs nothing without an anchor.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refresh_due_lists(&self) -> Result<usize, Error> {
        if !self.has_anchors() {
            return Ok(0);
        }
        self.measure_lists();
        let asked = self.refresh_round().await?.len();
        if asked > 0 {
            self.forget_addresses().await?;
        }
        Ok(asked)
    }

    /// Asks every address now, whosever turn it is; what came of it, in the order of the alphabet. What another node is
    /// asking at this moment is waited for and left out of the answer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refresh_all_lists(&self) -> Result<Vec<Fetched>, Error> {
        self.load_trust().await?;
        let mut tx = self.0.store.begin().await?;
        trust::hurry(&mut tx, self.now()).await?;
        tx.commit().await?;
        let mut all = Vec::new();
        loop {
            let round = self.refresh_round().await?;
            if round.is_empty() {
                self.wait_for_others().await?;
                all.sort_by(|one: &Fetched, other| one.address.cmp(&other.address));
                return Ok(all);
            }
            all.extend(round);
        }
    }

    /// Waits until nobody has a lease any more, and knows then what they found.
    async fn wait_for_others(&self) -> Result<(), Error> {
        for _ in 0..MAX_LOOKS {
            let now = self.now();
            if trust::addresses(self.0.store.db()).await?.iter().all(|one| one.leased_until <= now) {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        self.load_trust().await
    }

    async fn refresh_round(&self) -> Result<Vec<Fetched>, Error> {
        let due = trust::due(self.0.store.db(), self.now(), ROUND).await?;
        let attempts = futures_util::stream::iter(due.into_iter().map(|address| async move {
            let attempt = self.ask_address(&address, &[]).await?;
            Ok::<_, Error>(match attempt {
                Attempt::Done(outcome) => Some(Fetched { address, outcome }),
                Attempt::Waits | Attempt::Busy => None,
            })
        }));
        let done: Vec<_> = attempts.buffer_unordered(AT_ONCE).collect().await;
        done.into_iter().filter_map(Result::transpose).collect()
    }

    /// Forgets the addresses that only a signature named and that have led nowhere for long, and lists that nothing leads to.
    async fn forget_addresses(&self) -> Result<(), Error> {
        let addresses = trust::addresses(self.0.store.db()).await?;
        let is_dead = |one: &&trust::Address| one.told == Told::Signature && one.failures >= GIVE_UP;
        let dead: Vec<&trust::Address> = addresses.iter().filter(is_dead).collect();
        if dead.is_empty() {
            return Ok(());
        }
        let mut tx = self.0.store.begin().await?;
        for one in dead {
            trust::delete_address(&mut tx, &one.address).await?;
        }
        if trust::delete_lost_lists(&mut tx).await? > 0 {
            change::tell(&mut tx, Kind::Trust, &["lists".to_owned()], self.now()).await?;
        }
        tx.commit().await?;
        self.load_trust().await
    }

    /// Fetches the revocation lists that are missing for a signature: `chain` is that of a verdict that found them missing,
    /// the signer's certificate first. `true`: something new came, so that it is worth to verify once more. Waits for some
    /// seconds at most; what takes longer is there the next time.
    ///
    /// Nobody is asked unless every link of the chain is a signature that holds, up to an anchor.
    pub async fn fetch_missing_lists(&self, chain: &[Certificate]) -> bool {
        let before = self.verifier();
        let now = self.now().0;
        if !before.trust.holds(chain, now, self.allows_foreign()) {
            return false;
        }
        let also: Arc<[Certificate]> = chain[1..].into();
        let lacking = chain.windows(2).filter(|link| before.trust.lacks_list(&link[0], &link[1], now));
        let calls: Vec<_> = lacking
            .map(|link| {
                let (identity, link, also) = (self.clone(), (link[0].clone(), link[1].clone()), also.clone());
                // A task of its own: when nobody waits any more it still stores what it gets.
                tokio::spawn(async move {
                    if let Err(error) = identity.fetch_for(&link.0, &link.1, &also).await {
                        tracing::warn!(%error, "a revocation list could not be looked for");
                    }
                })
            })
            .collect();
        if calls.is_empty() {
            return false;
        }
        let _ = tokio::time::timeout(WAIT, futures_util::future::join_all(calls)).await;
        !Arc::ptr_eq(&before, &self.verifier())
    }

    /// Asks the addresses in a certificate until there is a list that says something of it.
    async fn fetch_for(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        also: &[Certificate],
    ) -> Result<(), Error> {
        for address in addresses_in(certificate) {
            self.note_address(address).await?;
            match self.ask_address(address, also).await? {
                Attempt::Done(_) => {}
                // Another node may have fetched it a moment ago.
                Attempt::Waits => self.load_trust().await?,
                Attempt::Busy => self.wait_for(address).await?,
            }
            let trust = &self.verifier().trust;
            if !trust.lacks_list(certificate, issuer, self.now().0) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Remembers an address that a signature's chain named.
    async fn note_address(&self, address: &str) -> Result<(), Error> {
        let db = self.0.store.db();
        if trust::address(db, address).await?.is_some() {
            return Ok(());
        }
        let told = trust::addresses(db).await?;
        if told.iter().filter(|one| one.told == Told::Signature).count() >= MAX_TOLD_BY_SIGNATURES {
            tracing::warn!("signatures name more addresses of revocation lists than are remembered");
            return Ok(());
        }
        let mut tx = self.0.store.begin().await?;
        trust::put_address(&mut tx, address, Told::Signature, self.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Waits until whoever has the lease is done, and knows then what they found.
    async fn wait_for(&self, address: &str) -> Result<(), Error> {
        let is_over = |one: Option<trust::Address>, now| one.is_none_or(|one| one.leased_until <= now);
        for _ in 0..MAX_LOOKS {
            if is_over(trust::address(self.0.store.db(), address).await?, self.now()) {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        self.load_trust().await
    }

    /// Asks one address if it is its turn and nobody else does; `also`: certificates that may have made the list.
    async fn ask_address(&self, address: &str, also: &[Certificate]) -> Result<Attempt, Error> {
        // Without a write for what is not its turn: anybody who signs can make this happen.
        let now = self.now();
        let Some(known) = trust::address(self.0.store.db(), address).await? else {
            return Ok(Attempt::Waits);
        };
        if known.leased_until > now {
            return Ok(Attempt::Busy);
        }
        if known.next_at > now {
            return Ok(Attempt::Waits);
        }
        let mut tx = self.0.store.begin().await?;
        let claimed = trust::claim(&mut tx, address, now, now.plus(LEASE)).await?;
        tx.commit().await?;
        let Some(failures) = claimed else {
            return Ok(Attempt::Busy);
        };
        let outcome = match self.fetch(address, also).await {
            Ok(checked) => self.keep(address, checked, also).await?,
            Err(fault) => Err(fault),
        };
        let said = match &outcome {
            Ok(true) => "stored",
            Ok(false) => "unchanged",
            Err(fault) => {
                let mut tx = self.0.store.begin().await?;
                let next_at = retry(failures, self.now().0);
                trust::failed(&mut tx, address, &fault.to_string(), next_at).await?;
                tx.commit().await?;
                tracing::warn!(crl.address = address, reason = %fault, "a revocation list was not fetched");
                "failed"
            }
        };
        metrics::counter!("kabinet_revocation_fetches_total", "outcome" => said).increment(1);
        Ok(Attempt::Done(outcome))
    }

    /// Fetches and verifies.
    async fn fetch(&self, address: &str, also: &[Certificate]) -> Result<Checked, Fault> {
        let call = tokio::time::timeout(PATIENCE, self.download(address));
        let bytes = call.await.unwrap_or(Err(Fault::TooSlow))?;
        let mut trust = self.0.verifier.load().trust.clone();
        trust.crls = Vec::new();
        trust.certificates.extend_from_slice(also);
        let (now, allow_foreign) = (self.now(), self.allows_foreign());
        // Off the async threads: the digest of 16 MiB takes a while.
        let check = move || check(&bytes, &trust, now, allow_foreign);
        tokio::task::spawn_blocking(check).await.unwrap_or(Err(Fault::NoList))
    }

    async fn download(&self, address: &str) -> Result<Vec<u8>, Fault> {
        let mut url = Url::parse(address).map_err(|_| Fault::Unreachable)?;
        for _ in 0..=HOPS {
            let mut request = Request::new(http::Method::GET, url.clone());
            request.max_body = Some(MAX_LIST);
            let answer = self.0.fetch.request(request).await.map_err(|error| match error {
                CallError::TooLarge => Fault::TooLarge,
                CallError::TimedOut => Fault::TooSlow,
                _ => Fault::Unreachable,
            })?;
            if answer.status == http::StatusCode::OK {
                return Ok(answer.body.to_vec());
            }
            if !answer.status.is_redirection() {
                return Err(Fault::Status(answer.status.as_u16()));
            }
            let location = answer.headers.get(http::header::LOCATION).and_then(|value| value.to_str().ok());
            let next = location.and_then(|location| url.join(location).ok()).ok_or(Fault::Redirect)?;
            let is_same = next.host() == url.host() && (next.scheme() == url.scheme() || next.scheme() == "https");
            if !is_same {
                return Err(Fault::Redirect);
            }
            url = next;
        }
        Err(Fault::Redirect)
    }

    /// Stores a list in place of an older one of its series, and knows it from then on.
    async fn keep(&self, address: &str, checked: Checked, also: &[Certificate]) -> Result<Result<bool, Fault>, Error> {
        let now = self.now();
        let Checked { list: new, data, issuer } = checked;
        let next_at = turn(new.this_update.0, new.next_update.0, now.0);
        loop {
            let mut tx = self.0.store.begin().await?;
            let old = trust::list_in(&mut tx, &new.series).await?;
            let is_there = old.as_ref().is_some_and(|old| old.digest == new.digest);
            if let Some(old) = old.as_ref().filter(|_| !is_there)
                && !is_newer(&new, old)
            {
                return Ok(Err(Fault::Older));
            }
            let old = old.as_ref().map(|old| old.digest.as_str());
            if !is_there && !trust::put_list(&mut tx, &new, &data, old).await? {
                // Somebody stored another one meanwhile: compare with that.
                tx.rollback().await?;
                continue;
            }
            if also.contains(&issuer) {
                let row = row_of(&issuer, Role::Intermediate, Source::Signature, now);
                trust::learn_authority(&mut tx, &row).await?;
            }
            trust::succeeded(&mut tx, address, &new.series, now, next_at).await?;
            if !is_there {
                change::tell(&mut tx, Kind::Trust, std::slice::from_ref(&new.series), now).await?;
            }
            tx.commit().await?;
            if !is_there {
                tracing::info!(crl.address = address, crl.entries = new.entries, "a revocation list was stored");
                self.0.store.ephemeral().publish().await;
                self.load_trust().await?;
            }
            return Ok(Ok(!is_there));
        }
    }

    /// Sets the gauges of the lists in memory.
    pub(super) fn measure_lists(&self) {
        let verifier = self.0.verifier.load();
        let (lists, now) = (&verifier.trust.crls, self.now().0);
        #[expect(clippy::cast_precision_loss, reason = "seconds and counts are far below 2^52")]
        let number = |value: i64| value as f64;
        let oldest = lists.iter().map(|list| now - list.this_update()).max().unwrap_or(0);
        let stale = lists.iter().filter(|list| list.next_update() < now).count();
        metrics::gauge!("kabinet_revocation_list_age_seconds").set(number(oldest));
        metrics::gauge!("kabinet_revocation_lists").set(number(i64::try_from(lists.len()).unwrap_or(i64::MAX)));
        metrics::gauge!("kabinet_revocation_lists_stale").set(number(i64::try_from(stale).unwrap_or(i64::MAX)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(number: Option<&str>, this_update: i64) -> trust::List {
        trust::List {
            series: String::new(),
            issuer: String::new(),
            digest: String::new(),
            number: number.map(str::to_owned),
            this_update: Timestamp(this_update),
            next_update: Timestamp(this_update + 10),
            entries: 0,
            bytes: 0,
            stored_at: Timestamp(0),
        }
    }

    #[test]
    fn a_list_is_newer_by_its_number_and_never_by_going_back_in_time() {
        for (new, old, expected) in [
            (list(Some("02"), 10), list(Some("01"), 10), true),
            (list(Some("0100"), 10), list(Some("ff"), 10), true),
            (list(Some("01"), 20), list(Some("01"), 10), true),
            (list(Some("01"), 10), list(Some("01"), 10), false),
            (list(Some("01"), 20), list(Some("02"), 10), false),
            (list(Some("02"), 5), list(Some("01"), 10), false),
            (list(None, 20), list(Some("02"), 10), true),
            (list(Some("01"), 10), list(None, 20), false),
            (list(None, 10), list(None, 10), false),
        ] {
            assert_eq!(is_newer(&new, &old), expected, "{new:?} after {old:?}");
        }
    }

    #[test]
    fn the_next_turn_is_half_of_a_lists_life_within_bounds() {
        const NOW: i64 = 1_000_000;
        for (this_update, next_update, expected) in [
            // A day, just made, and when half of it is over.
            (NOW, NOW + DAY, NOW + DAY / 2),
            (NOW - DAY / 2, NOW + DAY / 2, NOW + HOUR),
            // Three months: a list is sometimes made before its time.
            (NOW, NOW + 90 * DAY, NOW + DAY),
            // An hour, and minutes.
            (NOW, NOW + HOUR, NOW + HOUR / 2),
            (NOW, NOW + 2 * MINUTE, NOW + MINUTE),
            // Out of date; times that make no sense.
            (NOW - 9 * DAY, NOW - 8 * DAY, NOW + HOUR),
            (NOW, NOW - DAY, NOW + MINUTE),
            (i64::MIN, i64::MAX, NOW + HOUR),
        ] {
            assert_eq!(turn(this_update, next_update, NOW), Timestamp(expected), "{this_update} {next_update}");
        }
        let waits: Vec<i64> = [0, 1, 5, 6, 7, 1000].map(|failures| retry(failures, NOW).0 - NOW).to_vec();
        assert_eq!(waits, [60, 120, 1920, 3600, 3600, 3600]);
    }
}
