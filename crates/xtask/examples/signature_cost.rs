//! What one verification of a signed message costs, with a chain of three certificates and two revocation lists: ours and
//! that of OpenSSL with its GOST engine, by turns in one process. Prints two numbers, milliseconds. `cargo xtask bench` sets
//! `OPENSSL_CONF`, which loads the engine, and names the message and the folder of the fixtures.

#![expect(clippy::print_stdout, reason = "its output is its result")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use kabinet_gost::{Anchor, Certificate, Content, Crl, Policy, Request, Trust, Verifier, pem};
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::ssl::SslFiletype;
use openssl::stack::Stack;
use openssl::x509::X509;
use openssl::x509::store::{X509Lookup, X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};

/// 2027-01-01T00:00:00Z.
const NOW: i64 = 1_798_761_600;
const TURNS: u32 = 20;
const PER_TURN: u32 = 20;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().context("the folder of the fixtures")?;
    let folder = Path::new(&folder);
    let message = arguments.next().context("the message")?;
    let read = |name: &str| std::fs::read(folder.join(name)).with_context(|| name.to_owned());
    let signature = std::fs::read(folder.join(message))?;
    let content = read("challenge.txt")?;
    let ours = ours(&read)?;
    let theirs = Theirs::new(folder, &read)?;
    let request = Request {
        signature: &signature,
        content: Content::Expected(&content),
        certificates: &[],
        now: NOW,
    };
    let (mut of_ours, mut of_theirs) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        of_ours.push(timed(|| Ok(ours.check(request).result.map(|_| ())?))?);
        of_theirs.push(timed(|| theirs.verify(&signature, &content))?);
    }
    println!("{:.4} {:.4}", median(of_ours), median(of_theirs));
    Ok(())
}

fn timed(mut once: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    for _ in 0..PER_TURN {
        once()?;
    }
    Ok(begun.elapsed() / PER_TURN)
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn ours(read: &impl Fn(&str) -> anyhow::Result<Vec<u8>>) -> anyhow::Result<Verifier> {
    let der = |name: &str| anyhow::Ok(pem::read(&read(name)?)?.remove(0).der);
    let list = |name: &str| anyhow::Ok(Arc::new(Crl::parse(&der(name)?)?));
    let trust = Trust {
        anchors: vec![Anchor::parse(&der("root-ca.crt.pem")?)?],
        certificates: vec![Certificate::parse(&der("issuing-ca.crt.pem")?)?],
        crls: vec![list("root.crl.pem")?, list("issuing.crl.pem")?],
        answers: Vec::new(),
    };
    Ok(Verifier { trust, policy: Policy::default() })
}

struct Theirs {
    store: X509Store,
    certificates: Stack<X509>,
}

impl Theirs {
    fn new(folder: &Path, read: &impl Fn(&str) -> anyhow::Result<Vec<u8>>) -> anyhow::Result<Self> {
        let mut store = X509StoreBuilder::new()?;
        store.add_cert(X509::from_pem(&read("root-ca.crt.pem")?)?)?;
        let lookup = store.add_lookup(X509Lookup::file())?;
        for list in ["root.crl.pem", "issuing.crl.pem"] {
            ensure!(lookup.load_crl_file(folder.join(list), SslFiletype::PEM)? == 1, "{list}");
        }
        let mut demands = X509VerifyParam::new()?;
        demands.set_time(NOW);
        demands.set_flags(X509VerifyFlags::CRL_CHECK | X509VerifyFlags::CRL_CHECK_ALL)?;
        store.set_param(&demands)?;
        let mut certificates = Stack::new()?;
        certificates.push(X509::from_pem(&read("issuing-ca.crt.pem")?)?)?;
        Ok(Self { store: store.build(), certificates })
    }

    fn verify(&self, signature: &[u8], content: &[u8]) -> anyhow::Result<()> {
        let mut message = CmsContentInfo::from_der(signature)?;
        let options = CMSOptions::BINARY;
        message.verify(Some(&self.certificates), Some(&self.store), Some(content), None, options)?;
        Ok(())
    }
}
