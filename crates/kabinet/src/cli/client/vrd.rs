//! `kabinet client show ID --format vrd`: what 1С:Enterprise needs in `default.vrd` to know this provider.
//!
//! 1. For each redirect URI an `<openidconnect>` for the `<point>` of that publication. Its page runs in the browser and reads the
//!    provider's metadata by itself; the person is found by a claim of the ID token.
//! 2. Where the client has a `default_resource`, an `<accessTokenAuthentication>` for `<httpServices>` or `<ws>`: access tokens of
//!    this client open these services. 1С does not fetch keys, so the public key stands in it, as PEM.
//!
//! JSON stands in CDATA with `<` and `>` escaped, so that nothing in a name can end it.

use anyhow::{Context, bail};
use kabinet_core::client::{Alg, AuthMethod, Client, GrantType, Profile};
use kabinet_core::key::{KeyState, Ring, SigningKey};
use openssl::bn::BigNum;
use openssl::rsa::Rsa;
use serde_json::{Value, json};

/// What is printed.
#[derive(Debug)]
pub(super) struct Vrd {
    /// One for each redirect URI.
    pub(super) openidconnect: Vec<String>,
    /// For HTTP and web services.
    pub(super) access_token_authentication: Option<String>,
}

impl Vrd {
    /// The parts of a client.
    ///
    /// # Errors
    /// Says why 1С could do nothing with them.
    pub(super) fn of(client: &Client, issuer: &str, keys: &[SigningKey]) -> anyhow::Result<Self> {
        let metadata = &client.metadata;
        if metadata.profile != Profile::OneC {
            bail!("--format vrd is for clients of the profile 1c");
        }
        let signs_in = metadata.may(GrantType::AuthorizationCode);
        if signs_in && metadata.token_endpoint_auth_method == AuthMethod::ClientSecretBasic {
            bail!(
                "1С has no way to send a secret in a header; run `kabinet client update {} --token-endpoint-auth-method none`",
                client.id
            );
        }
        let redirect_uris = metadata.redirect_uris.iter().filter(|_| signs_in);
        let access_token_authentication = match &metadata.default_resource {
            Some(recipient) => Some(services(recipient, issuer, &key(client, keys)?)),
            None => None,
        };
        Ok(Self {
            openidconnect: redirect_uris.map(|uri| openidconnect(client, issuer, uri)).collect(),
            access_token_authentication,
        })
    }

    /// As text, with what goes where in comments.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for block in &self.openidconnect {
            text += "<!-- default.vrd, inside <point> -->\n";
            text += block;
        }
        match &self.access_token_authentication {
            Some(block) => {
                text += "<!-- default.vrd, inside <httpServices> or <ws> -->\n";
                text += block;
            }
            None => text += "<!-- HTTP services open to access tokens once the client has a default_resource -->\n",
        }
        text
    }
}

fn openidconnect(client: &Client, issuer: &str, redirect_uri: &str) -> String {
    let metadata = &client.metadata;
    let scope: Vec<&str> = ["openid", "profile", "email", "phone"]
        .into_iter()
        .filter(|scope| metadata.scope.has(scope))
        .collect();
    let mut config = json!({
        "authority": issuer,
        "client_id": client.id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": scope.join(" "),
        "filterProtocolClaims": false,
        // Everything is in the ID token already.
        "loadUserInfo": false,
    });
    if metadata.token_endpoint_auth_method == AuthMethod::ClientSecretPost {
        config["client_secret"] = "…".into();
    }
    let providers = json!([{
        "name": "kabinet",
        "title": metadata.client_name,
        "discovery": format!("{issuer}/.well-known/openid-configuration"),
        "authenticationClaimName": "email",
        "authenticationUserPropertyName": "email",
        "clientconfig": config,
    }]);
    format!(
        "<openidconnect>\n<providers><![CDATA[{}]]></providers>\n<allowStandardAuthentication>true</allowStandardAuthentication>\n</openidconnect>\n",
        cdata(&providers)
    )
}

