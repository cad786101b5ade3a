import { strict as assert } from 'node:assert';
import { follow, signIn } from '../lib/person.mjs';
import { bothWays } from '../lib/report.mjs';

/** Opens a page of the cabinet, signing in on the way. */
async function enter(world, page, person, path = '/account') {
  await page.goto(world.provider.url(path));
  await signIn(page, person);
  await page.waitForURL(world.provider.url(path));
}

const sessionButtons = (page) => page.locator('[id^=end-session-]');

export default [
  bothWays('the cabinet asks for a sign-in and then shows whose it is', (world, options) =>
    world.browser.visit(async (page) => {
      const person = await world.provider.person();
      await enter(world, page, person);
      const d = person.phone.slice(2);
      const digits = (await page.locator('main').innerText()).replace(/\D/g, '');
      assert.ok(digits.includes(d.slice(-4)), 'the phone of the account is on the page');
    }, options)),

  bothWays('one browser ends the session of another', (world, options) =>
    world.browser.visit(async (here) => {
      const person = await world.provider.person();
      await enter(world, here, person, '/account/sessions');
      const own = await sessionButtons(here).evaluateAll((buttons) => buttons.map((button) => button.id));
      await world.browser.visit(async (there) => {
        await enter(world, there, person);
        await here.goto(world.provider.url('/account/sessions'));
        const all = await sessionButtons(here).evaluateAll((buttons) => buttons.map((button) => button.id));
        const others = all.filter((id) => !own.includes(id));
        assert.equal(others.length, 1, `one other session among ${all}`);
        await here.click(`[id="${others[0]}"]`);
        await here.locator(`[id="${others[0]}"]`).waitFor({ state: 'detached' });
        await there.goto(world.provider.url('/account'));
        await there.locator('#login-form').waitFor();
      }, options);
      await here.goto(world.provider.url('/account'));
      assert.equal(new URL(here.url()).pathname, '/account', 'the own session goes on');
    }, options)),

  bothWays('all other sessions end with one button', (world, options) =>
    world.browser.visit(async (here) => {
      const person = await world.provider.person();
      await enter(world, here, person, '/account/sessions');
      await world.browser.visit(async (there) => {
        await enter(world, there, person);
        await here.goto(world.provider.url('/account/sessions'));
        await follow(here, '#end-others');
        assert.doesNotMatch(await here.locator('main').innerText(), /\{\s*\$/, 'the page lacks the number of sessions');
        await there.goto(world.provider.url('/account'));
        await there.locator('#login-form').waitFor();
      }, options);
      await here.goto(world.provider.url('/account'));
      assert.equal(new URL(here.url()).pathname, '/account', 'the own session goes on');
    }, options)),
].flat();
