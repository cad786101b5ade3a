//! Which claims a scope gives (OpenID Connect Core §5.1, §5.4).

use serde_json::{Map, Value, json};

use crate::id::ClientId;
use crate::scope::Scope;
use crate::user::User;

/// Claims of the scope `profile` that are stored as given; `updated_at` and `preferred_username` are computed.
const PROFILE: [&str; 13] = [
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
];

/// Every claim that the provider can give, for `claims_supported`.
pub const SUPPORTED: [&str; 31] = [
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "sid",
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
    "email",
    "phone_number",
    "address",
    "org",
    "orgs",
    "partner_code",
    "verified_claims",
];

/// What is wrong with claims that someone wants to store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{claim}: {detail}")]
pub struct BadClaim {
    /// The claim.
    pub claim: String,
    /// What is wrong with it.
    pub detail: &'static str,
}

/// Checks a JSON object of OpenID standard claims before it is stored.
///
/// # Errors
/// Names the first claim that is unknown or has the wrong type; contacts are not claims here, they are confirmed.
pub fn check(claims: &Map<String, Value>) -> Result<(), BadClaim> {
    for (claim, value) in claims {
        let bad = |detail| Err(BadClaim { claim: claim.clone(), detail });
        match claim.as_str() {
            "address" => {
                let parts = ["formatted", "street_address", "locality", "region", "postal_code", "country"];
                let sound = |(k, v): (&String, &Value)| parts.contains(&k.as_str()) && v.is_string();
                if !value.as_object().is_some_and(|o| o.iter().all(sound)) {
                    return bad("must be an object of the strings that OpenID Connect Core section 5.1.1 names");
                }
            }
            name if PROFILE.contains(&name) => {
                if !value
                    .as_str()
                    .is_some_and(|text| text.chars().count() <= 1000 && !text.chars().any(char::is_control))
                {
                    return bad("must be a string of at most 1000 characters without control characters");
                }
            }
            "email" | "phone_number" | "email_verified" | "phone_number_verified" => {
                return bad("is a contact; give it as --phone or --email");
            }
            _ => return bad("is not an OpenID standard claim"),
        }
    }
    Ok(())
}

/// The claims about `user` that `scope` gives this client, without `sub`. A claim without a value is left out.
#[must_use]
pub fn of(user: &User, scope: &Scope, client: &ClientId) -> Map<String, Value> {
    let mut out = Map::new();
    if scope.has("profile") {
        for name in PROFILE {
            if let Some(value) = user.claims.get(name).filter(|value| value.as_str() != Some("")) {
                out.insert(name.to_owned(), value.clone());
            }
        }
        // Stock clients (python-social-auth, 1С) make their user name of it and invent one when it is missing.
        if !out.contains_key("preferred_username")
            && let Some(contact) = user.email.as_ref().or(user.phone.as_ref())
        {
            out.insert("preferred_username".to_owned(), contact.contact.value().into());
        }
        out.insert("updated_at".to_owned(), user.updated_at.0.into());
    }
    if scope.has("email")
        && let Some(email) = &user.email
    {
        out.insert("email".to_owned(), email.contact.value().into());
        out.insert("email_verified".to_owned(), email.verified_at.is_some().into());
    }
    if scope.has("phone")
        && let Some(phone) = &user.phone
    {
        out.insert("phone_number".to_owned(), phone.contact.value().into());
        out.insert("phone_number_verified".to_owned(), phone.verified_at.is_some().into());
    }
    if scope.has("address")
        && let Some(address) = user.claims.get("address")
    {
        out.insert("address".to_owned(), json!(address));
    }
    if scope.has("orgs") && !user.organisations.list.is_empty() {
        out.insert("orgs".to_owned(), json!(user.organisations.list));
    }
    if scope.has("org")
        && let Some(chosen) = user.organisations.of_client(client)
    {
        out.insert("org".to_owned(), json!(chosen));
    }
    if (scope.has("org") || scope.has("orgs"))
        && let Some(code) = user.organisations.partner_codes.get(client)
    {
        out.insert("partner_code".to_owned(), code.as_str().into());
    }
    if scope.has("identity")
        && let Some(verified) = user.verified.claim(scope.has("identity_document"))
    {
        out.insert("verified_claims".to_owned(), verified);
    }
    out
}

/// The scope that gives a claim about a person; `None`: no such claim, or one that every token has.
#[must_use]
pub fn scope_of(claim: &str) -> Option<&'static str> {
    Some(match claim {
        "email" | "email_verified" => "email",
        "phone_number" | "phone_number_verified" => "phone",
        "address" => "address",
        "org" | "partner_code" => "org",
        "orgs" => "orgs",
        "verified_claims" => "identity",
        "updated_at" => "profile",
        name if PROFILE.contains(&name) => "profile",
        _ => return None,
    })
}

