//! The certificate of the built-in HTTPS, and its change while the server runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use axum_server::tls_openssl::OpenSSLConfig;
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod, SslVersion};
use tracing::{error, info};

use crate::config::Tls;

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_secs(2);

/// A certificate with its key, as they stand in their files.
#[derive(Clone)]
pub struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    acceptor: OpenSSLConfig,
    /// The state of the files that was last tried, good or bad.
    seen: Arc<Mutex<Stamps>>,
}

type Stamps = [Option<(SystemTime, u64)>; 2];

impl Certificate {
    /// Reads the files; `None` when built-in HTTPS is off.
    ///
    /// # Errors
    /// Names the key whose file is unfit.
    pub fn load(tls: &Tls) -> anyhow::Result<Option<Self>> {
        let (Some(cert), Some(key)) = (tls.cert.clone(), tls.key.clone()) else {
            return Ok(None);
        };
        let seen = Arc::new(Mutex::new(stamps(&cert, &key)));
        let acceptor = read(&cert, &key)?;
        Ok(Some(Self { cert, key, acceptor, seen }))
    }

    pub(super) fn acceptor(&self) -> OpenSSLConfig {
        self.acceptor.clone()
    }

    /// Reads the files again if they changed; `true` when new connections get the new certificate. On an error the old
    /// one stays, and the same unfit files are not tried again.
    ///
    /// # Errors
    /// Names the key whose file is unfit.
    pub fn reload(&self) -> anyhow::Result<bool> {
        let now = stamps(&self.cert, &self.key);
        if std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), now) == now {
            return Ok(false);
        }
        self.acceptor.reload_from_acceptor(read(&self.cert, &self.key)?.get_inner());
        Ok(true)
    }

    /// Reloads for as long as it is polled.
    pub(super) async fn follow(self) {
        let mut ticks = tokio::time::interval(PERIOD);
        loop {
            ticks.tick().await;
            match self.reload() {
                Ok(true) => info!(tls.cert = %self.cert.display(), "the certificate was reloaded"),
                Ok(false) => {}
                Err(why) => error!(error = format!("{why:#}"), "the changed certificate is unfit; the old one stays"),
            }
        }
    }
}

fn stamps(cert: &Path, key: &Path) -> Stamps {
    [cert, key].map(|path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    })
}

fn read(cert: &Path, key: &Path) -> anyhow::Result<OpenSSLConfig> {
    for (name, path) in [("tls.cert", cert), ("tls.key", key)] {
        // OpenSSL's own message does not name the file.
        std::fs::File::open(path).with_context(|| format!("{name}: cannot read {}", path.display()))?;
    }
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
    // RFC 9325 §3.1.1: TLS 1.0 and 1.1 must not be negotiated.
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    if builder.set_certificate_chain_file(cert).is_err() {
        bail!("tls.cert: {} holds no certificate in PEM", cert.display());
    }
    if builder.set_private_key_file(key, SslFiletype::PEM).is_err() {
        bail!("tls.key: {} holds no private key in PEM, or not the one of tls.cert", key.display());
    }
    OpenSSLConfig::try_from(builder).context("tls.key: is not the key of tls.cert")
}
