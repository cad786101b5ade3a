import { strict as assert } from 'node:assert';
import { newEmail } from '../../lib/provider.mjs';
import { claims, signIn } from '../../lib/person.mjs';
import { test } from '../../lib/report.mjs';
import { withPythonParty } from '../program.mjs';

export default [
  test('python-social-auth makes a Django user named by preferred_username', (world) =>
    withPythonParty(world.provider, 'social', '/social/complete/oidc/', async (url) => {
      const person = await world.provider.person({ email: newEmail() });
      await world.browser.visit(async (page) => {
        await page.goto(url);
        await page.click('#sign-in');
        await signIn(page, person);
        const told = await claims(page);
        assert.equal(told.sub, person.sub);
        assert.ok(told.nonce && told.at_hash, 'nonce and at_hash are in the id_token');
        const answer = await page.locator('#username').innerText();
        assert.doesNotMatch(answer, /^[0-9a-f]{16,}$/, 'without preferred_username Django gets a random name');
      });
    })),
].flat();
