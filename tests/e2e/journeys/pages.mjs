// Every screen and state by itself, each with scripts on a desktop and without them on a phone. What is
// checked of all of them: axe and pa11y in both schemes, the HTML as it was sent, the content security
// policy, the weight of styles and scripts, no layout shift, no sideways scrolling from 320 px on, targets
// for fingers, one heading, no text that lacks a value, the keyboard's way to the button.

import { strict as assert } from 'node:assert';
import { brightness, tabTo } from '../lib/browser.mjs';
import { axeFaults, htmlFaults, MOST_BYTES, pa11yFaults, policyFaults, shifts, smallTargets, weight, wideFaults } from '../lib/checks.mjs';
import { test } from '../lib/report.mjs';
import { SCREENS } from '../lib/screens.mjs';

const PHONE = { scripts: false, viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
/** 360 px is the narrowest phone; 320 px is a desktop of 1280 px at 400 % (WCAG 1.4.10). */
const NARROW = [360, 320];

/** What holds of a document however it is looked at. */
async function assertDocument(page, { policy, source }) {
  assert.deepEqual(policyFaults(policy), []);
  assert.deepEqual(await htmlFaults(await source), []);
  assert.deepEqual(await shifts(page), []);
  assert.doesNotMatch(await page.locator('body').innerText(), /\{\s*\$|\{n\}/, 'a text lacks a value');
  assert.equal(await page.locator('h1').count(), 1, 'one heading of the first level');
}

/** Reads the corner of the page in both schemes and looks for accessibility faults in each. */
async function assertSchemes(page) {
  const corner = {};
  const { height } = page.viewportSize();
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    corner[colorScheme] = await brightness(page, 3, height - 3);
    assert.deepEqual([...(await axeFaults(page)), ...(await pa11yFaults(page))], [], colorScheme);
  }
  assert.ok(corner.light > 200 && corner.dark < 70, `brightness of the page: ${JSON.stringify(corner)}`);
}

const withScripts = (name, { button }) =>
  test(`${name} is sound with scripts on a desktop`, (world) =>
    world.stage.visit(name, {}, async (page, last) => {
      await assertDocument(page, last);
      const bytes = await weight(page);
      assert.ok(bytes > 5_000 && bytes <= MOST_BYTES, `${bytes} bytes of styles and scripts`);
      await world.browser.picture(page, name);
      assert.deepEqual(await wideFaults(page, NARROW), []);
      await assertSchemes(page);
      if (!button) return;
      await page.evaluate(() => document.activeElement?.blur());
      await tabTo(page, button);
    }));

const withoutScripts = (name) =>
  test(`${name} is sound without scripts on a phone`, (world) =>
    world.stage.visit(name, PHONE, async (page, last) => {
      await assertDocument(page, last);
      assert.deepEqual(await smallTargets(page), []);
    }));

export default Object.entries(SCREENS).flatMap(([name, screen]) => [
  ...(screen.scripts === false ? [] : withScripts(name, screen)),
  ...withoutScripts(name),
]);
