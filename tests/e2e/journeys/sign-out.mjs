import { strict as assert } from 'node:assert';
import { newProduct } from '../parties/openid-client/app.mjs';
import { claims, confirmSignOut, refusal, signIn } from '../lib/person.mjs';
import { bothWays, test } from '../lib/report.mjs';

async function signedIn(world, options, body, registered = {}) {
  const product = await newProduct(world.provider, registered);
  const person = await world.provider.person();
  try {
    await world.browser.visit(async (page) => {
      await page.goto(`${product.url}/sign-in`);
      await signIn(page, person);
      await claims(page);
      await body(page, product);
    }, options);
  } finally {
    await product.stop();
  }
}

export default [
  bothWays('a sign-out from the product ends the session at the provider', (world, options) =>
    signedIn(world, options, async (page, product) => {
      await page.click('#sign-out');
      await confirmSignOut(page);
      assert.equal(page.url(), `${product.url}/bye?state=bye`);
      await page.goto(`${product.url}/sign-in?prompt=none`);
      assert.equal(await refusal(page), 'login_required');
    })),

  bothWays('a sign-out without a hint is confirmed first, and nothing ends before that', (world, options) =>
    signedIn(world, options, async (page, product) => {
      await page.goto(world.provider.url('/oauth2/logout'));
      await page.locator('#logout-confirm').waitFor();
      await page.goto(`${product.url}/sign-in?prompt=none`);
      await claims(page);
      await page.goto(world.provider.url('/oauth2/logout'));
      await page.click('#logout-confirm #submit');
      await page.locator('#logout-confirm').waitFor({ state: 'detached' });
      await page.goto(`${product.url}/sign-in?prompt=none`);
      assert.equal(await refusal(page), 'login_required');
    })),
  bothWays('a product with a front channel hears of a sign-out by another one, and the person returns', async (world, options) => {
    const other = await newProduct(world.provider, { frontChannel: true });
    try {
      await signedIn(world, options, async (page, product) => {
        await page.goto(`${other.url}/sign-in`);
        const { iss, sid } = await claims(page);
        await page.goto(product.url);
        await page.click('#sign-out');
        if (!options.scripts) await page.click('#continue');
        await page.locator('#bye').waitFor();
        assert.equal(page.url(), `${product.url}/bye?state=bye`);
        assert.deepEqual(other.heard, [{ iss, sid }]);
        await page.goto(other.url);
        await page.locator('#sign-in').waitFor();
      });
    } finally {
      await other.stop();
    }
  }),

  test('a front channel that never answers holds nobody', async (world) => {
    const other = await newProduct(world.provider, { frontChannel: true });
    other.frontChannel = () => new Promise(() => {});
    try {
      await signedIn(world, {}, async (page, product) => {
        await page.goto(`${other.url}/sign-in`);
        await claims(page);
        await page.goto(product.url);
        await page.click('#sign-out');
        await page.locator('#bye').waitFor();
      });
    } finally {
      await other.stop();
    }
  }),
].flat();
