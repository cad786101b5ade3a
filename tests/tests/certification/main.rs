//! A certification run by our own means: the OpenID and logout plans of the OpenID conformance suite against the built binary,
//! over HTTPS, by relying parties and a browser as the suite plays them. The suite itself was not run.
//!
//! Each test is a module of the suite and has its name. It runs for every variant of the plans that it belongs to (response
//! types, response modes, clients made by the command line and clients that registered themselves), see [`suite`]. What the
//! suite warns about is a failure here, see [`looks`] and [`tls`].
//!
//! `codereuse-30seconds` waits its thirty seconds: its variants wait side by side, and other modules run meanwhile.
#![expect(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod dynamic;
mod flows;
mod logout;
mod looks;
mod party;
mod provider;
mod requests;
mod suite;
mod tls;

use crate::flows::{gives_access, needs_no_nonce, needs_nonce, once_a_plan, with_code};
use crate::suite::{Variant, basic, hybrid, implicit, run, secret_post, third_party};

/// A test for each module: its name, the plans that it belongs to, the variants that it fits, its body.
macro_rules! modules {
    ($($name:ident: [$($plan:expr),+] $fits:expr => $body:path;)+) => {
        $(
            #[test]
            fn $name() {
                run(&[$($plan),+], $fits, |run| Box::pin($body(run)));
            }
        )+
    };
}

fn any(_: &Variant) -> bool {
    true
}

fn code_alone(variant: &Variant) -> bool {
    variant.response_type == "code"
}

fn code_or_code_id_token(variant: &Variant) -> bool {
    ["code", "code id_token"].contains(&variant.response_type)
}

