//! The brands that need no configuration. The texts of the products' guides are theirs, word for word.

use super::{Brand, Texts};
use crate::contact::ContactKind;
use crate::language::Words;
use crate::method::MethodName;

pub(super) fn ink() -> String {
    "#ffffff".to_owned()
}

pub(super) fn mark() -> String {
    "M9.5 24.5V9.5h3.4v6.2l5.6-6.2h4.2l-6.2 6.7 6.6 8.3h-4.2l-4.8-6.2-1.2 1.3v4.9z".to_owned()
}

pub(super) fn identifiers() -> Vec<ContactKind> {
    vec![ContactKind::Phone, ContactKind::Email]
}

pub(super) fn login_methods() -> Vec<MethodName> {
    MethodName::ALL.to_vec()
}

pub(super) fn registration_methods() -> Vec<MethodName> {
    MethodName::REGISTERING.to_vec()
}

pub(super) fn default() -> Brand {
    Brand {
        name: super::DEFAULT.to_owned(),
        colour: "#2456e6".to_owned(),
        colour_ink: ink(),
        colour_dark: Some("#8fabff".to_owned()),
        mark: mark(),
        year: None,
        help_url: None,
        support: None,
        identifiers: identifiers(),
        login_methods: login_methods(),
        registration_methods: registration_methods(),
        title: Words::new("Личный кабинет", "your account"),
        heading: Words::new("Единый личный кабинет", "One account"),
        tagline: Words::new("Один вход во все продукты", "One sign-in for every product"),
        entity: Words::new("АО «Пример»", "Example JSC"),
        texts: Texts::default(),
    }
}

pub(super) fn astral_edo() -> Brand {
    Brand {
        name: "astral-edo".to_owned(),
        colour: "#6a2bd9".to_owned(),
        colour_dark: Some("#bfa0ff".to_owned()),
        mark: "M15.2 9h3.7l6.1 16h-3.7l-1.3-3.7h-6L12.7 25H9zm-.2 9.4h4l-2-5.7z".to_owned(),
        help_url: Some("https://help.astral.ru/".to_owned()),
        registration_methods: vec![MethodName::Password, MethodName::Certificate],
        title: Words::new("Астрал.ЭДО", "Astral.EDO"),
        heading: Words::new("@СТРАЛ", "@STRAL"),
        tagline: Words::new("Входит в группу компаний 1С", "Member of the 1C group"),
        entity: Words::new("АО «Калуга Астрал»", "Kaluga Astral JSC"),
        ..default()
    }
}

/// Its texts are the one-line ones of the older guides: beside the separate consent, never in its place.
pub(super) fn etp_1c() -> Brand {
    Brand {
        name: "1c-etp".to_owned(),
        colour: "#ffd60a".to_owned(),
        colour_ink: "#1a1a1a".to_owned(),
        colour_dark: Some("#ffd84d".to_owned()),
        mark: "M8 13l4-3.5h2.5V25h-3.3V13.6L8 16zM26 13.5h-3.3a3.1 3.1 0 0 0-5.9 1.3v4.4a3.1 3.1 0 0 0 5.9 1.3H26a6.3 6.3 0 0 1-12.4-1.3v0V14.8a6.3 6.3 0 0 1 12.4-1.3z".to_owned(),
        registration_methods: registration_methods(),
        title: Words::new("1С-ЭТП", "1C-ETP"),
        heading: Words::new("АСТРАЛ", "ASTRAL"),
        texts: Texts {
            login_agreement: Some(one_line("Войти", "Sign in")),
            register_agreement: Some(one_line("Создать аккаунт", "Create account")),
            ..Texts::default()
        },
        ..astral_edo()
    }
}

fn one_line(button: &str, button_en: &str) -> Words {
    let ru = format!(
        "Нажимая кнопку «{button}», я соглашаюсь с условиями <agreement>Пользовательского соглашения</agreement> и выражаю \
         <pd-consent>согласие</pd-consent> на обработку персональных данных в соответствии с <pd-policy>Политикой обработки персональных \
         данных</pd-policy>"
    );
    let en = format!(
        "By pressing “{button_en}” I accept the <agreement>User agreement</agreement> and <pd-consent>consent</pd-consent> to the \
         processing of personal data under the <pd-policy>Personal data policy</pd-policy>"
    );
    Words { ru, en }
}
