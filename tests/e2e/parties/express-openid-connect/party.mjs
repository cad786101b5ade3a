// express-openid-connect as it comes out of the box: response_type id_token, response_mode form_post, no secret for sign-in.

import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import eoc from 'express-openid-connect';
import { confirmSignOut, signInAt } from '../../lib/person.mjs';
import { test } from '../../lib/report.mjs';
import { page, shown, withSite } from '../express.mjs';

const HOME = '<a id="sign-in" href="/login">Войти</a>';
const CLIENT = {
  name: 'express-openid-connect',
  callback: '/callback',
  farewell: '/bye',
  more: ['--grant-type', 'implicit', '--response-type', 'id_token'],
};

const install = (issuer) => (app, { url, client }) => {
  app.use(
    eoc.auth({
      issuerBaseURL: issuer,
      baseURL: url,
      clientID: client.client_id,
      secret: randomBytes(32).toString('hex'),
      authRequired: false,
      idpLogout: true,
      enableTelemetry: false,
      authorizationParams: { response_type: 'id_token', response_mode: 'form_post', scope: 'openid profile phone' },
      session: { name: `express-${new URL(url).port}` },
      routes: { postLogoutRedirect: '/bye' },
    }),
  );
  app.get('/', ({ oidc }, response) =>
    response.send(page(oidc.isAuthenticated() ? `${shown('claims', oidc.idTokenClaims)}<a id="sign-out" href="/logout">Выйти</a>` : HOME)),
  );
  app.get('/bye', ({ oidc }, response) => response.send(page(`<p id="bye">${oidc.isAuthenticated() ? 'ещё здесь' : 'вышли'}</p>`)));
};

export default test('express-openid-connect takes an id_token by form post, and signs out at the provider', (world) =>
  withSite(world.provider, CLIENT, install(world.provider.issuer), async (url) => {
    const person = await world.provider.person();
    await world.browser.visit(async (page) => {
      const told = await signInAt(page, url, person, world.provider.issuer);
      assert.ok(told.nonce, 'the nonce is in the id_token');
      // OpenID Connect Core §5.4: without an access token the claims of the scopes stand in the ID token.
      assert.equal(told.phone_number, person.phone);
      assert.equal(told.at_hash, undefined, 'there is no access token to hash');
      await page.click('#sign-out');
      await confirmSignOut(page);
      assert.equal(await page.locator('#bye').innerText(), 'вышли');
      await page.goto(`${url}/login`);
      await page.locator('#login-form').waitFor();
    });
  }));
