// The requests of the differential test: a name, and what is sent to one side. Each makes what it needs by itself.

import { FAREWELL, jwt, pkce, REDIRECT_URI, RESOURCE } from './sides.mjs';

const POST = 'POST';
const now = () => Math.floor(Date.now() / 1000);
const without = (name) => ({ [name]: undefined });

/** An authorization request of a signed-in browser, by the client and what is unusual in it. */
const ask = (changes, client = 'web') => (side) => side.authorize(client, changes);

/** The same of a browser in which nobody is signed in. */
const anonymous = (changes, client = 'web') => (side) => side.authorize(client, changes, null);

const DISCOVERY = {
  'the discovery document': (side) => side.send('/.well-known/openid-configuration'),
  'the discovery document, posted for': (side) => side.send('/.well-known/openid-configuration', { method: POST }),
  'the metadata of RFC 8414': (side) => side.send('/.well-known/oauth-authorization-server'),
  'the keys': (side) => side.send('jwks_uri'),
  'the keys, posted for': (side) => side.send('jwks_uri', { method: POST }),
};

const AUTHORIZE = {
  'authorize: a sound request': ask({}),
  'authorize: by POST': (side) => side.send('authorization_endpoint', { method: POST, form: side.ask(), browser: side.browser }),
  'authorize: by POST as JSON': (side) =>
    side.send('authorization_endpoint', { method: POST, body: JSON.stringify(side.ask()), type: 'application/json', browser: side.browser }),
  'authorize: by HEAD': (side) => side.send('authorization_endpoint', { method: 'HEAD', query: side.ask(), browser: side.browser }),
  'authorize: by PUT': (side) => side.send('authorization_endpoint', { method: 'PUT', query: side.ask(), browser: side.browser }),
  'authorize: nobody is signed in': anonymous({}),
  'authorize: an unknown parameter': ask({ extra: 'x' }),
  'authorize: an empty state': ask({ state: '' }),
  'authorize: no state': ask(without('state')),
  'authorize: no nonce': ask(without('nonce')),
  'authorize: no parameters at all': (side) => side.send('authorization_endpoint', { browser: side.browser }),

  'authorize: no client_id': ask(without('client_id')),
  'authorize: an unknown client_id': ask({ client_id: 'nobody' }),
  'authorize: client_id twice': (side) => side.authorize('web', { client_id: [side.clients.web.client_id, side.clients.web.client_id] }),
  'authorize: no redirect_uri': ask(without('redirect_uri')),
  'authorize: an unregistered redirect_uri': ask({ redirect_uri: 'https://evil.example.test/callback' }),
  'authorize: a redirect_uri with more path': ask({ redirect_uri: `${REDIRECT_URI}/more` }),
  'authorize: a redirect_uri with a query': ask({ redirect_uri: `${REDIRECT_URI}?next=x` }),
  'authorize: a redirect_uri with a fragment': ask({ redirect_uri: `${REDIRECT_URI}#x` }),
  'authorize: a redirect_uri in capitals': ask({ redirect_uri: REDIRECT_URI.replace('product', 'PRODUCT') }),
  'authorize: a redirect_uri with the default port': ask({ redirect_uri: REDIRECT_URI.replace('.test/', '.test:443/') }),
  'authorize: a redirect_uri by http': ask({ redirect_uri: REDIRECT_URI.replace('https', 'http') }),
  'authorize: redirect_uri twice': ask({ redirect_uri: [REDIRECT_URI, REDIRECT_URI] }),

  'authorize: no response_type': ask(without('response_type')),
  'authorize: an unknown response_type': ask({ response_type: 'magic' }),
  'authorize: a response_type that is not the client\'s': ask({ response_type: 'id_token' }),
  'authorize: response_type none': ask({ response_type: 'none' }),
  'authorize: response_type token alone': ask({ response_type: 'token' }, 'front'),
  'authorize: response_type twice': ask({ response_type: ['code', 'code'] }),
  'authorize: id_token': ask({ response_type: 'id_token' }, 'front'),
  'authorize: id_token token': ask({ response_type: 'id_token token' }, 'front'),
  'authorize: token id_token, in the other order': ask({ response_type: 'token id_token' }, 'front'),
  'authorize: code id_token': ask({ response_type: 'code id_token' }, 'front'),
  'authorize: code token': ask({ response_type: 'code token' }, 'front'),
  'authorize: code id_token token': ask({ response_type: 'code id_token token' }, 'front'),
  'authorize: id_token without a nonce': ask({ response_type: 'id_token', nonce: undefined }, 'front'),
  'authorize: code id_token without a nonce': ask({ response_type: 'code id_token', nonce: undefined }, 'front'),
  'authorize: code token without a nonce': ask({ response_type: 'code token', nonce: undefined }, 'front'),
  'authorize: id_token without openid': ask({ response_type: 'id_token', scope: 'profile' }, 'front'),

  'authorize: form_post': ask({ response_mode: 'form_post' }),
  'authorize: form_post of tokens': ask({ response_type: 'code id_token token', response_mode: 'form_post' }, 'front'),
  'authorize: form_post of an error': ask({ response_mode: 'form_post', prompt: 'none login' }),
  'authorize: a code in the fragment': ask({ response_mode: 'fragment' }),
  'authorize: tokens in the query': ask({ response_type: 'id_token', response_mode: 'query' }, 'front'),
  'authorize: an unknown response_mode': ask({ response_mode: 'pigeon' }),
  'authorize: response_mode twice': ask({ response_mode: ['query', 'query'] }),

  'authorize: no scope': ask(without('scope')),
  'authorize: scope without openid': ask({ scope: 'profile', nonce: undefined }),
  'authorize: a nonce without openid': ask({ scope: 'profile' }),
  'authorize: an unknown scope beside known ones': ask({ scope: 'openid profile magic' }),
  'authorize: only an unknown scope': ask({ scope: 'magic' }),
  'authorize: a scope outside the grammar': ask({ scope: 'openid "quoted"' }),
  'authorize: scope twice': ask({ scope: ['openid', 'openid'] }),
  'authorize: state twice': ask({ state: ['one', 'two'] }),
  'authorize: an unknown parameter twice': ask({ extra: ['one', 'two'] }),

  'authorize: prompt=none of nobody': anonymous({ prompt: 'none' }),
  'authorize: prompt=none of somebody': ask({ prompt: 'none' }),
  'authorize: prompt=none beside another': ask({ prompt: 'none login' }),
  'authorize: an unknown prompt': ask({ prompt: 'magic' }),
  'authorize: prompt=login': ask({ prompt: 'login' }),
  'authorize: prompt=consent': ask({ prompt: 'consent' }),
  'authorize: prompt=select_account': ask({ prompt: 'select_account' }),
  'authorize: prompt=none and max_age=0': ask({ prompt: 'none', max_age: '0' }),
  'authorize: max_age=0': ask({ max_age: '0' }),
  'authorize: max_age of a day': ask({ max_age: '86400' }),
  'authorize: a negative max_age': ask({ max_age: '-1' }),
  'authorize: a max_age that is no number': ask({ max_age: 'soon' }),
  'authorize: an id_token_hint of the person': async (side) => side.authorize('web', { prompt: 'none', id_token_hint: (await side.tokens()).id_token }),
  'authorize: an id_token_hint that is nonsense': ask({ id_token_hint: 'nonsense' }),
  'authorize: an unsigned id_token_hint': (side) =>
    side.authorize('web', { id_token_hint: jwt({ iss: side.issuer, sub: 'x', aud: side.clients.web.client_id }, { alg: 'none' }) }),
  'authorize: an id_token_hint of another client': async (side) => side.authorize('other', { id_token_hint: (await side.tokens('web')).id_token }),
  'authorize: a login_hint': ask({ login_hint: 'somebody' }),
  'authorize: ui_locales that nobody has': ask({ ui_locales: 'tlh' }),
  'authorize: acr_values that nobody has': ask({ acr_values: 'magic' }),
  'authorize: an unknown display': ask({ display: 'magic' }),
  'authorize: claims': ask({ claims: JSON.stringify({ userinfo: { phone_number: null } }) }),
  'authorize: claims that are no JSON': ask({ claims: '{' }),
  'authorize: claims that are a list': ask({ claims: '[]' }),
  'authorize: claims of a kind that is none': ask({ claims: '{"userinfo":"all"}' }),
  'authorize: the parameter registration': ask({ registration: '{}' }),

  'authorize: a resource': ask({ resource: RESOURCE }),
  'authorize: an unknown resource': ask({ resource: 'https://other.example.test/' }),
  'authorize: a resource with a fragment': ask({ resource: `${RESOURCE}#x` }),
  'authorize: a resource that is no URI': ask({ resource: 'nonsense' }),

  'authorize: PKCE': (side) => side.authorize('web', { code_challenge: pkce().challenge, code_challenge_method: 'S256' }),
  'authorize: PKCE of a public client': (side) => side.authorize('spa', { code_challenge: pkce().challenge, code_challenge_method: 'S256' }),
  'authorize: a public client without PKCE': ask({}, 'spa'),
  'authorize: no PKCE where it is demanded': ask({}, 'strict'),
  'authorize: PKCE plain': (side) => side.authorize('web', { code_challenge: pkce().challenge, code_challenge_method: 'plain' }),
  'authorize: a challenge without a method, which means plain': (side) => side.authorize('web', { code_challenge: pkce().challenge }),
  'authorize: a method without a challenge': ask({ code_challenge_method: 'S256' }),
  'authorize: an unknown method': (side) => side.authorize('web', { code_challenge: pkce().challenge, code_challenge_method: 'S512' }),
  'authorize: a challenge that is too short': ask({ code_challenge: 'short', code_challenge_method: 'S256' }),
  'authorize: a challenge with other characters': ask({ code_challenge: `${'a'.repeat(42)}!`, code_challenge_method: 'S256' }),
  'authorize: code_challenge twice': (side) => {
    const { challenge } = pkce();
    return side.authorize('web', { code_challenge: [challenge, challenge], code_challenge_method: 'S256' });
  },
};