modules! {
    oidcc_server: [basic, implicit, hybrid, suite::dynamic] any => flows::server;
    oidcc_server_client_secret_post: [secret_post] any => flows::server_client_secret_post;
    oidcc_response_type_missing: [basic, implicit, hybrid] once_a_plan => flows::response_type_missing;
    oidcc_idtoken_signature: [basic, implicit, hybrid] any => flows::idtoken_signature;
    oidcc_idtoken_unsigned: [basic, suite::dynamic] code_alone => flows::idtoken_unsigned;
    oidcc_userinfo_get: [basic, implicit, hybrid] gives_access => flows::userinfo_get;
    oidcc_userinfo_post_header: [basic, implicit, hybrid] gives_access => flows::userinfo_post_header;
    oidcc_userinfo_post_body: [basic, implicit, hybrid] gives_access => flows::userinfo_post_body;
    oidcc_ensure_request_without_nonce_succeeds_for_code_flow: [basic, hybrid] needs_no_nonce => flows::without_nonce_succeeds;
    oidcc_ensure_request_without_nonce_fails: [implicit, hybrid] needs_nonce => flows::without_nonce_fails;
    oidcc_scope_profile: [basic, implicit, hybrid] any => flows::scope_profile;
    oidcc_scope_email: [basic, implicit, hybrid] any => flows::scope_email;
    oidcc_scope_address: [basic, implicit, hybrid] any => flows::scope_address;
    oidcc_scope_phone: [basic, implicit, hybrid] any => flows::scope_phone;
    oidcc_scope_all: [basic, implicit, hybrid] any => flows::scope_all;
    oidcc_alternate_happy_flow: [basic, implicit, hybrid] any => flows::alternate_happy_flow;
    oidcc_display_page: [basic, implicit, hybrid] any => flows::display_page;
    oidcc_display_popup: [basic, implicit, hybrid] any => flows::display_popup;
    oidcc_prompt_login: [basic, implicit, hybrid] any => flows::prompt_login;
    oidcc_prompt_none_not_logged_in: [basic, implicit, hybrid] any => flows::prompt_none_not_logged_in;
    oidcc_prompt_none_logged_in: [basic, implicit, hybrid] any => flows::prompt_none_logged_in;
    oidcc_max_age_1: [basic, implicit, hybrid] any => flows::max_age_1;
    oidcc_max_age_10000: [basic, implicit, hybrid] any => flows::max_age_10000;
    oidcc_ensure_request_with_unknown_parameter_succeeds: [basic, implicit, hybrid] any => flows::unknown_parameter;
    oidcc_id_token_hint: [basic, implicit, hybrid] any => flows::id_token_hint;
    oidcc_login_hint: [basic, implicit, hybrid] any => flows::login_hint;
    oidcc_ui_locales: [basic, implicit, hybrid] any => flows::ui_locales;
    oidcc_claims_locales: [basic, implicit, hybrid] any => flows::claims_locales;
    oidcc_ensure_request_with_acr_values_succeeds: [basic, implicit, hybrid] any => flows::acr_values;
    oidcc_codereuse: [basic, hybrid] any => flows::codereuse;
    oidcc_codereuse_30seconds: [basic, hybrid] any => flows::codereuse_30seconds;
    oidcc_ensure_registered_redirect_uri: [basic, implicit, hybrid] any => flows::ensure_registered_redirect_uri;
    oidcc_ensure_post_request_succeeds: [basic] any => flows::ensure_post_request_succeeds;
    oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported: [basic, implicit, hybrid] any
        => requests::request_uri_unsigned;
    oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported: [basic, implicit, hybrid] any
        => requests::unsigned_request_object;
    oidcc_claims_essential: [basic, implicit, hybrid] any => requests::claims_essential;
    oidcc_ensure_request_object_with_redirect_uri: [basic, implicit, hybrid, suite::dynamic] any
        => requests::ensure_request_object_with_redirect_uri;
    oidcc_refresh_token: [basic, hybrid, suite::dynamic] with_code => dynamic::refresh_token;
    oidcc_ensure_request_with_valid_pkce_succeeds: [basic, hybrid] code_or_code_id_token => requests::valid_pkce;

    oidcc_discovery_endpoint_verification: [suite::dynamic] any => dynamic::discovery_endpoint_verification;
    oidcc_idtoken_rs256: [suite::dynamic] any => dynamic::idtoken_rs256;
    oidcc_userinfo_rs256: [suite::dynamic] gives_access => dynamic::userinfo_rs256;
    oidcc_ensure_redirect_uri_in_authorization_request: [suite::dynamic] any
        => flows::ensure_redirect_uri_in_authorization_request;
    oidcc_redirect_uri_query_ok: [suite::dynamic] any => dynamic::redirect_uri_query_ok;
    oidcc_redirect_uri_query_mismatch: [suite::dynamic] any => dynamic::redirect_uri_query_mismatch;
    oidcc_redirect_uri_query_added: [suite::dynamic] any => dynamic::redirect_uri_query_added;
    oidcc_redirect_uri_regfrag: [suite::dynamic] any => dynamic::redirect_uri_regfrag;
    oidcc_registration_logo_uri: [suite::dynamic] any => dynamic::registration_logo_uri;
    oidcc_registration_policy_uri: [suite::dynamic] any => dynamic::registration_policy_uri;
    oidcc_registration_tos_uri: [suite::dynamic] any => dynamic::registration_tos_uri;
    oidcc_registration_jwks_uri: [suite::dynamic] with_code => dynamic::registration_jwks_uri;
    oidcc_registration_sector_uri: [suite::dynamic] any => dynamic::registration_sector_uri;
    oidcc_registration_sector_bad: [suite::dynamic] any => dynamic::registration_sector_bad;
    oidcc_server_rotate_keys: [suite::dynamic] code_alone => dynamic::server_rotate_keys;
    oidcc_refresh_token_rp_key_rotation: [suite::dynamic] with_code => dynamic::refresh_token_rp_key_rotation;
    oidcc_request_uri_unsigned: [suite::dynamic] any => requests::request_uri_unsigned;
    oidcc_request_uri_signed_rs256: [suite::dynamic] any => requests::request_uri_signed_rs256;
    oidcc_ensure_client_assertion_with_iss_aud_succeeds: [suite::dynamic] with_code
        => dynamic::client_assertion_with_iss_aud;
    oidcc_3rd_party_init_login: [third_party] any => dynamic::third_party_init_login;
    oidcc_3rd_party_init_login_nohttps: [third_party] any => dynamic::third_party_init_login_nohttps;

    oidcc_rp_initiated_logout_discovery_endpoint_verification: [suite::logout] code_alone => logout::rp_initiated_discovery;
    oidcc_rp_initiated_logout: [suite::logout] any => logout::rp_initiated_logout;
    oidcc_rp_initiated_logout_bad_post_logout_redirect_uri: [suite::logout] any => logout::bad_post_logout_redirect_uri;
    oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri: [suite::logout] any
        => logout::query_added_to_post_logout_redirect_uri;
    oidcc_rp_initiated_logout_modified_id_token_hint: [suite::logout] any => logout::modified_id_token_hint;
    oidcc_rp_initiated_logout_bad_id_token_hint: [suite::logout] any => logout::bad_id_token_hint;
    oidcc_rp_initiated_logout_no_id_token_hint: [suite::logout] any => logout::no_id_token_hint;
    oidcc_rp_initiated_logout_no_params: [suite::logout] any => logout::no_params;
    oidcc_rp_initiated_logout_no_post_logout_redirect_uri: [suite::logout] any => logout::no_post_logout_redirect_uri;
    oidcc_rp_initiated_logout_no_state: [suite::logout] any => logout::no_state;
    oidcc_rp_initiated_logout_only_state: [suite::logout] any => logout::only_state;
    oidcc_backchannel_logout_discovery_endpoint_verification: [suite::logout] code_alone => logout::back_channel_discovery;
    oidcc_backchannel_rp_initiated_logout: [suite::logout] any => logout::back_channel;
    oidcc_frontchannel_logout_discovery_endpoint_verification: [suite::logout] code_alone => logout::front_channel_discovery;
    oidcc_frontchannel_rp_initiated_logout: [suite::logout] any => logout::front_channel;
    oidcc_session_management_discovery_endpoint_verification: [suite::logout] code_alone
        => logout::session_management_discovery;
    oidcc_session_management_rp_initiated_logout: [suite::logout] any => logout::session_management;
}
