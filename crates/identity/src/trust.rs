//! Whom sign-in by certificate believes: the anchors, the authorities below them, and their revocation lists.
//!
//! 1. An operator adds anchors ([`Identity::add_authority`]); none is shipped, and without one nobody signs in by certificate.
//! 2. Authorities below them come from the operator, from the list of accredited authorities
//!    ([`Identity::import_authorities`]; of it only what leads to an anchor is kept), and from signatures whose chain held.
//! 3. Their revocation lists are fetched from addresses that such authorities name (`refresh`).
//!    Where they leave a certificate in doubt, its authority's responder is asked (`responders`).
//! 4. Every node keeps all of it, parsed once, in the verifier ([`Identity::load_trust`]): at its start, and whenever another
//!    node or the command line tells of a change ([`Kind::Trust`]).
//!
//! A verifier outside (`outside`) takes the place of all of it where the operator names one.
//!
//! The list's own signature (XMLDSig) is not verified: an accredited authority is believed for its path to an anchor, never for
//! standing in the list. What the list alone says (status, addresses) is shown, and used as a place to look for lists that
//! must then bear the authority's signature.

mod accredited;
mod outside;
mod refresh;
mod responders;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kabinet_core::audit::{Event, Origin, Record};
use kabinet_core::time::Timestamp;
use kabinet_gost::{Anchor, Certificate, Crl, Reason, Refusal, Trust, Verifier};
use kabinet_store::change::{self, Kind};
use kabinet_store::trust::{self, Authority, Imported, Role, Source, Told};
use kabinet_store::{Db, Tx, audit};
use url::Url;

use crate::{Algorithms, Config, Error, Identity};

pub use accredited::{MAX_BYTES as MAX_LIST_OF_AUTHORITIES, Unread};
pub use outside::OutsideVerifier;
pub use refresh::{Fault, Fetched, MAX_LIST};
pub(crate) use responders::Responders;

/// The longest address of revocation lists.
const MAX_ADDRESS: usize = 1024;
/// The most addresses that one certificate may name.
const MAX_ADDRESSES: usize = 4;
/// The status of an authority for which the list gives none.
const NO_STATUS: &str = "не указан";

/// A verifier that believes nobody yet.
pub(crate) fn nobody(config: &Config) -> Verifier {
    Verifier { trust: Trust::default(), policy: config.certificate.policy() }
}

/// What was read from the database, by thumbprint and by digest: it is parsed once.
#[derive(Default)]
pub(crate) struct Known {
    certificates: HashMap<String, Certificate>,
    lists: HashMap<String, Arc<Crl>>,
    /// What the verifier of this moment was made from.
    made_of: Option<MadeOf>,
}

/// Thumbprints with their roles, and digests of lists.
type MadeOf = (Vec<(String, Role)>, BTreeSet<String>);

/// Why an authority was not added, or a list of them not imported.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It is no certificate of an authority that may be trusted.
    #[error("{0}")]
    Unfit(Refusal),
    /// There is no anchor that anything could lead to.
    #[error("there is no trust anchor; add one first (kabinet trust add)")]
    NoAnchors,
    /// The list cannot be read.
    #[error("the list of accredited authorities was not read: {0}; what was imported before stays")]
    Unread(Unread),
    /// Nothing in the list leads to an anchor.
    #[error("nothing in the list leads to a trust anchor; what was imported before stays")]
    NothingKept(Import),
    /// Nobody's fault but ours.
    #[error(transparent)]
    Internal(#[from] Error),
}

impl From<kabinet_store::Error> for TrustError {
    fn from(error: kabinet_store::Error) -> Self {
        Self::Internal(error.into())
    }
}

/// What an import found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// The version that the list gives itself.
    pub version: Option<String>,
    /// Certificates that were kept, by the status that the list gives their authority.
    pub kept: BTreeMap<String, usize>,
    /// Certificates that were not, by the code of the reason.
    pub dropped: BTreeMap<&'static str, usize>,
}

/// An authority as it stands now.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The row.
    pub row: Authority,
    /// The certificate in it.
    pub certificate: Certificate,
    /// Why it leads to no anchor now; `None`: it does.
    pub fault: Option<Refusal>,
}

