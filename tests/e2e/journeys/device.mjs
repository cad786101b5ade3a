// A device signs in by the code that it shows, in a real browser.

import { strict as assert } from 'node:assert';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enterUserCode, newDevice } from '../lib/devices.mjs';
import { follow, signIn } from '../lib/person.mjs';
import { Background, until } from '../lib/process.mjs';
import { test } from '../lib/report.mjs';

export default [
  ...test('a person enters the code of a terminal, compares, allows, and takes it back later', (world) =>
    world.stage.visit('user-code', {}, async (page) => {
      const provider = world.provider;
      const device = await newDevice(provider);
      assert.equal((await device.poll()).error, 'authorization_pending');
      // From the picture that the terminal shows, before anybody is signed in.
      await page.goto(device.verification_uri_complete);
      assert.equal(await page.inputValue('#code'), device.user_code);
      await follow(page, '#code-form #submit');
      await signIn(page, await provider.person());
      await page.locator('#consent-form').waitFor();
      assert.equal(await page.locator('#user-code').innerText(), device.user_code);
      await follow(page, '#consent-form #allow');
      await page.locator('#continue').waitFor();
      const tokens = await device.poll();
      assert.ok(tokens.access_token && tokens.id_token && tokens.refresh_token, JSON.stringify(Object.keys(tokens)));
      const userinfo = () => fetch(provider.url('/oauth2/userinfo'), { headers: { authorization: `Bearer ${tokens.access_token}` } });
      assert.equal((await userinfo()).status, 200);
      await page.goto(provider.url('/account/consents'));
      await follow(page, '#consents-form button[name^=withdraw-]');
      assert.equal((await userinfo()).status, 401);
    })),

  ...test('a console program signs a person in by the code that it shows, and renews its tokens', (world) =>
    world.stage.visit('user-code', {}, async (page) => {
      const provider = world.provider;
      const { client_id } = await provider.json(['client', 'create', 'Консоль', '--profile', 'device', '--scope', 'openid', '--scope', 'profile', '--scope', 'offline_access']);
      const dir = mkdtempSync(join(tmpdir(), 'kabinet-e2e-console-'));
      const out = join(dir, 'stdout');
      const shown = () => readFileSync(out, 'utf8');
      const program = new Background(world.demo, ['console', '--issuer', provider.issuer, '--client-id', client_id], { cwd: dir, env: process.env, log: join(dir, 'log'), out });
      try {
        const code = await until(() => /^([A-Z]{4}-[A-Z]{4})$/m.exec(shown())?.[1], 'the program shows no code');
        assert.match(shown(), /█|▀|▄/, 'no picture for a camera');
        const person = await provider.person();
        await page.goto(provider.url('/code'));
        await page.fill('#code', code);
        await follow(page, '#code-form #submit');
        await signIn(page, person);
        await follow(page, '#consent-form #allow');
        await until(() => program.result !== undefined, () => `the program does not end: ${program.tail()}`);
        assert.equal(JSON.parse(/^\{.*\}$/m.exec(shown())?.[0] ?? '{}').sub, person.sub, `${program.tail()} ${shown()}`);
        assert.match(shown(), /Токены обновлены/);
      } finally {
        await program.stop();
        rmSync(dir, { recursive: true, force: true });
      }
    })),

  ...test('a code of nobody is told at its field', (world) =>
    world.stage.visit('user-code', {}, async (page) => {
      await enterUserCode({ page, provider: world.provider }, 'zzzz zzzz');
      await page.locator('#code-error').waitFor();
    })),
];
