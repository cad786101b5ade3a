// Where kabinet and node oidc-provider answer the same request differently, and why ours is right. `ours` and `theirs` hold only
// the parts that differ, in the words of `outcome.mjs`. The test fails on a difference that is not here and on one that is gone.

const METHOD =
  'RFC 9110 §15.5.6: the address is there and does not take this method, so 405; programs read `error` as everywhere, and no cache keeps ' +
  'it. There it is 404 in plain text.';
const STORED = 'RFC 9111 §3: what is answered about tokens is of no use to a cache, whichever way it ended.';
const NOT_PROVEN = 'RFC 6749 §4.1.2.1: no redirect URI is proven, as the pushed request is not there to prove one, so nobody is sent anywhere.';
const ISSUER = 'RFC 9207 §2: a server that announces `authorization_response_iss_parameter_supported` sends `iss` with every answer.';
const REDIRECT_URI = 'OpenID Connect Core §3.1.2.1: redirect_uri is REQUIRED, even when the client has one only. There it may be left out.';
const NO_AUTHENTICATION = 'RFC 6749 §5.2: invalid_client is for a request in which "no client authentication included".';
const BROKEN_BASIC =
  'RFC 6749 §5.2: a client that tried the Authorization header is answered 401 with the scheme in WWW-Authenticate, however broken its ' +
  'header.';
const INTROSPECTED = 'RFC 7662 §2.2: all members but `active` are optional; what our access token says of itself (RFC 9068 §2.2) is told here, too.';
const REGISTERED =
  'RFC 7591 §3.2.1: each answers with the metadata that it registered. Ours says what the client may ask for (`scope`) and how PKCE is ' +
  'demanded; defaults that a specification fixes are left out there or here.';
const NO_METADATA =
  'RFC 7591 §3.2.2: of the errors of registration this is the one for metadata that cannot be read; what would hold them is the body.';
const NO_TOKEN =
  'RFC 6750 §3.1: a request without a bearer token gets the challenge and no error code. A token in the query, or none after the scheme, ' +
  'is none (RFC 9700 §4.3.2).';
const TWICE = 'RFC 6749 §3.1, §3.2: "parameters MUST NOT be included more than once", known ones or not.';
const SCOPE_IN_ERROR = 'RFC 6749 §5.2: the body of an error has `error` and texts about it; its `scope` belongs to a challenge (RFC 6750 §3).';
const ANNOUNCED =
  'RFC 8414 §2: what each can do. Ours has sessions to ask about, front-channel logout, devices, tokens bound to a key (RFC 9449), screens in two languages, and request URIs; ' +
  'request objects are signed and never encrypted.';

/** The members that only one of them announces. */
const METADATA = {
  ours: {
    members: [
      'check_session_iframe',
      'device_authorization_endpoint',
      'display_values_supported',
      'dpop_signing_alg_values_supported',
      'frontchannel_logout_session_supported',
      'frontchannel_logout_supported',
      'introspection_endpoint_auth_methods_supported',
      'introspection_endpoint_auth_signing_alg_values_supported',
      'prompt_values_supported',
      'require_request_uri_registration',
      'revocation_endpoint_auth_methods_supported',
      'revocation_endpoint_auth_signing_alg_values_supported',
      'ui_locales_supported',
    ].join(' '),
  },
  theirs: {
    members: [
      'request_object_encryption_alg_values_supported',
      'request_object_encryption_enc_values_supported',
    ].join(' '),
  },
};