/// Everything that is known, for whoever looks after it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Anchors first.
    pub authorities: Vec<Standing>,
    /// Revocation lists.
    pub lists: Vec<trust::List>,
    /// Where lists are fetched from.
    pub addresses: Vec<trust::Address>,
    /// The last import.
    pub imported: Option<Imported>,
}

impl Report {
    /// The addresses that fail, but for those whose list was found elsewhere and is in date.
    #[must_use]
    pub fn failing(&self, now: Timestamp) -> Vec<&trust::Address> {
        let is_fresh =
            |series: &String| self.lists.iter().any(|list| list.series == *series && list.next_update >= now);
        let fails = |one: &&trust::Address| one.failure.is_some() && !one.series.as_ref().is_some_and(is_fresh);
        self.addresses.iter().filter(fails).collect()
    }

    /// The lists that are out of date.
    #[must_use]
    pub fn stale(&self, now: Timestamp) -> Vec<&trust::List> {
        self.lists.iter().filter(|list| list.next_update < now).collect()
    }
}

/// The authorities of some rows, parsed.
fn trust_of(rows: &[Authority], known: &mut HashMap<String, Certificate>) -> Trust {
    let mut trust = Trust::default();
    for row in rows {
        let certificate = match known.get(&row.thumbprint) {
            Some(certificate) => Some(certificate.clone()),
            None => certificate_of(row),
        };
        let Some(certificate) = certificate else {
            tracing::error!(
                authority.thumbprint = row.thumbprint,
                "a stored certificate cannot be read and is left out"
            );
            continue;
        };
        match row.role {
            Role::Anchor => trust.anchors.extend(Anchor::parse(certificate.der())),
            Role::Intermediate => trust.certificates.push(certificate.clone()),
        }
        known.insert(row.thumbprint.clone(), certificate);
    }
    trust
}

fn certificate_of(row: &Authority) -> Option<Certificate> {
    Certificate::parse(&STANDARD.decode(&row.certificate).ok()?).ok()
}

fn row_of(certificate: &Certificate, role: Role, source: Source, now: Timestamp) -> Authority {
    Authority {
        thumbprint: certificate.sha256(),
        role,
        source,
        certificate: STANDARD.encode(certificate.der()),
        status: None,
        addresses: Vec::new(),
        added_at: now,
    }
}

/// Whether a list may be fetched from there at all: where the name leads to is the guarded client's to judge.
fn is_address(text: &str) -> bool {
    let is_plain = |url: &Url| url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let is_fit = |url: Url| matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain(&url);
    text.len() <= MAX_ADDRESS && Url::parse(text).is_ok_and(is_fit)
}

/// The addresses that a certificate names, as many as are tried.
fn addresses_in(certificate: &Certificate) -> impl Iterator<Item = &String> {
    certificate.crl_addresses().iter().filter(|one| is_address(one)).take(MAX_ADDRESSES)
}

/// Where the lists are that these authorities make and that are made about them, as far as they lead to an anchor.
fn wanted(rows: &[Authority], now: Timestamp, allow_foreign: bool) -> BTreeSet<String> {
    let mut known = HashMap::new();
    let trust = trust_of(rows, &mut known);
    let mut wanted = BTreeSet::new();
    for row in rows {
        let Some(certificate) = known.get(&row.thumbprint) else {
            continue;
        };
        if trust.lead(certificate, now.0, allow_foreign).is_err() {
            continue;
        }
        wanted.extend(row.addresses.iter().filter(|one| is_address(one)).cloned());
        if row.role == Role::Intermediate {
            wanted.extend(addresses_in(certificate).cloned());
        }
    }
    wanted
}

/// Everything that is known of whom sign-in by certificate believes.
///
/// # Errors
/// When the database fails.
pub async fn report(db: &Db, now: Timestamp, algorithms: Algorithms) -> kabinet_store::Result<Report> {
    let rows = trust::authorities(db).await?;
    let mut known = HashMap::new();
    let trust = trust_of(&rows, &mut known);
    let mut authorities: Vec<Standing> = rows
        .into_iter()
        .filter_map(|row| {
            let certificate = known.get(&row.thumbprint)?.clone();
            let fault = trust.lead(&certificate, now.0, algorithms == Algorithms::Any).err();
            Some(Standing { row, certificate, fault })
        })
        .collect();
    authorities.sort_by_key(|one| one.row.role);
    Ok(Report {
        authorities,
        lists: trust::lists(db).await?,
        addresses: trust::addresses(db).await?,
        imported: trust::imported(db).await?,
    })
}

