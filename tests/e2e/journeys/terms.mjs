// What stands between the proof and the product and is no data of the protocol: legal texts that were published
// again, a consent that was taken back, an organisation.

import { strict as assert } from 'node:assert';
import { newProduct } from '../parties/openid-client/app.mjs';
import { claims, follow, json, refusal, signIn } from '../lib/person.mjs';
import { Provider } from '../lib/provider.mjs';
import { bothWays } from '../lib/report.mjs';
import { askedAgain, organised, withdrawn } from '../lib/ways.mjs';

const NEEDS_ORGANISATION = { more: ['--required-claim', 'organisation', '--scope', 'openid org'], scope: 'openid org' };

/** The sign-in page of a new product, with `at` as the ways to a screen take it. */
async function onSignIn(provider, world, options, wanted, body) {
  const product = await newProduct(provider, wanted);
  try {
    await world.browser.visit(async (page) => {
      await page.goto(`${product.url}/sign-in`);
      await body({ page, provider, product });
    }, options);
  } finally {
    await product.stop();
  }
}

/** The same at a provider of its own: what is published is asked of everybody. */
async function onPublishing(world, options, body) {
  const provider = await Provider.start(world.binary, 'terms');
  try {
    await onSignIn(provider, world, options, {}, body);
  } finally {
    await provider.stop();
  }
}

export default [
  bothWays('whoever agreed to an earlier edition reads the new one, agrees and is at the product, once', (world, options) =>
    onPublishing(world, options, async (at) => {
      await askedAgain(at, ['agreement', 'pd-consent']);
      const { page } = at;
      assert.equal(await page.locator('#pd-consent').isChecked(), false, 'nothing is ticked for the person');
      const text = await page.locator('#new-documents a').first().getAttribute('href');
      const shown = await page.request.get(at.provider.url(text));
      assert.match(await shown.text(), /Текст редакции/);
      await page.check('#pd-consent');
      await follow(page, '#complete-form #submit');
      assert.ok((await claims(page)).sub);
      await page.goto(at.provider.url('/account/consents'));
      assert.equal(await page.locator('#documents tbody tr').count(), 4, 'both editions of both texts');
    })),

  bothWays('whoever took the consent back is out everywhere, and in again once it is given', (world, options) =>
    onSignIn(world.provider, world, options, {}, async (at) => {
      await withdrawn(at);
      const { page, product, person } = at;
      await page.goto(`${product.url}/sign-in?prompt=none`);
      assert.equal(await refusal(page), 'login_required');
      await page.goto(`${product.url}/sign-in`);
      await signIn(page, person);
      await page.locator('#complete-form #pd-consent').check();
      await follow(page, '#complete-form #submit');
      const { sub } = await claims(page);
      await page.goto(`${product.url}/sign-in`);
      assert.equal((await claims(page)).sub, sub, 'and not asked again');
    })),

  bothWays('an organisation is stated once, and the product is told that nobody vouches for it', (world, options) =>
    onSignIn(world.provider, world, options, NEEDS_ORGANISATION, async ({ page, provider, product }) => {
      await signIn(page, await provider.person());
      await page.fill('#complete-form #inn', '7707083893');
      await page.fill('#complete-form #kpp', '773601001');
      await page.fill('#complete-form #organisation-name', 'ООО «Ромашка»');
      await follow(page, '#complete-form #submit');
      await claims(page);
      const { org } = await json(page, 'userinfo');
      assert.deepEqual([org.inn, org.proof], ['7707083893', 'stated']);
      await page.goto(`${product.url}/sign-in`);
      await claims(page);
    })),

  bothWays('of several organisations the chosen one reaches the product', (world, options) =>
    onSignIn(world.provider, world, options, NEEDS_ORGANISATION, async (at) => {
      const { page } = at;
      await signIn(page, await organised(at));
      await page.getByLabel(/ИП Соколова/).check();
      await follow(page, '#complete-form #submit');
      await claims(page);
      const { org } = await json(page, 'userinfo');
      assert.deepEqual([org.inn, org.proof], ['500100732259', 'administrator']);
    })),

  bothWays('a product that registers nobody offers no registration, and says so to whoever asks', (world, options) =>
    onSignIn(world.provider, world, options, { more: ['--registration-method', 'none'] }, async ({ page, provider, product }) => {
      assert.equal(await page.locator('#go-register').count(), 0);
      await page.goto(`${product.url}/sign-in?prompt=create`);
      await page.locator('#error[data-error=registration-closed]').waitFor();
      await follow(page, '#back');
      await signIn(page, await provider.person());
      await claims(page);
    })),
].flat();
