//! The certification authority behind the stand-in, and whom it certified: made by OpenSSL's GOST engine.
//!
//! A root, an authority below it, fresh lists of both, and the [`HOLDERS`], one of whom a stranger certified. Everything lies in
//! one folder, and a folder that has it already is gone on with. All names and numbers are invented: there is no region 98.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kabinet_gost::{Certificate, pem};
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::hash::MessageDigest;
use openssl::x509::X509;

/// The tests' configuration of the engine and of its authorities.
const CONFIGURATION: &str = include_str!("../../../gost/fixtures/gost-openssl.cnf");
/// Where that configuration says that lists are to be had.
const NOWHERE: &str = "http://crl.test.invalid/";
/// From when everything is valid.
const FROM: [&str; 2] = ["-startdate", "20240101000000Z"];

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `openssl` or its GOST engine is missing.
    #[error("OpenSSL's GOST engine is missing: apt-get install openssl libengine-gost-openssl")]
    NoEngine,
    /// `openssl` failed.
    #[error("openssl {0}: {1}")]
    Failed(String, String),
    /// A file could not be read or written.
    #[error("the authority's folder: {0}")]
    Io(#[from] io::Error),
    /// A certificate that was just made cannot be read.
    #[error("a certificate cannot be read: {0}")]
    Certificate(#[from] openssl::error::ErrorStack),
    /// One that a verifier would not read either.
    #[error("{0} is not the certificate of an authority")]
    NoAuthority(PathBuf),
}

/// Until when a certificate is valid.
#[derive(Clone, Copy)]
enum Until {
    Days(&'static str),
    Date(&'static str),
}

/// Someone with a certificate.
struct Holder {
    name: &'static str,
    kind: &'static str,
    subject: &'static [(&'static str, &'static str)],
    until: Until,
    is_long: bool,
}

/// The names of attributes as OpenSSL and as the protocol know them.
const ATTRIBUTES: [(&str, &str); 11] = [
    ("OGRN", "1.2.643.100.1"),
    ("OGRNIP", "1.2.643.100.5"),
    ("INN", "1.2.643.3.131.1.1"),
    ("INNLE", "1.2.643.100.4"),
    ("SNILS", "1.2.643.100.3"),
    ("C", "2.5.4.6"),
    ("O", "2.5.4.10"),
    ("title", "2.5.4.12"),
    ("SN", "2.5.4.4"),
    ("GN", "2.5.4.42"),
    ("CN", "2.5.4.3"),
];

/// The name of the authority, as the protocol gives it.
const ISSUER: &str = "УЦ «Подставной»";

const HOLDERS: [Holder; 7] = [
    Holder {
        name: "person",
        kind: "человек",
        subject: &[
            ("CN", "Иванова Мария Сергеевна"),
            ("SN", "Иванова"),
            ("GN", "Мария Сергеевна"),
            ("C", "RU"),
            ("SNILS", "99000010156"),
            ("INN", "980000200164"),
        ],
        until: Until::Days("400"),
        is_long: false,
    },
    Holder {
        name: "head",
        kind: "руководитель организации",
        subject: &[
            ("CN", "ООО «Ромашка»"),
            ("SN", "Петров"),
            ("GN", "Пётр Ильич"),
            ("O", "ООО «Ромашка»"),
            ("title", "Генеральный директор"),
            ("C", "RU"),
            ("SNILS", "99000010257"),
            ("INN", "980000200238"),
            ("INNLE", "9800002003"),
            ("OGRN", "1259800002000"),
        ],
        until: Until::Days("300"),
        is_long: false,
    },
    Holder {
        name: "trader",
        kind: "предприниматель, ключ 512 бит",
        subject: &[
            ("CN", "Кузнецов Андрей Викторович"),
            ("SN", "Кузнецов"),
            ("GN", "Андрей Викторович"),
            ("C", "RU"),
            ("SNILS", "99000010358"),
            ("INN", "980000200301"),
            ("OGRNIP", "325980000000017"),
        ],
        until: Until::Days("20"),
        is_long: true,
    },
    Holder {
        name: "seal",
        kind: "организация без человека",
        subject: &[
            ("CN", "АО «Печать»"),
            ("O", "АО «Печать»"),
            ("C", "RU"),
            ("INNLE", "9800002010"),
            ("OGRN", "1259800002010"),
        ],
        until: Until::Days("300"),
        is_long: false,
    },
    Holder {
        name: "revoked",
        kind: "отозван",
        subject: &[
            ("CN", "Сидорова Ольга Павловна"),
            ("SN", "Сидорова"),
            ("GN", "Ольга Павловна"),
            ("C", "RU"),
            ("SNILS", "99000010459"),
            ("INN", "980000200485"),
        ],
        until: Until::Days("200"),
        is_long: false,
    },
    Holder {
        name: "stranger",
        kind: "неизвестный удостоверяющий центр",
        subject: &[
            ("CN", "Чужой Иван Петрович"),
            ("SN", "Чужой"),
            ("GN", "Иван Петрович"),
            ("C", "RU"),
            ("SNILS", "99000010560"),
            ("INN", "980000200559"),
        ],
        until: Until::Days("100"),
        is_long: false,
    },
    Holder {
        name: "expired",
        kind: "срок истёк",
        subject: &[
            ("CN", "Иванова Мария Сергеевна"),
            ("SN", "Иванова"),
            ("GN", "Мария Сергеевна"),
            ("C", "RU"),
            ("SNILS", "99000010156"),
            ("INN", "980000200164"),
        ],
        until: Until::Date("20250101000000Z"),
        is_long: false,
    },
];

/// A certificate that can sign.
#[derive(Clone, Debug)]
pub struct Signer {
    /// Its name here: `person`, `head`, `trader`, `seal`, `revoked`, `stranger` or `expired`.
    pub name: &'static str,
    /// What it is for, in words.
    pub kind: &'static str,
    /// SubjectKeyIdentifier, hexadecimal, as the protocol names it.
    pub id: String,
    /// The serial number, hexadecimal.
    pub serial: String,
    /// SHA-1 of the certificate, hexadecimal.
    pub thumbprint: String,
    /// From when it is valid, seconds since 1970.
    pub begins: i64,
    /// Until when.
    pub ends: i64,
    /// Attributes of the subject: OID and value.
    pub subject: Vec<(&'static str, &'static str)>,
    /// The same of the issuer.
    pub issuer: Vec<(&'static str, &'static str)>,
    is_long: bool,
}

/// The authority, in its folder.
#[derive(Clone, Debug)]
pub struct Authority {
    dir: PathBuf,
    signers: Vec<Signer>,
}

impl Authority {
    /// Makes the authority in the folder, or goes on with the one that it has; the lists are fresh afterwards. `lists` is the
    /// address, with the closing slash, below which certificates say that lists are to be had.
    ///
    /// # Errors
    /// When the engine is missing, or `openssl` or the folder fails.
    pub fn open(dir: &Path, lists: &str) -> Result<Self, Error> {
        let openssl = Folder { dir: dir.to_owned() };
        std::fs::create_dir_all(dir)?;
        if !dir.join("ready").is_file() {
            std::fs::write(dir.join("openssl.cnf"), CONFIGURATION.replace(NOWHERE, lists))?;
            openssl.probe()?;
            openssl.make()?;
            std::fs::write(dir.join("ready"), "")?;
        }
        openssl.probe()?;
        openssl.lists()?;
        let signers = HOLDERS.iter().map(|holder| signer(dir, holder)).collect::<Result<_, _>>()?;
        Ok(Self { dir: dir.to_owned(), signers })
    }

    /// The root, PEM: what a verifier takes as its anchor.
    #[must_use]
    pub fn anchor(&self) -> PathBuf {
        self.dir.join("root.crt")
    }

    /// The certificate of the authority below the root, PEM.
    #[must_use]
    pub fn intermediate(&self) -> PathBuf {
        self.dir.join("issuing.crt")
    }

    /// The root and the authority below it, as a verifier reads them.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn certificates(&self) -> Result<[Certificate; 2], Error> {
        let read = |file: PathBuf| {
            let objects = pem::read(&std::fs::read(&file)?).ok().and_then(|objects| objects.into_iter().next());
            let certificate = objects.and_then(|object| Certificate::parse(&object.der).ok());
            certificate.ok_or(Error::NoAuthority(file))
        };
        Ok([read(self.anchor())?, read(self.intermediate())?])
    }

    /// The lists of the root and of the authority below it, PEM.
    #[must_use]
    pub fn lists(&self) -> [PathBuf; 2] {
        ["root.crl", "issuing.crl"].map(|name| self.dir.join(name))
    }

    /// A list as it is served, DER.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn served_list(&self, name: &str) -> io::Result<Vec<u8>> {
        let known = ["root.crl", "issuing.crl"].into_iter().find(|known| *known == name);
        let known = known.ok_or(io::ErrorKind::NotFound)?;
        std::fs::read(self.dir.join(known).with_extension("crl.der"))
    }

    /// Who can sign.
    #[must_use]
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// A signature of the bytes: CAdES-BES, DER.
    ///
    /// # Errors
    /// When `openssl` fails.
    pub fn sign(&self, signer: &Signer, content: &[u8], is_detached: bool) -> Result<Vec<u8>, Error> {
        let [key, certificate] = ["key", "crt"].map(|kind| format!("{}.{kind}", signer.name));
        let digest = digest(signer.is_long);
        let mut arguments = vec!["cms", "-sign", "-binary", "-cades", "-nosmimecap", "-outform", "DER"];
        arguments.extend(["-signer", &certificate, "-inkey", &key, "-md", digest, "-certfile", "issuing.crt"]);
        if !is_detached {
            arguments.push("-nodetach");
        }
        Folder { dir: self.dir.clone() }.run_with(&arguments, content)
    }
}

fn digest(is_long: bool) -> &'static str {
    if is_long { "md_gost12_512" } else { "md_gost12_256" }
}

