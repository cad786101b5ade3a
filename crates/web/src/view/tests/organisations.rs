//! The pages about organisations.

use kabinet_core::id::OrganisationId;
use kabinet_core::organisation::{Organisation, Proof, Relation};

use super::*;

pub(super) fn pages(scene: Scene<'_>) -> Vec<Sample> {
    let one = |id: &str, proof| Organisation {
        id: OrganisationId::from(id),
        inn: "7707083893".to_owned(),
        kpp: Some(HOSTILE.to_owned()),
        ogrn: None,
        name: HOSTILE.to_owned(),
        relation: Relation::Employee,
        proof,
        proof_time: NOW,
    };
    let typed = || TypedOrganisation {
        inn: HOSTILE.to_owned(),
        kpp: HOSTILE.to_owned(),
        name: HOSTILE.to_owned(),
    };
    let complete = |choices, errors| CompleteOrganisation {
        chrome: scene.chrome("/complete"),
        client_name: HOSTILE.to_owned(),
        choices,
        typed: typed(),
        account: (HOSTILE.to_owned(), "s1".to_owned()),
        errors,
    };
    let account = |list| AccountOrganisations {
        chrome: Chrome { flow: None, ..scene.chrome("/account/organisations") },
        list,
        typed: typed(),
        errors: Errors::field("kpp", Message::of("kpp-invalid")),
        notice: None,
    };
    let two = || vec![one("o1", Proof::Stated), one("o2", Proof::Administrator)];
    let wrong = Errors::field("inn", Message::of("inn-invalid"))
        .and("organisation-name", Message::of("organisation-name-invalid"));
    vec![
        sample(
            "complete-organisation",
            &complete(vec![], wrong),
            &["complete-form", "inn", "kpp", "organisation-name", "inn-error", "submit", "deny"],
        ),
        sample(
            "complete-choose",
            &complete(two(), Errors::none()),
            &["complete-form", "organisations", "organisation-o1", "organisation-o2", "submit"],
        ),
        sample(
            "account-organisations",
            &account(two()),
            &["organisations-form", "remove-o1", "organisation-form", "kpp-error"],
        ),
        sample("account-organisations-none", &account(vec![]), &["no-organisations", "inn"]),
    ]
}
