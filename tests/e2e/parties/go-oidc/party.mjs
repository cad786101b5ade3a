import { strict as assert } from 'node:assert';
import { json, signInAt } from '../../lib/person.mjs';
import { test } from '../../lib/report.mjs';
import { withGoParty } from '../program.mjs';

export default test('go-oidc signs a person in with PKCE and nonce, checks at_hash, and reads userinfo', (world) =>
  withGoParty(world.provider, '/callback', async (url) => {
    const person = await world.provider.person();
    await world.browser.visit(async (page) => {
      const told = await signInAt(page, url, person, world.provider.issuer);
      assert.ok(told.nonce && told.at_hash, 'nonce and at_hash are in the id_token');
      assert.equal((await json(page, 'userinfo')).phone_number, person.phone);
    });
  }));
