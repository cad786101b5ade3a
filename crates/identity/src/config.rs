//! Settings of this crate. Every length of time is in seconds; each default and its reason stands in
//! docs/security/defaults.md.

use kabinet_core::contact::Country;
use kabinet_gost::{Policy, Require, Revocation};
use serde::{Deserialize, Serialize};
use url::Url;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// All settings of this crate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The issuer, as it stands in texts that are signed.
    pub issuer: String,
    /// The host of the issuer, for the last line of an SMS (`@host #code`); empty: no such line.
    pub host: String,
    /// How long a sign-in lasts.
    pub session: SessionConfig,
    /// Which passwords may be set.
    pub password: PasswordConfig,
    /// What a password hash costs.
    pub hashing: HashingConfig,
    /// Confirmation codes.
    pub confirmation: ConfirmationConfig,
    /// Invitations.
    pub invitation: InvitationConfig,
    /// How an account is got back.
    pub recovery: RecoveryConfig,
    /// Accounts that became one.
    pub merge: MergeConfig,
    /// What is asked of a browser while the risk is high.
    pub work: WorkConfig,
    /// Messages.
    pub delivery: DeliveryConfig,
    /// Sign-in by certificate.
    pub certificate: CertificateConfig,
    /// API tokens.
    pub api_token: ApiTokenConfig,
}

/// API tokens, times in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiTokenConfig {
    /// What they may open at most.
    pub scopes: Vec<String>,
    /// How long one lives where the person does not say.
    pub life: i64,
    /// How long one lives at most.
    pub longest: i64,
    /// How many a person may have.
    pub most: i64,
    /// How long before its end its owner is told.
    pub remind: i64,
}

impl Default for ApiTokenConfig {
    fn default() -> Self {
        Self {
            scopes: ["openid", "profile", "email", "phone", "org", "orgs"].map(str::to_owned).to_vec(),
            life: 180 * DAY,
            longest: 365 * DAY,
            most: 50,
            remind: 7 * DAY,
        }
    }
}

/// Two accounts of one person that become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MergeConfig {
    /// For how long that can be undone.
    pub undo: i64,
}

impl Default for MergeConfig {
    fn default() -> Self {
        Self { undo: 30 * DAY }
    }
}

/// Which algorithms a certificate and its signatures may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithms {
    /// ГОСТ Р 34.10-2012.
    #[default]
    Gost,
    /// RSA and ECDSA beside it.
    Any,
}

/// When a sign-in by certificate is followed by a second proof.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecondProof {
    /// In a browser in which the person has not signed in before.
    #[default]
    NewDevice,
    /// At every sign-in.
    Always,
    /// Never.
    Never,
}

/// When a signature alone counts as two factors (`acr` "2").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TwoFactors {
    /// Unless nobody knows whether the certificate was revoked.
    #[default]
    Checked,
    /// Whenever it is accepted.
    Always,
    /// Never: only with a second factor.
    Never,
}

/// Sign-in by certificate. There is none until a trust anchor was added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CertificateConfig {
    /// Which certificates are accepted.
    pub require: Require,
    /// What happens where revocation is not known for certain.
    pub revocation: Revocation,
    /// For how long after its nextUpdate a revocation list still clears a certificate where revocation is required,
    /// seconds.
    pub grace: i64,
    /// Which algorithms are accepted.
    pub algorithms: Algorithms,
    /// Whether the signed attributes must name the signer's certificate (RFC 5035).
    pub demand_signing_certificate: bool,
    /// When a second proof is asked for.
    pub second_proof: SecondProof,
    /// When a signature alone counts as two factors (`acr` "2").
    pub two_factors: TwoFactors,
    /// Addresses of the signing agent on the person's computer, tried in order.
    pub toolbox: Vec<String>,
    /// Where people get the signing agent.
    pub toolbox_page: Option<Url>,
    /// Where the list of accredited authorities is read from when none is named.
    pub list_url: Option<Url>,
}

impl Default for CertificateConfig {
    fn default() -> Self {
        Self {
            require: Require::Qualified,
            revocation: Revocation::Required,
            grace: 0,
            algorithms: Algorithms::Gost,
            demand_signing_certificate: false,
            second_proof: SecondProof::NewDevice,
            two_factors: TwoFactors::Checked,
            toolbox: ["wss://127.0.0.1:9292/RegistrationOffice", "ws://127.0.0.1:9292/RegistrationOffice"]
                .map(str::to_owned)
                .to_vec(),
            toolbox_page: None,
            list_url: None,
        }
    }
}

impl CertificateConfig {
    /// What is demanded of a signature.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            require: self.require,
            revocation: self.revocation,
            grace: self.grace,
            demand_signing_certificate: self.demand_signing_certificate,
            allow_foreign: self.algorithms == Algorithms::Any,
            ..Policy::default()
        }
    }
}

/// Messages to people, seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryConfig {
    /// How long the log keeps a message, without its text, after it was worth anything.
    pub keep: i64,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self { keep: 30 * DAY }
    }
}

/// What is asked of a browser while the risk is high.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkConfig {
    /// Zero bits that the hash of an answer begins with; 0: nothing is ever asked.
    pub bits: u32,
    /// How long whoever has no script waits instead, seconds.
    pub delay: i64,
}