impl Identity {
    /// Verifies signatures by certificate, with the trust of this moment.
    #[must_use]
    pub fn verifier(&self) -> Arc<Verifier> {
        self.0.verifier.load_full()
    }

    /// Whether signatures can be believed at all: there is an anchor, or a verifier outside.
    #[must_use]
    pub fn verifies_signatures(&self) -> bool {
        self.0.outside.is_some() || self.has_anchors()
    }

    /// Whether there is an anchor: without one nothing is verified here.
    #[must_use]
    pub fn has_anchors(&self) -> bool {
        !self.0.verifier.load().trust.anchors.is_empty()
    }

    fn allows_foreign(&self) -> bool {
        self.0.config.certificate.algorithms == Algorithms::Any
    }

    /// Reads the trust from the database as far as it is not known yet, and verifies with it from now on. What cannot be read
    /// is left out and logged.
    ///
    /// # Errors
    /// When the database fails; then the old trust stays.
    pub async fn load_trust(&self) -> Result<(), Error> {
        let mut known = self.0.known.lock().await;
        let rows = trust::authorities(self.0.store.db()).await?;
        let is_on = rows.iter().any(|row| row.role == Role::Anchor);
        // Without an anchor lists serve nobody.
        let heads = if is_on {
            trust::lists(self.0.store.db()).await?
        } else {
            Vec::new()
        };
        let mut lists: HashMap<String, Arc<Crl>> = HashMap::new();
        for head in heads {
            match known.lists.get(&head.digest) {
                Some(list) => drop(lists.insert(head.digest, list.clone())),
                None => lists.extend(self.load_list(&head.series).await?),
            }
        }
        let mut certificates: HashMap<String, Certificate> = std::mem::take(&mut known.certificates);
        let trust = trust_of(&rows, &mut certificates);
        certificates.retain(|thumbprint, _| rows.iter().any(|row| row.thumbprint == *thumbprint));
        known.certificates = certificates;
        known.lists = lists;
        let roles = rows.into_iter().map(|row| (row.thumbprint, row.role)).collect();
        let made_of = Some((roles, known.lists.keys().cloned().collect()));
        if known.made_of != made_of {
            known.made_of = made_of;
            let crls = known.lists.values().cloned().collect();
            let trust = Trust { crls, ..trust };
            tracing::debug!(
                anchors = trust.anchors.len(),
                authorities = trust.certificates.len(),
                lists = trust.crls.len(),
                "the trust of sign-in by certificate was loaded"
            );
            self.0
                .verifier
                .store(Arc::new(Verifier { trust, policy: self.0.config.certificate.policy() }));
        }
        drop(known);
        self.measure_lists();
        Ok(())
    }

    /// Reads one list, by its digest.
    async fn load_list(&self, series: &str) -> Result<Option<(String, Arc<Crl>)>, Error> {
        let Some((digest, data)) = trust::data(self.0.store.db(), series).await? else {
            return Ok(None);
        };
        // Off the async threads: a list can have 16 MiB.
        let parse = move || STANDARD.decode(data).ok().and_then(|der| Crl::parse(&der).ok());
        match tokio::task::spawn_blocking(parse).await.ok().flatten() {
            Some(list) => Ok(Some((digest, Arc::new(list)))),
            None => {
                tracing::error!(crl.series = series, "a stored revocation list cannot be read and is left out");
                Ok(None)
            }
        }
    }

