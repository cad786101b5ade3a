//! `[esia]`: sign-in through Госуслуги.

use std::path::PathBuf;

use kabinet_identity::method::esia::{Protocol, TokenAlgorithm};
use kabinet_identity::method::upstream::Vouched;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::Config;
use super::values::{Hidden, Seconds, list};

/// Sign-in through Госуслуги. There is none until `client_id` is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Esia {
    /// The mnemonic of the system, as it was approved. Absent: no sign-in through Госуслуги.
    pub client_id: Option<String>,
    /// Which contour: links of one are none of the other.
    pub contour: Contour,
    /// Where browsers reach ЕСИА; absent: the contour's own address.
    pub base_url: Option<Url>,
    /// Where this server reaches it, as a gateway; absent: `base_url`.
    pub back_channel_url: Option<Url>,
    /// `iss` of its tokens; absent: the contour's own.
    pub issuer: Option<String>,
    /// The certificate of the system (ГОСТ Р 34.10-2012, 256 bits), PEM or DER.
    pub certificate: Option<PathBuf>,
    /// What names that certificate in requests, to be compared with the file: a wrong upload is found at the start.
    pub certificate_hash: Option<String>,
    /// Who signs requests.
    pub signer: SignerKind,
    /// The key of the built-in signer, PKCS #8 without a password.
    pub signer_key: Option<PathBuf>,
    /// Allows the built-in signer with an https issuer. Reason: off, it is no certified means and is for development.
    pub software_signer_force: bool,
    /// The program that signs, with its arguments; no shell.
    #[serde(deserialize_with = "list")]
    pub signer_command: Vec<String>,
    /// The service that signs.
    pub signer_url: Option<Url>,
    /// Its bearer token.
    pub signer_token: Option<Hidden>,
    /// How long a program or a service may take.
    pub signer_timeout: Seconds,
    /// Whether the signer gives its octets from the last to the first, as CryptoPro's tools do.
    pub signer_reversed: bool,
    /// What is asked for. One scope that was not approved spoils the whole request.
    #[serde(deserialize_with = "list")]
    pub scope: Vec<String>,
    /// What is asked for of the person's organisations.
    #[serde(deserialize_with = "list")]
    pub scope_org: Vec<String>,
    /// Whether that is asked for by the system itself for each organisation, and not with the sign-in.
    pub org_tokens: bool,
    /// Which requests ЕСИА is asked with.
    pub protocol: Protocol,
    /// What tokens may be signed with: the setting in the technical portal.
    #[serde(deserialize_with = "list")]
    pub token_algorithms: Vec<TokenAlgorithm>,
    /// The certificates that ЕСИА signs tokens with, PEM or DER, or folders of them; read again when one changes or comes.
    #[serde(deserialize_with = "list")]
    pub token_certificates: Vec<PathBuf>,
    /// Whether only confirmed accounts are taken.
    pub require_confirmed: bool,
    /// Whether codes are bound to the attempt by PKCE. Reason: off, its method at ЕСИА is not published.
    pub pkce: bool,
    /// How long ЕСИА may take to answer.
    pub timeout: Seconds,
    /// Whether an account can be made with it, where the client or its brand lets people register so.
    pub registers: bool,
    /// Whether a sign-in there counts as two factors. Reason: off, ЕСИА lets people in with a password alone.
    pub two_factors: bool,
    /// What its word is taken for: `phone`, `email` (verified there, so without a code here), `snils`, `organisations`.
    #[serde(deserialize_with = "list")]
    pub vouches: Vec<Vouched>,
}

impl Default for Esia {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            client_id: None,
            contour: Contour::default(),
            base_url: None,
            back_channel_url: None,
            issuer: None,
            certificate: None,
            certificate_hash: None,
            signer: SignerKind::default(),
            signer_key: None,
            software_signer_force: false,
            signer_command: Vec::new(),
            signer_url: None,
            signer_token: None,
            signer_timeout: Seconds(10),
            signer_reversed: false,
            scope: words(&["openid", "fullname", "email", "mobile"]),
            scope_org: Vec::new(),
            org_tokens: false,
            protocol: Protocol::default(),
            token_algorithms: TokenAlgorithm::ALL.to_vec(),
            token_certificates: Vec::new(),
            require_confirmed: true,
            pkce: false,
            timeout: Seconds(10),
            registers: true,
            two_factors: false,
            vouches: vec![Vouched::Phone, Vouched::Email, Vouched::Snils, Vouched::Organisations],
        }
    }
}

