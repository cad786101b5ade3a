import { strict as assert } from 'node:assert';
import { newProduct } from '../parties/openid-client/app.mjs';
import { claims, refusal, signIn } from '../lib/person.mjs';
import { newEmail } from '../lib/provider.mjs';
import { bothWays } from '../lib/report.mjs';

/** Somebody without an address has signed in to a product that cannot do without one. */
async function onComplete(world, options, body) {
  const product = await newProduct(world.provider, { more: ['--required-claim', 'email'], scope: 'openid email' });
  try {
    await world.browser.visit(async (page) => {
      const person = await world.provider.person();
      await page.goto(`${product.url}/sign-in`);
      await signIn(page, person);
      await page.locator('#complete-form').waitFor();
      await body(page, product, person);
    }, options);
  } finally {
    await product.stop();
  }
}

export default [
  bothWays('a missing address is confirmed once on the way to the product', (world, options) =>
    onComplete(world, options, async (page, product, person) => {
      const email = newEmail();
      await page.fill('#complete-form #email', email);
      await page.click('#complete-form #submit');
      await page.locator('#code-form #code').fill(await world.provider.outbox.code(email));
      await page.click('#code-form #submit');
      assert.equal((await claims(page)).sub, person.sub);
      await page.goto(`${product.url}/sign-in`);
      assert.equal((await claims(page)).sub, person.sub);
    })),

  bothWays('whoever refuses comes back to the product with access_denied', (world, options) =>
    onComplete(world, options, async (page) => {
      await page.click('#complete-form #deny');
      assert.equal(await refusal(page), 'access_denied');
    })),
].flat();
