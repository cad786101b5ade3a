//! Asking OCSP responders (RFC 6960 appendix A.1) where revocation lists leave a certificate in doubt.
//!
//! 1. Only once every link of the chain is a signature that holds, up to an anchor: until then an address is an attacker's word.
//! 2. One POST for each certificate in doubt, by the guarded client: http or https, no private address, no redirect, two addresses,
//!    [`PATIENCE`] for all of them together.
//! 3. An answer that is good for something is remembered while it clears, an hour at most; an address without one is left alone
//!    for a minute: for this certificate, or for all where nobody answered. Both in this process only: what is lost is one question.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use kabinet_core::time::Timestamp;
use kabinet_fetch::Request;
use kabinet_gost::{Certificate, Ocsp, ocsp};
use url::Url;

use super::is_address;
use crate::Identity;

/// How long somebody waits for answers while signing in.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most addresses of one certificate.
const MAX_ADDRESSES: usize = 2;
/// How long an answer is remembered at most, seconds.
const REMEMBERED: i64 = 3600;
/// How long an address without a usable answer is left alone, seconds.
const LEFT_ALONE: i64 = 60;
/// How many answers and addresses are remembered.
const MOST: usize = 2000;

/// What is remembered, until when.
#[derive(Default)]
pub(crate) struct Responders(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    /// By the certificate's SHA-256.
    answers: HashMap<String, (Arc<Ocsp>, Timestamp)>,
    silent: HashMap<String, Timestamp>,
}

impl Responders {
    fn with<T>(&self, now: Timestamp, act: impl FnOnce(&mut Remembered) -> T) -> T {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.answers.len() >= MOST {
            known.answers.retain(|_, (_, until)| *until > now);
        }
        if known.silent.len() >= MOST {
            known.silent.retain(|_, until| *until > now);
        }
        act(&mut known)
    }

    fn answer(&self, thumbprint: &str, now: Timestamp) -> Option<Arc<Ocsp>> {
        self.with(now, |known| {
            let (answer, until) = known.answers.get(thumbprint)?;
            (*until > now).then(|| answer.clone())
        })
    }

    fn remember(&self, thumbprint: String, answer: &Arc<Ocsp>, now: Timestamp) {
        let until = Timestamp(answer.good_until().min(now.plus(REMEMBERED).0));
        self.with(now, |known| {
            if known.answers.len() < MOST {
                known.answers.insert(thumbprint, (answer.clone(), until));
            }
        });
    }

    fn is_silent(&self, address: &str, now: Timestamp) -> bool {
        self.with(now, |known| known.silent.get(address).is_some_and(|until| *until > now))
    }

    fn note_silence(&self, address: &str, now: Timestamp) {
        self.with(now, |known| {
            if known.silent.len() < MOST {
                known.silent.insert(address.to_owned(), now.plus(LEFT_ALONE));
            }
        });
    }
}

impl Identity {
    /// What responders answer about the certificates of a chain that lists leave in doubt, the signer's first.
    pub(crate) async fn ask_responders(&self, chain: &[Certificate]) -> Vec<Arc<Ocsp>> {
        let (verifier, now) = (self.verifier(), self.now());
        if !verifier.trust.holds(chain, now.0, self.allows_foreign()) {
            return Vec::new();
        }
        let in_doubt = chain.windows(2).filter(|link| verifier.trust.lacks_list(&link[0], &link[1], now.0));
        let questions = in_doubt.map(|link| self.ask_about(&link[0], &link[1]));
        let answers = tokio::time::timeout(PATIENCE, futures_util::future::join_all(questions)).await;
        answers.unwrap_or_default().into_iter().flatten().collect()
    }

    async fn ask_about(&self, certificate: &Certificate, issuer: &Certificate) -> Option<Arc<Ocsp>> {
        let (responders, thumbprint) = (&self.0.responders, certificate.sha256());
        if let Some(answer) = responders.answer(&thumbprint, self.now()) {
            return Some(answer);
        }
        let request = ocsp::request(certificate, issuer)?;
        let addresses = certificate.ocsp_addresses().iter().filter(|one| is_address(one)).take(MAX_ADDRESSES);
        for address in addresses {
            if responders.is_silent(address, self.now()) {
                continue;
            }
            let about = format!("{address} {thumbprint}");
            if responders.is_silent(&about, self.now()) {
                continue;
            }
            let asked = self.ask_responder(address, request.clone()).await;
            let (verifier, now) = (self.verifier(), self.now());
            // One that answers, and nothing usable about this certificate, may know others.
            let silence = if asked.is_some() { about.as_str() } else { address.as_str() };
            let answer = asked.flatten().filter(|answer| verifier.heeds(answer, (certificate, issuer), now.0));
            let outcome = if answer.is_some() { "answered" } else { "silent" };
            metrics::counter!("kabinet_ocsp_requests_total", "outcome" => outcome).increment(1);
            match answer {
                Some(answer) => {
                    responders.remember(thumbprint, &answer, now);
                    return Some(answer);
                }
                None => {
                    tracing::info!(ocsp.address = address, "a responder gave no answer that can be used");
                    responders.note_silence(silence, now);
                }
            }
        }
        None
    }

    /// The outer nothing: nobody answered as a responder does.
    async fn ask_responder(&self, address: &str, question: Vec<u8>) -> Option<Option<Arc<Ocsp>>> {
        let mut request = Request::new(Method::POST, Url::parse(address).ok()?);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/ocsp-request"));
        request.body = question.into();
        request.max_body = Some(ocsp::MAX_BYTES);
        let answer = self.0.fetch.request(request).await.ok()?;
        if answer.status != StatusCode::OK {
            return None;
        }
        Some(Ocsp::parse(&answer.body).ok().map(Arc::new))
    }
}
