//! When two accounts of one person become one: the rules, and what each client knows the person by afterwards.
//!
//! 1. The account that stays and the other one are both proven, each within [`PROOF_LIFE`], in one browser and one attempt.
//! 2. Neither is disabled, an administrator's, part of a merge that can still be undone, or about to lose a contact.
//! 3. What both have together is no more than one account may have.
//! 4. A client keeps the `sub` that it knew. One that knew the other account alone gets that one's for the account that stays; one
//!    that knew both, or neither, gets the own one of the account that stays.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::contact::{Contact, ContactKind};
use crate::id::{CertificateId, ClientId, LinkId, OrganisationId, UserId};
use crate::organisation;
use crate::time::Timestamp;
use crate::user::User;

/// How old either proof may be when the accounts are merged, seconds.
pub const PROOF_LIFE: i64 = 300;
/// How many contacts an account may have after a merge.
pub const CONTACTS: usize = 20;
/// How many certificates an account may have, and how many accounts at other providers.
pub const METHODS: usize = 20;

/// One of the two accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// Which.
    pub user: UserId,
    /// When this browser proved it for this attempt.
    pub proven_at: Option<Timestamp>,
    /// Whether it is disabled, or was merged into another one.
    pub is_disabled: bool,
    /// Whether it has an administrative role.
    pub is_administrator: bool,
    /// Whether a merge that it is part of can still be undone.
    pub is_merged: bool,
    /// Whether a recovery or the loss of a contact waits.
    pub has_handover: bool,
}

/// How many things both accounts have together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Together {
    /// Phones and e-mail addresses.
    pub contacts: usize,
    /// Certificates.
    pub certificates: usize,
    /// Accounts at other providers.
    pub links: usize,
    /// Organisations.
    pub organisations: usize,
}

/// What is known when somebody wants to merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Situation {
    /// The account that stays.
    pub staying: Side,
    /// The account that becomes part of it.
    pub other: Side,
    /// What they have together.
    pub together: Together,
    /// Now.
    pub now: Timestamp,
}

/// Why two accounts stay two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is one account.
    Same,
    /// The account that stays was not proven, or too long ago.
    Unproven,
    /// The other one was not.
    OtherUnproven,
    /// Either is disabled.
    Disabled,
    /// Either is an administrator's.
    Administrator,
    /// Either is part of a merge that can still be undone.
    Recent,
    /// Something waits to happen to either.
    Waiting,
    /// Together they have more than one account may have.
    TooMuch,
}

impl Refusal {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::Same,
        Self::Unproven,
        Self::OtherUnproven,
        Self::Disabled,
        Self::Administrator,
        Self::Recent,
        Self::Waiting,
        Self::TooMuch,
    ];

    /// The code on pages.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Same => "merge-same",
            Self::Unproven => "merge-unproven",
            Self::OtherUnproven => "merge-other-unproven",
            Self::Disabled => "merge-disabled",
            Self::Administrator => "merge-administrator",
            Self::Recent => "merge-recent",
            Self::Waiting => "merge-waiting",
            Self::TooMuch => "merge-too-much",
        }
    }
}

/// Decides.
///
/// # Errors
/// Why they stay two.
pub fn decide(situation: &Situation) -> Result<(), Refusal> {
    let Situation { staying, other, together, now } = situation;
    let is_proven = |side: &Side| side.proven_at.is_some_and(|at| (0..=PROOF_LIFE).contains(&now.since(at)));
    let either = |what: fn(&Side) -> bool| what(staying) || what(other);
    let rules = [
        (staying.user == other.user, Refusal::Same),
        (!is_proven(staying), Refusal::Unproven),
        (!is_proven(other), Refusal::OtherUnproven),
        (either(|side| side.is_disabled), Refusal::Disabled),
        (either(|side| side.is_administrator), Refusal::Administrator),
        (either(|side| side.is_merged), Refusal::Recent),
        (either(|side| side.has_handover), Refusal::Waiting),
        (
            together.contacts > CONTACTS
                || together.certificates > METHODS
                || together.links > METHODS
                || together.organisations > organisation::MOST,
            Refusal::TooMuch,
        ),
    ];
    match rules.into_iter().find(|(is_broken, _)| *is_broken) {
        Some((_, refusal)) => Err(refusal),
        None => Ok(()),
    }
}

