// A web product on node:http with openid-client 6: PKCE S256, state, nonce, verified id_token,
// userinfo, refresh and RP-initiated logout. The journeys use it as their relying party too.
//
//   /                  the verified claims in #claims, or the link #sign-in
//   /sign-in?NAME=…    starts a sign-in; the query is added to the authorization request
//   /callback          checks the answer; a refusal is shown in #refused
//   /refresh           trades the refresh token and shows the new claims
//   /front-channel     ends a session that the provider names, in a frame of the provider's page
//   /sign-out          ends the session here and at the provider; /bye is the way back

import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import * as oidc from 'openid-client';
import { withLogo } from '../../lib/logo.mjs';
import { freePort } from '../../lib/process.mjs';
import { CANARY } from '../../lib/provider.mjs';

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const HEAD = '<!doctype html><html lang="ru"><meta charset="utf-8"><link rel="icon" href="data:,"><title>Продукт</title>';
const html = (body) => `${HEAD}<main>${body}</main>`;
const shown = (id, value) => `<pre id="${id}">${escape(JSON.stringify(value, null, 1))}</pre>`;

const refusal = (error) => ({
  error: error.error ?? error.code ?? error.name,
  description: error.error_description ?? error.message,
  cause: String(error.cause?.message ?? ''),
});

