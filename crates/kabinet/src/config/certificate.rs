//! `[certificate]`: sign-in by certificate.

use kabinet_gost::{Require, Revocation};
use kabinet_identity::{Algorithms, SecondProof, TwoFactors};
use serde::{Deserialize, Serialize};
use url::Url;

use super::values::{Hidden, Seconds, list};

/// Sign-in by certificate. There is none until `kabinet trust add` has added an anchor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Certificate {
    /// Which certificates are accepted. Reason: only for a qualified one an accredited authority answers.
    pub require: Require,
    /// What happens where the revocation lists do not say whether a certificate was revoked. Reason: a stolen token is
    /// revoked and nothing else.
    pub revocation: Revocation,
    /// For how long after its end a list still clears a certificate where revocation is required. Reason: none, an
    /// authority that is late is rare; 24h tolerates it.
    pub grace: Seconds,
    /// Which algorithms are accepted. Reason: what Russian authorities issue.
    pub algorithms: Algorithms,
    /// Whether the signed attributes must name the signer's certificate. Reason: some tools write none; it is compared
    /// wherever it is there.
    pub demand_signing_certificate: bool,
    /// When a second proof is asked for. Reason: a signature of a text cannot stop a relay, a device that is known can.
    pub second_proof: SecondProof,
    /// When a signature alone counts as two factors (`acr` "2"). Reason: a key in a token and its PIN are two factors, unless the token may
    /// have been reported stolen.
    pub two_factors: TwoFactors,
    /// The address of a verifier that takes the place of the built-in one. Reason: none is needed; who must have a certified
    /// one names it.
    pub verifier_url: Option<Url>,
    /// What that verifier wants as a bearer token.
    pub verifier_token: Option<Hidden>,
    /// Addresses of the signing agent on the person's computer, tried in order. Reason: where Astral.Toolbox listens, with
    /// and without TLS.
    #[serde(deserialize_with = "list")]
    pub toolbox: Vec<String>,
    /// Where people get the signing agent. Reason: none is known that everybody may use.
    pub toolbox_page: Option<Url>,
    /// Where `kabinet trust import` reads the list of accredited authorities when none is named. Reason: nothing is asked
    /// of anybody until it is said.
    pub list_url: Option<Url>,
}

impl Default for Certificate {
    fn default() -> Self {
        Self {
            require: Require::Qualified,
            revocation: Revocation::Required,
            grace: Seconds(0),
            algorithms: Algorithms::Gost,
            demand_signing_certificate: false,
            second_proof: SecondProof::NewDevice,
            two_factors: TwoFactors::Checked,
            verifier_url: None,
            verifier_token: None,
            toolbox: ["wss://127.0.0.1:9292/RegistrationOffice", "ws://127.0.0.1:9292/RegistrationOffice"]
                .map(str::to_owned)
                .to_vec(),
            toolbox_page: None,
            list_url: None,
        }
    }
}
