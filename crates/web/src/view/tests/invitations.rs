//! The pages of an invitation.

use kabinet_core::invitation::Parts;

use super::*;

pub(super) fn pages(scene: Scene<'_>) -> Vec<Sample> {
    let code = |contact: Option<&str>, errors| UserCodePage {
        chrome: scene.chrome("/code"),
        value: HOSTILE.to_owned(),
        compare: false,
        contact: contact.map(str::to_owned),
        errors,
    };
    let wrong = Errors::field("code", Message::of("invitation-wrong"))
        .and("contact", Message::of("invitation-contact-invalid"));
    let page = |by: Option<&str>, contact, way, errors| InvitationPage {
        chrome: scene.chrome("/code/invitation"),
        contact,
        by: by.map(str::to_owned),
        organisation: by.map(|_| Parts {
            inn: "7707083893".to_owned(),
            kpp: "773601001".to_owned(),
            ogrn: String::new(),
            name: HOSTILE.to_owned(),
        }),
        way,
        hidden: vec![("entered", HOSTILE.to_owned())],
        errors,
    };
    let register = |pd_consent| InvitedWay::Register { pd_consent, password_min: 10 };
    let missing = Errors::field("password", Message::of("password-missing"))
        .and("pd-consent", Message::of("consent-missing").with("place", "register"));
    let sign_in = InvitedWay::SignIn { href: "/login?flow=abc&another=1".to_owned() };
    vec![
        sample("user-code", &code(None, Errors::none()), &["code-form", "code", "submit"]),
        sample(
            "user-code-contact",
            &code(Some(HOSTILE), Errors::none()),
            &["code-form", "code", "contact", "submit"],
        ),
        sample("user-code-wrong", &code(Some(""), wrong), &["error", "code-error", "contact-error"]),
        sample(
            "invitation",
            &page(Some(HOSTILE), phone(), register(false), Errors::none()),
            &["invitation-lead", "invitation-organisation", "register-form", "password", "pd-consent", "submit"],
        ),
        sample(
            "invitation-missing",
            &page(None, email(), register(true), missing),
            &["error", "password-error", "pd-consent-error"],
        ),
        sample("invitation-sign-in", &page(None, email(), sign_in, Errors::none()), &["go-login"]),
        sample(
            "invitation-join",
            &page(Some(HOSTILE), phone(), InvitedWay::Join, Errors::none()),
            &["invitation-form", "accept"],
        ),
    ]
}