/// JSON without the characters that could end CDATA: they stand in texts alone, where they may be escaped.
fn cdata(json: &Value) -> String {
    let text = serde_json::to_string_pretty(json).unwrap_or_default();
    text.replace('<', "\\u003c").replace('>', "\\u003e")
}

fn services(recipient: &str, issuer: &str, pem: &str) -> String {
    format!(
        "<accessTokenAuthentication>\n<accessTokenRecepientName>{}</accessTokenRecepientName>\n<issuers>\n\
         <issuer name=\"{}\" authenticationClaimName=\"sub\" authenticationUserPropertyName=\"name\" keyInformation=\"{}\"/>\n\
         </issuers>\n</accessTokenAuthentication>\n",
        xml(recipient),
        xml(issuer),
        xml(pem.trim_end())
    )
}

/// Text as it may stand in an element or an attribute; lines of an attribute stay lines.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\n' => out += "&#10;",
            c => out.push(c),
        }
    }
    out
}

/// The public key that signs this client's access tokens.
fn key(client: &Client, keys: &[SigningKey]) -> anyhow::Result<String> {
    let alg = client.metadata.access_token_signed_response_alg;
    if alg != Alg::RS256 {
        bail!(
            "1С verifies access tokens that are signed with RS256; access_token_signed_response_alg is {}",
            alg.as_str()
        );
    }
    let place = (Ring::of(client.metadata.profile), alg, KeyState::Current);
    let key = keys.iter().find(|key| (key.ring, key.alg, key.state) == place);
    let key = key.context("the signing keys are missing; run `kabinet migrate`")?;
    let jwk: Value = serde_json::from_str(&key.public_jwk)?;
    let number = |name: &str| -> anyhow::Result<BigNum> {
        use base64::Engine;
        let text = jwk[name].as_str().with_context(|| format!("the key {} has no {name}", key.id))?;
        Ok(BigNum::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text)?)?)
    };
    let rsa = Rsa::from_public_components(number("n")?, number("e")?)?;
    Ok(String::from_utf8(rsa.public_key_to_pem()?)?)
}

#[cfg(test)]
mod tests {
    use kabinet_core::client::ClientMetadata;
    use kabinet_core::id::{ClientId, KeyId};
    use kabinet_core::time::Timestamp;
    use quick_xml::Reader;
    use quick_xml::events::Event;

    use super::*;

    const ISSUER: &str = "https://id.example.test";

    fn client(change: impl FnOnce(&mut ClientMetadata)) -> Client {
        let mut metadata = ClientMetadata::of_profile(Profile::OneC, "Бухгалтерия ]]> <b>&\"'");
        metadata.token_endpoint_auth_method = AuthMethod::None;
        metadata
            .redirect_uris
            .push("https://1c.example.test/Base/ru_RU/authform.html?a=1&b=2".to_owned());
        change(&mut metadata);
        metadata.check().unwrap();
        Client {
            id: ClientId::from("0199c0de-0000-7000-8000-000000000001"),
            metadata,
            secrets: Vec::new(),
            disabled: false,
            created_at: Timestamp(1),
            updated_at: Timestamp(1),
        }
    }

    fn keys() -> (Vec<SigningKey>, Rsa<openssl::pkey::Private>) {
        use base64::Engine;
        let encode = |bytes: Vec<u8>| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let rsa = Rsa::generate(2048).unwrap();
        let jwk = json!({"kty": "RSA", "n": encode(rsa.n().to_vec()), "e": encode(rsa.e().to_vec())});
        let key = |ring, state, jwk: String| SigningKey {
            id: KeyId::from("k"),
            ring,
            alg: Alg::RS256,
            state,
            public_jwk: jwk,
            private_sealed: String::new(),
            created_at: Timestamp(1),
            activated_at: None,
            retired_at: None,
        };
        let wrong = || "{}".to_owned();
        let keys = vec![
            key(Ring::Common, KeyState::Current, wrong()),
            key(Ring::OneC, KeyState::Next, wrong()),
            key(Ring::OneC, KeyState::Current, jwk.to_string()),
        ];
        (keys, rsa)
    }