/** Claims of a sound request object, with changes. */
function object(side, changes = {}, client = 'signed') {
  const { client_id } = side.clients[client];
  return { iss: client_id, aud: side.issuer, iat: now(), nbf: now() - 5, exp: now() + 60, ...side.ask(client), ...changes };
}

/** An authorization request by a request object. */
const byObject = (changes, options = {}, beside = {}) => (side) =>
  side.authorize('signed', { request: jwt(object(side, changes), options), ...beside });

const REQUEST_OBJECTS = {
  'request object: sound': byObject(),
  'request object: no claim but the parameters': (side) => side.authorize('signed', { request: jwt(side.ask('signed')) }),
  'request object: signed by another key': byObject({}, { by: 'stranger' }),
  'request object: unsigned where the client signs': byObject({}, { alg: 'none' }),
  'request object: nonsense': ask({ request: 'nonsense' }, 'signed'),
  'request object: of another client': byObject({ client_id: 'nobody' }),
  'request object: of another issuer': byObject({ iss: 'nobody' }),
  'request object: for another audience': byObject({ aud: 'https://other.example.test' }),
  'request object: over': byObject({ exp: 1_700_000_000 }),
  'request object: not yet good': byObject({ nbf: 4_000_000_000 }),
  'request object: another redirect_uri inside': byObject({ redirect_uri: 'https://evil.example.test/' }),
  'request object: another response_type beside it': byObject({}, {}, { response_type: 'id_token' }),
  'request object: another state beside it': byObject({ state: 'inside' }, {}, { state: 'beside' }),
  'request object: one inside another': byObject({ request: 'x' }),
  'request object: beside a request_uri': byObject({}, {}, { request_uri: 'https://product.example.test/object' }),
  'request object: an unregistered request_uri': ask({ request_uri: 'https://evil.example.test/object' }, 'signed'),
  'request object: a client without keys': (side) => side.authorize('web', { request: jwt(object(side, {}, 'web')) }),
};

