import { strict as assert } from 'node:assert';
import { newProduct } from '../parties/openid-client/app.mjs';
import { claims, identify, signIn } from '../lib/person.mjs';
import { tabTo } from '../lib/browser.mjs';
import { newEmail, newPhone, PASSWORD, WRONG_PASSWORD } from '../lib/provider.mjs';
import { bothWays, test } from '../lib/report.mjs';

const NEUTRAL = 'Неверный телефон (email) или пароль';

async function onSignIn(world, options, body) {
  const product = await newProduct(world.provider);
  try {
    await world.browser.visit(async (page) => {
      await page.goto(`${product.url}/sign-in`);
      await body(page, product);
    }, options);
  } finally {
    await product.stop();
  }
}

/** The text of the page's main part after a refused sign-in, without what was typed. */
async function refused(page, person) {
  await signIn(page, person);
  await page.getByText(NEUTRAL).first().waitFor();
  assert.equal(await page.locator('#login-form #password').inputValue(), '', 'the password is not kept');
  return page.locator('main').innerText();
}

export default [
  bothWays('a wrong password and an unknown phone read the same, and the phone stays in its field', (world, options) =>
    onSignIn(world, options, async (page) => {
      const known = await world.provider.person();
      const wrongPassword = await refused(page, { phone: known.phone, password: WRONG_PASSWORD });
      const kept = await page.locator('#login-form #phone').inputValue();
      assert.equal(kept.replace(/\D/g, ''), known.phone.slice(1));
      const unknown = await refused(page, { phone: newPhone(), password: WRONG_PASSWORD });
      assert.equal(unknown, wrongPassword);
      await signIn(page, known);
      assert.equal((await claims(page)).sub, known.sub);
    })),

  bothWays('a person signs in by e-mail after changing the field', (world, options) =>
    onSignIn(world, options, async (page) => {
      const person = await world.provider.person({ email: newEmail() });
      assert.equal(await page.locator('#login-form #email').count(), 0, 'the phone comes first');
      await signIn(page, person);
      assert.equal((await claims(page)).sub, person.sub);
    })),

  bothWays('a phone is accepted as people write it', (world, options) =>
    onSignIn(world, options, async (page) => {
      const person = await world.provider.person();
      const d = person.phone.slice(2);
      const phone = `8 (${d.slice(0, 3)}) ${d.slice(3, 6)}-${d.slice(6, 8)}-${d.slice(8)}`;
      await signIn(page, { phone, password: PASSWORD });
      assert.equal((await claims(page)).sub, person.sub);
    })),

  bothWays('login_hint fills the field', (world, options) =>
    onSignIn(world, options, async (page, product) => {
      const email = newEmail();
      await page.goto(`${product.url}/sign-in?login_hint=${encodeURIComponent(email)}`);
      assert.equal(await page.locator('#login-form #email').inputValue(), email);
    })),

  test('the keyboard alone signs a person in', (world, options) =>
    onSignIn(world, options, async (page) => {
      const person = await world.provider.person();
      await tabTo(page, 'phone');
      await page.keyboard.type(person.phone);
      await page.keyboard.press('Tab');
      await tabTo(page, 'password');
      await page.keyboard.type(PASSWORD);
      await page.keyboard.press('Tab');
      const passed = await tabTo(page, 'submit');
      assert.ok(passed.length < 6, `few stops between the password and the button, not ${passed.join(', ')}`);
      const ring = await page.evaluate(() => {
        const style = getComputedStyle(document.activeElement);
        return `${style.outlineStyle} ${style.boxShadow}`;
      });
      assert.notEqual(ring, 'none none', 'the focused button is seen');
      await page.keyboard.press('Enter');
      assert.equal((await claims(page)).sub, person.sub);
    })),

  bothWays('ui_locales=en shows the sign-in page in English', (world, options) =>
    onSignIn(world, options, async (page, product) => {
      assert.equal(await page.locator('html').getAttribute('lang'), 'ru');
      await page.goto(`${product.url}/sign-in?ui_locales=en`);
      assert.equal(await page.locator('html').getAttribute('lang'), 'en');
      assert.doesNotMatch(await page.locator('main').innerText(), /Войти|Пароль/);
    })),

  bothWays('the language link changes the page and keeps the request', (world, options) =>
    onSignIn(world, options, async (page) => {
      const person = await world.provider.person();
      await page.getByRole('link', { name: /^(EN|English)$/ }).click();
      await page.locator('html[lang=en] #login-form').waitFor();
      await identify(page, 'login-form', person);
      await page.click('#login-form #submit');
      assert.equal((await claims(page)).sub, person.sub);
    })),
].flat();