/// What clients know the person by, other than the own `sub` of the account that stays, and only because of this merge: those that
/// knew the other account alone.
#[must_use]
pub fn subjects(
    (staying, known): (&User, &BTreeSet<ClientId>),
    (other, known_other): (&User, &BTreeSet<ClientId>),
) -> BTreeMap<ClientId, UserId> {
    let is_new = |client: &&ClientId| !known.contains(*client) && !staying.subjects.contains_key(*client);
    let pair = |client: &ClientId| (client.clone(), other.known_as(client).clone());
    known_other.iter().chain(other.subjects.keys()).filter(is_new).map(pair).collect()
}

/// A contact that moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedContact {
    /// Phone or e-mail.
    pub kind: ContactKind,
    /// In normal form.
    pub value: String,
    /// Whether it was the main one of its kind.
    pub main: bool,
}

impl MovedContact {
    /// The contact.
    #[must_use]
    pub fn contact(&self) -> Contact {
        Contact::stored(self.kind, self.value.clone())
    }
}

/// What moved from one account to the other, so that it can be given back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Phones and e-mail addresses.
    pub contacts: Vec<MovedContact>,
    /// Certificates.
    pub certificates: Vec<CertificateId>,
    /// Accounts at other providers.
    pub links: Vec<LinkId>,
    /// Organisations.
    pub organisations: Vec<OrganisationId>,
    /// Codes of partners, by the client that they were given to.
    pub partner_codes: Vec<ClientId>,
    /// What third-party clients were allowed, and when.
    pub consents: Vec<(ClientId, Timestamp)>,
    /// The providers whose word on who the person is was taken over.
    pub facts: Vec<String>,
    /// Whether the account that stays had no password and got the other one's.
    pub password: bool,
    /// What clients know the person by since.
    pub subjects: BTreeMap<ClientId, UserId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn side(id: &str) -> Side {
        Side {
            user: UserId::from(id),
            proven_at: Some(NOW),
            is_disabled: false,
            is_administrator: false,
            is_merged: false,
            has_handover: false,
        }
    }

    fn sound() -> Situation {
        Situation {
            staying: side("anna"),
            other: side("anya"),
            together: Together::default(),
            now: NOW,
        }
    }

    #[test]
    fn every_rule_by_itself() {
        type Change = fn(&mut Situation);
        let table: [(&str, Change, Result<(), Refusal>); 22] = [
            ("both proven", |_| (), Ok(())),
            ("the same", |s| s.other.user = s.staying.user.clone(), Err(Refusal::Same)),
            ("the staying one is not proven", |s| s.staying.proven_at = None, Err(Refusal::Unproven)),
            ("the other one is not proven", |s| s.other.proven_at = None, Err(Refusal::OtherUnproven)),
            ("the last second", |s| s.staying.proven_at = Some(NOW.plus(-PROOF_LIFE)), Ok(())),
            (
                "a second late",
                |s| s.staying.proven_at = Some(NOW.plus(-PROOF_LIFE - 1)),
                Err(Refusal::Unproven),
            ),
            (
                "the last second of the other",
                |s| s.other.proven_at = Some(NOW.plus(-PROOF_LIFE)),
                Ok(()),
            ),
            (
                "the other a second late",
                |s| s.other.proven_at = Some(NOW.plus(-PROOF_LIFE - 1)),
                Err(Refusal::OtherUnproven),
            ),
            (
                "proven in the future",
                |s| s.other.proven_at = Some(NOW.plus(1)),
                Err(Refusal::OtherUnproven),
            ),
            ("disabled", |s| s.staying.is_disabled = true, Err(Refusal::Disabled)),
            ("the other disabled", |s| s.other.is_disabled = true, Err(Refusal::Disabled)),
            ("an administrator", |s| s.staying.is_administrator = true, Err(Refusal::Administrator)),
            (
                "into an administrator's",
                |s| s.other.is_administrator = true,
                Err(Refusal::Administrator),
            ),
            ("merged lately", |s| s.staying.is_merged = true, Err(Refusal::Recent)),
            ("the other merged lately", |s| s.other.is_merged = true, Err(Refusal::Recent)),
            ("a contact is leaving", |s| s.staying.has_handover = true, Err(Refusal::Waiting)),
            ("a contact is leaving the other", |s| s.other.has_handover = true, Err(Refusal::Waiting)),
            ("as many contacts as there may be", |s| s.together.contacts = CONTACTS, Ok(())),
            ("one contact more", |s| s.together.contacts = CONTACTS + 1, Err(Refusal::TooMuch)),
            ("certificates", |s| s.together.certificates = METHODS + 1, Err(Refusal::TooMuch)),
            ("providers", |s| s.together.links = METHODS + 1, Err(Refusal::TooMuch)),
            (
                "organisations",
                |s| s.together.organisations = organisation::MOST + 1,
                Err(Refusal::TooMuch),
            ),
        ];
        for (name, change, expected) in table {
            let mut situation = sound();
            change(&mut situation);
            assert_eq!(decide(&situation), expected, "{name}");
        }
    }

    /// Every combination of proofs and states.
    #[test]
    fn nothing_is_merged_without_a_fresh_proof_of_each() {
        let ages = [None, Some(-1), Some(0), Some(PROOF_LIFE), Some(PROOF_LIFE + 1), Some(i64::from(i32::MAX))];
        let mut merged = 0;
        for (own, others) in ages.iter().flat_map(|own| ages.iter().map(move |others| (own, others))) {
            for bits in 0..512_u32 {
                let bit = |n: u32| bits & (1 << n) != 0;
                let of = |id: &str, age: &Option<i64>, at: u32| Side {
                    proven_at: age.map(|age| NOW.plus(-age)),
                    is_disabled: bit(at),
                    is_administrator: bit(at + 1),
                    is_merged: bit(at + 2),
                    has_handover: bit(at + 3),
                    ..side(id)
                };
                let other = if bit(8) { "anna" } else { "anya" };
                let situation = Situation {
                    staying: of("anna", own, 0),
                    other: of(other, others, 4),
                    ..sound()
                };
                if decide(&situation).is_ok() {
                    merged += 1;
                    let is_fresh = |age: &Option<i64>| age.is_some_and(|age| (0..=PROOF_LIFE).contains(&age));
                    assert!(is_fresh(own) && is_fresh(others), "{situation:?}");
                    assert_eq!(bits, 0, "{situation:?}");
                }
            }
        }
        assert_eq!(merged, 4, "both proofs at either end of their time, and nothing else");
    }

    #[test]
    fn each_client_keeps_the_sub_that_it_knew() {
        let user = |id: &str, subjects: &[(&str, &str)]| {
            let pair = |(client, user): &(&str, &str)| (ClientId::from(*client), UserId::from(*user));
            User {
                subjects: subjects.iter().map(pair).collect(),
                ..User::new(UserId::from(id), Timestamp(0))
            }
        };
        let clients = |names: &[&str]| names.iter().map(|name| ClientId::from(*name)).collect::<BTreeSet<_>>();
        let pairs = |found: BTreeMap<ClientId, UserId>| {
            let pair = |(client, user): (ClientId, UserId)| format!("{client}={user}");
            found.into_iter().map(pair).collect::<Vec<_>>().join(" ")
        };
        let (anna, anya) = (user("anna", &[]), user("anya", &[("old", "anechka")]));
        let found = subjects((&anna, &clients(&["own", "both"])), (&anya, &clients(&["both", "theirs"])));
        assert_eq!(pairs(found), "old=anechka theirs=anya");
        // What a client knows from an earlier merge stays, whatever else it knew.
        let merged = user("anna", &[("theirs", "first")]);
        let found = subjects((&merged, &clients(&[])), (&anya, &clients(&["theirs"])));
        assert_eq!(pairs(found), "old=anechka");
    }
}
