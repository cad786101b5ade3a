//! Sign-in, registration and linking by certificate: the page whose script talks to the signature program on the person's
//! computer, and the page of a certificate that no account has.
//!
//! The page holds every state as a section `state-NAME`, hidden until its script shows it, so the script has no words of its
//! own. What the server refuses comes back as the same page with an error `certificate-error`.

use askama::Template;

use kabinet_core::contact::ContactKind;
use kabinet_identity::CertificatePurpose;

use super::chrome::{Chrome, with_query};
use super::entry::Method;
use super::form::{Errors, Message};

/// Why the server refused a signature.
#[derive(Clone, Debug)]
pub struct CertificateError {
    /// The code in `data-error`.
    pub code: String,
    /// What happened and what to do, e.g. of [`certificate_message`].
    pub message: Message,
}

impl CertificateError {
    /// A refusal by its code.
    #[must_use]
    pub fn of(code: &str) -> Self {
        Self { code: code.to_owned(), message: certificate_message(code) }
    }
}

/// A certificate is chosen and signs: form `certificate-form`, posts `purpose`, `challenge`, `signature` and, at sign-in,
/// `remember` to the page's own address; button `submit`.
#[derive(Template)]
#[template(path = "certificate.html")]
pub struct CertificatePage<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// What for.
    pub purpose: CertificatePurpose,
    /// Where Astral.Toolbox may answer, in the order in which it is tried: `wss://127.0.0.1:9292/RegistrationOffice`.
    pub toolbox: Vec<String>,
    /// Where it is downloaded.
    pub toolbox_page: Option<String>,
    /// Whether `remember` is ticked.
    pub remember: bool,
    /// What is wrong.
    pub error: Option<CertificateError>,
    /// Other ways, in order.
    pub methods: Vec<Method>,
    /// Where `back` leads.
    pub back: String,
}

/// What is wrong, or what is missing: a heading, a sentence, and a button that begins again.
const FAILURES: [&str; 12] = [
    "no-certificates",
    "no-answer",
    "cancelled",
    "pin",
    "pin-blocked",
    "key",
    "licence",
    "root",
    "period",
    "revoked",
    "failed",
    "refused",
];

/// Where the scripts of the CAdES plug-in's extension stand: Chrome's and Chromium's, Opera's and Yandex Browser's. The page's
/// policy names them.
pub const PLUGIN_SCRIPTS: [&str; 2] = [
    "chrome-extension://iifchhfnnmpdbibifmljnfjhpififfog",
    "chrome-extension://epebfcehmdedogndhlcacafjaacknbcm",
];

/// Where the two supported providers are to be had.
const PROVIDERS: &[(&str, &str)] = &[
    ("vipnet", "https://infotecs.ru/products/vipnet-csp/"),
    ("cryptopro", "https://cryptopro.ru/products/csp"),
];

impl CertificatePage<'_> {
    /// The page's own address, where its form goes.
    fn action(&self) -> &str {
        self.chrome.here.split('?').next().unwrap_or_default()
    }

    fn is_sign_in(&self) -> bool {
        self.purpose == CertificatePurpose::SignIn
    }

    fn heading(&self) -> String {
        match self.purpose {
            CertificatePurpose::SignIn => self.chrome.login_title(),
            CertificatePurpose::Register => self.chrome.register_title(),
            CertificatePurpose::Link => self.chrome.t("certificate-link-title").into_owned(),
        }
    }

    fn title(&self) -> String {
        let title = self.chrome.plain_title(&self.heading());
        match self.error {
            Some(_) => self.chrome.t_with("error-prefix", "title", title),
            None => title,
        }
    }

    fn back_text(&self) -> &'static str {
        match self.purpose {
            CertificatePurpose::SignIn => "back-to-login",
            CertificatePurpose::Register => "back-to-registration",
            CertificatePurpose::Link => "certificate-back-to-account",
        }
    }

    fn submit_text(&self) -> &'static str {
        match self.purpose {
            CertificatePurpose::SignIn => "login-submit",
            CertificatePurpose::Register => "certificate-register-submit",
            CertificatePurpose::Link => "certificate-link-submit",
        }
    }

    /// The root of the tiles' addresses, and the words before them.
    fn others(&self) -> (&'static str, &'static str) {
        match self.purpose {
            CertificatePurpose::Register => ("/register", "or-register"),
            CertificatePurpose::SignIn | CertificatePurpose::Link => ("/login", "or-login"),
        }
    }

    fn addresses(&self) -> String {
        self.toolbox.join(" ")
    }

    /// Where Astral.Toolbox is downloaded, as HTML.
    fn download(&self) -> Option<String> {
        let page = self.toolbox_page.as_deref()?;
        Some(self.chrome.external("certificate-absent-download", &[("page", page)]))
    }

    /// What to check where there is no cryptographic provider, as HTML.
    fn providers(&self) -> String {
        self.chrome.external("certificate-no-provider-text", PROVIDERS)
    }

    fn failures(&self) -> &'static [&'static str] {
        &FAILURES
    }

    fn failure(&self, name: &str, part: &str) -> std::borrow::Cow<'static, str> {
        self.chrome.t(&format!("certificate-{name}{part}"))
    }

    /// The words for a certificate that ends soon, with places for the script to fill.
    fn left(&self) -> String {
        let places = [("date", "{date}".into()), ("days", "{days}".into())];
        self.chrome.locale.text_with("certificate-left", &places).into_owned()
    }
}

