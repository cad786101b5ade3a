//! ЕСИА's error codes: the number, the word of OAuth that goes with it, the text.
//!
//! A client tells errors apart by the number, which `error_description` begins with: `access_denied` alone may be the person
//! (007004), the signature (007053) or the account's level (007055). Texts are those seen in callbacks of the real service
//! where they are known.

use std::fmt;

/// An error of ЕСИА.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Six digits.
    pub number: &'static str,
    /// OAuth's word (RFC 6749 §4.1.2.1, §5.2).
    pub error: &'static str,
    /// The text after the number.
    pub text: &'static str,
}

macro_rules! codes {
    ($($name:ident $number:literal $error:literal $text:literal)+) => {
        $(pub(super) const $name: &Code = &Code { number: $number, error: $error, text: $text };)+

        impl Code {
            /// Every one that the stand-in knows.
            pub const ALL: &[&'static Self] = &[$($name),+];
        }
    };
}

codes! {
    CERTIFICATE_MISMATCH "007002" "unauthorized_client" "The certificate does not match the mnemonic of the client system or is not registered."
    INVALID_PARAMETER "007003" "invalid_request" "The request is missing a required parameter, includes an invalid parameter value, includes a parameter more than once, or is otherwise malformed."
    DENIED "007004" "access_denied" "The resource owner or authorization server denied the request."
    UNAUTHORIZED "007005" "unauthorized_client" "The client is not authorized to request an access token using this method."
    INVALID_SCOPE "007006" "invalid_scope" "The requested scope is invalid, unknown, or malformed."
    SERVER_ERROR "007007" "server_error" "The authorization server encountered an unexpected condition that prevented it from fulfilling the request."
    UNAVAILABLE "007008" "temporarily_unavailable" "The authorization server is currently unable to handle the request due to a temporary overloading or maintenance of the server."
    RESPONSE_TYPE "007009" "unsupported_response_type" "The authorization server does not support obtaining an access token using this method."
    INVALID_GRANT "007011" "invalid_grant" "The provided authorization grant or refresh token is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client."
    GRANT_TYPE "007012" "unsupported_grant_type" "The authorization grant type is not supported by the authorization server."
    NO_SCOPE "007013" "invalid_scope" "The request doesn`t contain scope."
    MISSING_PARAMETER "007014" "invalid_request" "The request doesn`t contain the mandatory parameter"
    TIME "007015" "invalid_request" "The request time is incorrect."
    NO_GRANTS "007019" "invalid_scope" "OAuthErrorEnum.noGrants"
    REDIRECT_URI "007023" "invalid_request" "The redirect_uri is not allowed for the client system."
    UNREADABLE "007038" "invalid_request" "The parameters of the request could not be read."
    NO_CHALLENGE "007039" "invalid_request" "The code_challenge was absent in the authorization request."
    CHALLENGE_MISMATCH "007040" "invalid_grant" "The code_verifier does not match the code_challenge."
    SECOND_FACTOR "007046" "access_denied" "The scope demands two-factor authentication that the user cannot pass."
    SECRET_WRONG "007053" "access_denied" "OAuthErrorEnum.clientSecretWrong"
    NOT_CONFIRMED "007055" "access_denied" "The user account is not confirmed."
    ROLES "007060" "invalid_request" "The value of the parameter roles is incorrect."
    OBJECT_TYPE "007061" "invalid_request" "The value of the parameter obj_type is incorrect."
    USER_TYPE "007062" "access_denied" "The type or the role of the user is incorrect."
    NOT_MEMBER "007194" "access_denied" "The user is not a member of the organization."
    CLIENT_UNKNOWN "008010" "invalid_client" "The client system could not be authenticated."
    CONSENT_TYPE_MISSING "036700" "invalid_request" "The mnemonic of the consent type is not specified."
    CONSENT_TYPE_UNKNOWN "036701" "invalid_request" "The consent type is not found."
    CONSENT_SCOPE_MISSING "036702" "invalid_request" "A mandatory scope of the consent type is not specified."
    CONSENT_SCOPE_EXCESS "036703" "invalid_request" "The scopes exceed those allowed for the consent type."
    CONSENT_SCOPE_FORBIDDEN "036704" "invalid_request" "Scopes may not be specified for the consent type."
    CONSENT_ACTION_MISSING "036705" "invalid_request" "At least one action must be specified."
    CONSENT_ACTION_UNKNOWN "036706" "invalid_request" "The action does not exist."
    CONSENT_PURPOSE_MISSING "036707" "invalid_request" "At least one purpose must be specified."
    CONSENT_EXPIRY "036716" "invalid_request" "The time of expiry of the consent is incorrect."
    CONSENT_PURPOSE_UNKNOWN "036726" "invalid_request" "The purpose does not exist."
    CONSENT_PURPOSE_SEVERAL "036727" "invalid_request" "One purpose must be specified."
}

impl Code {
    /// The one of this number, with or without `ESIA-` before it.
    #[must_use]
    pub fn find(number: &str) -> Option<&'static Self> {
        let number = number.strip_prefix("ESIA-").unwrap_or(number);
        Self::ALL.iter().copied().find(|code| code.number == number)
    }

    /// This error, with what an operator is to know of it.
    pub(super) fn because(&'static self, why: impl Into<String>) -> Refusal {
        Refusal {
            code: self,
            parameter: None,
            why: why.into(),
            details: Vec::new(),
        }
    }
}

/// [`MISSING_PARAMETER`] of this parameter.
pub(super) fn missing(parameter: &str) -> Refusal {
    Refusal {
        parameter: Some(parameter.to_owned()),
        ..MISSING_PARAMETER.because(format!("{parameter} is absent or empty"))
    }
}

/// Why a request is refused: what the client is told, and what the log says.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) code: &'static Code,
    parameter: Option<String>,
    /// The reason, for the log.
    pub(super) why: String,
    /// More lines for the log.
    pub(super) details: Vec<String>,
}

impl Refusal {
    /// `error_description`.
    pub(super) fn description(&self) -> String {
        self.to_string()
    }

    pub(super) fn with(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }
}

impl From<&'static Code> for Refusal {
    fn from(code: &'static Code) -> Self {
        code.because(code.text)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Code { number, text, .. } = self.code;
        match &self.parameter {
            Some(parameter) => write!(f, "ESIA-{number}: {text} [{parameter}]."),
            None => write!(f, "ESIA-{number}: {text}"),
        }
    }
}