fn signer(dir: &Path, holder: &Holder) -> Result<Signer, Error> {
    let certificate = X509::from_pem(&std::fs::read(dir.join(format!("{}.crt", holder.name)))?)?;
    let id = certificate.subject_key_id().map(|id| hex(id.as_slice())).unwrap_or_default();
    let oid = |short: &str| ATTRIBUTES.iter().find(|(name, _)| *name == short).map_or("", |(_, oid)| oid);
    Ok(Signer {
        name: holder.name,
        kind: holder.kind,
        id,
        serial: certificate.serial_number().to_bn()?.to_hex_str()?.to_string(),
        thumbprint: hex(&certificate.digest(MessageDigest::sha1())?),
        begins: seconds(certificate.not_before())?,
        ends: seconds(certificate.not_after())?,
        subject: holder.subject.iter().map(|(name, value)| (oid(name), *value)).collect(),
        issuer: vec![(oid("CN"), ISSUER), (oid("O"), ISSUER)],
        is_long: holder.is_long,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Seconds since 1970.
fn seconds(at: &Asn1TimeRef) -> Result<i64, Error> {
    let since = Asn1Time::from_unix(0)?.diff(at)?;
    Ok(i64::from(since.days) * 86_400 + i64::from(since.secs))
}

/// Runs `openssl` in a folder.
struct Folder {
    dir: PathBuf,
}

impl Folder {
    fn probe(&self) -> Result<(), Error> {
        self.run(&["dgst", "-md_gost12_256", "openssl.cnf"]).map_err(|_| Error::NoEngine)?;
        Ok(())
    }

    fn make(&self) -> Result<(), Error> {
        for authority in ["root", "issuing"] {
            self.register(authority)?;
        }
        let authority = |name| format!("/O={name}/CN={name}/C=RU");
        self.certify(&Request::authority("root", "root", &authority("Подставной корневой УЦ")))?;
        self.certify(&Request::authority("issuing", "root", &authority(ISSUER)))?;
        // A stranger is an authority of its own that nobody trusts.
        let strange = Self { dir: self.dir.join("strange") };
        strange.register("root")?;
        std::fs::copy(self.dir.join("openssl.cnf"), strange.dir.join("openssl.cnf"))?;
        strange.certify(&Request::authority("root", "root", &authority("Неизвестный УЦ")))?;
        for holder in &HOLDERS {
            let request = Request::holder(holder);
            if holder.name == "stranger" {
                strange.certify(&Request { by: "root", ..request })?;
                for kind in ["key", "crt"] {
                    let file = format!("stranger.{kind}");
                    std::fs::copy(strange.dir.join(&file), self.dir.join(&file))?;
                }
            } else {
                self.certify(&request)?;
            }
        }
        self.ca("issuing", &["-revoke", "revoked.crt"])
    }

    /// What `openssl ca` keeps of an authority.
    fn register(&self, authority: &str) -> Result<(), Error> {
        let dir = self.dir.join(authority);
        std::fs::create_dir_all(dir.join("newcerts"))?;
        for (file, content) in [("index.txt", ""), ("serial", "0101"), ("crlnumber", "01")] {
            std::fs::write(dir.join(file), content)?;
        }
        Ok(())
    }

    fn certify(&self, request: &Request) -> Result<(), Error> {
        let Request { name, by, subject, .. } = request;
        let [key, wish, certificate] = ["key", "csr", "crt"].map(|kind| format!("{name}.{kind}"));
        let algorithm = if request.is_long { "gost2012_512" } else { "gost2012_256" };
        self.run(&["genpkey", "-algorithm", algorithm, "-pkeyopt", "paramset:A", "-out", &key])?;
        let flag = format!("-{}", digest(request.is_long));
        self.run(&["req", "-new", "-utf8", "-key", &key, &flag, "-subj", subject, "-out", &wish])?;
        let until = match request.until {
            Until::Days(days) => ["-days", days],
            Until::Date(date) => ["-enddate", date],
        };
        let own: &[&str] = if name == by { &["-selfsign"] } else { &[] };
        let fixed = ["-in", &wish, "-out", &certificate, "-notext", "-extensions", request.extensions];
        self.ca(by, &[&fixed, &FROM[..], &until, own].concat())
    }

    /// Fresh lists of both authorities, as files and as they are served.
    fn lists(&self) -> Result<(), Error> {
        for authority in ["root", "issuing"] {
            let list = format!("{authority}.crl");
            self.ca(authority, &["-gencrl", "-crldays", "30", "-out", &list])?;
            self.run(&["crl", "-in", &list, "-outform", "DER", "-out", &format!("{list}.der")])?;
        }
        Ok(())
    }

    fn ca(&self, authority: &str, arguments: &[&str]) -> Result<(), Error> {
        let (key, certificate) = (format!("{authority}.key"), format!("{authority}.crt"));
        let fixed = ["ca", "-batch", "-name", authority, "-keyfile", &key, "-cert", &certificate, "-md", digest(false)];
        self.run(&[&fixed, arguments].concat())?;
        Ok(())
    }

    fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, Error> {
        self.run_with(arguments, &[])
    }

    fn run_with(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |why: String| Error::Failed(arguments.join(" "), why);
        let mut child = Command::new("openssl")
            .args(arguments)
            .current_dir(&self.dir)
            .env("OPENSSL_CONF", "openssl.cnf")
            .env("CADIR", ".")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|why| failed(why.to_string()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A child that has ended already says why by itself.
            let _ = stdin.write_all(input);
        }
        let output = child.wait_with_output()?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

/// What is to be certified.
struct Request {
    name: &'static str,
    by: &'static str,
    subject: String,
    extensions: &'static str,
    until: Until,
    is_long: bool,
}

impl Request {
    fn authority(name: &'static str, by: &'static str, subject: &str) -> Self {
        Self {
            name,
            by,
            subject: subject.to_owned(),
            extensions: if name == by { "ext_root" } else { "ext_sub" },
            until: Until::Days("3650"),
            is_long: false,
        }
    }

    fn holder(holder: &Holder) -> Self {
        Self {
            name: holder.name,
            by: "issuing",
            subject: holder.subject.iter().map(|(name, value)| format!("/{name}={value}")).collect(),
            extensions: "ext_ee",
            until: holder.until,
            is_long: holder.is_long,
        }
    }
}
