import { strict as assert } from 'node:assert';
import { newProduct } from '../parties/openid-client/app.mjs';
import { claims, follow, refusal, signIn } from '../lib/person.mjs';
import { bothWays, test } from '../lib/report.mjs';

/** Two products, one person signed in to the first of them. */
async function signedIn(world, options, body) {
  const first = await newProduct(world.provider, { name: 'Первый' });
  const second = await newProduct(world.provider, { name: 'Второй' });
  const person = await world.provider.person();
  try {
    await world.browser.visit(async (page, context) => {
      await page.goto(`${first.url}/sign-in`);
      await signIn(page, person);
      assert.equal((await claims(page)).sub, person.sub);
      await body({ page, context, first, second, person });
    }, options);
  } finally {
    await first.stop();
    await second.stop();
  }
}

export default [
  bothWays('a second product gets the same person without a second password', (world, options) =>
    signedIn(world, options, async ({ page, first, second, person }) => {
      const before = await claims(page);
      await page.goto(`${second.url}/sign-in`);
      const told = await claims(page);
      assert.equal(new URL(page.url()).origin, second.url);
      assert.equal(told.sub, person.sub);
      assert.equal(told.auth_time, before.auth_time);
      assert.notEqual(told.sid, before.sid, `sid differs per client, as ${first.url} sees`);
    })),

  bothWays('prompt=login asks for the password again, once', (world, options) =>
    signedIn(world, options, async ({ page, second, person }) => {
      await page.goto(`${second.url}/sign-in?prompt=login`);
      await signIn(page, person);
      assert.equal((await claims(page)).sub, person.sub);
    })),

  bothWays('max_age=0 asks for the password again, once', (world, options) =>
    signedIn(world, options, async ({ page, second, person }) => {
      await page.goto(`${second.url}/sign-in?max_age=0`);
      await signIn(page, person);
      assert.equal((await claims(page)).sub, person.sub);
    })),

  bothWays('prompt=none answers silently with a session and login_required without', async (world, options) => {
    await signedIn(world, options, async ({ page, context, second, person }) => {
      await page.goto(`${second.url}/sign-in?prompt=none`);
      assert.equal((await claims(page)).sub, person.sub);
      await context.clearCookies();
      await page.goto(`${second.url}/sign-in?prompt=none`);
      assert.equal(await refusal(page), 'login_required');
    });
  }),

  bothWays('select_account offers the account in this browser', (world, options) =>
    signedIn(world, options, async ({ page, second, person }) => {
      await page.goto(`${second.url}/sign-in?prompt=select_account`);
      await page.locator('#choose-form').waitFor();
      await page.locator('#choose-form [name=account]').first().click();
      if (await page.locator('#choose-form #submit').count()) await page.click('#choose-form #submit');
      assert.equal((await claims(page)).sub, person.sub);
    })),

  bothWays('another account is added on the chooser, and one is signed out there', (world, options) =>
    signedIn(world, options, async ({ page, second, person }) => {
      const newcomer = await world.provider.person();
      await page.goto(`${second.url}/sign-in?prompt=select_account`);
      await follow(page, '#choose-another');
      await signIn(page, newcomer);
      assert.equal((await claims(page)).sub, newcomer.sub);
      await page.goto(`${second.url}/sign-in?prompt=select_account`);
      await follow(page, '#sign-out-1');
      assert.equal(await page.locator('[name=account]').count(), 1, 'the one that came last is out');
      await page.click('#account-1');
      assert.equal((await claims(page)).sub, person.sub);
    })),

  bothWays('login_hint takes its account without a question', (world, options) =>
    signedIn(world, options, async ({ page, second, person }) => {
      const newcomer = await world.provider.person();
      await page.goto(`${second.url}/sign-in?prompt=select_account`);
      await follow(page, '#choose-another');
      await signIn(page, newcomer);
      await claims(page);
      for (const { phone, sub } of [person, newcomer, person]) {
        await page.goto(`${second.url}/sign-in?login_hint=${encodeURIComponent(phone)}`);
        assert.equal((await claims(page)).sub, sub);
      }
    })),

  test('an answer in the fragment reaches the product with its issuer', (world, options) =>
    signedIn(world, options, async ({ page, second }) => {
      await page.goto(`${second.url}/sign-in?response_mode=fragment`);
      await page.waitForURL((url) => /code=/.test(url.hash) && /iss=/.test(url.hash));
    })),

  bothWays('an answer by form_post reaches the product', (world, options) =>
    signedIn(world, options, async ({ page, second, person }) => {
      await page.goto(`${second.url}/sign-in?response_mode=form_post`);
      if (!options.scripts) await page.click('form button');
      assert.equal((await claims(page)).sub, person.sub);
    })),
].flat();
