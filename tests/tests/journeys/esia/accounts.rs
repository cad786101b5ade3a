//! What of a person from Госуслуги is kept with an account here, on the database.

use kabinet_core::audit::Origin;
use kabinet_core::brand::Brands;
use kabinet_core::claims;
use kabinet_core::id::{AttemptId, ClientId, UserId};
use kabinet_core::linking::Purpose;
use kabinet_core::organisation::Proof;
use kabinet_core::scope::Scope;
use kabinet_core::secret::TokenHash;
use kabinet_core::user::User;
use kabinet_identity::{Allowed, Going, UpstreamLogin, Visit};
use kabinet_tests::TestApp;
use serde_json::Value;

use super::*;

const NAME: &str = "esia-test";

struct Place {
    esia: Gosuslugi,
    app: TestApp,
}

impl Place {
    /// A provider whose operator asks for organisations, too.
    async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let esia = Gosuslugi::start().await;
        let section = esia.config();
        let app = TestApp::start_with(|config| {
            config.outbound = section.outbound.clone();
            config.esia = section.esia.clone();
            config.esia.scope.push("usr_org".to_owned());
            config.esia.scope_org = ["org_inn", "org_ogrn", "org_kpp", "org_shortname"].map(str::to_owned).to_vec();
            config.esia.org_tokens = true;
            change(config);
        })
        .await;
        Self { esia, app }
    }

    async fn come(&self, purpose: Purpose, persona: &str) -> UpstreamLogin {
        let (identity, visit) = (&self.app.identity, visit());
        let going = Going { purpose, flow: "flow".to_owned(), remember: false };
        let location = identity.begin_upstream(NAME, going, &visit).await.unwrap();
        let parameters = self.esia.visit(&location, persona, true).await;
        let back = identity.take_return(NAME, &parameters, &visit).await.unwrap();
        let allowed = Allowed { signs_in: true, registers: true };
        identity.finish_upstream(back, &parameters, allowed, &visit).await.unwrap()
    }

    async fn link(&self, user: &UserId, persona: &str) {
        let came = self.come(Purpose::Link(user.clone()), persona).await;
        assert!(matches!(came, UpstreamLogin::Link(_)), "{persona}: {came:?}: {}", self.esia.reasons());
        if let UpstreamLogin::Link(id) = came {
            self.take(user, &id).await;
        }
    }

    async fn take(&self, user: &UserId, id: &AttemptId) {
        let visit = visit();
        let guest = self.app.identity.guest(NAME, id, &visit).await.unwrap().unwrap();
        self.app.identity.link_upstream(user, &guest, &visit).await.unwrap();
    }

    async fn sign_in(&self, user: &UserId, persona: &str) {
        let came = self.come(Purpose::SignIn, persona).await;
        let is_theirs = matches!(&came, UpstreamLogin::Proven(proof) if proof.user_id == *user);
        assert!(is_theirs, "{came:?}");
    }

    async fn user(&self, id: &UserId) -> User {
        kabinet_store::user::by_id(self.app.store.db(), id).await.unwrap().unwrap()
    }
}

/// A browser.
fn visit() -> Visit {
    Visit {
        country: None,
        origin: Origin::default(),
        network: "203.0.113.0/24".to_owned(),
        binding: TokenHash::of("browser"),
        flow: None,
        client: None,
        brand: Brands::built_in().shared(None),
        devices: Vec::new(),
        language: Language::Ru,
        work: None,
    }
}

fn verified(user: &User) -> Value {
    let scope = Scope::parse("openid identity").unwrap();
    claims::of(user, &scope, &ClientId::from("any"))
        .remove("verified_claims")
        .unwrap_or_default()
}

