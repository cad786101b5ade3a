// `kabinet-demo`: everything that a first look at the product shows, clicked through.

import { strict as assert } from 'node:assert';
import { statSync } from 'node:fs';
import { Demo } from '../lib/demo.mjs';
import { claims, consentIfAsked, follow, register, signIn } from '../lib/person.mjs';
import { Outbox } from '../lib/outbox.mjs';
import { newEmail, newPhone, PASSWORD } from '../lib/provider.mjs';
import { test } from '../lib/report.mjs';
import { letReach, patient } from '../lib/toolbox.mjs';

/** Runs `body` with what a demo of its own printed. */
async function withDemo(world, body) {
  const demo = await Demo.start(world.demo);
  try {
    await body(demo.told);
  } finally {
    await demo.stop();
  }
}

/** The page of a relying party, signed out: the sign-in link leads to the provider's own page. */
async function start(page, party) {
  await page.goto(party.url);
  await page.click('#sign-in');
}

export default [
  test('the demo prints its parts, and both products sign the ready account in and out', (world) =>
    withDemo(world, async (demo) => {
      assert.match(demo.issuer, /^http:\/\/localhost:\d+$/);
      assert.equal(demo.relying_parties.length, 2);
      assert.deepEqual(Object.keys(demo.standins).sort(), ['esia', 'telegram', 'toolbox', 'upstream']);
      for (const party of demo.relying_parties) {
        assert.ok(party.name.length > 0, 'a product has a name');
        await world.browser.visit(async (page) => {
          await start(page, party);
          await signIn(page, demo.account);
          await consentIfAsked(page);
          const { sub, iss } = await claims(page);
          assert.equal(iss, demo.issuer);
          await world.browser.picture(page, `demo-${demo.relying_parties.indexOf(party)}`);
          for (const other of demo.relying_parties) {
            if (other === party) continue;
            await start(page, other);
            await consentIfAsked(page);
            assert.equal((await claims(page)).sub, sub, 'the other product sees the same person, without a password');
          }
          await page.goto(party.url);
          await page.click('#sign-out');
          await page.locator('#logout-confirm, #sign-in').first().waitFor();
          if (await page.locator('#logout-confirm').count()) await follow(page, '#logout-confirm #submit');
          await start(page, party);
          await page.locator('#login-form').waitFor();
        });
      }
    })),

  test('the demo shows a sent code on a page', (world) =>
    withDemo(world, (demo) =>
      world.browser.visit(async (page, context) => {
        const phone = newPhone();
        await start(page, demo.relying_parties[0]);
        await page.click('#go-register');
        const outbox = new Outbox(demo.outbox);
        await register(page, { phone, password: PASSWORD }, outbox);
        const code = await outbox.code(phone);
        const shown = await context.newPage();
        await shown.goto(demo.relying_parties[0].url);
        await shown.locator('a[href*=outbox]').first().click();
        await shown.getByText(code).first().waitFor();
        await world.browser.picture(shown, 'demo-outbox');
      }))),

  test('a letter of the demo goes through the mail server in the name of the product', (world) =>
    withDemo(world, (demo) =>
      world.browser.visit(async (page) => {
        const email = newEmail();
        await start(page, demo.relying_parties[1]);
        await page.click('#go-register');
        const outbox = new Outbox(demo.outbox);
        await register(page, { email, password: PASSWORD }, outbox);
        const [letter] = outbox.messages(email);
        assert.deepEqual(Object.keys(letter).sort(), ['at', 'channel', 'code', 'purpose', 'text', 'to']);
        assert.deepEqual([letter.channel, letter.purpose], ['email', 'register']);
        assert.match(letter.text, new RegExp(`${letter.code}, .*войти в ${demo.relying_parties[1].name}`));
        assert.equal(statSync(demo.outbox).mode & 0o777, 0o600);
      }))),

  test('the demo sends people to its Telegram, and who linked it is signed in by it', (world) =>
    withDemo(world, ({ issuer, account, standins, relying_parties: [party] }) =>
      world.browser.visit(async (page) => {
        await page.goto(standins.telegram);
        assert.match(await page.locator('.notice').innerText(), /подставной/);
        const leave = async () => {
          await start(page, party);
          await follow(page, '#method-telegram');
          await page.locator('#standin-form').waitFor();
        };
        await leave();
        await world.browser.picture(page, 'demo-telegram');
        await follow(page, '#standin-form #deny');
        await page.locator('#error[data-error="upstream-cancelled"]').waitFor();
        await leave();
        await follow(page, '#standin-form #allow');
        await page.locator('#unlinked').waitFor();
        await follow(page, '#go-link');
        await signIn(page, account);
        await consentIfAsked(page);
        const { sub, iss } = await claims(page);
        assert.equal(iss, issuer);
        await page.goto(party.url);
        await page.click('#sign-out');
        await page.locator('#logout-confirm, #sign-in').first().waitFor();
        if (await page.locator('#logout-confirm').count()) await follow(page, '#logout-confirm #submit');
        await leave();
        await follow(page, '#standin-form #allow');
        await consentIfAsked(page);
        assert.equal((await claims(page)).sub, sub, 'the same person, without a password');
      }))),

  test('the demo signs with a certificate of its stand-in, and believes it', (world) =>
    withDemo(world, ({ issuer, standins, relying_parties: [party] }) =>
      world.browser.visit(async (page) => {
        await page.goto(standins.toolbox);
        assert.match(await page.locator('.notice').innerText(), /не сертифицированное СКЗИ/);
        await world.browser.picture(page, 'demo-toolbox');
        await letReach(page, { issuer });
        await patient(page);
        await start(page, party);
        await page.click('#method-certificate');
        await page.locator('#state-choose').waitFor();
        await page.click('#submit');
        await page.locator('#unlinked').waitFor();
      }, { agents: true }))),
].flat();
