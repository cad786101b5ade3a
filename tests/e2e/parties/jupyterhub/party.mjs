import { strict as assert } from 'node:assert';
import { signIn } from '../../lib/person.mjs';
import { test } from '../../lib/report.mjs';
import { withPythonParty } from '../program.mjs';

const inside = (world, body) => withPythonParty(world.provider, 'jupyterhub', '/hub/oauth_callback', body, ['-m', 'jupyterhub', '-f']);

export default test(
  'JupyterHub signs a person in with PKCE and knows them by their sub',
  (world) =>
    inside(world, async (url) => {
      const person = await world.provider.person();
      await world.browser.visit(async (page) => {
        await page.goto(url);
        await page.click('a[href*="/hub/oauth_login"]');
        await signIn(page, person);
        await page.waitForURL(`${url}/hub/home`);
        assert.ok((await page.locator('body').innerText()).includes(person.sub), 'the hub names the person');
      });
    }),
);