const PUSHED = {
  'pushed: sound': (side) => side.send('pushed_authorization_request_endpoint', { method: POST, client: 'web', form: side.ask() }),
  'pushed: used': async (side) => use(side, 'web', await side.push('web')),
  'pushed: used twice': async (side) => {
    const request_uri = await side.push('web');
    await use(side, 'web', request_uri);
    return use(side, 'web', request_uri);
  },
  'pushed: used by another client': async (side) => use(side, 'other', await side.push('web')),
  'pushed: never pushed': (side) => use(side, 'web', 'urn:ietf:params:oauth:request_uri:nonsense'),
  'pushed: a client that must push and does not': ask({}, 'pushed'),
  'pushed: a client that must push and does': async (side) => use(side, 'pushed', await side.push('pushed')),
  'pushed: without authentication': (side) => side.send('pushed_authorization_request_endpoint', { method: POST, form: side.ask() }),
  'pushed: a wrong secret': (side) =>
    side.send('pushed_authorization_request_endpoint', { method: POST, form: side.ask(), headers: { authorization: side.basic('web', 'wrong') } }),
  'pushed: with a request_uri inside': pushes({ request_uri: 'urn:x' }),
  'pushed: an unregistered redirect_uri': pushes({ redirect_uri: 'https://evil.example.test/' }),
  'pushed: no redirect_uri': pushes({ redirect_uri: undefined }),
  'pushed: no response_type': pushes({ response_type: undefined }),
  'pushed: a scope outside the grammar': pushes({ scope: 'openid "quoted"' }),
  'pushed: another client\'s id': (side) =>
    side.send('pushed_authorization_request_endpoint', { method: POST, client: 'web', form: side.ask('other') }),
  'pushed: state twice': pushes({ state: ['one', 'two'] }),
  'pushed: no PKCE of a public client': (side) => side.send('pushed_authorization_request_endpoint', { method: POST, form: side.ask('spa') }),
  'pushed: asked for by GET': (side) => side.send('pushed_authorization_request_endpoint', { client: 'web', query: side.ask() }),
  'pushed: as JSON': (side) =>
    side.send('pushed_authorization_request_endpoint', { method: POST, client: 'web', body: JSON.stringify(side.ask()), type: 'application/json' }),
};