/// A contour of ЕСИА.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Contour {
    /// The one for people.
    #[default]
    Production,
    /// ТЕСИА.
    Test,
}

impl Contour {
    /// The name of the upstream, under which links are kept.
    #[must_use]
    pub const fn upstream(self) -> &'static str {
        match self {
            Self::Production => "esia",
            Self::Test => "esia-test",
        }
    }

    /// Where browsers reach it.
    #[must_use]
    pub const fn base(self) -> &'static str {
        match self {
            Self::Production => "https://esia.gosuslugi.ru",
            Self::Test => "https://esia-portal1.test.gosuslugi.ru",
        }
    }

    /// `iss` of its tokens: http, with a slash at the end.
    #[must_use]
    pub const fn issuer(self) -> &'static str {
        match self {
            Self::Production => "http://esia.gosuslugi.ru/",
            Self::Test => "http://esia-portal1.test.gosuslugi.ru/",
        }
    }
}

/// Who signs requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignerKind {
    /// This program, with a key in a file.
    Software,
    /// A program.
    #[default]
    Command,
    /// A service.
    Http,
}

type Found = Vec<(&'static str, String)>;

/// Every contradiction in the section.
pub(super) fn problems(config: &Config, found: &mut Found) {
    let esia = &config.esia;
    if esia.client_id.is_none() {
        return;
    }
    if config.upstream.contains_key(esia.contour.upstream()) {
        found.push((
            "esia.contour",
            format!("is also the name of a provider: [upstream.{}]", esia.contour.upstream()),
        ));
    }
    let mut must = |holds: bool, key: &'static str, what: &str| {
        if !holds {
            found.push((key, what.to_owned()));
        }
    };
    let is_mnemonic = |text: &String| {
        (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
    };
    must(
        esia.client_id.as_ref().is_some_and(is_mnemonic),
        "esia.client_id",
        "must be the mnemonic of the system: letters, digits, _ and -",
    );
    must(
        esia.certificate.is_some(),
        "esia.certificate",
        "must be given beside esia.client_id: the certificate that was uploaded to the technical portal",
    );
    must(
        !esia.token_certificates.is_empty(),
        "esia.token_certificates",
        "must be given beside esia.client_id: the certificates of ESIA itself (esia.zip), or no token can be verified",
    );
    must(!esia.token_algorithms.is_empty(), "esia.token_algorithms", "must name at least one");
    let is_hash = |text: &String| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    must(
        esia.certificate_hash.as_ref().is_none_or(is_hash),
        "esia.certificate_hash",
        "must be 64 hexadecimal digits: Streebog-256 of the certificate's DER (40 digits would be its SHA-1)",
    );
    for (key, url) in [("esia.base_url", &esia.base_url), ("esia.back_channel_url", &esia.back_channel_url)] {
        must(
            url.as_ref().is_none_or(is_base),
            key,
            "must be an https URL without query, or http to loopback",
        );
    }
    let is_sound =
        |scope: &String| !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
    for (key, scopes) in [("esia.scope", &esia.scope), ("esia.scope_org", &esia.scope_org)] {
        must(scopes.iter().all(is_sound), key, "holds one that is no scope");
    }
    must(
        esia.scope.iter().any(|scope| scope == "openid"),
        "esia.scope",
        "must hold openid: without an id_token nobody knows who signed in",
    );
    must(
        !esia.org_tokens || !esia.scope_org.is_empty(),
        "esia.org_tokens",
        "asks for nothing while esia.scope_org is empty",
    );
    must(
        esia.scope_org.is_empty() || esia.org_tokens || esia.protocol == Protocol::V2,
        "esia.scope_org",
        "can only be asked for with esia.org_tokens = true where esia.protocol is v1",
    );
    for (key, time) in [("esia.timeout", esia.timeout), ("esia.signer_timeout", esia.signer_timeout)] {
        must((1..=60).contains(&time.0), key, "must be 1 to 60 seconds: a person waits");
    }
    signer(esia, config.is_https(), found);
}

fn signer(esia: &Esia, is_https: bool, found: &mut Found) {
    let mut must = |holds: bool, key: &'static str, what: &str| {
        if !holds {
            found.push((key, what.to_owned()));
        }
    };
    match esia.signer {
        SignerKind::Software => {
            must(
                cfg!(feature = "software-signer"),
                "esia.signer",
                "software is not in this program: it was built without the feature software-signer",
            );
            must(
                !is_https || esia.software_signer_force,
                "esia.signer",
                "software is no certified means (СКЗИ) and is refused with an https issuer, unless \
                 esia.software_signer_force is true",
            );
            must(esia.signer_key.is_some(), "esia.signer_key", "must be given: esia.signer is software");
        }
        SignerKind::Command => must(
            esia.signer_command.first().is_some_and(|program| program.starts_with('/')),
            "esia.signer_command",
            "must begin with the full path of a program: esia.signer is command",
        ),
        SignerKind::Http => must(
            esia.signer_url.as_ref().is_some_and(is_base_or_query),
            "esia.signer_url",
            "must be an https URL, or http to loopback: esia.signer is http",
        ),
    }
}

