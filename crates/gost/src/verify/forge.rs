//! Certificates, revocation lists and messages of any shape, for tests: right by default, each part replaceable.

use crate::ParameterSet;
use crate::der::{tag, wrap};
use crate::digest::Digest;
use crate::oid;
use crate::signature::SigningKey;

/// 2027-01-01T00:00:00Z.
pub(super) const NOW: i64 = 1_798_761_600;
pub(super) const CONTENT: &[u8] = b"challenge\n";

pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    wrap(tag::SEQUENCE, &parts.concat())
}

pub(super) fn set(parts: &[&[u8]]) -> Vec<u8> {
    wrap(tag::SET, &parts.concat())
}

pub(super) fn id(oid: &[u8]) -> Vec<u8> {
    wrap(tag::OID, oid)
}

pub(super) fn octets(bytes: &[u8]) -> Vec<u8> {
    wrap(tag::OCTET_STRING, bytes)
}

pub(super) fn number(value: u8) -> Vec<u8> {
    wrap(tag::INTEGER, &[value])
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    wrap(tag::BIT_STRING, &[&[0], bytes].concat())
}

pub(super) fn name(fields: &[(&[u8], &str)]) -> Vec<u8> {
    let one = |(oid, text): &(&[u8], &str)| set(&[&sequence(&[&id(oid), &wrap(tag::UTF8_STRING, text.as_bytes())])]);
    wrap(tag::SEQUENCE, &fields.iter().flat_map(one).collect::<Vec<u8>>())
}

/// A key that is always the same for its number.
pub(super) fn key(parameters: ParameterSet, seed: u8) -> SigningKey {
    // Below every order: 1 in front, and not near any special value.
    let mut private = vec![seed.wrapping_mul(37) | 1; parameters.bits() / 8];
    private[0] = 1;
    SigningKey::new(parameters, &private).unwrap()
}

fn size(parameters: ParameterSet) -> (&'static [u8], &'static [u8], Digest, &'static [u8]) {
    match parameters.bits() {
        256 => (oid::KEY_256, oid::SIGNATURE_256, Digest::Streebog256, oid::DIGEST_256),
        _ => (oid::KEY_512, oid::SIGNATURE_512, Digest::Streebog512, oid::DIGEST_512),
    }
}

/// s‖r; the "random" number is made of the message, so that tests repeat.
pub(super) fn sign(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    let digest = size(key.parameter_set()).2.of(message);
    let mut tries = 0_u8;
    let fill = |k: &mut [u8]| {
        tries += 1;
        k.copy_from_slice(&Digest::Streebog512.of(&[message, &[tries]].concat())[..k.len()]);
        k[0] = 1;
    };
    key.sign(&digest, fill).unwrap()
}

pub(super) fn key_info(key: &SigningKey) -> Vec<u8> {
    let parameters = sequence(&[&id(key.parameter_set().oid())]);
    key_info_of(size(key.parameter_set()).0, &parameters, &key.public_key().unwrap())
}

pub(super) fn key_info_of(algorithm: &[u8], parameters: &[u8], point: &[u8]) -> Vec<u8> {
    sequence(&[&sequence(&[&id(algorithm), parameters]), &bits(&octets(point))])
}

pub(super) fn extension(oid: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[&id(oid), &octets(value)])
}

pub(super) fn critical(oid: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[&id(oid), &[tag::BOOLEAN, 1, 0xff], &octets(value)])
}

pub(super) const PERSON: &[(&[u8], &str)] = &[
    (oid::COMMON_NAME, "Проба"),
    (oid::SURNAME, "Пробная"),
    (oid::GIVEN_NAME, "Анна"),
    (oid::SNILS, "11223344595"),
];

pub(super) fn qualified() -> Vec<Vec<u8>> {
    let policy = sequence(&[&id(&[oid::TOOL_CLASS, &[1]].concat())]);
    let text = wrap(tag::UTF8_STRING, b"tool");
    vec![
        extension(oid::KEY_USAGE, &[tag::BIT_STRING, 2, 7, 0x80]),
        extension(oid::SUBJECT_KEY_ID, &octets(b"person")),
        extension(oid::CERTIFICATE_POLICIES, &sequence(&[&policy])),
        extension(oid::SUBJECT_SIGN_TOOL, &text),
        extension(oid::ISSUER_SIGN_TOOL, &sequence(&[&text, &text, &text, &text])),
    ]
}