function pushes(changes) {
  return (side) => side.send('pushed_authorization_request_endpoint', { method: POST, client: 'web', form: side.ask('web', changes) });
}

function use(side, client, request_uri) {
  const query = { client_id: side.clients[client].client_id, request_uri };
  return side.send('authorization_endpoint', { query, browser: side.browser });
}

/** A code of `web`, redeemed with these members changed. */
const redeem = (changes) => async (side) => side.redeem('web', await side.code('web'), changes);

/** A code of `web` with a challenge, redeemed with what `verifier` makes of the right verifier. */
const redeemWith = (change) => async (side) => {
  const { verifier, challenge } = pkce();
  const code = await side.code('web', { code_challenge: challenge, code_challenge_method: 'S256' });
  return side.redeem('web', code, { code_verifier: change(verifier) });
};

/** A code of `web`, redeemed with this instead of the usual authentication. */
const authenticated = (options) => async (side) => {
  const form = { grant_type: 'authorization_code', code: await side.code('web'), redirect_uri: REDIRECT_URI };
  const { form: more, ...rest } = options(side);
  return side.send('token_endpoint', { method: POST, form: { ...form, ...more }, ...rest });
};

/** A code of `web`, redeemed by a body of this type. */
const bodied = (type, write) => async (side) => {
  const form = { grant_type: 'authorization_code', code: await side.code('web'), redirect_uri: REDIRECT_URI };
  return side.send('token_endpoint', { method: POST, client: 'web', body: write(form), type });
};

const urlencoded = (form) => new URLSearchParams(form).toString();