fn is_base(url: &Url) -> bool {
    is_base_or_query(url) && url.query().is_none()
}

fn is_base_or_query(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    let has_way = url.scheme() == "https" || url.scheme() == "http" && is_loopback;
    has_way && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "[esia]\nclient_id = \"TESTIS01\"\ncertificate = \"a.pem\"\ntoken_certificates = \"b.cer\"\n";

    fn refusal(more: &str) -> String {
        Config::from_toml(&format!("{SOUND}{more}")).unwrap_err().to_string()
    }

    #[test]
    fn a_section_without_a_mnemonic_asks_for_nothing() {
        Config::from_toml("[esia]\nscope = \"fullname\"\n").unwrap();
    }

    #[test]
    fn what_is_missing_or_contradicts_is_said_with_its_key() {
        let command = "signer_command = [\"/usr/bin/sign\"]\n";
        Config::from_toml(&format!("{SOUND}{command}")).unwrap();
        for (more, key) in [
            ("", "esia.signer_command"),
            ("signer_command = [\"sign\"]", "esia.signer_command"),
            ("signer = \"software\"", "esia.signer_key"),
            ("signer = \"http\"", "esia.signer_url"),
            ("signer = \"http\"\nsigner_url = \"http://sign.example.test\"", "esia.signer_url"),
            ("scope = [\"fullname\"]", "esia.scope"),
            ("scope = [\"openid fullname\"]", "esia.scope"),
            ("certificate_hash = \"95EAC433F341104C5B99A8F5B54C2D62A80FA1F1\"", "esia.certificate_hash"),
            ("base_url = \"http://esia.example.test\"", "esia.base_url"),
            ("back_channel_url = \"https://esia.example.test/?a\"", "esia.back_channel_url"),
            ("protocol = \"v1\"\nscope_org = \"org_inn\"", "esia.scope_org"),
            ("org_tokens = true", "esia.org_tokens"),
            ("token_algorithms = []", "esia.token_algorithms"),
            ("token_algorithms = [\"none\"]", "esia.token_algorithms"),
            ("timeout = \"2m\"", "esia.timeout"),
        ] {
            let said = refusal(more);
            assert!(said.contains(&format!("{key} ")), "{more}: {said}");
        }
        let said = Config::from_toml("[esia]\nclient_id = \"a b\"\n").unwrap_err().to_string();
        for key in ["esia.client_id", "esia.certificate", "esia.token_certificates"] {
            assert!(said.contains(&format!("{key} ")), "{said}");
        }
    }

    #[test]
    fn the_name_of_a_contour_is_no_other_providers() {
        let other = "[upstream.esia-test]\nissuer = \"https://a.example.test\"\nclient_id = \"a\"\n";
        let said = refusal(&format!("signer_command = [\"/bin/a\"]\ncontour = \"test\"\n{other}"));
        assert!(said.contains("esia.contour "), "{said}");
    }

    #[test]
    fn the_built_in_signer_is_refused_in_public_unless_forced() {
        let public = |force: &str| {
            let top = "issuer = \"https://id.example.test\"\ntrusted_proxies = [\"127.0.0.1\"]\n";
            Config::from_toml(&format!("{top}{SOUND}signer = \"software\"\nsigner_key = \"k.pem\"\n{force}"))
        };
        assert!(public("").unwrap_err().to_string().contains("esia.software_signer_force"));
        public("software_signer_force = true").unwrap();
        Config::from_toml(&format!("{SOUND}signer = \"software\"\nsigner_key = \"k.pem\"\n")).unwrap();
    }
}
