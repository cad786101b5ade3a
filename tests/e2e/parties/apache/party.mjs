import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claims, confirmSignOut, signIn } from '../../lib/person.mjs';
import { Background, freePort } from '../../lib/process.mjs';
import { Provider } from '../../lib/provider.mjs';
import { test } from '../../lib/report.mjs';

const here = new URL('.', import.meta.url).pathname;

/** Starts Apache from a configuration of its own in a temporary directory, runs `body(url)`, ends it. */
async function withApache(provider, body, { backChannel = false } = {}) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const dir = mkdtempSync(join(tmpdir(), 'kabinet-e2e-apache-'));
  const client = await provider.client('Apache', {
    redirectUris: [`${url}/inside/callback`],
    logoutUris: [`${url}/bye.shtml`],
    firstParty: true,
    more: ['--require-pkce', ...(backChannel ? ['--backchannel-logout-uri', `${url}/inside/callback?logout=backchannel`] : [])],
  });
  const values = {
    CLIENT_ID: client.client_id,
    CLIENT_SECRET: client.client_secret,
    DIR: dir,
    ISSUER: provider.issuer,
    LOG: join(dir, 'error.log'),
    MODULES: process.env.E2E_APACHE_MODULES ?? '/usr/lib/apache2/modules',
    PASSPHRASE: randomBytes(24).toString('hex'),
    PORT: port,
    URL: url,
  };
  chmodSync(dir, 0o755);
  cpSync(join(here, 'site'), join(dir, 'site'), { recursive: true });
  const conf = readFileSync(join(here, 'apache.conf'), 'utf8').replace(/@([A-Z_]+)@/g, (_, name) => values[name]);
  writeFileSync(join(dir, 'apache.conf'), conf, { mode: 0o600 });
  const log = join(dir, 'log');
  const command = process.env.E2E_APACHE ?? '/usr/sbin/apache2';
  const args = ['-f', join(dir, 'apache.conf'), '-DFOREGROUND'];
  const apache = new Background(command, args, { cwd: dir, env: process.env, log });
  try {
    await apache.answers(`${url}/`);
    await body(url);
  } catch (error) {
    error.stack += `\nApache wrote: ${readFileSync(values.LOG, { encoding: 'utf8', flag: 'a+' }).slice(-1_500)}`;
    throw error;
  } finally {
    await apache.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

export default [
  test('mod_auth_openidc lets a person in with PKCE and signs out at the provider', (world) =>
    withApache(world.provider, async (url) => {
      const person = await world.provider.person();
      await world.browser.visit(async (page) => {
        await page.goto(url);
        await page.click('#sign-in');
        await signIn(page, person);
        const told = await claims(page);
        assert.equal(told.sub, person.sub);
        assert.ok(told.nonce && told.at_hash, 'nonce and at_hash are in the id_token');
        assert.equal(await page.locator('#remote-user').innerText(), person.sub);
        await page.click('#sign-out');
        await confirmSignOut(page);
        await page.goto(`${url}/inside/`);
        await page.locator('#login-form').waitFor();
      });
    })),

  test('mod_auth_openidc ends its session when the person signs out elsewhere', async (world) => {
    const provider = await Provider.start(world.binary, 'kabinet-back-channel', { KABINET__OUTBOUND__ALLOW: '127.0.0.1' });
    try {
      await withApache(
        provider,
        async (url) => {
          const person = await provider.person();
          await world.browser.visit(async (page) => {
            await page.goto(url);
            await page.click('#sign-in');
            await signIn(page, person);
            await claims(page);
            await page.goto(provider.url('/logout'));
            await page.click('#logout-confirm #submit');
            await page.locator('#signed-out').waitFor();
            const { notices } = await provider.json(['logout', 'list']);
            assert.deepEqual(notices.map(({ state, attempts, reason }) => [state, attempts, reason]), [['told', 1, 'status 200']]);
            await page.goto(`${url}/inside/`);
            await page.locator('#login-form').waitFor();
          });
        },
        { backChannel: true },
      );
    } finally {
      await provider.stop();
    }
  }),
].flat();