const TOKEN = {
  'token: a code': redeem({}),
  'token: a code with PKCE': redeemWith((verifier) => verifier),
  'token: a code of a public client': async (side) => {
    const { verifier, challenge } = pkce();
    const code = await side.code('spa', { code_challenge: challenge, code_challenge_method: 'S256' });
    const form = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: verifier, client_id: side.clients.spa.client_id };
    return side.send('token_endpoint', { method: POST, form });
  },
  'token: a code of a hybrid answer': async (side) => side.redeem('front', await side.code('front', { response_type: 'code id_token' })),
  'token: a code for a scope without openid': async (side) => side.redeem('web', await side.code('web', { scope: 'profile', nonce: undefined })),
  'token: a code for offline_access': async (side) => side.redeem('web', await side.code('web', { scope: 'openid offline_access', prompt: undefined })),
  'token: a code for a resource': async (side) => side.redeem('web', await side.code('web', { resource: RESOURCE }), { resource: RESOURCE }),
  'token: a code for a resource that was not asked for': async (side) =>
    side.redeem('web', await side.code('web'), { resource: 'https://other.example.test/' }),

  'token: no code': redeem({ code: undefined }),
  'token: an empty code': redeem({ code: '' }),
  'token: an unknown code': redeem({ code: 'nonsense' }),
  'token: a code of another client': async (side) => side.redeem('other', await side.code('web')),
  'token: a code twice': async (side) => {
    const code = await side.code('web');
    await side.redeem('web', code);
    return side.redeem('web', code);
  },
  'token: userinfo after a code was used twice': async (side) => {
    const code = await side.code('web');
    const { access_token } = JSON.parse((await side.redeem('web', code)).text);
    await side.redeem('web', code);
    return userinfo(side, access_token);
  },
  'token: refresh after a code was used twice': async (side) => {
    const code = await side.code('web');
    const { refresh_token } = JSON.parse((await side.redeem('web', code)).text);
    await side.redeem('web', code);
    return refresh(side, refresh_token);
  },
  'token: no redirect_uri': redeem({ redirect_uri: undefined }),
  'token: another redirect_uri': redeem({ redirect_uri: `${REDIRECT_URI}/more` }),
  'token: a code after an attempt with another redirect_uri': async (side) => {
    const code = await side.code('web');
    await side.redeem('web', code, { redirect_uri: FAREWELL });
    return side.redeem('web', code);
  },
  'token: no code_verifier': redeemWith(() => undefined),
  'token: an empty code_verifier': redeemWith(() => ''),
  'token: another code_verifier': redeemWith(() => pkce().verifier),
  'token: a code_verifier that is too short': redeemWith((verifier) => verifier.slice(0, 20)),
  'token: a code_verifier that was not announced': redeem({ code_verifier: pkce().verifier }),
  'token: code in the parameter twice': async (side) => {
    const code = await side.code('web');
    return side.redeem('web', [code, code]);
  },

  'token: no authentication': authenticated(() => ({})),
  'token: only a client_id of a confidential client': authenticated((side) => ({ form: { client_id: side.clients.web.client_id } })),
  'token: a wrong secret': authenticated((side) => ({ headers: { authorization: side.basic('web', 'wrong') } })),
  'token: an empty secret': authenticated((side) => ({ headers: { authorization: side.basic('web', '') } })),
  'token: an unknown client': authenticated((side) => ({ headers: { authorization: side.basic('nobody', 'secret') } })),
  'token: Basic that is no base64': authenticated(() => ({ headers: { authorization: 'Basic !!!' } })),
  'token: Basic without a colon': authenticated(() => ({ headers: { authorization: `Basic ${Buffer.from('nobody').toString('base64')}` } })),
  'token: another scheme': authenticated((side) => ({ headers: { authorization: side.basic('web').replace('Basic', 'Digest') } })),
  'token: basic in small letters': authenticated((side) => ({ headers: { authorization: side.basic('web').replace('Basic', 'basic') } })),
  'token: the secret in the body of a client of client_secret_basic': authenticated((side) => ({ form: credentials(side, 'web') })),
  'token: two ways to authenticate': authenticated((side) => ({ client: 'web', form: credentials(side, 'web') })),
  'token: another client_id in the body': authenticated((side) => ({ client: 'web', form: { client_id: side.clients.other.client_id } })),
  'token: the same client_id in the body': authenticated((side) => ({ client: 'web', form: { client_id: side.clients.web.client_id } })),
  'token: a client of client_secret_post': async (side) => {
    const form = { grant_type: 'authorization_code', code: await side.code('post'), redirect_uri: REDIRECT_URI, ...credentials(side, 'post') };
    return side.send('token_endpoint', { method: POST, form });
  },
  'token: a client of client_secret_post by Basic': async (side) => side.redeem('post', await side.code('post')),
  'token: a public client with a secret': async (side) => {
    const form = { grant_type: 'refresh_token', refresh_token: 'x', client_id: side.clients.spa.client_id, client_secret: 'a-secret' };
    return side.send('token_endpoint', { method: POST, form });
  },
  'token: an unknown kind of assertion': authenticated((side) => ({
    form: { client_id: side.clients.web.client_id, client_assertion: 'x', client_assertion_type: 'urn:nonsense' },
  })),

  'token: no grant_type': redeem({ grant_type: undefined }),
  'token: an unknown grant_type': redeem({ grant_type: 'magic' }),
  'token: grant_type twice': redeem({ grant_type: ['authorization_code', 'authorization_code'] }),
  'token: a grant_type that is not the client\'s': (side) => side.token('web', { grant_type: 'client_credentials' }),
  'token: the password grant': (side) => side.token('web', { grant_type: 'password', username: 'a', password: 'b' }),
  'token: the implicit grant': (side) => side.token('front', { grant_type: 'implicit' }),
  'token: an unknown parameter': redeem({ extra: 'x' }),
  'token: an unknown parameter twice': redeem({ extra: ['one', 'two'] }),

  'token: as JSON': bodied('application/json', JSON.stringify),
  'token: as multipart': bodied('multipart/form-data; boundary=x', urlencoded),
  'token: without a content type': bodied('', urlencoded),
  'token: with a charset': bodied('application/x-www-form-urlencoded; charset=UTF-8', urlencoded),
  'token: with an empty body': bodied('application/x-www-form-urlencoded', () => ''),
  'token: by GET': async (side) => {
    const query = { grant_type: 'authorization_code', code: await side.code('web'), redirect_uri: REDIRECT_URI };
    return side.send('token_endpoint', { client: 'web', query });
  },
  'token: parameters in the query of a POST': async (side) => {
    const query = { grant_type: 'authorization_code', code: await side.code('web'), redirect_uri: REDIRECT_URI };
    return side.send('token_endpoint', { method: POST, client: 'web', query, body: '' });
  },

  'token: client_credentials': (side) => side.token('machine', { grant_type: 'client_credentials', scope: 'read' }),
  'token: client_credentials without a scope': (side) => side.token('machine', { grant_type: 'client_credentials' }),
  'token: client_credentials for openid': (side) => side.token('machine', { grant_type: 'client_credentials', scope: 'openid' }),
  'token: client_credentials for an unknown scope': (side) => side.token('machine', { grant_type: 'client_credentials', scope: 'magic' }),
  'token: client_credentials with a scope outside the grammar': (side) => side.token('machine', { grant_type: 'client_credentials', scope: 'a"b' }),

  'token: refresh': async (side) => refresh(side, (await side.tokens()).refresh_token),
  'token: refresh without a token': (side) => side.token('web', { grant_type: 'refresh_token' }),
  'token: refresh with nonsense': (side) => refresh(side, 'nonsense'),
  'token: refresh with an access token': async (side) => refresh(side, (await side.tokens()).access_token),
  'token: refresh by another client': async (side) =>
    side.token('other', { grant_type: 'refresh_token', refresh_token: (await side.tokens()).refresh_token }),
  'token: refresh for less': async (side) => refresh(side, (await side.tokens()).refresh_token, { scope: 'openid' }),
  'token: refresh for more': async (side) => refresh(side, (await side.tokens()).refresh_token, { scope: 'openid profile email' }),
  'token: refresh for a scope outside the grammar': async (side) => refresh(side, (await side.tokens()).refresh_token, { scope: 'openid "quoted"' }),
  'token: refresh with a token twice': async (side) => {
    const { refresh_token } = await side.tokens();
    await refresh(side, refresh_token);
    return refresh(side, refresh_token);
  },
  'token: refresh with a token whose successor was used': async (side) => {
    const { refresh_token } = await side.tokens();
    const next = JSON.parse((await refresh(side, refresh_token)).text);
    await refresh(side, next.refresh_token);
    return refresh(side, refresh_token);
  },
  'token: refresh with the youngest token after an old one was used again': async (side) => {
    const { refresh_token } = await side.tokens();
    const second = JSON.parse((await refresh(side, refresh_token)).text);
    const third = JSON.parse((await refresh(side, second.refresh_token)).text);
    await refresh(side, refresh_token);
    return refresh(side, third.refresh_token);
  },
};

