// The sealed flow parameter: many tabs, a killed server, another browser, damage.

import { strict as assert } from 'node:assert';
import { newProduct } from '../parties/openid-client/app.mjs';
import { claims, identify, signIn } from '../lib/person.mjs';
import { Provider } from '../lib/provider.mjs';
import { bothWays, test } from '../lib/report.mjs';

const TABS = 10;

async function withProduct(provider, options, body) {
  const product = await newProduct(provider, options);
  try {
    return await body(product, await provider.person());
  } finally {
    await product.stop();
  }
}

/** Signs in on a tab that may be shown the same step again, with everything but the password kept. */
async function signInTab(page, person) {
  for (let n = 0; n < 3; n += 1) {
    if (n > 0) {
      const kept = await page.locator('#login-form #phone').inputValue();
      assert.equal(kept.replace(/\D/g, ''), person.phone.slice(1), 'the same step again keeps the phone');
    }
    await signIn(page, person);
    if ((await page.locator('#login-form').count()) === 0) break;
  }
  return claims(page);
}

/** The sealed parameter on the page's address, with some characters in its middle changed. */
function damaged(address) {
  const url = new URL(address);
  const flow = url.searchParams.get('flow');
  assert.ok(flow, `no flow parameter in ${address}`);
  const middle = Math.floor(flow.length / 2);
  const other = [...flow.slice(middle, middle + 6)].map((c) => (c === 'A' ? 'B' : 'A')).join('');
  url.searchParams.set('flow', flow.slice(0, middle) + other + flow.slice(middle + 6));
  return url.href;
}

async function assertErrorPage(page, response) {
  await page.locator('#error').waitFor();
  assert.match((await page.locator('#error').getAttribute('data-error')) ?? '', /^[a-z][a-z0-9_-]+$/);
  assert.ok(response.status() >= 400 && response.status() < 500, `status ${response.status()}`);
  assert.ok((await page.locator('main a[href]').count()) > 0, 'the error page has a way back');
}

export default [
  bothWays(`${TABS} tabs opened at once each finish`, (world, options) =>
    withProduct(world.provider, {}, (product, person) =>
      world.browser.visit(async (first, context) => {
        const tabs = [first];
        while (tabs.length < TABS) tabs.push(await context.newPage());
        await Promise.all(tabs.map((tab) => tab.goto(`${product.url}/sign-in`)));
        for (const tab of tabs) await tab.locator('#login-form').waitFor();
        for (const tab of tabs) assert.equal((await signInTab(tab, person)).sub, person.sub);
      }, options))),

  bothWays('a server killed between the steps does not lose the request', async (world, options) => {
    const provider = await Provider.start(world.binary, 'kabinet-restart');
    try {
      await withProduct(provider, { firstParty: false }, (product, person) =>
        world.browser.visit(async (page) => {
          await page.goto(`${product.url}/sign-in`);
          await identify(page, 'login-form', person);
          await provider.restart();
          await page.click('#login-form #submit');
          await page.locator('#consent-form').waitFor();
          await provider.restart();
          await page.click('#consent-form #allow');
          assert.equal((await claims(page)).sub, person.sub);
          await provider.restart();
          await page.goto(`${product.url}/sign-in?prompt=none`);
          assert.equal((await claims(page)).sub, person.sub);
        }, options));
    } finally {
      await provider.stop();
    }
  }),

  bothWays("another browser's form token only shows the step again, with the phone kept", (world, options) =>
    withProduct(world.provider, {}, (product, person) =>
      world.browser.visit(async (page) => {
        await page.goto(`${product.url}/sign-in`);
        await world.browser.visit(async (other) => {
          await other.goto(`${product.url}/sign-in`);
          const foreign = await other.locator('#login-form [name=form-token]').inputValue();
          await page.locator('#login-form [name=form-token]').evaluate((field, value) => (field.value = value), foreign);
        }, options);
        await signIn(page, person);
        assert.equal((await page.locator('#login-form #phone').inputValue()).replace(/\D/g, ''), person.phone.slice(1));
        assert.equal(await page.locator('#login-form #password').inputValue(), '');
        await signIn(page, person);
        assert.equal((await claims(page)).sub, person.sub);
      }, options))),

  bothWays('a sign-in address opened in another browser starts there at the sign-in step', (world, options) =>
    withProduct(world.provider, {}, (product, person) =>
      world.browser.visit(async (page) => {
        await page.goto(`${product.url}/sign-in`);
        await page.locator('#login-form').waitFor();
        const address = page.url();
        await world.browser.visit(async (other) => {
          await other.goto(address);
          assert.equal((await signInTab(other, person)).sub, person.sub);
        }, options);
      }, options))),

  bothWays('the back button after a sign-in never sends the password again', (world, options) =>
    withProduct(world.provider, {}, (product, person) =>
      world.browser.visit(async (page, context) => {
        await page.goto(product.url);
        await page.click('#sign-in');
        await signIn(page, person);
        await claims(page);
        const posts = [];
        context.on('request', (request) => request.method() === 'POST' && posts.push(request.url()));
        await page.goBack();
        await page.waitForLoadState();
        assert.deepEqual(posts, []);
      }, options))),

  bothWays('a damaged flow shows the error page with a way back', (world, options) =>
    withProduct(world.provider, {}, (product) =>
      world.browser.visit(async (page) => {
        await page.goto(`${product.url}/sign-in`);
        await page.locator('#login-form').waitFor();
        await assertErrorPage(page, await page.goto(damaged(page.url())));
      }, options))),

  test('an unregistered redirect address and an unknown client get a page, never a redirect', (world) =>
    withProduct(world.provider, {}, (product) =>
      world.browser.visit(async (page) => {
        const elsewhere = encodeURIComponent('http://127.0.0.1:9/elsewhere');
        await assertErrorPage(page, await page.goto(`${product.url}/sign-in?redirect_uri=${elsewhere}`));
        await assertErrorPage(page, await page.goto(`${product.url}/sign-in?client_id=nobody`));
      }))),

  test('without a flow the sign-in page leads to the cabinet', (world) =>
    withProduct(world.provider, {}, (product, person) =>
      world.browser.visit(async (page) => {
        await page.goto(world.provider.url('/login'));
        await signIn(page, person);
        await page.waitForURL(world.provider.url('/account'));
      }))),
].flat();
