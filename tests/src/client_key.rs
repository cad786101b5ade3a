//! A client's own key pair, and where a client publishes things.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::routing::get;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jwk::alg::ed::EdCurve;
use josekit::jws::{ES256, EdDSA, JwsSigner, PS256, RS256};
use kabinet_core::client::Alg;
use kabinet_core::jwk::JwkSet;
use serde_json::{Value, json};

use crate::jwt;

/// A key pair of a client.
#[derive(Clone, Debug)]
pub struct ClientKey {
    /// `kid`.
    pub kid: String,
    /// What it signs with.
    pub alg: Alg,
    /// The whole pair.
    pub private: Jwk,
}

impl ClientKey {
    /// A new key pair.
    #[must_use]
    pub fn new(alg: Alg, kid: &str) -> Self {
        let private = match alg {
            Alg::RS256 | Alg::PS256 => Jwk::generate_rsa_key(2048),
            Alg::ES256 => Jwk::generate_ec_key(EcCurve::P256),
            Alg::EdDSA => Jwk::generate_ed_key(EdCurve::Ed25519),
        };
        Self { kid: kid.to_owned(), alg, private: private.expect("a key") }
    }

    /// The public half with `kid`, `alg` and `use`.
    #[must_use]
    pub fn public(&self) -> Value {
        let mut public = self.private.to_public_key().expect("a public half");
        public.set_key_id(&self.kid);
        public.set_algorithm(self.alg.as_str());
        public.set_key_use("sig");
        serde_json::to_value(&public).expect("JSON")
    }

    /// The public half alone in a set, as JSON.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({"keys": [self.public()]})
    }

    /// The same for metadata.
    #[must_use]
    pub fn set(&self) -> JwkSet {
        serde_json::from_value(self.jwks()).expect("a set")
    }

    /// A JWT with this key's `alg` and `kid`.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({"alg": self.alg.as_str(), "kid": self.kid}), claims)
    }

    /// A JWT with a header of one's own.
    #[must_use]
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let signer: Box<dyn JwsSigner> = match self.alg {
            Alg::RS256 => Box::new(RS256.signer_from_jwk(&self.private).expect("a signer")),
            Alg::PS256 => Box::new(PS256.signer_from_jwk(&self.private).expect("a signer")),
            Alg::ES256 => Box::new(ES256.signer_from_jwk(&self.private).expect("a signer")),
            Alg::EdDSA => Box::new(EdDSA.signer_from_jwk(&self.private).expect("a signer")),
        };
        jwt::forge(header, claims, |message| signer.sign(message).expect("a signature"))
    }
}

/// A real listener on loopback that answers every GET with one JSON text.
#[derive(Clone)]
pub struct Published {
    /// `http://127.0.0.1:PORT/`.
    pub url: String,
    body: Arc<Mutex<String>>,
    calls: Arc<AtomicUsize>,
}

impl Published {
    /// Begins to listen; ends with the test's runtime.
    pub async fn new(body: &Value) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let published = Self {
            url,
            body: Arc::new(Mutex::new(body.to_string())),
            calls: Arc::default(),
        };
        let (kept, calls) = (published.body.clone(), published.calls.clone());
        let answer = move || {
            calls.fetch_add(1, Ordering::SeqCst);
            let body = kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
            async move { ([("content-type", "application/json")], body) }
        };
        let router = Router::new().fallback(get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        published
    }

    /// Answers with something else from now on.
    pub fn change(&self, body: &Value) {
        *self.body.lock().unwrap_or_else(PoisonError::into_inner) = body.to_string();
    }

    /// How often it was asked.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}
