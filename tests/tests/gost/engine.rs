//! OpenSSL with its GOST engine, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use kabinet_gost::ParameterSet;
use tempfile::TempDir;

/// 2027-01-01T00:00:00Z; the certificates made here are valid from 2024 to 2044.
pub const NOW: i64 = 1_798_761_600;
const FROM_TO: [&str; 4] = ["-startdate", "20240101000000Z", "-enddate", "20440101000000Z"];

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/gost/fixtures").join(name)
}

pub struct Engine {
    dir: TempDir,
}

impl Engine {
    pub fn new() -> Self {
        static IS_THERE: OnceLock<bool> = OnceLock::new();
        let engine = Self { dir: tempfile::tempdir().unwrap() };
        let is_there = *IS_THERE.get_or_init(|| {
            // A digest with the engine named in the configuration fails where the engine is not installed.
            std::fs::write(engine.file("probe"), b"").unwrap();
            engine.output(&["dgst", "-md_gost12_256", "probe"]).status.success()
        });
        assert!(
            is_there,
            "OpenSSL's GOST engine is missing: apt-get install openssl libengine-gost-openssl"
        );
        engine
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.file(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.file(name)).unwrap()
    }

    pub fn output(&self, arguments: &[&str]) -> Output {
        Command::new("openssl")
            .args(arguments)
            .current_dir(self.dir.path())
            .env(
                "OPENSSL_CONF",
                Some(self.file("own.cnf"))
                    .filter(|own| own.is_file())
                    .unwrap_or_else(|| fixture("gost-openssl.cnf")),
            )
            .env("CADIR", self.dir.path())
            .output()
            .unwrap_or_else(|why| panic!("openssl cannot be run: {why}"))
    }