    /// Everything that is known of whom sign-in by certificate believes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn trust_report(&self) -> Result<Report, Error> {
        Ok(report(self.0.store.db(), self.now(), self.0.config.certificate.algorithms).await?)
    }

    /// Adds an authority; `false`: it is there already.
    ///
    /// # Errors
    /// [`TrustError::Unfit`]: it is none, is not valid now, or has an algorithm that the policy does not take.
    pub async fn add_authority(
        &self,
        certificate: &Certificate,
        role: Role,
        origin: &Origin,
    ) -> Result<bool, TrustError> {
        let now = self.now();
        self.check_authority(certificate)?;
        let new = row_of(certificate, role, Source::Operator, now);
        let mut rows = trust::authorities(self.0.store.db()).await?;
        if let Some(row) = rows.iter().find(|row| row.thumbprint == new.thumbprint)
            && (row.role == Role::Anchor || row.role == role && row.source == Source::Operator)
        {
            return Ok(false);
        }
        rows.retain(|row| row.thumbprint != new.thumbprint);
        rows.push(new.clone());
        let wanted = wanted(&rows, now, self.allows_foreign());
        let mut tx = self.0.store.begin().await?;
        trust::put_authority(&mut tx, &new).await?;
        let record = Record::of(Event::TrustAdded)
            .with("role", role.as_str())
            .with("thumbprint", new.thumbprint);
        self.commit_trust(tx, &record, &wanted, origin).await?;
        Ok(true)
    }

    /// Whether the certificate is one that may be added.
    ///
    /// # Errors
    /// [`TrustError::Unfit`].
    pub fn check_authority(&self, certificate: &Certificate) -> Result<(), TrustError> {
        certificate
            .check_authority(self.now().0, self.allows_foreign())
            .and_then(|()| Anchor::parse(certificate.der()).map_err(|_| Reason::CertificateMalformed.into()))
            .map(|_| ())
            .map_err(TrustError::Unfit)
    }

    /// Takes an authority away, and with it those that came with the list or with signatures and lead nowhere then; how many
    /// went. 0: there is none of this SHA-256 thumbprint.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_authority(&self, thumbprint: &str, origin: &Origin) -> Result<usize, Error> {
        let (now, allow_foreign) = (self.now(), self.allows_foreign());
        let mut rows = trust::authorities(self.0.store.db()).await?;
        let before = rows.len();
        rows.retain(|row| row.thumbprint != thumbprint);
        if rows.len() == before {
            return Ok(0);
        }
        let mut known = HashMap::new();
        let left = trust_of(&rows, &mut known);
        let leads = |row: &Authority| {
            known.get(&row.thumbprint).is_some_and(|one| left.lead(one, now.0, allow_foreign).is_ok())
        };
        let (rows, lost): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.source == Source::Operator || leads(row));
        let wanted = wanted(&rows, now, allow_foreign);
        let mut tx = self.0.store.begin().await?;
        trust::delete_authority(&mut tx, thumbprint).await?;
        for row in &lost {
            trust::delete_authority(&mut tx, &row.thumbprint).await?;
        }
        let record = Record::of(Event::TrustRemoved).with("thumbprint", thumbprint).with("others", lost.len());
        self.commit_trust(tx, &record, &wanted, origin).await?;
        Ok(1 + lost.len())
    }

    /// Imports a list of accredited authorities in place of the one before: those of its certificates that are authorities'
    /// and lead to an anchor, with their status and the addresses of their revocation lists. All or nothing.
    ///
    /// # Errors
    /// [`TrustError`]; then the import before stays.
    pub async fn import_authorities(&self, xml: Vec<u8>, source: &str, origin: &Origin) -> Result<Import, TrustError> {
        let (now, allow_foreign) = (self.now(), self.allows_foreign());
        let rows = trust::authorities(self.0.store.db()).await?;
        if !rows.iter().any(|row| row.role == Role::Anchor) {
            return Err(TrustError::NoAnchors);
        }
        // Off the async threads: some thousand signatures are verified.
        let sift = move || {
            let (import, listed) = sift(&xml, &rows, now, allow_foreign)?;
            let rows = after_import(rows, &listed);
            Ok::<_, TrustError>((import, listed, wanted(&rows, now, allow_foreign)))
        };
        let sifted = tokio::task::spawn_blocking(sift).await;
        let (import, listed, wanted) = sifted.map_err(|_| TrustError::Unread(Unread::Malformed))??;
        let count = |counts: usize| i64::try_from(counts).unwrap_or(i64::MAX);
        let imported = Imported {
            source: source.to_owned(),
            version: import.version.clone(),
            kept: count(import.kept.values().sum()),
            dropped: count(import.dropped.values().sum()),
            at: now,
        };
        let mut tx = self.0.store.begin().await?;
        trust::import(&mut tx, &listed, &imported).await?;
        let record = Record::of(Event::TrustImported)
            .with("version", imported.version)
            .with("kept", imported.kept)
            .with("dropped", imported.dropped);
        self.commit_trust(tx, &record, &wanted, origin).await?;
        Ok(import)
    }

    /// Brings the addresses up to date, writes the record, tells the nodes and commits; then this node knows too.
    async fn commit_trust(
        &self,
        mut tx: Tx,
        record: &Record,
        wanted: &BTreeSet<String>,
        origin: &Origin,
    ) -> Result<(), Error> {
        let now = self.now();
        let is_on = trust::authorities_in(&mut tx).await?.iter().any(|row| row.role == Role::Anchor);
        let present = trust::addresses_in(&mut tx).await?;
        for one in &present {
            match (wanted.contains(&one.address), one.told) {
                (true, Told::Signature) => trust::name_address(&mut tx, &one.address, Told::Authority).await?,
                (false, Told::Authority) => trust::delete_address(&mut tx, &one.address).await?,
                (false, Told::Signature) if !is_on => trust::delete_address(&mut tx, &one.address).await?,
                _ => {}
            }
        }
        for address in wanted.iter().filter(|wanted| !present.iter().any(|one| one.address == **wanted)) {
            trust::put_address(&mut tx, address, Told::Authority, now).await?;
        }
        trust::delete_lost_lists(&mut tx).await?;
        audit::write(&mut tx, record, origin, now, &*self.0.entropy).await?;
        change::tell(&mut tx, Kind::Trust, &[record.event.as_str().to_owned()], now).await?;
        tx.commit().await?;
        self.0.store.ephemeral().publish().await;
        self.load_trust().await
    }
}

