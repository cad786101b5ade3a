//! What goes wrong when it is asked to: at which step, what, and how often.

use serde::{Deserialize, Serialize};

use super::code::Code;

/// Where something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The authorization request, once it has passed the checks.
    Authorize,
    /// The way back to the client after sign-in.
    Return,
    /// The token endpoint, once the request has passed the checks.
    Token,
    /// `/rs/prns/{oid}` itself.
    Person,
    /// `/rs/prns/{oid}/ctts`.
    Contacts,
    /// `/rs/prns/{oid}/addrs`.
    Addresses,
    /// `/rs/prns/{oid}/docs`.
    Documents,
    /// `/rs/prns/{oid}/roles` and `/orgs`.
    Roles,
    /// `/rs/orgs/{oid}`.
    Organisation,
    /// Logout.
    Logout,
    /// `HEAD /`, by which clients look whether it is there.
    Root,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "fault",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum Fault {
    /// An error of ЕСИА by its number: to the client at `authorize` and `return`, as JSON at `token`.
    Error {
        /// Six digits.
        code: String,
    },
    /// A page in place of an answer.
    Html {
        /// Its status, also 200.
        status: u16,
    },
    /// The status alone, as JSON: what `/rs` does without a right.
    Status {
        /// The status.
        status: u16,
    },
    /// No answer until faults are cleared.
    Hold,
    /// Another `state` than the one of the request.
    WrongState,
    /// No `state`.
    NoState,
    /// Tokens of another issuer.
    WrongIssuer,
    /// Tokens for another system.
    WrongAudience,
    /// Tokens that ended an hour ago.
    Expired,
    /// Tokens that begin in an hour.
    NotYetValid,
    /// Tokens signed with a key that nobody knows.
    UnknownKey,
    /// Tokens with `alg` `none` and no signature.
    NoAlgorithm,
    /// Tokens whose header names the other algorithm than they are signed with.
    SwappedAlgorithm,
    /// Tokens signed, properly, with the other algorithm than the system's.
    OtherAlgorithm,
    /// An answer without the id_token although `openid` was asked for.
    NoIdToken,
    /// An id_token about somebody else than the access token.
    AnotherSubject,
    /// Addresses in `elements` that lead to another host.
    ForeignElements {
        /// Scheme and host.
        base: String,
    },
    /// JSON that breaks off.
    Truncated,
}

impl Fault {
    /// Whether it is something that can go wrong at this step; elsewhere it does nothing.
    pub(super) fn fits(&self, step: Step) -> bool {
        use Step::{Addresses, Authorize, Contacts, Documents, Organisation, Person, Return, Roles, Token};
        match self {
            Self::Error { code } => Code::find(code).is_some() && matches!(step, Authorize | Return | Token),
            Self::Html { status } | Self::Status { status } => (200..600).contains(status),
            Self::Hold => true,
            Self::WrongState | Self::NoState => matches!(step, Return | Token),
            Self::ForeignElements { .. } => matches!(step, Contacts | Addresses | Documents | Roles),
            Self::Truncated => matches!(step, Token | Person | Contacts | Addresses | Documents | Roles | Organisation),
            _ => step == Token,
        }
    }
}

/// A fault that was asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Planned {
    pub(super) step: Step,
    #[serde(flatten)]
    pub(super) fault: Fault,
    /// How often; without a number until it is cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) times: Option<usize>,
}

/// The next fault of the step.
pub(super) fn take(planned: &mut Vec<Planned>, step: Step) -> Option<Fault> {
    let place = planned.iter().position(|one| one.step == step && one.times != Some(0))?;
    let fault = planned[place].fault.clone();
    if let Some(times) = &mut planned[place].times {
        *times -= 1;
        if *times == 0 {
            planned.remove(place);
        }
    }
    Some(fault)
}
