//! What a provider vouches for of a person, kept with the account at every sign-in, link and registration by it.
//!
//! 1. Organisations, where its word on them is taken: those that it tells of get the proof `esia`, those that it told of before
//!    and tells of no more lose it and go. One that the person stated becomes the provider's; one that a certificate or an
//!    administrator vouches for stays as it is.
//! 2. Who the person is ([`Verified`](kabinet_core::verified::Verified)), where its word on people (`snils`) is taken.
//!
//! Only of a confirmed person is anything believed: an account that is confirmed no more takes back what it said.

use kabinet_core::external::{Assurance, External, ExternalOrganisation};
use kabinet_core::id::{OrganisationId, UserId};
use kabinet_core::organisation::{Named, Organisation, Proof, Typed};
use kabinet_store::change::{self, Kind};
use kabinet_store::organisation::{self, Removable};
use kabinet_store::{Error as StoreError, Tx, user};

use crate::Identity;
use crate::method::upstream::{Configured, Vouched};

impl Identity {
    /// Keeps what the provider says, inside the transaction that makes it true.
    pub(crate) async fn note_external(
        &self,
        tx: &mut Tx,
        one: &Configured,
        id: &UserId,
        person: &External,
    ) -> Result<(), StoreError> {
        let vouches = |what| one.settings.vouches.contains(&what);
        let (of_organisations, of_people) = (vouches(Vouched::Organisations), vouches(Vouched::Snils));
        if of_organisations || of_people {
            change::tell(tx, Kind::User, &[id.to_string()], self.now()).await?;
        }
        if of_organisations {
            let is_confirmed = person.assurance == Assurance::Confirmed;
            let told = if is_confirmed { person.organisations.as_slice() } else { &[] };
            self.note_organisations(tx, id, told).await?;
        }
        if of_people && let Some(known) = user::by_id_in(tx, id).await? {
            let mut verified = known.verified.clone();
            verified.note(person);
            if verified != known.verified {
                user::set_verified(tx, id, &verified, self.now()).await?;
            }
        }
        Ok(())
    }

    async fn note_organisations(
        &self,
        tx: &mut Tx,
        id: &UserId,
        told: &[ExternalOrganisation],
    ) -> Result<(), StoreError> {
        let now = self.now();
        for one in told {
            let typed = Typed {
                inn: &one.inn,
                kpp: &one.kpp,
                ogrn: &one.ogrn,
                name: &one.name,
            };
            let Ok(named) = Named::read(typed) else { continue };
            let new = OrganisationId::generate(now, &*self.0.entropy);
            // One too many is no reason to keep a person out.
            if !organisation::put(tx, id, &named.of_person(new.clone(), (one.relation, Proof::Esia), now)).await? {
                organisation::remove(tx, id, &new, Removable::Any).await?;
            }
        }
        let held = organisation::keep(tx, id, now).await?;
        let is_gone = |one: &&Organisation| one.proof == Proof::Esia && !told.iter().any(|told| is_same(told, one));
        let mut has_gone = false;
        for one in held.list.iter().filter(is_gone) {
            has_gone |= organisation::remove(tx, id, &one.id, Removable::Any).await?;
        }
        if has_gone {
            organisation::keep(tx, id, now).await?;
        }
        Ok(())
    }

    /// Forgets what a provider said of who the person is: it is linked no more.
    pub(crate) async fn forget_external(&self, tx: &mut Tx, id: &UserId, upstream: &str) -> Result<(), StoreError> {
        let Some(mut known) = user::by_id_in(tx, id).await? else {
            return Ok(());
        };
        if known.verified.forget(upstream) {
            user::set_verified(tx, id, &known.verified, self.now()).await?;
        }
        Ok(())
    }
}

/// Whether it is told of still: a provider may tell of an organisation by its ОГРН alone.
fn is_same(told: &ExternalOrganisation, held: &Organisation) -> bool {
    let has_same_inn =
        told.inn == held.inn && told.kpp.trim().to_uppercase() == held.kpp.as_deref().unwrap_or_default();
    has_same_inn || told.inn.is_empty() && held.ogrn.as_deref().is_some_and(|ogrn| ogrn == told.ogrn)
}
