//! How a person proved who they are, and the session that keeps it.

use serde::{Deserialize, Serialize};

use crate::id::{FlowId, SessionId, UserId};
use crate::time::Timestamp;

/// One kind of proof; its name in `amr` (RFC 8176, and `cert` for a qualified-certificate signature).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Factor {
    /// A password.
    Pwd,
    /// A one-time code that was sent (SMS, e-mail).
    Otp,
    /// A signature by a certificate.
    Cert,
    /// The same where it is worth no more than one factor: nobody knew whether the certificate was revoked, or the operator
    /// wants it so.
    #[serde(rename = "cert-unchecked")]
    CertUnchecked,
    /// Another provider vouched.
    Fed,
    /// The same, where the operator takes that provider's sign-in for as good as two factors.
    #[serde(rename = "fed-strong")]
    FedStrong,
    /// A passkey.
    Hwk,
}

impl Factor {
    /// The `amr` value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pwd => "pwd",
            Self::Otp => "otp",
            Self::Cert | Self::CertUnchecked => "cert",
            Self::Fed | Self::FedStrong => "fed",
            Self::Hwk => "hwk",
        }
    }
}

/// `acr` of one factor, and of two or a phishing-resistant one.
pub const ACR: [&str; 2] = ["1", "2"];

/// A sign-in: what was proven, when, and for which sealed request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// `auth_time`.
    pub at: Timestamp,
    /// Everything that was proven, sorted.
    pub factors: Vec<Factor>,
    /// The sealed request that asked for it; how `prompt=login` and `max_age` know that they were met.
    pub flow: Option<FlowId>,
}

impl Authentication {
    /// `acr`: "2" when two factors of different kinds, a signature that counts as strong ([`Factor::Cert`]), or a sign-in at a
    /// provider that counts as much were proven, else "1". What another provider asked for is not known here: it is no second
    /// factor.
    #[must_use]
    pub fn acr(&self) -> &'static str {
        let strong = self.factors.iter().any(|f| matches!(f, Factor::Cert | Factor::Hwk | Factor::FedStrong));
        let own = self.factors.iter().filter(|f| **f != Factor::Fed).count();
        ACR[usize::from(strong || own > 1)]
    }

    /// Whether this sign-in is at least as good as one of these values of `acr`; values that are not ours cannot be met.
    #[must_use]
    pub fn meets(&self, values: &[String]) -> bool {
        let rank = |value: &str| ACR.iter().position(|acr| *acr == value);
        let own = rank(self.acr());
        values.iter().any(|value| rank(value).is_some_and(|asked| Some(asked) <= own))
    }

    /// `amr`.
    #[must_use]
    pub fn amr(&self) -> Vec<&'static str> {
        self.factors.iter().map(|f| f.as_str()).collect()
    }
}

/// One account signed in on one browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its identifier (not the cookie).
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The last proof.
    pub authentication: Authentication,
    /// The sealed request for which this account was chosen in the account chooser.
    pub chosen_for: Option<FlowId>,
    /// «Не выходить на этом устройстве».
    pub remembered: bool,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to within a minute.
    pub seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// The network address it was begun from.
    pub ip: String,
    /// The browser it was begun in, as it named itself.
    pub agent: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_alone_is_strong_only_where_it_is_worth_two() {
        for (factors, amr, acr) in [
            (&[Factor::Pwd][..], &["pwd"][..], "1"),
            (&[Factor::Cert], &["cert"], "2"),
            (&[Factor::CertUnchecked], &["cert"], "1"),
            (&[Factor::CertUnchecked, Factor::Otp], &["cert", "otp"], "2"),
            (&[Factor::Fed], &["fed"], "1"),
            (&[Factor::Pwd, Factor::Fed], &["pwd", "fed"], "1"),
            (&[Factor::FedStrong], &["fed"], "2"),
        ] {
            let authentication = Authentication { at: Timestamp(0), factors: factors.to_vec(), flow: None };
            assert_eq!((authentication.amr().as_slice(), authentication.acr()), (amr, acr), "{factors:?}");
        }
    }
}
