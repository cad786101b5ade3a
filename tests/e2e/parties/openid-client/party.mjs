import { strict as assert } from 'node:assert';
import { claims, confirmSignOut, json, signIn } from '../../lib/person.mjs';
import { bothWays, test } from '../../lib/report.mjs';
import { newProduct } from './app.mjs';

const scope = 'openid profile email phone offline_access';

async function inside(world, options, body, isBound = false) {
  const product = await newProduct(world.provider, { scope, isBound, more: ['--require-pkce'] });
  const person = await world.provider.person();
  try {
    await world.browser.visit(async (page) => {
      await page.goto(product.url);
      await page.click('#sign-in');
      await signIn(page, person);
      await body(page, person, product);
    }, options);
  } finally {
    await product.stop();
  }
}

export default [
  bothWays('openid-client signs a person in with PKCE and reads userinfo', (world, options) =>
    inside(world, options, async (page, person) => {
      const told = await claims(page);
      assert.equal(told.sub, person.sub);
      assert.equal(told.iss, world.provider.issuer);
      const userinfo = await json(page, 'userinfo');
      assert.equal(userinfo.sub, person.sub);
      assert.equal(userinfo.phone_number, person.phone);
      assert.equal(userinfo.phone_number_verified, true);
    })),
  test('openid-client refreshes: a new refresh token and the same person', (world, options) =>
    inside(world, options, async (page, person) => {
      const before = await claims(page);
      await page.click('#refresh');
      const after = await claims(page);
      assert.equal(after.sub, person.sub);
      assert.equal(after.auth_time, before.auth_time);
      assert.equal((await json(page, 'userinfo')).rotated, true);
    })),
  test('openid-client binds its tokens to a key, for userinfo and refresh, too', (world, options) =>
    inside(
      world,
      options,
      async (page, person) => {
        await claims(page);
        await page.click('#refresh');
        const userinfo = await json(page, 'userinfo');
        assert.equal(userinfo.sub, person.sub);
        assert.equal(userinfo.type, 'dpop');
      },
      true,
    )),
  test('openid-client signs out at the provider and comes back', (world, options) =>
    inside(world, options, async (page, person, product) => {
      await claims(page);
      await page.click('#sign-out');
      await confirmSignOut(page);
      assert.equal(page.url(), `${product.url}/bye?state=bye`);
      await page.goto(`${product.url}/sign-in`);
      await page.locator('#login-form').waitFor();
    })),
].flat();