    pub fn run(&self, arguments: &[&str]) {
        let output = self.output(arguments);
        assert!(
            output.status.success(),
            "openssl {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Lets certificates that are made from now on say that their issuers' lists are at `base`.
    pub fn lists_at(&self, base: &str) {
        let text = std::fs::read_to_string(fixture("gost-openssl.cnf")).unwrap();
        self.write("own.cnf", text.replace("http://crl.test.invalid", base).as_bytes());
    }

    /// The authority's list of this moment, made and to be replaced at these times (`YYYYMMDDHHMMSSZ`), in DER.
    pub fn list(&self, authority: &str, kind: &Kind, from: &str, to: &str) -> Vec<u8> {
        let times = ["-crl_lastupdate", from, "-crl_nextupdate", to];
        self.ca(authority, kind, &[&["-gencrl", "-out", "list.crl"], &times[..]].concat());
        self.der("list.crl")
    }

    pub fn revoke(&self, name: &str, kind: &Kind) {
        self.ca("issuing", kind, &["-revoke", &format!("{name}.crt")]);
    }

    /// What a PEM file holds.
    pub fn der(&self, file: &str) -> Vec<u8> {
        kabinet_gost::pem::read(&self.read(file)).unwrap().remove(0).der
    }

    /// Makes a key pair in the file; X‖Y, each little-endian, comes back.
    pub fn key(&self, name: &str, set: ParameterSet) -> Vec<u8> {
        let (algorithm, parameters) = names(set);
        let parameters = format!("paramset:{parameters}");
        self.run(&["genpkey", "-algorithm", algorithm, "-pkeyopt", &parameters, "-out", name]);
        self.run(&["pkey", "-in", name, "-pubout", "-outform", "DER", "-out", "public.der"]);
        let public = self.read("public.der");
        // The key is the last thing in SubjectPublicKeyInfo.
        public[public.len() - set.bits() / 4..].to_vec()
    }

    pub fn sign(&self, key: &str, set: ParameterSet, message: &[u8]) -> Vec<u8> {
        self.write("message", message);
        self.run(&["dgst", digest_flag(set), "-sign", key, "-out", "signature", "message"]);
        self.read("signature")
    }

    /// The engine's own verdict on a bare signature.
    pub fn verifies(&self, key: &str, set: ParameterSet, message: &[u8], signature: &[u8]) -> bool {
        self.write("message", message);
        self.write("signature", signature);
        let fixed = ["dgst", digest_flag(set), "-prverify", key, "-signature", "signature", "message"];
        self.output(&fixed).status.success()
    }

    /// Root, authority, a person in good standing and one revoked, fresh lists of both authorities, all of one kind:
    /// `root.crt`, `issuing.crt`, `person.crt`, `revoked.crt`, `root.crl`, `issuing.crl` and the keys.
    pub fn authorities(&self, kind: &Kind) {
        for authority in ["root", "issuing"] {
            let dir = self.file(authority);
            std::fs::create_dir_all(dir.join("newcerts")).unwrap();
            for (file, content) in [("index.txt", ""), ("serial", "0101"), ("crlnumber", "01")] {
                std::fs::write(dir.join(file), content).unwrap();
            }
        }
        self.certify("root", "root", "/CN=Проба: корень", kind);
        self.certify("issuing", "root", "/CN=Проба: удостоверяющий центр", kind);
        let person = "/CN=Пробная Анна Петровна/SN=Пробная/GN=Анна Петровна/SNILS=11223344595";
        self.certify("person", "issuing", person, kind);
        self.certify("revoked", "issuing", person, kind);
        self.ca("issuing", kind, &["-revoke", "revoked.crt"]);
        for authority in ["root", "issuing"] {
            let times = ["-crl_lastupdate", "20240101000000Z", "-crl_nextupdate", "20440101000000Z"];
            self.ca(authority, kind, &[&["-gencrl", "-out", &format!("{authority}.crl")], &times[..]].concat());
        }
    }

    pub fn certify(&self, name: &str, by: &str, subject: &str, kind: &Kind) {
        let extensions = match name {
            "root" => "ext_root",
            "issuing" => "ext_sub",
            "responder" => "ext_ocsp",
            _ => "ext_ee",
        };
        let [key, request, certificate] = ["key", "csr", "crt"].map(|kind| format!("{name}.{kind}"));
        self.run(&["genpkey", "-algorithm", kind.algorithm, "-pkeyopt", &kind.option, "-out", &key]);
        let digest = format!("-{}", kind.digest);
        self.run(&["req", "-new", "-utf8", "-key", &key, &digest, "-subj", subject, "-out", &request]);
        let own: &[&str] = if name == by { &["-selfsign"] } else { &[] };
        let fixed = ["-in", &request, "-out", &certificate, "-notext", "-extensions", extensions];
        self.ca(by, kind, &[&fixed, &FROM_TO[..], own].concat());
    }

    /// The answer of a responder to the request, for a day; `signer` is the name of its certificate and key.
    pub fn answer(&self, kind: &Kind, signer: &str, request: &[u8]) -> Vec<u8> {
        self.write("request.der", request);
        let (certificate, key) = (format!("{signer}.crt"), format!("{signer}.key"));
        let files = ["-index", "issuing/index.txt", "-CA", "issuing.crt", "-rsigner", &certificate, "-rkey", &key];
        let form = ["-rmd", kind.digest, "-ndays", "1", "-reqin", "request.der", "-respout", "answer.der"];
        self.run(&[&["ocsp"], &files[..], &form].concat());
        self.read("answer.der")
    }

    fn ca(&self, authority: &str, kind: &Kind, arguments: &[&str]) {
        let (key, certificate) = (format!("{authority}.key"), format!("{authority}.crt"));
        let fixed = ["ca", "-batch", "-name", authority, "-keyfile", &key, "-cert", &certificate, "-md", kind.digest];
        self.run(&[&fixed, arguments].concat());
    }
}

/// A kind of key and the digest that goes with it, as `openssl` names them.
pub struct Kind {
    algorithm: &'static str,
    option: String,
    pub digest: &'static str,
}

impl Kind {
    pub fn gost(set: ParameterSet) -> Self {
        let (algorithm, parameters) = names(set);
        Self {
            algorithm,
            option: format!("paramset:{parameters}"),
            digest: &digest_flag(set)[1..],
        }
    }

    pub fn rsa(bits: u32) -> Self {
        Self {
            algorithm: "RSA",
            option: format!("rsa_keygen_bits:{bits}"),
            digest: "sha256",
        }
    }

    pub fn ecdsa(curve: &str, digest: &'static str) -> Self {
        Self {
            algorithm: "EC",
            option: format!("ec_paramgen_curve:{curve}"),
            digest,
        }
    }
}

fn digest_flag(set: ParameterSet) -> &'static str {
    if set.bits() == 256 { "-md_gost12_256" } else { "-md_gost12_512" }
}

/// The engine's names of an algorithm and a parameter set.
fn names(set: ParameterSet) -> (&'static str, &'static str) {
    match set {
        ParameterSet::CryptoProA => ("gost2012_256", "A"),
        ParameterSet::CryptoProB => ("gost2012_256", "B"),
        ParameterSet::CryptoProC => ("gost2012_256", "C"),
        ParameterSet::CryptoProXchA => ("gost2012_256", "XA"),
        ParameterSet::CryptoProXchB => ("gost2012_256", "XB"),
        ParameterSet::Tc26A256 => ("gost2012_256", "TCA"),
        ParameterSet::Tc26B256 => ("gost2012_256", "TCB"),
        ParameterSet::Tc26C256 => ("gost2012_256", "TCC"),
        ParameterSet::Tc26D256 => ("gost2012_256", "TCD"),
        ParameterSet::Tc26A512 => ("gost2012_512", "A"),
        ParameterSet::Tc26B512 => ("gost2012_512", "B"),
        ParameterSet::Tc26C512 => ("gost2012_512", "C"),
    }
}
