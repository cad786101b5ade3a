//! The pages behind «Забыли пароль?».

use super::*;

pub(super) fn pages(scene: Scene<'_>) -> Vec<Sample> {
    let recover = Recover {
        chrome: scene.chrome("/recover"),
        identifier: ContactKind::Phone,
        value: HOSTILE.to_owned(),
        errors: Errors::none(),
    };
    let new_password = |contact: Contact| NewPassword {
        chrome: scene.chrome("/recover/password"),
        errors: match contact.kind() {
            ContactKind::Phone => Errors::none(),
            ContactKind::Email => Errors::field("new-password", Message::of("password-short").with("min", 10)),
        },
        contact,
        password_min: 10,
        notice: None,
        hidden: vec![("id", HOSTILE.to_owned())],
    };
    let second = |only_disown, due_at| SecondProof {
        chrome: scene.chrome("/recover/password"),
        contact: phone(),
        only_disown,
        others: vec![email()],
        due_at,
        hours: 72,
        errors: Errors::none(),
        hidden: vec![("id", HOSTILE.to_owned())],
    };
    let told = Told {
        chrome: scene.chrome("/recover/password"),
        heading: Message::of("waiting-title"),
        lines: vec![Message::of("waiting-lead").with("date", HOSTILE)],
        onward: ("/login?flow=abc".to_owned(), Message::of("to-login")),
    };
    vec![
        sample("recover", &recover, &["recover-form", "phone", "toggle-identifier", "submit", "back"]),
        sample(
            "new-password",
            &new_password(phone()),
            &["new-password-form", "new-password", "submit", "not-mine"],
        ),
        sample("new-password-email", &new_password(email()), &["new-password-error", "error"]),
        sample("second", &second(false, None), &["second-form", "send-0", "wait", "not-mine"]),
        sample(
            "second-waiting",
            &second(false, Some(Timestamp(1_800_000_000))),
            &["second-form", "send-0"],
        ),
        sample("disown", &second(true, None), &["second-form", "not-mine", "go-login"]),
        sample("told", &told, &["continue"]),
    ]
}
