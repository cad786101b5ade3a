import { strict as assert } from 'node:assert';
import { newProduct } from '../parties/openid-client/app.mjs';
import { claims, confirmSignOut, refusal, signIn } from '../lib/person.mjs';
import { bothWays } from '../lib/report.mjs';

async function signedIn(world, options, body) {
  const product = await newProduct(world.provider);
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
].flat();