export class Product {
  static async start({ provider, client, port, scope = 'openid profile email phone', isBound = false }) {
    const product = new Product();
    product.url = `http://127.0.0.1:${port}`;
    product.scope = scope;
    product.cookie = `product-${port}`;
    product.pending = new Map();
    product.sessions = new Map();
    product.heard = [];
    product.config = await oidc.discovery(new URL(provider.issuer), client.client_id, client.client_secret, undefined, {
      execute: [oidc.allowInsecureRequests],
    });
    // By default openid-client trusts the channel to the token endpoint; here every signature is verified.
    oidc.enableNonRepudiationChecks(product.config);
    // Tokens bound to a key of the product's (RFC 9449); the nonce is the library's own business.
    product.options = isBound ? { DPoP: oidc.getDPoPHandle(product.config, await oidc.randomDPoPKeyPair()) } : undefined;
    product.server = createServer((request, response) => product.handle(request, response));
    await new Promise((resolve) => product.server.listen(port, '127.0.0.1', resolve));
    return product;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  async handle(request, response) {
    const url = new URL(request.url, this.url);
    const sid = new RegExp(`${this.cookie}=([^;]+)`).exec(request.headers.cookie ?? '')?.[1];
    const pages = {
      '/': () => this.home(sid),
      '/sign-in': () => this.signIn(url),
      '/callback': () => this.callback(request, url),
      '/refresh': () => this.refresh(sid),
      '/front-channel': () => this.frontChannel(url),
      '/sign-out': () => this.signOut(sid),
      '/bye': () => ({ body: '<p id="bye">Вы вышли</p>' }),
    };
    let answer;
    try {
      answer = (await pages[url.pathname]?.()) ?? { status: 404, body: 'нет такой страницы' };
    } catch (error) {
      answer = { body: shown('refused', refusal(error)) };
    }
    const headers = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' };
    if (answer.to) headers.location = answer.to;
    if (answer.sid) headers['set-cookie'] = `${this.cookie}=${answer.sid}; Path=/; HttpOnly; SameSite=Lax`;
    response.writeHead(answer.to ? 303 : (answer.status ?? 200), headers).end(html(answer.body ?? ''));
  }

  home(sid) {
    const session = this.sessions.get(sid);
    if (!session) return { body: '<a id="sign-in" href="/sign-in">Войти</a>' };
    const links = '<a id="refresh" href="/refresh">Обновить</a> <a id="sign-out" href="/sign-out">Выйти</a>';
    return { body: shown('claims', session.claims) + shown('userinfo', session.userinfo) + links };
  }

  async signIn(url) {
    const state = `${CANARY}${oidc.randomState()}`;
    const nonce = oidc.randomNonce();
    const verifier = oidc.randomPKCECodeVerifier();
    this.pending.set(state, { nonce, verifier });
    const to = oidc.buildAuthorizationUrl(this.config, {
      redirect_uri: `${this.url}/callback`,
      scope: this.scope,
      state,
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...Object.fromEntries(url.searchParams),
    });
    return { to: to.href };
  }

  async callback(request, url) {
    const answer = request.method === 'POST' ? await posted(request, url) : url;
    const state = (answer.searchParams ?? new URLSearchParams(await answer.clone().text())).get('state');
    const { nonce, verifier } = this.pending.get(state) ?? {};
    this.pending.delete(state);
    const checks = { pkceCodeVerifier: verifier, expectedNonce: nonce, expectedState: state, idTokenExpected: true };
    const tokens = await oidc.authorizationCodeGrant(this.config, answer, checks, undefined, this.options);
    const sid = randomUUID();
    this.sessions.set(sid, await this.accept(tokens));
    return { to: '/', sid };
  }

  async refresh(sid) {
    const session = this.sessions.get(sid);
    const tokens = await oidc.refreshTokenGrant(this.config, session.refreshToken, undefined, this.options);
    const next = await this.accept(tokens);
    next.userinfo = { ...next.userinfo, type: tokens.token_type, rotated: tokens.refresh_token !== session.refreshToken };
    this.sessions.set(sid, next);
    return { to: '/' };
  }

  async accept(tokens) {
    const claims = tokens.claims();
    // OpenID Connect Core §3.1.3.8; openid-client leaves this check to the application.
    const half = createHash('sha256').update(tokens.access_token).digest().subarray(0, 16).toString('base64url');
    if (claims.at_hash !== half) throw new Error(`at_hash ${claims.at_hash} does not belong to the access token`);
    const userinfo = await oidc.fetchUserInfo(this.config, tokens.access_token, claims.sub, this.options);
    return { claims, userinfo, refreshToken: tokens.refresh_token, idToken: tokens.id_token };
  }

  /** OpenID Connect Front-Channel Logout 1.0 §2: without a cookie, which a frame of another site would not bring. */
  frontChannel(url) {
    const { iss, sid } = Object.fromEntries(url.searchParams);
    this.heard.push({ iss, sid });
    for (const [id, { claims }] of this.sessions) if (claims.iss === iss && claims.sid === sid) this.sessions.delete(id);
    return { body: 'ok' };
  }

  signOut(sid) {
    const session = this.sessions.get(sid);
    this.sessions.delete(sid);
    const parameters = { post_logout_redirect_uri: `${this.url}/bye`, state: 'bye' };
    if (session) parameters.id_token_hint = session.idToken;
    return { to: oidc.buildEndSessionUrl(this.config, parameters).href };
  }
}

/** The answer of `response_mode=form_post`, as openid-client takes it. */
async function posted(request, url) {
  const body = Buffer.concat(await request.toArray()).toString();
  return new Request(url, { method: 'POST', body, headers: { 'content-type': request.headers['content-type'] } });
}

/** Registers a client and starts a product for it; `more` are further words of `client create`. */
export async function newProduct(provider, { name = 'Продукт', firstParty = true, scope, frontChannel = false, hasLogo = false, isBound = false, more = [] } = {}) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const register = (logo) =>
    provider.client(name, {
      redirectUris: [`${url}/callback`],
      logoutUris: [`${url}/bye`],
      firstParty,
      more: [...more, ...(isBound ? ['--dpop-bound-access-tokens'] : []), ...logo, ...(frontChannel ? ['--frontchannel-logout-uri', `${url}/front-channel`] : [])],
    });
  const client = await (hasLogo ? withLogo((uri) => register(['--logo-uri', uri])) : register([]));
  const product = await Product.start({ provider, client, port, scope, isBound });
  return Object.assign(product, { client });
}
