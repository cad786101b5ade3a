// Sign-in at other providers: the demonstration, whose stand-ins for Госуслуги, Telegram and an OpenID provider people
// are sent to, products of it, and what is looked at on every page on the way.

import { strict as assert } from 'node:assert';
import { newProduct } from '../parties/openid-client/app.mjs';
import { axeFaults, htmlFaults, MOST_BYTES, pa11yFaults, policyFaults, shifts, smallTargets, weight, wideFaults } from './checks.mjs';
import { Demo } from './demo.mjs';
import { follow, signIn } from './person.mjs';
import { Provider } from './provider.mjs';
import { lastDocument } from './stage.mjs';

/** The demonstration as a provider, and a product of it; one for the whole run. */
export function scene(world) {
  return world.stage.once('upstreams', async () => {
    const demo = await Demo.start(world.demo, 'upstreams');
    const provider = Provider.of(world.binary, demo);
    const product = await newProduct(provider, { name: 'Документы' });
    world.faultless.push(provider);
    const stop = async () => {
      await product.stop();
      await demo.stop();
    };
    return { provider, product, standins: demo.told.standins, stop };
  });
}

/** Runs `body` in a browser at the product's sign-in page; `at` is what the steps below work with. */
export async function arriving(world, options, body) {
  const at = await scene(world);
  await world.browser.visit(async (page, context) => {
    const last = lastDocument(page, at.provider.issuer);
    await page.goto(`${at.product.url}/sign-in`);
    await body({ ...at, world, page, context, last });
  }, options);
}

/** Goes by the tile of a provider to its page. */
export async function leaveBy({ page }, name) {
  await follow(page, `#method-${name}`);
  await page.locator('#standin-form').waitFor();
}

/** Says at a stand-in who it is, and agrees to all that it asks; whoever has a session there is not asked who. */
export async function be({ page }, persona) {
  const form = page.locator('#standin-form');
  for (let step = 0; step < 3 && (await form.count()); step += 1) {
    if (await form.locator('[name=persona]').count()) await page.check(`#standin-form [name=persona][value="${persona}"]`);
    await follow(page, '#standin-form #allow');
  }
}

/** Signs in at the provider as somebody, on the way from the product. */
export async function signInBy(at, name, persona) {
  await leaveBy(at, name);
  await be(at, persona);
}

/** Proves the account on the form that stands before linking and unlinking. */
export async function prove({ page }, person) {
  await page.locator('#login-form').waitFor();
  if (await page.locator('#login-form #phone, #login-form #email').count()) return signIn(page, person);
  await page.fill('#login-form #password', person.password);
  return follow(page, '#login-form #submit');
}

/** Signs in to the list of methods. */
export async function toMethods(at, person) {
  await at.page.goto(at.provider.url('/account/methods'));
  await signIn(at.page, person);
  await at.page.locator('#link-esia').waitFor();
}

/** The error page of this code, and what it says. */
export async function failure({ page }, code) {
  await page.locator(`#error[data-error=${code}]`).waitFor();
  return page.locator('main').innerText();
}

async function smallOnPhone(page) {
  const before = page.viewportSize();
  await page.setViewportSize({ width: 390, height: 844 });
  const faults = await smallTargets(page);
  await page.setViewportSize(before);
  return faults;
}

/**
 * What must hold of a page and of a state of it; not in a browser without scripts, where the checks do not run either. pa11y
 * is slow and looks where `isNew` says that it has not looked yet.
 */
export async function looked({ world, page, last }, name, isNew = false) {
  const { policy, source } = last;
  // Times are told in the zone of the browser once the script runs, which may move what stands in a table beside them.
  const moved = (await page.locator('main time').count()) ? [] : await shifts(page);
  assert.deepEqual([...policyFaults(policy), ...(await htmlFaults(await source)), ...moved], [], name);
  const text = await page.locator('body').innerText();
  assert.doesNotMatch(text, /\{\s*\$|\{\w+\}|\b(upstream|esia|login|method)-[a-z]/, `${name}: a text lacks a value`);
  assert.equal(await page.locator('h1').count(), 1, `${name}: one heading of the first level`);
  await world.browser.picture(page, name);
  assert.deepEqual([...(await wideFaults(page, [360, 320])), ...(await smallOnPhone(page))], [], name);
  assert.ok((await weight(page)) <= MOST_BYTES, `${name}: ${await weight(page)} bytes of styles and scripts`);
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual([...(await axeFaults(page)), ...(isNew && colorScheme === 'light' ? await pa11yFaults(page) : [])], [], `${name}, ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: null });
}