/// The authorities as they are once these have been imported: `store` does the same in the database.
fn after_import(rows: Vec<Authority>, listed: &[Authority]) -> Vec<Authority> {
    let known: BTreeSet<String> = rows.iter().map(|row| row.thumbprint.clone()).collect();
    let mut after = rows;
    for row in &mut after {
        let named = listed.iter().find(|one| one.thumbprint == row.thumbprint);
        row.status = named.and_then(|one| one.status.clone());
        row.addresses = named.map(|one| one.addresses.clone()).unwrap_or_default();
    }
    after.retain(|row| row.source != Source::List || row.status.is_some());
    after.extend(listed.iter().filter(|one| !known.contains(&one.thumbprint)).cloned());
    after
}

/// Keeps of a list what leads to an anchor.
fn sift(
    xml: &[u8],
    rows: &[Authority],
    now: Timestamp,
    allow_foreign: bool,
) -> Result<(Import, Vec<Authority>), TrustError> {
    let list = accredited::read(xml).map_err(TrustError::Unread)?;
    let mut import = Import { version: list.version, ..Import::default() };
    let mut drop_one = |code| *import.dropped.entry(code).or_default() += 1;
    let mut found: Vec<(Certificate, Authority)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for entry in list.entries {
        let der = kabinet_gost::pem::base64(&entry.certificate);
        let Some(certificate) = der.ok().and_then(|der| Certificate::parse(&der).ok()) else {
            drop_one(Reason::CertificateMalformed.code());
            continue;
        };
        if let Err(refusal) = certificate.check_authority(now.0, allow_foreign) {
            drop_one(refusal.reason.code());
            continue;
        }
        let mut row = row_of(&certificate, Role::Intermediate, Source::List, now);
        let status = if entry.status.is_empty() { NO_STATUS } else { &entry.status };
        row.status = Some(status.chars().take(64).collect());
        row.addresses = entry.addresses.into_iter().filter(|one| is_address(one)).collect();
        match places.get(&row.thumbprint).and_then(|at| found.get_mut(*at)) {
            // One certificate under several keys or authorities.
            Some((_, before)) => {
                row.addresses.retain(|one| !before.addresses.contains(one));
                before.addresses.extend(row.addresses);
                drop_one("duplicate");
            }
            None => {
                places.insert(row.thumbprint.clone(), found.len());
                found.push((certificate, row));
            }
        }
    }
    let mut trust = trust_of(rows, &mut HashMap::new());
    trust.certificates.extend(found.iter().map(|(certificate, _)| certificate.clone()));
    let mut listed = Vec::new();
    for (certificate, row) in found {
        match trust.lead(&certificate, now.0, allow_foreign) {
            Ok(_) => {
                *import.kept.entry(row.status.clone().unwrap_or_default()).or_default() += 1;
                listed.push(row);
            }
            Err(refusal) => *import.dropped.entry(refusal.reason.code()).or_default() += 1,
        }
    }
    if listed.is_empty() {
        return Err(TrustError::NothingKept(import));
    }
    Ok((import, listed))
}