/// The certificate is good and belongs to nobody here: links `go-link`, `go-register` and `go-retry`.
#[derive(Template)]
#[template(path = "certificate-unlinked.html")]
pub struct UnlinkedPage<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// Whom the certificate names.
    pub owner: String,
    /// Whom they act for.
    pub organisation: Option<String>,
    /// Until when it is valid, in words.
    pub valid_until: String,
    /// Where the person signs in to link it.
    pub link: String,
    /// Where they register with it, where that is allowed.
    pub register: Option<String>,
    /// Where another certificate is chosen.
    pub retry: String,
}

/// What an account needs beside its certificate: form `register-form`, posts `signer`, `email` or `phone`, `partner-code`,
/// `pd-consent`, buttons `submit` and `later`.
#[derive(Template)]
#[template(path = "certificate-registration.html")]
pub struct CertificateRegistration<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// Who has signed, sealed.
    pub signer: String,
    /// Whom the certificate names.
    pub owner: String,
    /// The organisation in it.
    pub organisation: Option<String>,
    /// The field that is asked for.
    pub identifier: ContactKind,
    /// What was typed.
    pub value: String,
    /// Whether a product asks, which gets the partner's code.
    pub has_partner: bool,
    /// The partner's code as typed.
    pub partner_code: String,
    /// Whether the person ticked the consent before; never ticked for them.
    pub pd_consent: bool,
    /// What is wrong.
    pub errors: Errors,
}

impl CertificateRegistration<'_> {
    fn page(&self) -> String {
        with_query("/register/certificate/details", "signer", &self.signer)
    }
}

/// Declares the codes that have a sentence of their own.
macro_rules! sentences {
    ($($code:literal)+) => {
        /// Every code that has a sentence of its own.
        pub const CERTIFICATE_CODES: &[&str] = &[$($code),+];

        /// What happened, and what the person can do: the message `certificate-error-CODE`. A code without a sentence of its
        /// own is told as a signature that was not accepted.
        #[must_use]
        pub fn certificate_message(code: &str) -> Message {
            match code {
                $($code => Message::of(concat!("certificate-error-", $code)),)+
                _ => Message::of("certificate-error-other"),
            }
        }
    };
}

// Those of the verification, as `kabinet_gost::verdict::Reason` has them; then those of the sign-in around it.
sentences! {
    "too_large" "too_deep" "message_malformed" "not_signed_data" "content_type_wrong" "no_signer" "two_signers"
    "too_many_certificates" "content_missing" "content_mismatch" "attributes_missing" "too_many_attributes"
    "attribute_duplicate" "attribute_malformed" "content_type_mismatch" "digest_missing" "digest_mismatch"
    "signing_certificate_missing" "certificate_missing" "certificate_malformed" "certificate_swapped"
    "algorithm_unsupported" "algorithm_withdrawn" "algorithm_forbidden" "algorithm_mismatch" "curve_unsupported"
    "key_invalid" "signature_malformed" "signature_bad" "not_yet_valid" "expired" "untrusted" "chain_forbidden"
    "key_usage" "extended_key_usage" "key_period" "not_qualified" "revoked" "crl_stale" "crl_bad" "revocation_unknown"
    "identity_invalid" "identity_missing"
    "challenge-expired" "challenge-used" "challenge-unknown" "seal" "linked-elsewhere" "ambiguous" "weaker" "throttled"
    "unavailable" "malformed"
}
