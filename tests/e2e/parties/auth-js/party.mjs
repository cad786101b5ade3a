// Auth.js with a provider of its own kind `oidc`: code, PKCE, state, nonce; its session shows the verified claims.

import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { ExpressAuth, getSession } from '@auth/express';
import { signInAt } from '../../lib/person.mjs';
import { test } from '../../lib/report.mjs';
import { page, shown, withSite } from '../express.mjs';

const CLIENT = { name: 'Auth.js', callback: '/auth/callback/kabinet', more: ['--require-pkce'] };

// Auth.js starts and ends a session by POST, with a token of its own; its ready-made page has pictures from another host.
const BUTTON = (id, to) => `<form method="post" action="${to}"><input type="hidden" name="csrfToken"><input type="hidden" name="callbackUrl" value="/">
<button id="${id}" disabled>${id}</button></form><script>
fetch('/auth/csrf').then((answer) => answer.json()).then(({ csrfToken }) => {
  document.forms[0].csrfToken.value = csrfToken;
  document.getElementById('${id}').disabled = false;
});</script>`;

const install = (issuer) => (app, { client }) => {
  const config = {
    basePath: '/auth',
    secret: randomBytes(32).toString('hex'),
    trustHost: true,
    providers: [
      {
        id: 'kabinet',
        name: 'kabinet',
        type: 'oidc',
        issuer,
        clientId: client.client_id,
        clientSecret: client.client_secret,
        checks: ['pkce', 'state', 'nonce'],
        authorization: { params: { scope: 'openid profile phone' } },
      },
    ],
    callbacks: {
      jwt: ({ token, profile }) => ({ ...token, ...(profile && { claims: profile }) }),
      session: ({ session, token }) => ({ ...session, claims: token.claims }),
    },
  };
  app.use('/auth', ExpressAuth(config));
  app.get('/', async (request, response) => {
    const session = await getSession(request, config);
    response.send(page(session ? shown('claims', session.claims) + BUTTON('sign-out', '/auth/signout') : BUTTON('sign-in', '/auth/signin/kabinet')));
  });
};

export default test('Auth.js signs a person in with PKCE, state and nonce, and its session shows the claims', (world) =>
  withSite(world.provider, CLIENT, install(world.provider.issuer), async (url) => {
    const person = await world.provider.person();
    await world.browser.visit(async (page) => {
      const told = await signInAt(page, url, person, world.provider.issuer);
      assert.ok(told.nonce && told.at_hash, 'nonce and at_hash are in the id_token');
      await page.click('#sign-out');
      await page.locator('#sign-in').waitFor();
    });
  }));
