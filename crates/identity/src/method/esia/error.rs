//! What ЕСИА says when it refuses.
//!
//! `error` is a word of OAuth and says little: `access_denied` stands for a person who refused (007004) and for a signature that
//! is no good (007053). What counts is ЕСИА's own code, the first eleven characters of `error_description`; the text after it
//! is never read. It comes through the browser, so nothing of it but the digits of the code goes further.

use crate::method::upstream::UpstreamError;

/// What kind of failure a code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Cancelled,
    Unavailable,
    Stale,
    /// With what the operator is to look at.
    Misconfigured(&'static str),
    Unconfirmed,
    NeedsSecondFactor,
    OtherOrganisation,
}

const CONSENT: &str = "the request of a consent (permissions) is wrong";
const PARAMETERS: &str = "a parameter of the request is missing, repeated or cannot be read";
const REGISTRATION: &str = "look at three things that are approved apart from each other: the mnemonic (esia.client_id), the upload of the \
     certificate to the technical portal, the access of the system to this contour";
const SCOPE: &str = "a scope in esia.scope or esia.scope_org is unknown or not approved for this system; one of them spoils \
                     the whole request";
const ROLES: &str = "the kind of account or role that the request asks for is wrong";

/// The codes, in the order of their numbers.
const CODES: &[(&str, Means)] = &[
    (
        "007002",
        Means::Misconfigured("the certificate does not belong to the mnemonic, or none is registered for it"),
    ),
    ("007003", Means::Misconfigured(PARAMETERS)),
    ("007004", Means::Cancelled),
    ("007005", Means::Misconfigured(REGISTRATION)),
    ("007006", Means::Misconfigured(SCOPE)),
    ("007007", Means::Unavailable),
    ("007008", Means::Unavailable),
    (
        "007009",
        Means::Misconfigured("this form of request is not supported; look at esia.protocol"),
    ),
    ("007011", Means::Stale),
    (
        "007012",
        Means::Misconfigured("this kind of code is not supported; look at esia.protocol"),
    ),
    ("007013", Means::Misconfigured(SCOPE)),
    ("007014", Means::Misconfigured("a mandatory parameter is missing; look at esia.protocol")),
    ("007015", Means::Misconfigured("the time of the request is wrong; set the clock (NTP)")),
    ("007019", Means::Misconfigured(SCOPE)),
    (
        "007023",
        Means::Misconfigured("the address of return is not registered for this system; register the issuer's domain"),
    ),
    ("007038", Means::Misconfigured(PARAMETERS)),
    ("007039", Means::Misconfigured("PKCE was not asked for at the start; look at esia.pkce")),
    ("007040", Means::Misconfigured("the verifier of PKCE was refused; look at esia.pkce")),
    ("007046", Means::NeedsSecondFactor),
    (
        "007053",
        Means::Misconfigured(
            "the signature of the request is not accepted: look at esia.certificate (the one that was uploaded), at the \
             signer and its order of bytes (esia.signer_reversed), and at esia.protocol",
        ),
    ),
    ("007055", Means::Unconfirmed),
    ("007060", Means::Misconfigured(ROLES)),
    ("007061", Means::Misconfigured(ROLES)),
    ("007062", Means::Misconfigured(ROLES)),
    ("007194", Means::OtherOrganisation),
    ("008010", Means::Misconfigured(REGISTRATION)),
    ("036700", Means::Misconfigured(CONSENT)),
    ("036701", Means::Misconfigured(CONSENT)),
    ("036702", Means::Misconfigured(CONSENT)),
    ("036703", Means::Misconfigured(CONSENT)),
    ("036704", Means::Misconfigured(CONSENT)),
    ("036705", Means::Misconfigured(CONSENT)),
    ("036706", Means::Misconfigured(CONSENT)),
    ("036707", Means::Misconfigured(CONSENT)),
    ("036716", Means::Misconfigured(CONSENT)),
    ("036726", Means::Misconfigured(CONSENT)),
    ("036727", Means::Misconfigured(CONSENT)),
];