function credentials(side, client) {
  const { client_id, client_secret } = side.clients[client];
  return { client_id, client_secret };
}

function refresh(side, refresh_token, more = {}) {
  return side.token('web', { grant_type: 'refresh_token', refresh_token, ...more });
}

function userinfo(side, token, { scheme = 'Bearer', ...options } = {}) {
  return side.send('userinfo_endpoint', { headers: { authorization: `${scheme} ${token}` }, ...options });
}

const USERINFO = {
  'userinfo: by GET': async (side) => userinfo(side, (await side.tokens('web', { scope: 'openid phone' })).access_token),
  'userinfo: by POST': async (side) => userinfo(side, (await side.tokens()).access_token, { method: POST, body: '' }),
  'userinfo: the token in the body': async (side) =>
    side.send('userinfo_endpoint', { method: POST, form: { access_token: (await side.tokens()).access_token } }),
  'userinfo: the token in the query': async (side) => side.send('userinfo_endpoint', { query: { access_token: (await side.tokens()).access_token } }),
  'userinfo: the token in header and body': async (side) => {
    const { access_token } = await side.tokens();
    return userinfo(side, access_token, { method: POST, form: { access_token } });
  },
  'userinfo: no token': (side) => side.send('userinfo_endpoint'),
  'userinfo: nonsense for a token': (side) => userinfo(side, 'nonsense'),
  'userinfo: an empty token': (side) => userinfo(side, ''),
  'userinfo: two words for a token': (side) => userinfo(side, 'one two'),
  'userinfo: Basic': (side) => side.send('userinfo_endpoint', { client: 'web' }),
  'userinfo: bearer in small letters': async (side) => userinfo(side, (await side.tokens()).access_token, { scheme: 'bearer' }),
  'userinfo: a refresh token': async (side) => userinfo(side, (await side.tokens()).refresh_token),
  'userinfo: an ID token': async (side) => userinfo(side, (await side.tokens()).id_token),
  'userinfo: a token without openid': async (side) => userinfo(side, (await side.tokens('web', { scope: 'profile', nonce: undefined })).access_token),
  'userinfo: a token of a machine': async (side) => userinfo(side, await side.machineToken()),
  'userinfo: by PUT': async (side) => userinfo(side, (await side.tokens()).access_token, { method: 'PUT', body: '' }),
  'userinfo: by HEAD': async (side) => userinfo(side, (await side.tokens()).access_token, { method: 'HEAD' }),
};

const inspect = (side, token, options = { client: 'web' }, more = {}) =>
  side.send('introspection_endpoint', { method: POST, form: { token, ...more }, ...options });
const revoke = (side, token, options = { client: 'web' }, more = {}) =>
  side.send('revocation_endpoint', { method: POST, form: { token, ...more }, ...options });

