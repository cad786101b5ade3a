import { strict as assert } from 'node:assert';
import { claims, json, signIn } from '../../lib/person.mjs';
import { test } from '../../lib/report.mjs';
import { withPythonParty } from '../program.mjs';

export default [
  test('Authlib signs a person in with PKCE and nonce, checks at_hash, and refreshes', (world) =>
    withPythonParty(world.provider, 'authlib', '/callback', async (url) => {
      const person = await world.provider.person();
      await world.browser.visit(async (page) => {
        await page.goto(url);
        await page.click('#sign-in');
        await signIn(page, person);
        const told = await claims(page);
        assert.equal(told.sub, person.sub);
        assert.ok(told.nonce && told.at_hash, 'nonce and at_hash are in the id_token');
        assert.equal((await json(page, 'userinfo')).phone_number, person.phone);
        await page.click('#refresh');
        await page.locator('#userinfo', { hasText: '"rotated": true' }).waitFor();
        assert.equal((await claims(page)).sub, person.sub);
      });
    })),
].flat();