export const DIFFERENCES = {
  'the discovery document': { ...METADATA, why: ANNOUNCED },
  'the discovery document, posted for': {
    ours: { body: 'page', stored: 'no' },
    theirs: { body: 'text/plain', stored: 'may' },
    why:
      'RFC 9110 §15.5.6: the address is there and does not take this method, so 405, with the page of everything that is not for programs ' +
      'to post to; no cache keeps it. There it is 404.',
  },
  'the metadata of RFC 8414': { ...METADATA, why: ANNOUNCED },
  'the keys, posted for': {
    ours: { body: 'json', error: 'invalid_request', stored: 'no' },
    theirs: { body: 'text/plain', error: 'none', stored: 'may' },
    why: METHOD,
  },

  'authorize: by POST': {
    ours: { to: 'login' },
    theirs: { to: 'client query' },
    why:
      'A POST from another site brings no SameSite=Lax cookie, so ours is sent on to itself as a GET, which brings it; there the cookies ' +
      'are SameSite=None for its sake.',
  },
  'authorize: by POST as JSON': {
    ours: { body: 'json', error: 'invalid_request' },
    theirs: { body: 'page', error: 'none' },
    why: 'OpenID Connect Core §3.1.2.1 takes forms only; a program that posts JSON is told so in JSON. Nobody is sent anywhere in either.',
  },
  'authorize: by HEAD': {
    ours: { status: '4xx', body: 'empty', to: 'none' },
    theirs: { status: '3xx', body: 'none', to: 'client query' },
    why: 'RFC 9110 §9.2.1: HEAD is safe, and an answer here is a code: ours makes none.',
  },
  'authorize: by PUT': {
    ours: { body: 'json', error: 'invalid_request', stored: 'no' },
    theirs: { body: 'text/plain', error: 'none', stored: 'may' },
    why: METHOD,
  },
  'authorize: no redirect_uri': {
    ours: { status: '4xx', body: 'page', to: 'none' },
    theirs: { status: '3xx', body: 'none', to: 'client query' },
    why: REDIRECT_URI,
  },
  'authorize: redirect_uri twice': {
    ours: { status: '4xx', body: 'page', to: 'none', error: 'none' },
    theirs: { status: '3xx', body: 'none', to: 'client query', error: 'invalid_request' },
    why: 'RFC 6749 §4.1.2.1: which of the two is meant is not known, so neither is proven and nobody is sent to one.',
  },
  'authorize: a response_type that is not the client\'s': {
    ours: { error: 'unauthorized_client' },
    theirs: { error: 'invalid_request' },
    why: 'RFC 6749 §4.1.2.1: unauthorized_client is "not authorized to request an authorization code using this method".',
  },
  'authorize: id_token': {
    ours: { members: 'iss' },
    theirs: {},
    why: ISSUER,
  },
  'authorize: id_token token': {
    ours: { members: 'iss' },
    theirs: {},
    why: ISSUER,
  },
  'authorize: token id_token, in the other order': {
    ours: { members: 'iss' },
    theirs: {},
    why: ISSUER,
  },
  'authorize: code id_token': {
    ours: { members: 'iss' },
    theirs: {},
    why: ISSUER,
  },
  'authorize: code id_token token': {
    ours: { members: 'iss' },
    theirs: {},
    why: ISSUER,
  },
  'authorize: id_token without openid': {
    ours: { error: 'invalid_scope' },
    theirs: { error: 'invalid_request' },
    why: 'RFC 6749 §4.1.2.1: the scope is what is wrong, and invalid_scope says so.',
  },
  'authorize: form_post of tokens': {
    ours: { members: 'iss' },
    theirs: {},
    why: ISSUER,
  },
  'authorize: form_post of an error': {
    ours: { status: '2xx' },
    theirs: { status: '4xx' },
    why: 'Form Post Response Mode §2: the page is the carrier of the answer and was made well; the error is in its form.',
  },
  'authorize: tokens in the query': {
    ours: { to: 'client fragment' },
    theirs: { to: 'client query' },
    why: 'OAuth 2.0 Multiple Response Types §3: the answer of such a response type never stands in a query, not even the error that says so.',
  },
  'authorize: an unknown response_mode': {
    ours: { error: 'invalid_request' },
    theirs: { error: 'unsupported_response_mode' },
    why: 'RFC 6749 §4.1.2.1: a parameter with a value that is none is invalid_request; unsupported_response_mode is not a registered error.',
  },
  'authorize: no scope': {
    ours: { error: 'invalid_scope' },
    theirs: { error: 'invalid_request' },
    why: 'RFC 6749 §3.3: without a scope and a default for it the request fails "indicating an invalid scope".',
  },
  'authorize: a nonce without openid': {
    ours: { error: 'none' },
    theirs: { error: 'invalid_request' },
    why: 'RFC 6749 §3.1: what a plain OAuth request does not know is ignored; a nonce is of OpenID Connect.',
  },
  'authorize: only an unknown scope': {
    ours: { error: 'invalid_scope' },
    theirs: { error: 'invalid_request' },
    why: 'RFC 6749 §4.1.2.1: the scope is what is wrong, and invalid_scope says so.',
  },
  'authorize: state twice': {
    ours: { members: 'state' },
    theirs: {},
    why: 'RFC 6749 §4.1.2.1: state is REQUIRED in the answer if it was in the request; the first one lets the client find what it began.',
  },
  'authorize: an unknown parameter twice': {
    ours: { error: 'invalid_request' },
    theirs: { error: 'none' },
    why: TWICE,
  },
  'authorize: an unknown prompt': {
    ours: { error: 'none' },
    theirs: { error: 'invalid_request' },
    why: 'OpenID Connect Core §3.1.2.1 (errata 2): not returning errors for prompts that are not understood helps to bring in new ones.',
  },
  'authorize: prompt=consent': {
    ours: { to: 'client query' },
    theirs: { to: 'login' },
    why:
      'OpenID Connect Core §3.1.2.4: consent may be had by other means; the client is the provider\'s own, which asks nobody. Of others ' +
      'ours asks.',
  },

  'request object: no claim but the parameters': {
    ours: { error: 'none' },
    theirs: { error: 'invalid_request_object' },
    why: 'OpenID Connect Core §6.1: a signed object SHOULD have iss and aud, and need not; where it has them they must be right.',
  },
  'request object: another response_type beside it': {
    ours: { to: 'client fragment' },
    theirs: { to: 'client query' },
    why:
      'OpenID Connect Core §6.1: response_type stands in the query for OAuth; how the answer comes follows from the one that was proven, ' +
      'and tokens never in a query.',
  },
  'request object: an unregistered request_uri': {
    ours: { error: 'invalid_request_uri' },
    theirs: { error: 'request_uri_not_supported' },
    why: 'OpenID Connect Core §6.2 is offered by ours, so the error is about this address (§3.1.2.6); there it is no longer known.',
  },

  'pushed: used twice': {
    ours: { status: '4xx', body: 'page', to: 'none', error: 'none' },
    theirs: { status: '3xx', body: 'none', to: 'client query', error: 'invalid_request_uri' },
    why: NOT_PROVEN,
  },
  'pushed: used by another client': {
    ours: { status: '4xx', body: 'page', to: 'none', error: 'none' },
    theirs: { status: '3xx', body: 'none', to: 'client query', error: 'invalid_request_object' },
    why: NOT_PROVEN,
  },
  'pushed: never pushed': {
    ours: { status: '4xx', body: 'page', to: 'none', error: 'none' },
    theirs: { status: '3xx', body: 'none', to: 'client query', error: 'invalid_request_uri' },
    why: NOT_PROVEN,
  },
  'pushed: with a request_uri inside': {
    ours: { error: 'invalid_request' },
    theirs: { error: 'request_uri_not_supported' },
    why:
      'RFC 9126 §2.1: of all parameters request_uri "MUST NOT be provided", whether the server knows request URIs or not; that is ' +
      'invalid_request.',
  },
  'pushed: no redirect_uri': {
    ours: { status: '4xx', error: 'invalid_request' },
    theirs: { status: '2xx', error: 'none' },
    why: REDIRECT_URI,
  },
  'pushed: asked for by GET': {
    ours: { body: 'json', error: 'invalid_request', stored: 'no' },
    theirs: { body: 'text/plain', error: 'none', stored: 'may' },
    why: METHOD,
  },

  'token: no redirect_uri': {
    ours: { status: '4xx', error: 'invalid_request' },
    theirs: { status: '2xx', error: 'none' },
    why: 'RFC 6749 §4.1.3: redirect_uri is REQUIRED when it stood in the authorization request.',
  },
  'token: a code_verifier that is too short': {
    ours: { error: 'invalid_grant' },
    theirs: { error: 'invalid_request' },
    why: 'RFC 7636 §4.6: a verifier that does not give the challenge is invalid_grant.',
  },
  'token: no authentication': {
    ours: { error: 'invalid_client' },
    theirs: { error: 'invalid_request' },
    why: NO_AUTHENTICATION,
  },
  'token: an empty secret': {
    ours: { error: 'invalid_client', challenge: 'Basic' },
    theirs: { error: 'invalid_request', challenge: 'none' },
    why: BROKEN_BASIC,
  },
  'token: Basic that is no base64': {
    ours: { error: 'invalid_client', challenge: 'Basic' },
    theirs: { error: 'invalid_request', challenge: 'none' },
    why: BROKEN_BASIC,
  },
  'token: Basic without a colon': {
    ours: { error: 'invalid_client', challenge: 'Basic' },
    theirs: { error: 'invalid_request', challenge: 'none' },
    why: BROKEN_BASIC,
  },
  'token: another scheme': {
    ours: { error: 'invalid_client', challenge: 'Basic' },
    theirs: { error: 'invalid_request', challenge: 'none' },
    why: BROKEN_BASIC,
  },
  'token: an unknown kind of assertion': {
    ours: { error: 'invalid_client' },
    theirs: { error: 'invalid_request' },
    why: 'RFC 6749 §5.2: invalid_client is for an "unsupported authentication method".',
  },
  'token: a grant_type that is not the client\'s': {
    ours: { error: 'unauthorized_client' },
    theirs: { error: 'invalid_request' },
    why: 'RFC 6749 §5.2: unauthorized_client is "not authorized to use this authorization grant type".',
  },
  'token: an unknown parameter twice': {
    ours: { status: '4xx', error: 'invalid_request' },
    theirs: { status: '2xx', error: 'none' },
    why: TWICE,
  },
  'token: by GET': {
    ours: { body: 'json', error: 'invalid_request', stored: 'no' },
    theirs: { body: 'text/plain', error: 'none', stored: 'may' },
    why: METHOD,
  },
  'token: client_credentials without a scope': {
    ours: { members: 'scope' },
    theirs: {},
    why: 'RFC 6749 §3.3: who asks for nothing gets what is the client\'s, and is told what that is (§5.1).',
  },
  'token: client_credentials for openid': {
    ours: {},
    theirs: { members: 'scope' },
    why: SCOPE_IN_ERROR,
  },
  'token: client_credentials for an unknown scope': {
    ours: { status: '4xx', error: 'invalid_scope' },
    theirs: { status: '2xx', error: 'none' },
    why: 'RFC 6749 §5.2: a scope that is unknown is invalid_scope; a service would fail later with a token that is good for nothing.',
  },
  'token: refresh for more': {
    ours: {},
    theirs: { members: 'scope' },
    why: SCOPE_IN_ERROR,
  },
  'token: refresh with a token twice': {
    ours: { status: '2xx', error: 'none' },
    theirs: { status: '4xx', error: 'invalid_grant' },
    why:
      'RFC 9700 §4.14.2 with a grace: two tabs that refresh at once get the same successor, until that is used. Of a token whose ' +
      'successor was used both end the family.',
  },

  'userinfo: the token in the query': {
    ours: { challenge: 'Bearer', error: 'none' },
    theirs: { challenge: 'Bearer invalid_request', error: 'invalid_request' },
    why: NO_TOKEN,
  },
  'userinfo: no token': {
    ours: { error: 'none' },
    theirs: { error: 'invalid_token' },
    why: NO_TOKEN,
  },
  'userinfo: an empty token': {
    ours: { challenge: 'Bearer', error: 'none' },
    theirs: { challenge: 'Bearer invalid_request', error: 'invalid_request' },
    why: NO_TOKEN,
  },
  'userinfo: two words for a token': {
    ours: { error: 'invalid_token', challenge: 'Bearer invalid_token' },
    theirs: { error: 'invalid_request', challenge: 'Bearer invalid_request' },
    why: 'RFC 6750 §3.1: invalid_token is for a token that is "malformed".',
  },
  'userinfo: Basic': {
    ours: { challenge: 'Bearer', error: 'none' },
    theirs: { challenge: 'Bearer invalid_request', error: 'invalid_request' },
    why: NO_TOKEN,
  },
  'userinfo: a token without openid': {
    ours: {},
    theirs: { members: 'scope' },
    why: SCOPE_IN_ERROR,
  },
  'userinfo: a token of a machine': {
    ours: { error: 'insufficient_scope', challenge: 'Bearer insufficient_scope' },
    theirs: { error: 'invalid_token', challenge: 'Bearer invalid_token' },
    why: 'RFC 6750 §3.1: the token is good and lacks the scope openid, which is insufficient_scope.',
  },
  'userinfo: by PUT': {
    ours: { body: 'json', error: 'invalid_request', stored: 'no' },
    theirs: { body: 'text/plain', error: 'none', stored: 'may' },
    why: METHOD,
  },

  'introspection: an access token': {
    ours: { members: 'acr amr aud auth_time jti' },
    theirs: {},
    why: INTROSPECTED,
  },
  'introspection: a refresh token': {
    ours: { members: 'token_type' },
    theirs: { members: 'iat' },
    why: 'RFC 7662 §2.2: all members but `active` are optional; ours says which kind of token it is, and not when its family began.',
  },
  'introspection: an ID token': {
    ours: { status: '2xx', error: 'none' },
    theirs: { status: '4xx', error: 'unsupported_token_type' },
    why: 'RFC 7662 §2.2: of a token that cannot be introspected the answer is `active: false`, so that nothing is told about it.',
  },
  'introspection: a token of a machine': {
    ours: { members: 'aud jti sub' },
    theirs: {},
    why: INTROSPECTED,
  },
  'introspection: with a wrong hint': {
    ours: { members: 'acr amr aud auth_time jti' },
    theirs: {},
    why: INTROSPECTED,
  },
  'introspection: with an unknown hint': {
    ours: { members: 'acr amr aud auth_time jti' },
    theirs: {},
    why: INTROSPECTED,
  },
  'introspection: no authentication': {
    ours: { error: 'invalid_client' },
    theirs: { error: 'invalid_request' },
    why: NO_AUTHENTICATION,
  },
  'introspection: a public client': {
    ours: { status: '4xx', error: 'invalid_client' },
    theirs: { status: '2xx', error: 'none' },
    why: 'RFC 7662 §2.1: the endpoint MUST require authorization against token scanning, and anybody can name a public client.',
  },
  'introspection: a token of another client': {
    ours: {},
    theirs: { members: 'client_id exp iat iss scope sub token_type' },
    why: 'RFC 7662 §2.2, §4: who the token is not for learns `active: false` and nothing of the person.',
  },
  'introspection: by GET': {
    ours: { body: 'json', error: 'invalid_request', stored: 'no' },
    theirs: { body: 'text/plain', error: 'none', stored: 'may' },
    why: METHOD,
  },

  'revocation: an access token': {
    ours: { stored: 'no' },
    theirs: { stored: 'may' },
    why: STORED,
  },
  'revocation: a refresh token': {
    ours: { stored: 'no' },
    theirs: { stored: 'may' },
    why: STORED,
  },
  'revocation: nonsense': {
    ours: { stored: 'no' },
    theirs: { stored: 'may' },
    why: STORED,
  },
  'revocation: no token': {
    ours: { stored: 'no' },
    theirs: { stored: 'may' },
    why: STORED,
  },
  'revocation: token twice': {
    ours: { stored: 'no' },
    theirs: { stored: 'may' },
    why: STORED,
  },
  'revocation: with an unknown hint': {
    ours: { stored: 'no' },
    theirs: { stored: 'may' },
    why: STORED,
  },
  'revocation: no authentication': {
    ours: { error: 'invalid_client', stored: 'no' },
    theirs: { error: 'invalid_request', stored: 'may' },
    why:
      'RFC 6749 §5.2: invalid_client is for a request in which "no client authentication included". RFC 9111 §3: what is answered about ' +
      'tokens is of no use to a cache, whichever way it ended.',
  },
  'revocation: a wrong secret': {
    ours: { stored: 'no' },
    theirs: { stored: 'may' },
    why: STORED,
  },
  'revocation: a token of another client': {
    ours: { error: 'invalid_grant', stored: 'no' },
    theirs: { error: 'invalid_request', stored: 'may' },
    why:
      'RFC 7009 §2.1, RFC 6749 §5.2: invalid_grant is for a token that "was issued to another client". RFC 9111 §3: what is answered ' +
      'about tokens is of no use to a cache, whichever way it ended.',
  },
  'revocation: refresh after the access token was revoked': {
    ours: { status: '2xx', error: 'none' },
    theirs: { status: '4xx', error: 'invalid_grant' },
    why:
      'RFC 7009 §2.1: with an access token the server MAY revoke the refresh token; ours leaves the sign-in, as only the token was given ' +
      'back.',
  },
  'revocation: by GET': {
    ours: { body: 'json', error: 'invalid_request', stored: 'no' },
    theirs: { body: 'text/plain', error: 'none', stored: 'may' },
    why: METHOD,
  },
  'revocation: as JSON': {
    ours: { stored: 'no' },
    theirs: { stored: 'may' },
    why: STORED,
  },

  'registration: sound': {
    ours: { members: 'claims_in_id_token dpop_bound_access_tokens frontchannel_logout_session_required require_pkce scope' },
    theirs: { members: 'introspection_signed_response_alg require_auth_time require_signed_request_object' },
    why: REGISTERED,
  },
  'registration: public': {
    ours: { members: 'claims_in_id_token dpop_bound_access_tokens frontchannel_logout_session_required require_pkce scope' },
    theirs: { members: 'introspection_signed_response_alg require_auth_time require_signed_request_object' },
    why: REGISTERED,
  },
  'registration: unknown metadata': {
    ours: { members: 'claims_in_id_token dpop_bound_access_tokens frontchannel_logout_session_required require_pkce scope' },
    theirs: { members: 'introspection_signed_response_alg require_auth_time require_signed_request_object' },
    why: REGISTERED,
  },
  'registration: a redirect_uri by http': {
    ours: { status: '4xx', error: 'invalid_redirect_uri' },
    theirs: { status: '2xx', error: 'none' },
    why: 'RFC 9700 §2.6: "authorization servers MUST NOT allow redirect URIs that use the http scheme" but for loopback.',
  },
  'registration: grant_types that do not fit response_types': {
    ours: { status: '4xx', error: 'invalid_client_metadata' },
    theirs: { status: '2xx', error: 'none' },
    why: 'RFC 7591 §2.1: a server should not let a client register an inconsistent state, and says invalid_client_metadata.',
  },
  'registration: client_secret_jwt': {
    ours: { status: '4xx', error: 'invalid_client_metadata' },
    theirs: { status: '2xx', error: 'none' },
    why: 'It needs the secret itself; ours keeps the hash only, so the method is not offered (RFC 7591 §2: the server chooses).',
  },
  'registration: a list instead of an object': {
    ours: { error: 'invalid_client_metadata' },
    theirs: { error: 'invalid_request' },
    why: NO_METADATA,
  },
  'registration: no JSON': {
    ours: { error: 'invalid_client_metadata' },
    theirs: { error: 'invalid_request' },
    why: NO_METADATA,
  },
  'registration: as a form': {
    ours: { error: 'invalid_client_metadata' },
    theirs: { error: 'invalid_request' },
    why: NO_METADATA,
  },
  'registration: by GET without a token': {
    ours: { body: 'json', error: 'invalid_request', stored: 'no' },
    theirs: { body: 'text/plain', error: 'none', stored: 'may' },
    why: METHOD,
  },

  'management: read': {
    ours: { members: 'claims_in_id_token dpop_bound_access_tokens frontchannel_logout_session_required require_pkce scope' },
    theirs: { members: 'client_secret introspection_signed_response_alg require_auth_time require_signed_request_object' },
    why:
      'RFC 7591 §3.2.1: each answers with the metadata that it registered. Ours says what the client may ask for (`scope`) and how PKCE ' +
      'is demanded; defaults that a specification fixes are left out there or here. RFC 7592 §3 would repeat the secret, of which only ' +
      'the hash is kept.',
  },
  'management: read without a token': {
    ours: { error: 'none' },
    theirs: { error: 'invalid_token' },
    why: NO_TOKEN,
  },
  'management: update': {
    ours: { members: 'claims_in_id_token dpop_bound_access_tokens frontchannel_logout_session_required require_pkce scope' },
    theirs: { members: 'client_secret introspection_signed_response_alg require_auth_time require_signed_request_object' },
    why:
      'RFC 7591 §3.2.1: each answers with the metadata that it registered. Ours says what the client may ask for (`scope`) and how PKCE ' +
      'is demanded; defaults that a specification fixes are left out there or here. RFC 7592 §3 would repeat the secret, of which only ' +
      'the hash is kept.',
  },
  'management: update of another client_id': {
    ours: { error: 'invalid_client_metadata' },
    theirs: { error: 'invalid_request' },
    why: 'RFC 7592 §2.2: metadata that the client may not set are answered as at registration, by invalid_client_metadata.',
  },

  'logout: a way back of nobody': {
    ours: { status: '4xx' },
    theirs: { status: '2xx' },
    why:
      'RP-Initiated Logout 1.0 §2: without a hint or a client the way back cannot be proven; ours says that the link is unsound, instead ' +
      'of taking people to a sign-out that does not come back.',
  },
  'logout: an unknown client_id': {
    ours: { status: '2xx' },
    theirs: { status: '4xx' },
    why: 'RP-Initiated Logout 1.0 §2: the person may sign out all the same, if they confirm; nothing of the client is used.',
  },
};