pub(super) fn authority_extensions() -> Vec<Vec<u8>> {
    vec![
        extension(oid::BASIC_CONSTRAINTS, &sequence(&[&[tag::BOOLEAN, 1, 0xff]])),
        extension(oid::KEY_USAGE, &[tag::BIT_STRING, 2, 1, 0x06]),
    ]
}

/// A certificate to be.
#[derive(Clone)]
pub(super) struct Draft {
    pub serial: u8,
    pub issuer: Vec<u8>,
    pub subject: Vec<u8>,
    pub from: &'static str,
    pub to: &'static str,
    pub key_info: Vec<u8>,
    pub extensions: Vec<Vec<u8>>,
    pub null_parameters: bool,
}

impl Draft {
    pub(super) fn signed(&self, by: &SigningKey) -> Vec<u8> {
        self.signed_with(&self.algorithm(by), |inside| sign(by, inside))
    }

    pub(super) fn signed_with(&self, algorithm: &[u8], sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let extensions = self.extensions.concat();
        let inside = sequence(&[
            &wrap(tag::constructed(0), &number(2)),
            &number(self.serial),
            algorithm,
            &self.issuer,
            &validity(self.from, self.to),
            &self.subject,
            &self.key_info,
            &wrap(tag::constructed(3), &wrap(tag::SEQUENCE, &extensions)),
        ]);
        sequence(&[&inside, algorithm, &bits(&sign(&inside))])
    }

    fn algorithm(&self, by: &SigningKey) -> Vec<u8> {
        let parameters: &[u8] = if self.null_parameters { &[tag::NULL, 0] } else { &[] };
        sequence(&[&id(size(by.parameter_set()).1), parameters])
    }
}

pub(super) fn time(text: &str) -> Vec<u8> {
    wrap(tag::GENERALIZED_TIME, text.as_bytes())
}

fn validity(from: &str, to: &str) -> Vec<u8> {
    sequence(&[&time(from), &time(to)])
}

/// A revocation list; serials are revoked.
pub(super) fn revocation_list(issuer: &[u8], by: &SigningKey, from: &str, to: &str, serials: &[u8]) -> Vec<u8> {
    let key_id = extension(oid::AUTHORITY_KEY_ID, &sequence(&[&wrap(tag::context(0), b"authority")]));
    let extensions = vec![key_id, extension(oid::CRL_NUMBER, &number(1))];
    let entry = |serial: &u8| sequence(&[&number(*serial), &time("20240101000000Z")]);
    let entries = serials.iter().map(entry).collect();
    let (from, to) = (time(from), time(to));
    ListDraft {
        version: number(1),
        times: [from, to].concat(),
        entries,
        extensions,
    }
    .signed(issuer, by)
}

/// A revocation list to be.
pub(super) struct ListDraft {
    pub version: Vec<u8>,
    pub times: Vec<u8>,
    pub entries: Vec<Vec<u8>>,
    pub extensions: Vec<Vec<u8>>,
}

impl ListDraft {
    pub(super) fn signed(&self, issuer: &[u8], by: &SigningKey) -> Vec<u8> {
        let algorithm = sequence(&[&id(size(by.parameter_set()).1)]);
        let revoked = match self.entries.concat() {
            none if none.is_empty() => none,
            some => wrap(tag::SEQUENCE, &some),
        };
        let extensions = match self.extensions.concat() {
            none if none.is_empty() => none,
            some => wrap(tag::constructed(0), &wrap(tag::SEQUENCE, &some)),
        };
        let inside = sequence(&[&self.version, &algorithm, issuer, &self.times, &revoked, &extensions]);
        sequence(&[&inside, &algorithm, &bits(&sign(by, &inside))])
    }
}

/// A root, a person under it, and the person's message.
pub(super) struct World {
    pub root_key: SigningKey,
    pub root: Draft,
    pub key: SigningKey,
    pub person: Draft,
}

