//! Whom an accepted certificate names.

use kabinet_core::certificate::{Business, Facts, Holder};
use kabinet_core::organisation::Relation;
use kabinet_core::time::Timestamp;
use kabinet_gost::Accepted;
use kabinet_gost::identity::{Kind, Subject};
use kabinet_gost::oid::hex;
use sha2::{Digest, Sha256};

/// The person, or the head of the organisation; `None`: no person.
pub(super) fn of(accepted: &Accepted) -> Option<Holder> {
    let Accepted { subject, certificate, is_qualified, .. } = accepted;
    if subject.kind == Kind::Seal {
        return None;
    }
    let full = [subject.surname.as_deref(), subject.given_name.as_deref()];
    let full = full.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let name = if full.is_empty() {
        subject.common_name.clone().unwrap_or_else(|| certificate.subject().title().to_owned())
    } else {
        full
    };
    Some(Holder {
        name,
        surname: subject.surname.clone(),
        given_name: subject.given_name.clone(),
        title: subject.title.clone(),
        email: subject.email.clone(),
        snils: subject.snils.clone(),
        inn: subject.inn.clone(),
        organisation: business(subject),
        certificate: Facts {
            issuer: certificate.issuer().title().to_owned(),
            serial: hex(certificate.serial()),
            sha256: certificate.sha256(),
            key: hex(&Sha256::digest(certificate.key_info())),
            not_after: Timestamp(certificate.not_after()),
            is_qualified: *is_qualified,
        },
    })
}

/// The organisation that the person heads, or their own trade.
fn business(subject: &Subject) -> Option<Business> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    match subject.kind {
        Kind::Organisation => Some(Business {
            inn: subject.inn_organisation.clone()?,
            ogrn: text(&subject.ogrn),
            name: subject.organisation.clone().or_else(|| subject.common_name.clone())?,
            relation: Relation::Head,
        }),
        Kind::SoleTrader => Some(Business {
            inn: subject.inn.clone()?,
            ogrn: text(&subject.ogrnip),
            name: subject.common_name.clone()?,
            relation: Relation::Entrepreneur,
        }),
        Kind::Person | Kind::Seal | Kind::Other => None,
    }
}
