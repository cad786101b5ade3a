// Work in place of a captcha, on a provider whose network has just failed many times: with scripts a sign-in is one press,
// without them a wait that the page names.

import { strict as assert } from 'node:assert';
import { axeFaults } from '../lib/checks.mjs';
import { Provider, newEmail } from '../lib/provider.mjs';
import { identify } from '../lib/person.mjs';
import { bothWays, test } from '../lib/report.mjs';
import { failSignIn } from '../lib/ways.mjs';

const DELAY = 1;

/** A provider that asks for work on its sign-in page, for as long as `body` runs. */
async function onNoisyProvider(world, more, body) {
  const provider = await Provider.start(world.binary, 'work', { KABINET__WORK__DELAY: `${DELAY}s`, ...more });
  try {
    const person = await provider.person({ email: newEmail() });
    for (let n = 0; n < 20; n += 1) await failSignIn(provider);
    await body(provider, person);
  } finally {
    await provider.stop();
  }
}

export default [
  test('a press before the work is done sends the form once it is, without typing the password again', (world) =>
    onNoisyProvider(world, { KABINET__WORK__BITS: '19' }, (provider, person) =>
      world.browser.visit(async (page) => {
        await page.setViewportSize({ width: 360, height: 740 });
        await page.goto(provider.url('/login', { by: 'email' }));
        assert.equal(await page.locator('#work-answer').count(), 1);
        await identify(page, 'login-form', person);
        await page.click('#login-form #submit');
        await page.waitForURL('**/account');
      }))),

  test('the page that works is accessible and fits 360 pixels while it says that it is busy', (world) =>
    onNoisyProvider(world, { KABINET__WORK__BITS: '24' }, (provider, person) =>
      world.browser.visit(async (page) => {
        await page.setViewportSize({ width: 360, height: 740 });
        await page.goto(provider.url('/login', { by: 'email' }));
        await identify(page, 'login-form', person);
        // Enough work for a look at the page that is still busy with it.
        await page.evaluate(() => { Math.clz32 = () => 0; });
        await page.click('#login-form #submit');
        await page.locator('#work-status.hint', { hasText: 'проверяем браузер' }).waitFor();
        assert.deepEqual(await axeFaults(page), []);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
        await world.browser.picture(page, 'work');
      }))),

  bothWays('a wait is named without scripts, and nobody with scripts sees it', async (world, options) => {
    // Longer than any machine takes to press.
    await onNoisyProvider(world, { KABINET__WORK__BITS: '12', KABINET__WORK__DELAY: '60s' }, (provider, person) =>
      world.browser.visit(async (page) => {
        await page.goto(provider.url('/login', { by: 'email' }));
        await identify(page, 'login-form', person);
        await page.click('#login-form #submit');
        if (options.scripts) return page.waitForURL('**/account');
        await page.getByText(/Подождите \d+ с и нажмите ещё раз/).waitFor();
        assert.equal(await page.locator('#login-form #email').inputValue(), person.email);
      }, options));
    if (options.scripts) return;
    await onNoisyProvider(world, { KABINET__WORK__BITS: '12' }, (provider, person) =>
      world.browser.visit(async (page) => {
        await page.goto(provider.url('/login', { by: 'email' }));
        await identify(page, 'login-form', person);
        for (let press = 0; press < 30 && !page.url().endsWith('/account'); press += 1) {
          await page.locator('#login-form #password').fill(person.password);
          await page.click('#login-form #submit');
          await page.waitForLoadState();
          await page.waitForTimeout(500);
        }
        assert.ok(page.url().endsWith('/account'), page.url());
      }, options));
  }),
].flat();
