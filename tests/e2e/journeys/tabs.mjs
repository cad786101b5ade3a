// Ten tabs of one browser, opened at once for two products, sign-ins and registrations mixed, finished in an order that chance
// gives, with a kill of the server in the middle.

import { strict as assert } from 'node:assert';
import { newProduct } from '../parties/openid-client/app.mjs';
import { claims, register, signIn } from '../lib/person.mjs';
import { Provider, newPhone, PASSWORD } from '../lib/provider.mjs';
import { test } from '../lib/report.mjs';

/** Puts a list into an order that is the same in each run. */
function shuffled(list, seed) {
  let state = seed;
  const below = (many) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state % many;
  };
  const rest = [...list];
  return list.map(() => rest.splice(below(rest.length), 1)[0]);
}

async function finish(tab, provider, person) {
  await tab.page.bringToFront();
  if (!tab.registers) {
    await signIn(tab.page, person);
    // Opened at the same instant as the others, a form may hold another binding's token: then the step is shown once more.
    if (await tab.page.locator('#login-form').count()) await signIn(tab.page, person);
    return assert.equal((await claims(tab.page)).sub, person.sub);
  }
  await tab.page.click('#go-register');
  await register(tab.page, { phone: newPhone(), password: PASSWORD }, provider.outbox);
  await tab.page.click('#continue');
  assert.notEqual((await claims(tab.page)).sub, person.sub);
}

export default [
  test('ten tabs opened at once all come back, whatever the order, with a restart in the middle', async (world) => {
    const provider = await Provider.start(world.binary, 'tabs');
    const products = [await newProduct(provider), await newProduct(provider)];
    try {
      const person = await provider.person();
      await world.browser.visit(async (first, context) => {
        // One visit before, so that the ten share a binding; without one each registration would begin with a stale form.
        await first.goto(provider.url('/login'));
        const tabs = await Promise.all(Array.from({ length: 10 }, async (_, n) => {
          const page = await context.newPage();
          await page.goto(`${products[n % 2].url}/sign-in`);
          return { page, registers: n % 3 === 1 };
        }));
        for (const [n, tab] of shuffled(tabs, 7).entries()) {
          if (n === 5) await provider.restart();
          await finish(tab, provider, person);
        }
      });
    } finally {
      for (const product of products) await product.stop();
      await provider.stop();
    }
  }),
].flat();
