//! The page that asks about legal texts, and those that show what was agreed to.

use kabinet_core::document::Standing;

use super::*;

pub(super) fn pages(scene: Scene<'_>) -> Vec<Sample> {
    let text = |kind, before: Option<&str>| NewText {
        kind,
        title: Words::new(HOSTILE, HOSTILE),
        version: HOSTILE.to_owned(),
        published_at: before.is_some().then_some(NOW),
        href: "/legal/agreement?version=2&brand=x".to_owned(),
        before_href: before.map(str::to_owned),
    };
    let page = |texts, has_product, errors| CompleteDocuments {
        chrome: scene.chrome("/complete"),
        texts,
        asks_agreement: true,
        asks_consent: true,
        account: (HOSTILE.to_owned(), "s1".to_owned()),
        shown: "stamp".to_owned(),
        has_product,
        errors,
    };
    let changed = vec![text(Kind::Agreement, Some("/legal/agreement?version=1"))];
    let unticked = Errors::field("pd-consent", Message::of("consent-missing").with("place", "complete"));
    vec![
        sample(
            "complete-documents-changed",
            &page(changed, true, Errors::none()),
            &["complete-form", "pd-consent", "submit", "deny", "choose-another", "new-documents"],
        ),
        sample(
            "complete-documents-new",
            &page(vec![text(Kind::PdConsent, None)], false, unticked),
            &["pd-consent-error", "error", "deny"],
        ),
    ]
}

pub(super) fn account_pages(scene: Scene<'_>) -> Vec<Sample> {
    let chrome = |here: &str| Chrome { flow: None, ..scene.chrome(here) };
    let document = |kind: &str, title: Option<Words>, standing| DocumentRow {
        kind: kind.to_owned(),
        href: title.is_some().then(|| "/legal/agreement?version=2".to_owned()),
        title,
        version: "2\"><b>".to_owned(),
        at: NOW,
        client_name: Some(HOSTILE.to_owned()),
        standing,
    };
    let consents = |consents| AccountConsents {
        chrome: chrome("/account/consents"),
        consents,
        documents: vec![
            document(
                "agreement",
                Some(Words::new("Пользовательское соглашение", "User agreement")),
                Standing::InForce,
            ),
            document("pd-consent", None, Standing::Withdrawn(NOW)),
            document("<script>alert(1)</script>", None, Standing::Replaced),
        ],
        has_consent: true,
        token_minutes: 5,
        notice: Some(Message::of("consent-withdrawn")),
    };
    let allowed = ConsentRow {
        id: "rp1".to_owned(),
        client_name: "Ромашка".to_owned(),
        scope: Scope::parse("openid email offline_access orders").unwrap(),
        since: NOW,
    };
    vec![
        sample(
            "account-consents",
            &consents(vec![allowed]),
            &["consents-form", "withdraw-rp1", "withdraw-pd-consent"],
        ),
        sample(
            "consent-withdrawal",
            &ConsentWithdrawal {
                chrome: chrome("/account/consents/pd-consent"),
                has_consent: true,
                token_minutes: 5,
                notice: None,
            },
            &["withdraw-form", "submit", "keep"],
        ),
        sample("account-consents-none", &consents(vec![]), &["no-consents"]),
    ]
}
