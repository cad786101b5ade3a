// The two providers of the differential test, with the same clients and one person who is signed in to both: the built
// kabinet, and node oidc-provider in this process, with its in-memory adapter.

import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { freePort } from '../lib/process.mjs';
import { Provider } from '../lib/provider.mjs';
import { outcome } from './outcome.mjs';

export const REDIRECT_URI = 'https://product.example.test/callback';
export const FAREWELL = 'https://product.example.test/bye';
export const RESOURCE = 'https://api.example.test/';

const ALL_TYPES = ['code', 'id_token', 'id_token token', 'code id_token', 'code token', 'code id_token token'];
const SCOPE = 'openid profile email phone offline_access';
const ACCOUNT = { preferred_username: 'person', updated_at: 1_700_000_000, phone_number: '+79160000000', phone_number_verified: true };
const KEYS = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const STRANGER = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const b64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A JWS of these claims, signed by the client's key, by another one, or not at all. */
export function jwt(claims, { alg = 'ES256', by = 'client' } = {}) {
  const input = `${b64({ alg, kid: 'client' })}.${b64(claims)}`;
  if (alg === 'none') return `${input}.`;
  const { privateKey } = by === 'client' ? KEYS : STRANGER;
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** RFC 7636: a verifier and its challenge. */
export function pkce() {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

/** The clients, in the words of kabinet's command line and in the metadata of RFC 7591. */
const CLIENTS = {
  web: { metadata: {} },
  other: { metadata: {} },
  strict: { words: ['--require-pkce'], metadata: {} },
  front: {
    words: ['--grant-type', 'authorization_code', '--grant-type', 'implicit', ...ALL_TYPES.flatMap((type) => ['--response-type', type])],
    metadata: { grant_types: ['authorization_code', 'implicit'], response_types: ALL_TYPES },
  },
  post: {
    words: ['--token-endpoint-auth-method', 'client_secret_post'],
    metadata: { token_endpoint_auth_method: 'client_secret_post' },
  },
  spa: { profile: 'spa', metadata: { token_endpoint_auth_method: 'none', scope: 'openid profile email phone' } },
  signed: {
    words: ['--request-object-signing-alg', 'ES256'],
    keys: true,
    metadata: { request_object_signing_alg: 'ES256' },
  },
  pushed: {
    words: ['--require-pushed-authorization-requests'],
    metadata: { require_pushed_authorization_requests: true },
  },
  machine: {
    profile: 'machine',
    words: ['--scope', 'read'],
    metadata: { grant_types: ['client_credentials'], response_types: [], redirect_uris: [], post_logout_redirect_uris: [], scope: 'read' },
  },
};

/** One provider as a relying party and a browser see it. */
class Side {
  homes = [REDIRECT_URI, FAREWELL];

  constructor(name, issuer, clients, person) {
    Object.assign(this, { name, issuer, clients, person });
  }

  async open() {
    this.metadata = await (await fetch(`${this.issuer}/.well-known/openid-configuration`)).json();
    this.browser = await this.signedIn();
    return this;
  }

  /** The address of an endpoint by its name in the metadata, or of a path. */
  address(endpoint) {
    return endpoint.startsWith('/') ? `${this.issuer}${endpoint}` : this.metadata[endpoint];
  }

  /** Sends a request as it is given; follows nothing. */
  async send(endpoint, { method = 'GET', query = [], form, body, type, headers = {}, client, browser } = {}) {
    const url = new URL(this.address(endpoint));
    for (const [name, value] of pairs(query)) url.searchParams.append(name, value);
    const head = new Headers(headers);
    // What people look at is asked for as a browser does.
    if (['authorization_endpoint', 'end_session_endpoint'].includes(endpoint)) head.set('accept', 'text/html');
    if (form) body = new URLSearchParams(pairs(form)).toString();
    if (body !== undefined && type !== '') head.set('content-type', type ?? 'application/x-www-form-urlencoded');
    if (client) head.set('authorization', this.basic(client));
    if (browser) head.set('cookie', browser.header());
    // A text would bring a content type of its own.
    const answer = await fetch(url, { method, headers: head, body: body === undefined ? undefined : Buffer.from(body), redirect: 'manual' });
    browser?.keep(answer);
    answer.text = await answer.text();
    answer.asked = url.href;
    return answer;
  }

  basic(client, secret = this.clients[client].client_secret) {
    return `Basic ${Buffer.from(`${this.clients[client]?.client_id ?? client}:${secret}`).toString('base64')}`;
  }

  /** An authorization request of a client, with members replaced, taken out (undefined) or repeated (a list). */
  ask(client = 'web', changes = {}) {
    const usual = {
      client_id: this.clients[client].client_id,
      redirect_uri: REDIRECT_URI,
      response_type: 'code',
      scope: 'openid profile',
      state: 'a-state',
      nonce: 'a-nonce',
    };
    return { ...usual, ...changes };
  }

  authorize(client, changes, browser = this.browser) {
    return this.send('authorization_endpoint', { query: this.ask(client, changes), browser });
  }

  /** What the redirect of an authorization request holds. */
  async answered(client, changes) {
    const answer = await this.authorize(client, changes);
    return new URLSearchParams(answer.headers.get('location')?.split(/[?#]/)[1] ?? '');
  }

  async code(client, changes) {
    return (await this.answered(client, changes)).get('code');
  }

  token(client, form) {
    return this.send('token_endpoint', { method: 'POST', client, form });
  }

  redeem(client, code, more = {}) {
    return this.token(client, { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, ...more });
  }

  /** The tokens of a sign-in. */
  async tokens(client = 'web', changes = {}) {
    return JSON.parse((await this.redeem(client, await this.code(client, changes))).text);
  }

  async machineToken() {
    return JSON.parse((await this.token('machine', { grant_type: 'client_credentials', scope: 'read' })).text).access_token;
  }

  /** A pushed request's `request_uri`. */
  async push(client, changes) {
    const answer = await this.send('pushed_authorization_request_endpoint', { method: 'POST', client, form: this.ask(client, changes) });
    return JSON.parse(answer.text).request_uri;
  }

  register(metadata, options = {}) {
    return this.send('registration_endpoint', { method: 'POST', body: JSON.stringify(metadata), type: 'application/json', ...options });
  }

  /** A browser in which the person has signed in just now. */
  async signedIn() {
    const browser = new Browser();
    let url = new URL(this.address('authorization_endpoint'));
    for (const [name, value] of pairs(this.ask())) url.searchParams.set(name, value);
    for (let steps = 0; url.origin === this.issuer && steps < 8; steps += 1) {
      let answer = await browser.fetch(url);
      if (answer.status === 200) answer = await browser.post(url, await answer.text(), this.person);
      const to = answer.headers.get('location');
      if (!to) throw new Error(`${this.name}: no way from ${url} to a sign-in: ${answer.status} ${(await answer.text()).slice(0, 300)}`);
      url = new URL(to, url);
    }
    return browser;
  }

  /** The same with a sign-in of its own: a session of oidc-provider holds one grant per client, the last. */
  async apart() {
    return Object.assign(Object.create(this), { browser: await this.signedIn() });
  }

  outcome(answer) {
    return outcome(this, answer);
  }
}

/** Cookies, and forms as a person sends them. */
class Browser {
  cookies = new Map();

  header() {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  keep(answer) {
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value === '' || /expires=Thu, 01 Jan 1970|max-age=0/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
  }

  async fetch(url, options = {}) {
    const answer = await fetch(url, { redirect: 'manual', ...options, headers: { cookie: this.header() } });
    this.keep(answer);
    return answer;
  }

  post(url, html, { phone, password }) {
    const value = (name) => html.match(new RegExp(`name="${name}" value="([^"]*)"`))?.[1] ?? '';
    const body = new URLSearchParams({ 'form-token': value('form-token'), flow: value('flow'), phone, password });
    return this.fetch(new URL('/login', url), { method: 'POST', body });
  }
}

/** Names and values; a list stands for a parameter that is there several times, undefined for none. */
function pairs(parameters) {
  const entries = Array.isArray(parameters) ? parameters : Object.entries(parameters);
  return entries.flatMap(([name, value]) => [value].flat().filter((one) => one !== undefined).map((one) => [name, one]));
}

/** Starts both; `stop` ends them. */
export async function bothSides(binary) {
  const provider = await Provider.start(binary, 'kabinet-differential', {
    KABINET__REGISTRATION__MODE: 'open',
    KABINET__REGISTRATION__RESPONSE_TYPES: ALL_TYPES.join(','),
  });
  const jwks = join(provider.dir, 'jwks.json');
  const key = { ...KEYS.publicKey.export({ format: 'jwk' }), kid: 'client', use: 'sig', alg: 'ES256' };
  writeFileSync(jwks, JSON.stringify({ keys: [key] }));
  const clients = {};
  const create = async ([name, { profile = 'web', words = [], keys }]) => {
    const isMachine = profile === 'machine';
    clients[name] = await provider.client(name, {
      profile,
      redirectUris: isMachine ? [] : [REDIRECT_URI],
      logoutUris: isMachine ? [] : [FAREWELL],
      firstParty: true,
      more: [...words, ...(keys ? ['--jwks', jwks] : []), ...(isMachine ? [] : ['--resource', RESOURCE])],
    });
  };
  await Promise.all(Object.entries(CLIENTS).map(create));
  const person = await provider.person();
  const peer = await startPeer(clients, key);
  const [ours, theirs] = await Promise.all([
    new Side('kabinet', provider.issuer, clients, person).open(),
    new Side('oidc-provider', peer.issuer, clients, person).open(),
  ]);
  const stop = async () => {
    await peer.stop();
    await provider.stop();
  };
  return { ours, theirs, provider, stop };
}

async function startPeer(clients, key) {
  const { default: Peer, errors, interactionPolicy } = await quietly(() => import('oidc-provider'));
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  const metadata = ([name, { metadata, keys }]) => ({
    client_id: clients[name].client_id,
    ...(metadata.token_endpoint_auth_method === 'none' ? {} : { client_secret: clients[name].client_secret }),
    redirect_uris: [REDIRECT_URI],
    post_logout_redirect_uris: [FAREWELL],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    scope: SCOPE,
    ...(keys ? { jwks: { keys: [key] } } : {}),
    ...metadata,
  });
  const policy = interactionPolicy.base();
  policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }));
  const configuration = {
    jwks: { keys: [{ ...rsa, kid: 'rsa', use: 'sig', alg: 'RS256' }] },
    clients: Object.entries(CLIENTS).map(metadata),
    scopes: ['openid', 'profile', 'email', 'phone', 'offline_access', 'read'],
    claims: {
      openid: ['sub'], profile: ['name', 'preferred_username', 'updated_at'],
      email: ['email', 'email_verified'], phone: ['phone_number', 'phone_number_verified'],
    },
    responseTypes: ALL_TYPES,
    cookies: { keys: [randomBytes(32).toString('hex')], long: { sameSite: 'none' } },
    enableHttpPostMethods: true,
    acrValues: ['urn:example:password'],
    pkce: { required: (_ctx, client) => client.clientAuthMethod === 'none' || client.clientId === clients.strict.client_id },
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, ...ACCOUNT }) }),
    loadExistingGrant,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}`, policy },
    clientBasedCORS: () => false,
    features: {
      backchannelLogout: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      encryption: { enabled: true },
      jwtIntrospection: { enabled: true },
      jwtUserinfo: { enabled: true },
      claimsParameter: { enabled: true },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      registration: { enabled: true },
      registrationManagement: { enabled: true },
      requestObjects: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, indicator) => {
          if (indicator !== RESOURCE) throw new errors.InvalidTarget();
          return { scope: 'read', audience: RESOURCE, accessTokenFormat: 'jwt' };
        },
      },
    },
  };
  const peer = await quietly(() => new Peer(issuer, configuration));
  const handle = peer.callback();
  const server = createServer((request, response) => {
    if (request.url.startsWith('/interaction/')) finish(peer, request, response);
    else handle(request, response);
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { issuer, stop };
}

/** Its person is whoever comes. */
function finish(peer, request, response) {
  peer.interactionFinished(request, response, { login: { accountId: 'person' } }).catch(() => response.writeHead(400).end());
}

/** No consent is asked: the clients are the provider's own. */
async function loadExistingGrant(ctx) {
  const { client, session, provider } = ctx.oidc;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(SCOPE);
  grant.addOIDCClaims(Object.keys(ACCOUNT));
  grant.addResourceScope(RESOURCE, 'read');
  await grant.save();
  return grant;
}

/** Its advice for production would stand among the results: some of it at once, some whenever a default is used first. */
async function quietly(body) {
  const { warn } = console;
  console.info = () => {};
  console.warn = () => {};
  try {
    return await body();
  } finally {
    console.warn = warn;
  }
}