const INTROSPECTION = {
  'introspection: an access token': async (side) => inspect(side, (await side.tokens()).access_token),
  'introspection: a refresh token': async (side) => inspect(side, (await side.tokens()).refresh_token),
  'introspection: an ID token': async (side) => inspect(side, (await side.tokens()).id_token),
  'introspection: a token of a machine': async (side) => inspect(side, await side.machineToken(), { client: 'machine' }),
  'introspection: with a wrong hint': async (side) => inspect(side, (await side.tokens()).access_token, undefined, { token_type_hint: 'refresh_token' }),
  'introspection: with an unknown hint': async (side) => inspect(side, (await side.tokens()).access_token, undefined, { token_type_hint: 'magic' }),
  'introspection: nonsense': (side) => inspect(side, 'nonsense'),
  'introspection: no token': (side) => inspect(side, undefined),
  'introspection: token twice': (side) => inspect(side, ['a', 'b']),
  'introspection: no authentication': (side) => inspect(side, 'nonsense', {}),
  'introspection: a wrong secret': (side) => inspect(side, 'nonsense', { headers: { authorization: side.basic('other', 'wrong') } }),
  'introspection: a public client': (side) => inspect(side, 'nonsense', {}, { client_id: side.clients.spa.client_id }),
  'introspection: a token of another client': async (side) => inspect(side, (await side.tokens()).access_token, { client: 'other' }),
  'introspection: a revoked token': async (side) => {
    const { access_token } = await side.tokens();
    await revoke(side, access_token);
    return inspect(side, access_token);
  },
  'introspection: by GET': (side) => side.send('introspection_endpoint', { client: 'web', query: { token: 'nonsense' } }),
  'introspection: as JSON': (side) => side.send('introspection_endpoint', { method: POST, client: 'web', body: '{"token":"x"}', type: 'application/json' }),
};

const REVOCATION = {
  'revocation: an access token': async (side) => revoke(side, (await side.tokens()).access_token),
  'revocation: a refresh token': async (side) => revoke(side, (await side.tokens()).refresh_token),
  'revocation: nonsense': (side) => revoke(side, 'nonsense'),
  'revocation: no token': (side) => revoke(side, undefined),
  'revocation: token twice': (side) => revoke(side, ['a', 'b']),
  'revocation: with an unknown hint': async (side) => revoke(side, (await side.tokens()).refresh_token, undefined, { token_type_hint: 'magic' }),
  'revocation: no authentication': (side) => revoke(side, 'nonsense', {}),
  'revocation: a wrong secret': (side) => revoke(side, 'nonsense', { headers: { authorization: side.basic('other', 'wrong') } }),
  'revocation: a token of another client': async (side) => revoke(side, (await side.tokens()).refresh_token, { client: 'other' }),
  'revocation: refresh after another client tried': async (side) => {
    const { refresh_token } = await side.tokens();
    await revoke(side, refresh_token, { client: 'other' });
    return refresh(side, refresh_token);
  },
  'revocation: refresh after it': async (side) => {
    const { refresh_token } = await side.tokens();
    await revoke(side, refresh_token);
    return refresh(side, refresh_token);
  },
  'revocation: userinfo after the refresh token was revoked': async (side) => {
    const { access_token, refresh_token } = await side.tokens();
    await revoke(side, refresh_token);
    return userinfo(side, access_token);
  },
  'revocation: refresh after the access token was revoked': async (side) => {
    const { access_token, refresh_token } = await side.tokens();
    await revoke(side, access_token);
    return refresh(side, refresh_token);
  },
  'revocation: by GET': (side) => side.send('revocation_endpoint', { client: 'web', query: { token: 'nonsense' } }),
  'revocation: as JSON': (side) => side.send('revocation_endpoint', { method: POST, client: 'web', body: '{"token":"x"}', type: 'application/json' }),
};

const SOUND = { redirect_uris: [REDIRECT_URI], client_name: 'A client' };
const registers = (changes) => (side) => side.register({ ...SOUND, ...changes });

/** A registration, and a request to its management address. */
const managed = (options) => async (side) => {
  const client = JSON.parse((await side.register(SOUND)).text);
  const { path, ...rest } = options(client);
  const to = new URL(client.registration_client_uri);
  return side.send(path ?? `${to.pathname}${to.search}`, rest);
};
const bearer = (token) => ({ authorization: `Bearer ${token}` });

