//! What others have verified of a person, and the claim that hands it on (OpenID Connect for Identity Assurance 1.0 §5).
//!
//! One fact for each provider that vouches for who people are: what it said when the person last signed in there, and when. What it
//! says now takes the place of what it said before; one that no longer vouches takes its fact back. Documents go only to whom
//! they are opened by name (`evidence`, §5.4.3.1); СНИЛС and ИНН are not among the claims: whoever needs them asks the provider
//! under its own agreement.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::external::{Assurance, DocumentKind, External, ExternalDocument};
use crate::time::{Civil, Timestamp};

/// The names of the claims that are handed on.
pub const CLAIMS: [&str; 4] = ["family_name", "given_name", "middle_name", "birthdate"];

/// What one provider has verified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Fact {
    /// When the provider said so.
    at: Timestamp,
    /// What it said, as standard claims.
    claims: Map<String, Value>,
    /// The documents that it has seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    documents: Vec<ExternalDocument>,
}

/// What providers have verified of a person, each under its name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Verified(BTreeMap<String, Fact>);

/// The rules by which a provider verifies people, as the claim names them: Госуслуги's by a name of their own.
fn framework(upstream: &str) -> &str {
    match upstream {
        "esia" => "ru_esia",
        "esia-test" => "ru_esia_test",
        other => other,
    }
}

impl Verified {
    /// Whether nobody has verified anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes what the provider says now in place of what it said before; of a person whom it has not confirmed it says nothing.
    pub fn note(&mut self, person: &External) {
        let told = [&person.family_name, &person.given_name, &person.middle_name, &person.birthdate];
        let pair = |(name, value): (&str, &Option<String>)| Some((name.to_owned(), value.as_deref()?.into()));
        let claims: Map<String, Value> = CLAIMS.into_iter().zip(told).filter_map(pair).collect();
        if person.assurance == Assurance::Confirmed && !claims.is_empty() {
            let documents = person.documents.clone();
            self.0.insert(person.upstream.clone(), Fact { at: person.at, claims, documents });
        } else {
            self.0.remove(&person.upstream);
        }
    }

    /// Forgets what a provider said; `false` when it had said nothing.
    pub fn forget(&mut self, upstream: &str) -> bool {
        self.0.remove(upstream).is_some()
    }

    /// Forgets what those providers said that are not to be kept.
    pub fn retain(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.0.retain(|name, _| is_kept(name));
    }

    /// Takes over what providers said of another account of the same person, where this one has nothing of theirs. Which.
    pub fn adopt(&mut self, other: &Self) -> Vec<String> {
        let is_new = |name: &&String| !self.0.contains_key(*name);
        let new: Vec<String> = other.0.keys().filter(is_new).cloned().collect();
        self.0
            .extend(new.iter().filter_map(|name| Some((name.clone(), other.0.get(name)?.clone()))));
        new
    }

    /// `verified_claims`: an object, or with several providers a list of them; `None`: nobody has verified anything.
    #[must_use]
    pub fn claim(&self, with_documents: bool) -> Option<Value> {
        let one = |(upstream, fact): (&String, &Fact)| {
            let mut verification = json!({
                "trust_framework": framework(upstream),
                "assurance_level": "confirmed",
                "time": moment(fact.at),
            });
            if with_documents && !fact.documents.is_empty() {
                verification["evidence"] = fact.documents.iter().map(evidence).collect();
            }
            json!({"verification": verification, "claims": fact.claims})
        };
        let mut all: Vec<Value> = self.0.iter().map(one).collect();
        match all.len() {
            0 | 1 => all.pop(),
            _ => Some(all.into()),
        }
    }
}

/// A document as evidence.
fn evidence(document: &ExternalDocument) -> Value {
    let ExternalDocument { kind, number, issued_on, expires_on, issuer } = document;
    let mut details = json!({"type": kind, "document_number": number});
    for (name, value) in [("date_of_issuance", issued_on), ("date_of_expiry", expires_on)] {
        if let Some(value) = value {
            details[name] = value.as_str().into();
        }
    }
    if let Some(issuer) = issuer {
        details["issuer"]["name"] = issuer.as_str().into();
    }
    if *kind == DocumentKind::Idcard {
        details["issuer"]["country_code"] = "RUS".into();
    }
    json!({"type": "document", "document_details": details})
}

/// ISO 8601, UTC.
fn moment(at: Timestamp) -> String {
    let Civil { year, month, day, hour, minute, second } = Civil::of(at);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(upstream: &str, at: i64) -> External {
        External {
            assurance: Assurance::Confirmed,
            family_name: Some("Пробная".to_owned()),
            given_name: Some("Анна".to_owned()),
            birthdate: Some("1990-05-26".to_owned()),
            snils: Some("00000060119".to_owned()),
            ..External::new(upstream, "1", Timestamp(at))
        }
    }

    #[test]
    fn what_a_provider_says_now_takes_the_place_of_what_it_said() {
        let mut verified = Verified::default();
        assert_eq!(verified.claim(false), None);
        verified.note(&person("esia", 0));
        verified.note(&person("esia", 1_795_392_000));
        let claim = json!({
            "verification": {"trust_framework": "ru_esia", "assurance_level": "confirmed", "time": "2026-11-23T00:00:00Z"},
            "claims": {"family_name": "Пробная", "given_name": "Анна", "birthdate": "1990-05-26"},
        });
        assert_eq!(verified.claim(false), Some(claim));
        assert!(!serde_json::to_string(&verified).unwrap().contains("60119"));

        verified.note(&External {
            documents: vec![ExternalDocument {
                kind: DocumentKind::Idcard,
                number: "0000000001".to_owned(),
                issued_on: Some("2010-06-01".to_owned()),
                expires_on: None,
                issuer: Some("ОВД".to_owned()),
            }],
            ..person("esia", 1_795_392_000)
        });
        assert!(verified.claim(false).unwrap()["verification"].get("evidence").is_none());
        let evidence = json!([{"type": "document", "document_details": {
            "type": "idcard", "document_number": "0000000001", "date_of_issuance": "2010-06-01",
            "issuer": {"name": "ОВД", "country_code": "RUS"},
        }}]);
        assert_eq!(verified.claim(true).unwrap()["verification"]["evidence"], evidence);

        verified.note(&person("bank", 5));
        assert_eq!(verified.claim(false).unwrap().as_array().unwrap().len(), 2);
        assert!(verified.forget("bank") && !verified.forget("bank"));

        // An account that is no longer confirmed proves nothing any more.
        verified.note(&External { assurance: Assurance::Unconfirmed, ..person("esia", 9) });
        assert!(verified.is_empty());
        verified.note(&External {
            assurance: Assurance::Confirmed,
            ..External::new("esia", "1", Timestamp(0))
        });
        assert!(verified.is_empty());
    }
}