/// The claims about `user` that are asked for by name (OpenID Connect Core §5.5). What is not known is left out, essential or
/// not (§5.5.1).
#[must_use]
pub fn named(user: &User, names: &[String], client: &ClientId) -> Map<String, Value> {
    let scope = names.iter().filter_map(|name| scope_of(name)).collect();
    let mut out = of(user, &scope, client);
    out.retain(|name, _| names.contains(name));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Contact, ContactKind};
    use crate::id::{OrganisationId, UserId};
    use crate::organisation::{Named, Proof, Relation, Typed};
    use crate::time::Timestamp;
    use crate::user::ConfirmedContact;

    fn person() -> User {
        let claims = json!({"name": "Иван Петров", "given_name": "Иван", "nickname": "", "address": {"country": "RU"}});
        User {
            claims: claims.as_object().unwrap().clone(),
            email: Some(ConfirmedContact {
                contact: Contact::parse(ContactKind::Email, "ivan@example.test").unwrap(),
                verified_at: Some(Timestamp(5)),
            }),
            updated_at: Timestamp(7),
            ..User::new(UserId::from("u"), Timestamp(1))
        }
    }

    #[test]
    fn each_scope_gives_its_claims_and_openid_alone_gives_none() {
        let given = |scope: &str| Value::Object(of(&person(), &Scope::parse(scope).unwrap(), &ClientId::from("c")));
        assert_eq!(given("openid"), json!({}));
        assert_eq!(given("openid email"), json!({"email": "ivan@example.test", "email_verified": true}));
        assert_eq!(given("openid phone"), json!({}));
        assert_eq!(given("openid address"), json!({"address": {"country": "RU"}}));
        assert_eq!(
            given("openid profile"),
            json!({"name": "Иван Петров", "given_name": "Иван", "preferred_username": "ivan@example.test", "updated_at": 7})
        );
    }

    #[test]
    fn organisations_come_with_their_scopes_and_of_several_only_the_chosen_one_is_the_clients() {
        let mut person = person();
        for (id, inn, kpp) in [("1", "7707083893", "773601001"), ("2", "500100732259", "")] {
            let named = Named::read(Typed { inn, kpp, ogrn: "", name: "П" }).unwrap();
            let known = (named.relation(), Proof::Administrator);
            person
                .organisations
                .list
                .push(named.of_person(OrganisationId::from(id), known, Timestamp(9)));
        }
        let given = |person: &User, scope: &str, client: &str| {
            Value::Object(of(person, &Scope::parse(scope).unwrap(), &ClientId::from(client)))
        };
        let first = json!({"id": "1", "inn": "7707083893", "kpp": "773601001", "name": "П", "relation": "employee",
            "proof": "administrator", "proof_time": 9});
        let second = json!({"id": "2", "inn": "500100732259", "name": "П", "relation": "entrepreneur",
            "proof": "administrator", "proof_time": 9});
        assert_eq!(given(&person, "openid org", "c"), json!({}));
        assert_eq!(given(&person, "openid orgs", "c"), json!({"orgs": [first, second]}));
        person.organisations.chosen.insert(ClientId::from("c"), OrganisationId::from("2"));
        assert_eq!(given(&person, "openid org", "c"), json!({"org": second}));
        assert_eq!(given(&person, "openid org", "other"), json!({}));
        person.organisations.partner_codes.insert(ClientId::from("c"), "А-12".to_owned());
        assert_eq!(given(&person, "openid org", "c")["partner_code"], "А-12");
        assert_eq!(given(&person, "openid orgs", "c")["partner_code"], "А-12");
        assert_eq!(given(&person, "openid org", "other"), json!({}));
        assert_eq!(given(&person, "openid", "c"), json!({}));
        assert_eq!(Relation::Head.as_str(), "head");
    }

    #[test]
    fn what_others_have_verified_comes_with_its_scope_alone() {
        let mut person = person();
        let given = |person: &User, scope: &str| of(person, &Scope::parse(scope).unwrap(), &ClientId::from("c"));
        assert!(given(&person, "openid identity").is_empty());
        person.verified.note(&crate::external::External {
            assurance: crate::external::Assurance::Confirmed,
            family_name: Some("Петров".to_owned()),
            ..crate::external::External::new("esia", "1", Timestamp(5))
        });
        let claims = given(&person, "openid identity");
        assert_eq!(claims["verified_claims"]["claims"]["family_name"], "Петров");
        assert!(!given(&person, "openid profile").contains_key("verified_claims"));
        assert_eq!(named(&person, &["verified_claims".to_owned()], &ClientId::from("c")).len(), 1);
    }

    #[test]
    fn a_claim_asked_for_by_name_comes_alone() {
        let names = ["name", "email", "phone_number", "sub", "no_such"].map(str::to_owned);
        let given = named(&person(), &names, &ClientId::from("c"));
        assert_eq!(Value::Object(given), json!({"name": "Иван Петров", "email": "ivan@example.test"}));
        assert!(named(&person(), &[], &ClientId::from("c")).is_empty());
        for name in SUPPORTED.iter().skip(10) {
            assert!(scope_of(name).is_some(), "{name}");
        }
    }

    #[test]
    fn only_standard_claims_of_the_right_type_are_stored() {
        let check = |value: Value| check(value.as_object().unwrap());
        assert_eq!(check(json!({"name": "Иван", "address": {"locality": "Калуга"}})), Ok(()));
        for bad in [
            json!({"name": 5}),
            json!({"address": "Калуга"}),
            json!({"is_admin": true}),
            json!({"email": "a@b.ru"}),
            json!({"sub": "x"}),
            json!({"name": "a\nb"}),
        ] {
            assert!(check(bad.clone()).is_err(), "{bad}");
        }
    }
}