/// The failure that `error` and `error_description` tell of.
pub(super) fn of_answer(error: &str, description: &str) -> UpstreamError {
    let Some(digits) = code(description) else {
        return of_word(error);
    };
    let misconfigured =
        |detail: &str| UpstreamError::Misconfigured { code: format!("ESIA-{digits}"), detail: detail.to_owned() };
    match CODES.iter().find(|(known, _)| *known == digits).map(|(_, means)| *means) {
        Some(Means::Cancelled) => UpstreamError::Cancelled,
        Some(Means::Unavailable) => UpstreamError::Unavailable(format!("ESIA-{digits}")),
        Some(Means::Stale) => UpstreamError::Stale(format!("ESIA-{digits}")),
        Some(Means::Misconfigured(detail)) => misconfigured(detail),
        Some(Means::Unconfirmed) => UpstreamError::Unconfirmed { is_verifying: false },
        Some(Means::NeedsSecondFactor) => UpstreamError::NeedsSecondFactor,
        Some(Means::OtherOrganisation) => UpstreamError::OtherOrganisation,
        None => misconfigured("a code that is not known here; look it up in the Методические рекомендации"),
    }
}

/// The six digits of `ESIA-NNNNNN` at the start.
fn code(description: &str) -> Option<&str> {
    let digits = description.trim_start().strip_prefix("ESIA-")?.get(..6)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(digits)
}

/// Without a code of ЕСИА only the words that RFC 6749 §4.1.2.1 defines for a server in trouble say enough.
fn of_word(error: &str) -> UpstreamError {
    match error {
        "server_error" | "temporarily_unavailable" => UpstreamError::Unavailable(error.to_owned()),
        _ => UpstreamError::Misconfigured {
            code: word(error).unwrap_or("none").to_owned(),
            detail: "the answer has no code of ESIA".to_owned(),
        },
    }
}

/// The word if it is one of OAuth's kind.
fn word(error: &str) -> Option<&str> {
    let is_word =
        (1..=40).contains(&error.len()) && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_word.then_some(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_meaning() {
        for (codes, page) in [
            (&["007004"][..], "upstream-cancelled"),
            (&["007007", "007008"], "upstream-unavailable"),
            (&["007011"], "upstream-stale"),
            (&["007046"], "upstream-second-factor"),
            (&["007055"], "upstream-unconfirmed"),
            (&["007194"], "upstream-organisation"),
            (
                &[
                    "007002", "007003", "007005", "007006", "007009", "007012", "007013", "007014", "007015", "007019",
                    "007023", "007038", "007039", "007040", "007053", "007060", "007061", "007062", "008010", "036700",
                    "036701", "036702", "036703", "036704", "036705", "036706", "036707", "036716", "036726", "036727",
                    // One that nobody has heard of.
                    "099999",
                ],
                "upstream-misconfigured",
            ),
        ] {
            for code in codes {
                let failure = of_answer("access_denied", &format!("ESIA-{code}: some text"));
                assert_eq!(failure.code(), page, "{code}");
            }
        }
        assert!(CODES.is_sorted_by_key(|(code, _)| *code));
    }

    #[test]
    fn a_refused_consent_is_not_a_refused_signature() {
        assert_eq!(
            of_answer(
                "access_denied",
                "ESIA-007004: The resource owner or authorization server denied the request."
            ),
            UpstreamError::Cancelled
        );
        let failure = of_answer("access_denied", "ESIA-007053: OAuthErrorEnum.clientSecretWrong");
        assert!(
            matches!(&failure, UpstreamError::Misconfigured { code, .. } if code == "ESIA-007053"),
            "{failure}"
        );
        // Without a code nobody knows which of the two it is: not taken for the person's word.
        assert_eq!(of_answer("access_denied", "").code(), "upstream-misconfigured");
    }

    #[test]
    fn nothing_that_came_through_the_browser_but_the_code_is_repeated() {
        for (error, description) in [
            ("access_denied", "ESIA-007053: <b>secret</b>"),
            ("<secret>", "nothing"),
            ("secret secret", "ESIA-0070: secret"),
            ("SECRET", "ESIA-00705é secret"),
        ] {
            let said = of_answer(error, description).to_string().to_lowercase();
            assert!(!said.contains("secret"), "{said}");
        }
        assert_eq!(of_answer("server_error", "").code(), "upstream-unavailable");
        assert_eq!(of_answer("temporarily_unavailable", "").code(), "upstream-unavailable");
    }
}
