import { strict as assert } from 'node:assert';
import { newProduct } from '../parties/openid-client/app.mjs';
import { claims, json, refusal, signIn } from '../lib/person.mjs';
import { bothWays } from '../lib/report.mjs';

const NAME = 'Чужой продукт';

/** A person signed in on the way to a third-party product, in front of its consent page. */
async function onConsent(world, options, body) {
  const product = await newProduct(world.provider, { name: NAME, firstParty: false, scope: 'openid profile phone offline_access' });
  const person = await world.provider.person();
  try {
    await world.browser.visit(async (page) => {
      await page.goto(`${product.url}/sign-in`);
      await signIn(page, person);
      await page.locator('#consent-form').waitFor();
      await body(page, product, person);
    }, options);
  } finally {
    await product.stop();
  }
}

export default [
  bothWays('a third-party product gets what the person allows, and is not asked for twice', (world, options) =>
    onConsent(world, options, async (page, product, person) => {
      assert.match(await page.locator('main').innerText(), new RegExp(NAME));
      await page.click('#consent-form #allow');
      assert.equal((await claims(page)).sub, person.sub);
      assert.equal((await json(page, 'userinfo')).phone_number, person.phone);
      await page.goto(`${product.url}/sign-in`);
      assert.equal((await claims(page)).sub, person.sub);
      await page.goto(`${product.url}/sign-in?prompt=none`);
      assert.equal((await claims(page)).sub, person.sub);
    })),

  bothWays('prompt=consent asks again, once', (world, options) =>
    onConsent(world, options, async (page, product, person) => {
      await page.click('#consent-form #allow');
      await claims(page);
      await page.goto(`${product.url}/sign-in?prompt=consent`);
      await page.click('#consent-form #allow');
      assert.equal((await claims(page)).sub, person.sub);
    })),

  bothWays('a refused consent reaches the product as access_denied and is asked again next time', (world, options) =>
    onConsent(world, options, async (page, product) => {
      await page.click('#consent-form #deny');
      assert.equal(await refusal(page), 'access_denied');
      await page.goto(`${product.url}/sign-in?prompt=none`);
      assert.equal(await refusal(page), 'consent_required');
      await page.goto(`${product.url}/sign-in`);
      await page.locator('#consent-form').waitFor();
    })),
].flat();