impl World {
    pub(super) fn of(parameters: ParameterSet) -> Self {
        let (root_key, key) = (key(parameters, 1), key(parameters, 2));
        let root_name = name(&[(oid::COMMON_NAME, "Корень")]);
        let (from, to) = ("20240101000000Z", "20440101000000Z");
        let mut extensions = authority_extensions();
        extensions.push(extension(oid::SUBJECT_KEY_ID, &octets(b"authority")));
        let root = Draft {
            serial: 1,
            issuer: root_name.clone(),
            subject: root_name.clone(),
            from,
            to,
            key_info: key_info(&root_key),
            extensions,
            null_parameters: false,
        };
        let person = Draft {
            serial: 2,
            issuer: root_name,
            subject: name(PERSON),
            from,
            to,
            key_info: key_info(&key),
            extensions: qualified(),
            null_parameters: true,
        };
        Self { root_key, root, key, person }
    }

    pub(super) fn root_der(&self) -> Vec<u8> {
        self.root.signed(&self.root_key)
    }

    pub(super) fn person_der(&self) -> Vec<u8> {
        self.person.signed(&self.root_key)
    }

    pub(super) fn letter(&self) -> Letter {
        let (_, _, digest, digest_oid) = size(self.key.parameter_set());
        let certificate = self.person_der();
        let named = signing_certificate(digest_oid, &digest.of(&certificate));
        Letter {
            content: None,
            certificates: vec![certificate],
            signer: sequence(&[&self.person.issuer, &number(self.person.serial)]),
            digest: sequence(&[&id(digest_oid)]),
            attributes: vec![
                attribute(oid::CONTENT_TYPE, &[&id(oid::DATA)]),
                attribute(oid::SIGNING_TIME, &[&time("20270101000000Z")]),
                attribute(oid::MESSAGE_DIGEST, &[&octets(&digest.of(CONTENT))]),
                attribute(oid::SIGNING_CERTIFICATE_V2, &[&named]),
            ],
            sorted: true,
            algorithm: sequence(&[&id(size(self.key.parameter_set()).0)]),
            signers: 1,
            kind: oid::DATA,
        }
    }
}

pub(super) fn signing_certificate(algorithm: &[u8], digest: &[u8]) -> Vec<u8> {
    sequence(&[&sequence(&[&sequence(&[&sequence(&[&id(algorithm)]), &octets(digest)])])])
}

pub(super) fn attribute(oid: &[u8], values: &[&[u8]]) -> Vec<u8> {
    sequence(&[&id(oid), &set(values)])
}

/// A message to be.
pub(super) struct Letter {
    pub content: Option<Vec<u8>>,
    pub certificates: Vec<Vec<u8>>,
    pub signer: Vec<u8>,
    pub digest: Vec<u8>,
    pub attributes: Vec<Vec<u8>>,
    /// Whether what is signed has the attributes in DER's order; in the message they stand as they are here.
    pub sorted: bool,
    pub algorithm: Vec<u8>,
    pub signers: usize,
    pub kind: &'static [u8],
}

impl Letter {
    pub(super) fn signed(&self, by: &SigningKey) -> Vec<u8> {
        let mut attributes: Vec<&[u8]> = self.attributes.iter().map(Vec::as_slice).collect();
        if self.sorted {
            attributes.sort_unstable();
        }
        self.with_signature(&sign(by, &set(&attributes)))
    }

    pub(super) fn with_signature(&self, signature: &[u8]) -> Vec<u8> {
        let attributes = match self.attributes.concat() {
            none if none.is_empty() => none,
            some => wrap(tag::constructed(0), &some),
        };
        let signer =
            sequence(&[&number(1), &self.signer, &self.digest, &attributes, &self.algorithm, &octets(signature)]);
        let content = self.content.as_ref().map(|content| wrap(tag::constructed(0), &octets(content)));
        let certificates = match self.certificates.concat() {
            none if none.is_empty() => none,
            some => wrap(tag::constructed(0), &some),
        };
        let data = sequence(&[
            &number(1),
            &set(&[&self.digest]),
            &sequence(&[&id(self.kind), &content.unwrap_or_default()]),
            &certificates,
            &wrap(tag::SET, &signer.repeat(self.signers)),
        ]);
        sequence(&[&id(oid::SIGNED_DATA), &wrap(tag::constructed(0), &data)])
    }
}