impl Default for WorkConfig {
    fn default() -> Self {
        Self { bits: 18, delay: 10 }
    }
}

/// How an account is got back, seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecoveryConfig {
    /// For how long after it was last proven a phone alone gives an account back.
    pub phone_fresh: i64,
    /// How long a recovery by another phone waits, and a phone until it leaves an account that is not its holder's.
    pub delay: i64,
    /// How long a right code lets its browser set a password.
    pub ticket: i64,
}

impl Default for RecoveryConfig {
    fn default() -> Self {
        Self { phone_fresh: 180 * DAY, delay: 3 * DAY, ticket: 15 * MINUTE }
    }
}

/// How long a sign-in lasts, seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionConfig {
    /// Without use.
    pub idle: i64,
    /// At most.
    pub max: i64,
    /// Without use, with «Не выходить на этом устройстве».
    pub remembered_idle: i64,
    /// At most, with «Не выходить на этом устройстве».
    pub remembered_max: i64,
    /// Without use, for people with an administrative role, whatever they ticked.
    pub admin_idle: i64,
    /// At most, for people with an administrative role.
    pub admin_max: i64,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            idle: DAY,
            max: 7 * DAY,
            remembered_idle: 14 * DAY,
            remembered_max: 30 * DAY,
            admin_idle: 15 * MINUTE,
            admin_max: 8 * HOUR,
        }
    }
}

/// Which passwords may be set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordConfig {
    /// Characters at least.
    pub min_length: usize,
    /// Characters at most.
    pub max_length: usize,
    /// The power of ten of the guesses that it must withstand.
    pub strength: u32,
}

impl Default for PasswordConfig {
    fn default() -> Self {
        Self { min_length: 10, max_length: 256, strength: 8 }
    }
}

/// What a password hash costs (Argon2id).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HashingConfig {
    /// KiB of one hash.
    pub memory: u32,
    /// Passes.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
    /// Hashes at the same time; `None`: as many as there are cores. Memory is bounded by this times `memory`.
    pub permits: Option<usize>,
    /// How many may wait for a permit; whoever comes then is told at once to come later.
    pub queue: usize,
    /// How long one waits for a permit at most, seconds.
    pub wait: i64,
}

impl Default for HashingConfig {
    fn default() -> Self {
        Self {
            memory: 19 * 1024,
            iterations: 2,
            parallelism: 1,
            permits: None,
            queue: 256,
            wait: 5,
        }
    }
}

/// Confirmation codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConfirmationConfig {
    /// Digits of a code.
    pub digits: usize,
    /// Life of a code sent by SMS, seconds.
    pub sms: i64,
    /// Life of a code sent by e-mail, seconds.
    pub email: i64,
    /// Tries that one code allows.
    pub tries: i64,
    /// Waits before the second, third and every later sending, seconds.
    pub resend: Vec<i64>,
    /// Codes that one contact gets in an hour at most.
    pub per_hour: i64,
    /// Codes that one contact gets in a day at most.
    pub per_day: i64,
    /// Countries whose phones get codes.
    pub countries: Vec<Country>,
    /// Wrong codes for one contact in a day at most, whichever code they were meant for.
    pub wrong_per_day: i64,
    /// Codes in an hour to the numbers that differ in their last four digits only, at most.
    pub per_range: i64,
    /// How many codes must have gone to such a range, and to a country, before it is judged by how many were entered.
    pub samples: (i64, i64),
    /// How many of a hundred must have been entered.
    pub entered_percent: i64,
    /// For how long a range or a country is closed otherwise, seconds.
    pub closed: i64,
    /// Codes that one autonomous system asks for in an hour before each further one costs some work.
    pub per_asn: i64,
    /// The same for registrations that it begins.
    pub registrations_per_asn: i64,
    /// How many SMS one must have asked for in an hour before it is judged by how many codes were entered.
    pub asn_sample: i64,
}

impl Default for ConfirmationConfig {
    fn default() -> Self {
        Self {
            digits: 6,
            sms: 5 * MINUTE,
            email: 10 * MINUTE,
            tries: 5,
            resend: vec![60, 120, 300],
            per_hour: 5,
            per_day: 10,
            countries: vec![Country::Russia],
            wrong_per_day: 20,
            per_range: 40,
            samples: (20, 1000),
            entered_percent: 20,
            closed: 30 * MINUTE,
            per_asn: 2000,
            registrations_per_asn: 1000,
            asn_sample: 200,
        }
    }
}

/// Invitations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InvitationConfig {
    /// Digits of a code.
    pub digits: usize,
    /// Life of a code, seconds.
    pub life: i64,
    /// Wrong codes that one invitation allows.
    pub tries: i64,
    /// Invitations that one client makes in a day at most.
    pub per_client: i64,
    /// Invitations that one contact gets in a day at most, whoever invites.
    pub per_contact: i64,
}

impl Default for InvitationConfig {
    fn default() -> Self {
        Self {
            digits: 8,
            life: 2 * DAY,
            tries: 5,
            per_client: 200,
            per_contact: 3,
        }
    }
}