#[tokio::test]
async fn who_a_person_is_comes_with_the_link_is_renewed_by_a_sign_in_and_goes_with_the_link() {
    let place = Place::start().await;
    let person = place.app.anyone().await;
    assert!(matches!(place.come(Purpose::SignIn, "confirmed").await, UpstreamLogin::Unlinked(_)));
    assert_eq!(verified(&place.user(&person.id).await), Value::Null);

    place.link(&person.id, "confirmed").await;
    let first = verified(&place.user(&person.id).await);
    assert_eq!(first["verification"]["trust_framework"], "ru_esia_test");
    assert_eq!(first["verification"]["assurance_level"], "confirmed");
    assert_eq!(first["verification"]["time"], "2026-11-23T00:00:00Z");
    assert_eq!(first["claims"]["family_name"], "Пробная");
    assert_eq!(first["claims"]["birthdate"], "1990-05-26");
    // No number is handed on.
    assert!(!first.to_string().contains("60119") && !first.to_string().contains("980000400124"));

    for clock in [60, 120] {
        place.app.clock.advance(60);
        place.esia.clock.0.fetch_add(60, Ordering::SeqCst);
        place.sign_in(&person.id, "confirmed").await;
        let renewed = verified(&place.user(&person.id).await);
        assert_eq!(renewed["verification"]["time"], format!("2026-11-23T00:{:02}:00Z", clock / 60));
    }

    let connections = place.app.identity.connections_of(&person.id).await.unwrap();
    let visit = visit();
    place.app.identity.unlink_upstream(&person.id, &connections[0].id, &visit).await.unwrap();
    assert_eq!(verified(&place.user(&person.id).await), Value::Null);
}

#[tokio::test]
async fn documents_are_read_where_the_scope_opens_them_and_go_to_whom_they_are_opened_by_name() {
    let place = Place::start_with(|config| config.esia.scope.push("id_doc".to_owned())).await;
    let person = place.app.anyone().await;
    place.link(&person.id, "confirmed").await;
    let user = place.user(&person.id).await;
    assert!(verified(&user)["verification"].get("evidence").is_none());
    let scope = Scope::parse("openid identity identity_document").unwrap();
    let claims = claims::of(&user, &scope, &ClientId::from("any"));
    let document = &claims["verified_claims"]["verification"]["evidence"][0]["document_details"];
    assert_eq!(document["type"], "idcard");
    assert_eq!(document["document_number"], "9800600601");
    assert_eq!(document["date_of_issuance"], "2010-06-10");
    assert_eq!(document["issuer"]["country_code"], "RUS");
    // By itself the scope gives nothing.
    let alone = Scope::parse("openid identity_document").unwrap();
    assert!(!claims::of(&user, &alone, &ClientId::from("any")).contains_key("verified_claims"));

    // Without `id_doc` nothing is asked for.
    let place = Place::start().await;
    let person = place.app.anyone().await;
    place.link(&person.id, "confirmed").await;
    let claims = claims::of(&place.user(&person.id).await, &scope, &ClientId::from("any"));
    assert!(claims["verified_claims"]["verification"].get("evidence").is_none());
}

#[tokio::test]
async fn organisations_get_the_proof_of_gosuslugi_and_lose_it_when_esia_tells_of_them_no_more() {
    let place = Place::start().await;
    let person = place.app.anyone().await;
    place.link(&person.id, "employee").await;
    let shown = |user: &User| {
        let list = user.organisations.list.iter();
        let mut shown: Vec<_> = list.map(|one| (one.inn.clone(), one.proof)).collect();
        shown.sort();
        shown
    };
    let both = shown(&place.user(&person.id).await);
    assert_eq!(both.len(), 2, "{both:?} {}", place.esia.reasons());
    assert!(both.iter().all(|(_, proof)| *proof == Proof::Esia));

    place.esia.handle.change_person("employee", |persona| persona.memberships.truncate(1));
    place.sign_in(&person.id, "employee").await;
    let one = shown(&place.user(&person.id).await);
    assert_eq!(one, [("9800004018".to_owned(), Proof::Esia)]);

    place.esia.handle.change_person("employee", |persona| persona.memberships.clear());
    place.sign_in(&person.id, "employee").await;
    assert!(place.user(&person.id).await.organisations.list.is_empty());
}
