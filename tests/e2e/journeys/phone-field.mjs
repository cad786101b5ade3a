// The phone field, as people type, correct and paste: the mask «+7 (» of R22 and the table of
// login-methods D.4. What the field shows is never less than what was typed, and what it sends is what
// the server understands.

import { strict as assert } from 'node:assert';
import { newProduct } from '../parties/openid-client/app.mjs';
import { claims, follow } from '../lib/person.mjs';
import { PASSWORD } from '../lib/provider.mjs';
import { test } from '../lib/report.mjs';

const SHOWN = '+7 (912) 345-67-89';

/** A field that was typed or pasted into: what arrives, and what then stands there. */
const WAYS = [
  ['8 (912) 345-67-89', SHOWN],
  ['89123456789', SHOWN],
  ['79123456789', SHOWN],
  ['+79123456789', SHOWN],
  ['+7 912 345 67 89', SHOWN],
  ['9123456789', SHOWN],
  ['0079123456789', SHOWN],
  ['007 912 345-67-89', SHOWN],
  ['8-912-345–67−89', SHOWN],
  ['+8613800138000', '+8613800138000'],
  ['+375 29 123-45-67', '+375 29 123-45-67'],
  ['008613800138000', '+8613800138000'],
  ['ivan@example.test', 'ivan@example.test'],
  ['+7 (912) 345-67-890', '+7 (912) 345-67-890'],
];

async function onSignIn(world, body) {
  const product = await world.stage.product(world.provider, 'edo');
  await world.browser.visit(async (page) => {
    await page.goto(`${product.url}/sign-in`);
    await body(page, page.locator('#phone'), product);
  });
}

const shown = (field) => field.inputValue();
const caret = (field) => field.evaluate((input) => input.selectionStart);

/** Pastes as the browser does, the clipboard aside. */
const paste = (page, text) => page.evaluate((what) => document.execCommand('insertText', false, what), text);

async function press(page, ...keys) {
  for (const key of keys) await page.keyboard.press(key);
}

/** Empties the field and gives it the prefix that stands ready. */
async function afresh(field) {
  await field.fill('');
  await field.blur();
  await field.click();
  assert.equal(await shown(field), '+7 (');
}

export default [
  test('phone field: «+7 (» stands ready with the caret behind it, and goes when nothing was typed', (world) =>
    onSignIn(world, async (page, field) => {
      assert.equal(await shown(field), '', 'empty at first, so that password managers fill it');
      assert.equal(await field.getAttribute('placeholder'), '+7 (', 'and yet seen');
      await field.click({ position: { x: 8, y: 8 } });
      assert.equal(await shown(field), '+7 (');
      assert.equal(await caret(field), 4);
      await page.locator('#password').focus();
      assert.equal(await shown(field), '');
    })),

  test('phone field: whatever way of writing is typed key by key, nothing is lost', (world) =>
    onSignIn(world, async (page, field) => {
      for (const [typed, wanted] of WAYS) {
        await afresh(field);
        await page.keyboard.type(typed);
        await field.blur();
        assert.equal(await shown(field), wanted, `typed ${typed}`);
      }
    })),

  test('phone field: whatever way of writing is pasted behind «+7 (» or over it, nothing is lost', (world) =>
    onSignIn(world, async (page, field) => {
      for (const [pasted, wanted] of WAYS) {
        await afresh(field);
        await paste(page, pasted);
        assert.equal(await shown(field), wanted, `pasted ${pasted} behind the prefix`);
        await press(page, 'ControlOrMeta+A');
        await paste(page, pasted);
        assert.equal(await shown(field), wanted, `pasted ${pasted} over all`);
      }
    })),

  test('phone field: a number of Kazakhstan is not taken for a Russian one with its 7', (world) =>
    onSignIn(world, async (page, field) => {
      for (const typed of ['7771234567', '+77771234567', '87771234567', '77771234567']) {
        await afresh(field);
        await page.keyboard.type(typed);
        assert.equal(await shown(field), '+7 (777) 123-45-67', typed);
      }
    })),

  test('phone field: each key shows its group, and erasing from the end is never stuck', (world) =>
    onSignIn(world, async (page, field) => {
      await afresh(field);
      const steps = [];
      for (const digit of '9123456789') {
        await press(page, digit);
        steps.push(await shown(field));
      }
      assert.deepEqual(steps.filter((_, n) => [0, 2, 3, 5, 6, 8, 9].includes(n)), [
        '+7 (9',
        '+7 (912',
        '+7 (912) 3',
        '+7 (912) 345',
        '+7 (912) 345-6',
        '+7 (912) 345-67-8',
        SHOWN,
      ]);
      const lengths = [];
      for (let n = SHOWN.length; n > 0 && (await shown(field)); n -= 1) {
        await press(page, 'Backspace');
        lengths.push((await shown(field)).length);
      }
      assert.ok(lengths.every((length, n) => n === 0 || length < lengths[n - 1]), `shorter with every key: ${lengths}`);
      assert.equal(lengths.at(-1), 0);
    })),

  test('phone field: a digit in the middle is corrected where it stands, and the caret stays there', (world) =>
    onSignIn(world, async (page, field) => {
      await afresh(field);
      await page.keyboard.type('9123456789');
      await field.evaluate((input) => input.setSelectionRange(8, 8));
      // Behind «912) »: Backspace passes the bracket, then takes the digit before it.
      await press(page, 'Backspace', 'Backspace');
      assert.equal(await shown(field), '+7 (913) 456-78-9');
      assert.equal(await caret(field), 6);
      await press(page, '2');
      assert.equal(await shown(field), SHOWN);
      assert.equal((await shown(field)).slice(await caret(field)).replace(/\D/g, ''), '3456789');
      await field.evaluate((input) => input.setSelectionRange(12, 12));
      // Before «-67»: Delete passes the dash, then takes the digit behind it.
      await press(page, 'Delete', 'Delete');
      assert.equal(await shown(field), '+7 (912) 345-78-9');
      await press(page, '6');
      assert.equal(await shown(field), SHOWN);
    })),

  test('phone field: what it sends is what the server reads, prefix or not', (world) =>
    onSignIn(world, async (page, field, product) => {
      const { phone, sub } = await world.provider.person();
      await field.click();
      await paste(page, `8 (${phone.slice(2, 5)}) ${phone.slice(5)}`);
      await page.fill('#password', PASSWORD);
      await follow(page, '#login-form #submit');
      assert.equal((await claims(page)).sub, sub);
      await page.goto(`${product.url}/sign-in?prompt=login`);
      await field.click();
      await page.fill('#password', PASSWORD);
      await follow(page, '#login-form #submit');
      assert.equal(await shown(field), '', 'a prefix alone is no number and does not come back');
      assert.match(await page.locator('#phone-error').innerText(), /Укажите номер телефона полностью/);
    })),

  test('phone field: without scripts it is a plain field that says what it wants', async (world) => {
    const product = await newProduct(world.provider);
    try {
      await world.browser.visit(async (page) => {
        await page.goto(`${product.url}/sign-in`);
        const field = page.locator('#phone');
        await field.fill('8 912 345 67 89');
        assert.equal(await shown(field), '8 912 345 67 89');
      }, { scripts: false });
    } finally {
      await product.stop();
    }
  }),
].flat();
