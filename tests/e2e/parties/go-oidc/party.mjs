import { strict as assert } from 'node:assert';
import { claims, json, signIn } from '../../lib/person.mjs';
import { test } from '../../lib/report.mjs';
import { withGoParty } from '../program.mjs';

export default test('go-oidc signs a person in with PKCE and nonce, checks at_hash, and reads userinfo', (world) =>
  withGoParty(world.provider, '/callback', async (url) => {
    const person = await world.provider.person();
    await world.browser.visit(async (page) => {
      await page.goto(url);
      await page.click('#sign-in');
      await signIn(page, person);
      const told = await claims(page);
      assert.deepEqual([told.iss, told.sub], [world.provider.issuer, person.sub]);
      assert.ok(told.nonce && told.at_hash, 'nonce and at_hash are in the id_token');
      assert.equal((await json(page, 'userinfo')).phone_number, person.phone);
    });
  }));
