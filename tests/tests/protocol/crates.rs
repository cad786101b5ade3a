//! A relying party that we did not write: the openidconnect crate, over the router instead of a socket.

use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt;
use kabinet_core::ambient::Clock;
use kabinet_core::client::{Alg, Profile};
use kabinet_tests::{Callback, query_of};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreUserInfoClaims};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, RedirectUrl, Scope, TokenResponse,
};
use tower::ServiceExt;

use crate::world::World;

/// Sends a request of the crate to the router.
async fn call(router: Router, request: HttpRequest) -> Result<HttpResponse, std::io::Error> {
    let (mut parts, body) = request.into_parts();
    parts.uri = parts.uri.path_and_query().unwrap().as_str().parse().unwrap();
    let response = router.oneshot(http::Request::from_parts(parts, Body::from(body))).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    Ok(http::Response::from_parts(parts, bytes.to_vec()))
}

#[tokio::test]
async fn the_openidconnect_crate_goes_from_discovery_to_a_verified_id_token() {
    for alg in [Alg::RS256, Alg::PS256, Alg::ES256, Alg::EdDSA] {
        let mut world = World::signed_out(Profile::Web, |m| {
            m.first_party = false;
            m.id_token_signed_response_alg = alg;
        })
        .await;
        let router = world.app.node.router.clone();
        let http = move |request: HttpRequest| call(router.clone(), request);
        let issuer = IssuerUrl::new("https://id.test".to_owned()).unwrap();
        let metadata = CoreProviderMetadata::discover_async(issuer, &http).await.unwrap();
        let secret = ClientSecret::new(world.rp.secret.clone().unwrap());
        let client = CoreClient::from_provider_metadata(metadata, ClientId::new(world.rp.id.to_string()), Some(secret))
            .set_redirect_uri(RedirectUrl::new("https://rp.test/cb".to_owned()).unwrap());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("offline_access".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        world.browser.get(url.as_str()).await;
        world.app.fill_in(&mut world.browser, &world.person).await;
        world.browser.submit("consent-form", &[], "allow").await;
        let callback = Callback::of(&world.browser.page);
        assert_eq!(callback.get("state"), state.secret());
        assert!(!query_of(world.browser.page.left.as_ref().unwrap()).0.is_empty());

        let code = AuthorizationCode::new(callback.code().to_owned());
        let tokens = client
            .exchange_code(code)
            .unwrap()
            .set_pkce_verifier(verifier)
            .request_async(&http)
            .await
            .unwrap();
        let clock = world.app.clock.clone();
        let now = move || chrono::DateTime::from_timestamp(clock.now().0, 0).unwrap();
        let verifier = client.id_token_verifier().set_time_fn(now);
        let id_token = tokens.id_token().unwrap();
        let claims = id_token.claims(&verifier, &nonce).unwrap();
        assert_eq!(claims.subject().as_str(), world.person.id.as_str());
        let hash = AccessTokenHash::from_token(
            tokens.access_token(),
            id_token.signing_alg().unwrap(),
            id_token.signing_key(&verifier).unwrap(),
        );
        if alg != Alg::EdDSA {
            // The crate hashes with SHA-512 for EdDSA, too, but refuses to name a hash for it in some versions.
            assert_eq!(&hash.unwrap(), claims.access_token_hash().unwrap());
        }
        assert!(id_token.claims(&verifier, &Nonce::new("another".to_owned())).is_err());

        let info: CoreUserInfoClaims = client
            .user_info(tokens.access_token().clone(), Some(claims.subject().clone()))
            .unwrap()
            .request_async(&http)
            .await
            .unwrap();
        assert_eq!(info.email().unwrap().as_str(), "anna@example.ru");
        let refreshed = client
            .exchange_refresh_token(tokens.refresh_token().unwrap())
            .unwrap()
            .request_async(&http)
            .await
            .unwrap();
        assert_ne!(refreshed.access_token().secret(), tokens.access_token().secret());
        assert!(refreshed.id_token().unwrap().claims(&verifier, |_: Option<&Nonce>| Ok(())).is_ok());
    }
}