const REGISTRATION = {
  'registration: sound': registers({}),
  'registration: public': registers({ token_endpoint_auth_method: 'none' }),
  'registration: unknown metadata': registers({ magic: true }),
  'registration: no redirect_uris': registers({ redirect_uris: undefined }),
  'registration: empty redirect_uris': registers({ redirect_uris: [] }),
  'registration: redirect_uris that are no list': registers({ redirect_uris: REDIRECT_URI }),
  'registration: a redirect_uri of javascript': registers({ redirect_uris: ['javascript:alert(1)'] }),
  'registration: a redirect_uri with a fragment': registers({ redirect_uris: [`${REDIRECT_URI}#x`] }),
  'registration: a relative redirect_uri': registers({ redirect_uris: ['/callback'] }),
  'registration: a redirect_uri by http': registers({ redirect_uris: ['http://product.example.test/callback'] }),
  'registration: an unknown grant_type': registers({ grant_types: ['magic'] }),
  'registration: grant_types that do not fit response_types': registers({ grant_types: ['authorization_code'], response_types: ['id_token'] }),
  'registration: an unknown response_type': registers({ response_types: ['magic'] }),
  'registration: an unknown authentication': registers({ token_endpoint_auth_method: 'magic' }),
  'registration: client_secret_jwt': registers({ token_endpoint_auth_method: 'client_secret_jwt' }),
  'registration: private_key_jwt without keys': registers({ token_endpoint_auth_method: 'private_key_jwt' }),
  'registration: jwks beside jwks_uri': registers({ jwks: { keys: [] }, jwks_uri: 'https://product.example.test/jwks' }),
  'registration: a logo that is no URL': registers({ logo_uri: 'nonsense' }),
  'registration: an unknown signing algorithm': registers({ id_token_signed_response_alg: 'magic' }),
  'registration: an unknown subject_type': registers({ subject_type: 'magic' }),
  'registration: pairwise with redirect_uris on two hosts': registers({
    subject_type: 'pairwise', redirect_uris: [REDIRECT_URI, 'https://other.example.test/callback'],
  }),
  'registration: default_max_age that is no number': registers({ default_max_age: 'soon' }),
  'registration: a list instead of an object': (side) => side.register([]),
  'registration: no JSON': (side) => side.register({}, { body: '{' }),
  'registration: as a form': (side) => side.register({}, { body: urlencoded({ client_name: 'x' }), type: undefined }),
  'registration: by GET without a token': (side) => side.send('registration_endpoint'),
  'management: read': managed(({ registration_access_token: token }) => ({ headers: bearer(token) })),
  'management: read with another token': managed(() => ({ headers: bearer('nonsense') })),
  'management: read without a token': managed(() => ({})),
  'management: delete': managed(({ registration_access_token: token }) => ({ method: 'DELETE', headers: bearer(token) })),
  'management: update': managed((client) => ({
    method: 'PUT',
    headers: bearer(client.registration_access_token),
    body: JSON.stringify({ ...SOUND, client_id: client.client_id, client_name: 'Another name' }),
    type: 'application/json',
  })),
  'management: update of another client_id': managed((client) => ({
    method: 'PUT',
    headers: bearer(client.registration_access_token),
    body: JSON.stringify({ ...SOUND, client_id: 'nobody' }),
    type: 'application/json',
  })),
};

const logout = (query) => (side) => side.send('end_session_endpoint', { query });

const LOGOUT = {
  'logout: no parameters, nobody signed in': logout({}),
  'logout: no parameters': (side) => side.send('end_session_endpoint', { browser: side.browser }),
  'logout: by POST': (side) => side.send('end_session_endpoint', { method: POST, body: '', browser: side.browser }),
  'logout: a hint that is nonsense': logout({ id_token_hint: 'nonsense' }),
  'logout: an unregistered way back': (side) =>
    side.send('end_session_endpoint', { query: { client_id: side.clients.web.client_id, post_logout_redirect_uri: 'https://evil.example.test/' } }),
  'logout: a way back of nobody': logout({ post_logout_redirect_uri: FAREWELL }),
  'logout: an unknown client_id': logout({ client_id: 'nobody' }),
  'logout: a hint of another client': async (side) =>
    side.send('end_session_endpoint', { query: { id_token_hint: (await side.tokens()).id_token, client_id: side.clients.other.client_id } }),
  'logout: a hint with an unregistered way back': async (side) =>
    side.send('end_session_endpoint', { query: { id_token_hint: (await side.tokens()).id_token, post_logout_redirect_uri: 'https://evil.example.test/' } }),
};

export const REQUESTS = {
  ...DISCOVERY, ...AUTHORIZE, ...REQUEST_OBJECTS, ...PUSHED, ...TOKEN, ...USERINFO, ...INTROSPECTION, ...REVOCATION, ...REGISTRATION, ...LOGOUT,
};
