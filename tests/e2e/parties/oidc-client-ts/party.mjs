import { strict as assert } from 'node:assert';
import { claims, confirmSignOut, json, signIn } from '../../lib/person.mjs';
import { test } from '../../lib/report.mjs';
import { newApplication } from './app.mjs';

/** Somebody signs in to the application on this host. */
async function inside(world, host, body) {
  const application = await newApplication(world.provider, host);
  const person = await world.provider.person();
  try {
    await world.browser.visit(
      async (page, context) => {
        await page.goto(application.url);
        await page.click('#sign-in');
        await signIn(page, person);
        assert.equal((await claims(page)).sub, person.sub);
        await body({ page, context, person, application });
      },
      { application: application.url },
    );
  } finally {
    await application.stop();
  }
}

/** Presses a button and waits until the page has been given tokens this many times, or was refused. */
async function press(page, button, count) {
  await page.click(`#${button}`);
  await page.locator('#refused').or(page.locator('#done', { hasText: String(count) })).first().waitFor();
}

export default [
  test('oidc-client-ts signs a person in with PKCE, and its page reads discovery, keys and userinfo of another origin', (world) =>
    inside(world, '127.0.0.1', async ({ page, person }) => {
      const told = await claims(page);
      assert.equal(told.iss, world.provider.issuer);
      assert.equal(told.phone_number, person.phone, 'userinfo is merged into the claims');
      await page.click('#read');
      assert.equal((await json(page, 'userinfo')).sub, person.sub);
      const { keys } = await json(page, 'keys');
      assert.ok(keys.length > 0 && keys.every(({ kid }) => kid), 'the page can read the keys');
    })),

  test('oidc-client-ts refreshes twice in a row, each time with the token of the time before', (world) =>
    inside(world, '127.0.0.1', async ({ page, person }) => {
      await press(page, 'refresh', 2);
      await press(page, 'refresh', 3);
      assert.equal((await claims(page)).sub, person.sub);
      const tokens = await json(page, 'tokens');
      assert.equal(new Set(tokens).size, 3, 'every refresh gives a new refresh token');
    })),

  test('oidc-client-ts signs in silently in a frame on the same site, until the sign-in ends elsewhere', (world) =>
    inside(world, 'localhost', async ({ page, context, person }) => {
      const before = await claims(page);
      await press(page, 'silent', 2);
      const after = await claims(page);
      assert.deepEqual([after.sub, after.sid, after.auth_time], [person.sub, before.sid, before.auth_time]);
      const other = await context.newPage();
      await other.goto(world.provider.url('/logout'));
      await other.click('#logout-confirm #submit');
      await other.locator('#signed-out').waitFor();
      await press(page, 'silent', 3);
      assert.equal((await json(page, 'refused')).error, 'login_required');
    })),

  test('oidc-client-ts in a frame on another site gets login_required, and can still sign out', (world) =>
    inside(world, '127.0.0.1', async ({ page, application }) => {
      await press(page, 'silent', 2);
      assert.equal((await json(page, 'refused')).error, 'login_required');
      await page.click('#sign-out');
      await confirmSignOut(page);
      await page.goto(application.url);
      await page.click('#sign-in');
      await page.locator('#login-form').waitFor();
    })),
].flat();
