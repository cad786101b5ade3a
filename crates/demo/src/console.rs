//! A console program that signs a person in by a code on its screen (RFC 8628): `kabinet-demo console`.
//!
//! 1. It reads the provider's metadata and asks for a code.
//! 2. It shows the code, the address and, for a phone's camera, the address as a picture; then it asks as often as the provider
//!    lets it whether the person has allowed it. The `openidconnect` crate waits longer where it is told `slow_down`.
//! 3. It verifies the ID token and prints the claims as one line of JSON. No token is ever shown.
//! 4. Where it got a refresh token, it renews its tokens once, as it would before each call after the first ones ended.
//!
//! What a program of one's own does with another library: `docs/guides`.

use std::io::Write;

use anyhow::{Context, bail};
use kabinet_fetch::Fetch;
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreDeviceAuthorizationResponse,
    CoreGrantType, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode,
    CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, AuthType, ClientId, DeviceAuthorizationUrl, IssuerUrl, Nonce, OAuth2TokenResponse,
    ProviderMetadata, Scope, TokenResponse,
};
use qrcode::QrCode;
use qrcode::render::unicode;
use serde::{Deserialize, Serialize};

use crate::party::protocol::Http;

const SCOPES: [&str; 3] = ["openid", "profile", "offline_access"];

/// What a device reads of the metadata beside what every client reads (RFC 8628 §4).
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Devices {
    device_authorization_endpoint: DeviceAuthorizationUrl,
}

impl AdditionalProviderMetadata for Devices {}

type Metadata = ProviderMetadata<
    Devices,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// Signs in as the public client `client_id` of the provider at `issuer`.
///
/// # Errors
/// Says in a sentence what did not work: no such provider, a refusal by it or by the person, a code that nobody entered in time.
pub async fn sign_in(issuer: String, client_id: String) -> anyhow::Result<()> {
    let http = Http(Fetch::new(crate::loopback()?)?);
    let metadata = Metadata::discover_async(IssuerUrl::new(issuer)?, &http)
        .await
        .context("the provider does not tell how it is asked")?;
    let devices = metadata.additional_metadata().device_authorization_endpoint.clone();
    let client = CoreClient::from_provider_metadata(metadata, ClientId::new(client_id), None)
        .set_device_authorization_url(devices)
        .set_auth_type(AuthType::RequestBody);
    let scopes = SCOPES.map(|scope| Scope::new(scope.to_owned()));
    let begun: CoreDeviceAuthorizationResponse = client
        .exchange_device_code()
        .add_scopes(scopes)
        .request_async(&http)
        .await
        .context("the provider gives no code")?;
    show(&begun)?;
    let tokens = client
        .exchange_device_access_token(&begun)?
        .request_async(&http, tokio::time::sleep, None)
        .await;
    let tokens = tokens.context("nobody was signed in")?;
    let id_token = tokens.id_token().context("the provider gave no ID token")?;
    // A device has no nonce: the code that it was given is its own proof (RFC 8628 §3.4).
    let claims = id_token.claims(&client.id_token_verifier(), |_: Option<&Nonce>| Ok(()))?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::to_string(claims)?)?;
    let Some(refresh) = tokens.refresh_token() else {
        return Ok(());
    };
    let renewed = client
        .exchange_refresh_token(refresh)?
        .request_async(&http)
        .await
        .context("the tokens were not renewed")?;
    let Some(seconds) = renewed.expires_in().map(|life| life.as_secs()) else {
        bail!("the provider does not tell how long its tokens live");
    };
    Ok(writeln!(out, "Токены обновлены и действуют {seconds} с.")?)
}

/// Tells the person what to do.
fn show(begun: &CoreDeviceAuthorizationResponse) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    if let Some(complete) = begun.verification_uri_complete() {
        // Not checked by anything but the camera: a terminal of another width shows it torn.
        let picture = QrCode::new(complete.secret())?.render::<unicode::Dense1x2>().build();
        writeln!(out, "{picture}")?;
    }
    writeln!(out, "Откройте {} и введите код", begun.verification_uri().as_str())?;
    writeln!(out, "{}", begun.user_code().secret())?;
    writeln!(
        out,
        "Код действует {} мин. Проверьте, что на странице тот же код.",
        begun.expires_in().as_secs() / 60
    )?;
    Ok(out.flush()?)
}