    /// Elements, attributes and texts, as a real parser has them.
    fn read(text: &str) -> Vec<(String, String)> {
        let mut reader = Reader::from_str(text);
        let (mut seen, mut open) = (Vec::new(), Vec::<String>::new());
        loop {
            match reader.read_event().unwrap() {
                Event::Start(tag) | Event::Empty(tag) if tag.name().as_ref() == "issuer" => {
                    for attribute in tag.attributes() {
                        let attribute = attribute.unwrap();
                        let name = attribute.key.as_ref().to_owned();
                        seen.push((name, quick_xml::escape::unescape(&attribute.value).unwrap().into_owned()));
                    }
                }
                Event::Start(tag) => open.push(tag.name().as_ref().to_owned()),
                Event::End(tag) => assert_eq!(open.pop().unwrap(), tag.name().as_ref()),
                Event::CData(data) => seen.push((open.last().unwrap().clone(), data.to_string())),
                Event::Text(text) if !text.trim().is_empty() => {
                    seen.push((open.last().unwrap().clone(), text.to_string()));
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert!(open.is_empty());
        seen
    }

    #[test]
    fn the_block_is_xml_whose_json_says_what_the_client_is() {
        let client = client(|_| ());
        let vrd = Vrd::of(&client, ISSUER, &[]).unwrap();
        let seen = read(&vrd.openidconnect[0]);
        assert_eq!(seen.len(), 2, "nothing has left its CDATA: {seen:?}");
        let providers: Value = serde_json::from_str(&seen[0].1).unwrap();
        let one = &providers[0];
        assert_eq!(one["title"], client.metadata.client_name);
        assert_eq!(one["discovery"], format!("{ISSUER}/.well-known/openid-configuration"));
        let config = &one["clientconfig"];
        assert_eq!(config["redirect_uri"], client.metadata.redirect_uris[0]);
        assert_eq!((&config["client_id"], &config["authority"]), (&json!(client.id), &json!(ISSUER)));
        assert_eq!(config["scope"], "openid profile email phone");
        assert!(config.get("client_secret").is_none());
        assert_eq!(seen[1], ("allowStandardAuthentication".to_owned(), "true".to_owned()));
        assert!(vrd.access_token_authentication.is_none());
        read(&format!("<point>{}</point>", vrd.text()));
    }

    #[test]
    fn services_get_their_name_the_issuer_and_the_key_of_the_ring_of_1c() {
        let (keys, rsa) = keys();
        let client = client(|m| m.default_resource = Some("https://1c.example.test/hs?a=1&b=<2>".to_owned()));
        let vrd = Vrd::of(&client, ISSUER, &keys).unwrap();
        let block = vrd.access_token_authentication.as_deref().unwrap();
        let seen = read(block);
        let of = |name: &str| seen.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap();
        assert_eq!((of("name"), of("authenticationClaimName")), (ISSUER, "sub"));
        let key = Rsa::public_key_from_pem(of("keyInformation").as_bytes()).unwrap();
        assert_eq!(key.n(), rsa.n());
        let inside = block.split("<accessTokenRecepientName>").nth(1).unwrap().split('<').next().unwrap();
        assert_eq!(quick_xml::escape::unescape(inside).unwrap(), "https://1c.example.test/hs?a=1&b=<2>");
        read(&format!("<point>{}</point>", vrd.text()));
    }

    #[test]
    fn what_1c_could_not_use_is_refused_with_the_reason() {
        let said = |client: &Client| Vrd::of(client, ISSUER, &[]).unwrap_err().to_string();
        let web = client(|m| m.profile = Profile::Web);
        assert!(said(&web).contains("profile 1c"));
        let basic = client(|m| m.token_endpoint_auth_method = AuthMethod::ClientSecretBasic);
        assert!(said(&basic).contains("--token-endpoint-auth-method none"));
        let resource = Some("https://1c.example.test/hs".to_owned());
        let es256 = client(|m| {
            m.access_token_signed_response_alg = Alg::ES256;
            m.default_resource = resource.clone();
        });
        assert!(said(&es256).contains("RS256"));
        let keyless = client(|m| m.default_resource = resource.clone());
        assert!(said(&keyless).contains("kabinet migrate"));
    }
}
