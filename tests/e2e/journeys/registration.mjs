import { strict as assert } from 'node:assert';
import { newProduct } from '../parties/openid-client/app.mjs';
import { claims, identify, register, signIn } from '../lib/person.mjs';
import { newEmail, newPhone, PASSWORD } from '../lib/provider.mjs';
import { bothWays, test } from '../lib/report.mjs';

/** A product in whose tab a new person stands on the registration page. */
async function onRegistration(world, options, body) {
  const product = await newProduct(world.provider);
  try {
    await world.browser.visit(async (page) => {
      await page.goto(`${product.url}/sign-in`);
      await page.click('#go-register');
      await body(page, product);
    }, options);
  } finally {
    await product.stop();
  }
}

export default [
  bothWays('a person registers by phone, and the success page leads into the product', (world, options) =>
    onRegistration(world, options, async (page) => {
      const phone = newPhone();
      await register(page, { phone, password: PASSWORD }, world.provider.outbox);
      assert.match(await page.locator('body').innerText(), /Телефон подтвержд[её]н/);
      await page.click('#continue');
      const told = await claims(page);
      assert.match(told.sub, /^[0-9a-f]{8}-[0-9a-f]{4}-/, 'sub is a UUID');
    })),

  test('the success page goes on into the product by itself', (world, options) =>
    onRegistration(world, options, async (page, product) => {
      await register(page, { phone: newPhone(), password: PASSWORD }, world.provider.outbox);
      await claims(page);
      assert.equal(new URL(page.url()).origin, product.url);
    })),

  bothWays('a person registers by e-mail and can sign in with it afterwards', (world, options) =>
    onRegistration(world, options, async (page, product) => {
      const person = { email: newEmail(), password: PASSWORD };
      await register(page, person, world.provider.outbox);
      assert.match(await page.locator('body').innerText(), /Email подтвержд[её]н/);
      await page.click('#continue');
      const { sub } = await claims(page);
      await page.goto(`${product.url}/sign-in?prompt=login`);
      await signIn(page, person);
      assert.equal((await claims(page)).sub, sub);
    })),

  bothWays('prompt=create opens the registration page at once', (world, options) =>
    onRegistration(world, options, async (page, product) => {
      await page.goto(`${product.url}/sign-in?prompt=create`);
      await page.locator('#register-form').waitFor();
    })),

  bothWays('without the consent to personal data nothing is sent and the phone stays in its field', (world, options) =>
    onRegistration(world, options, async (page) => {
      const phone = newPhone();
      await identify(page, 'register-form', { phone, password: PASSWORD });
      assert.equal(await page.locator('#register-form #pd-consent').isChecked(), false, 'the consent is not ticked beforehand');
      await page.locator('#register-form').evaluate((form) => (form.noValidate = true));
      await page.click('#register-form #submit');
      await page.getByText('отметьте согласие').first().waitFor();
      assert.equal((await page.locator('#register-form #phone').inputValue()).replace(/\D/g, ''), phone.slice(1));
      assert.equal(await page.locator('#register-form #password').inputValue(), '');
      assert.deepEqual(world.provider.outbox.messages(phone), []);
    })),

  bothWays('a wrong code is told with the tries left, and the right one still works', (world, options) =>
    onRegistration(world, options, async (page) => {
      const phone = newPhone();
      await identify(page, 'register-form', { phone, password: PASSWORD });
      await page.check('#register-form #pd-consent');
      await page.click('#register-form #submit');
      await page.locator('#code-form #resend').waitFor();
      const code = await world.provider.outbox.code(phone);
      await page.locator('#code-form #code').fill(code === '000000' ? '000001' : '000000');
      await page.click('#code-form #submit');
      await page.getByText('Осталось попыток').waitFor();
      // People paste codes with a space in the middle.
      await page.locator('#code-form #code').fill(`${code.slice(0, 3)} ${code.slice(3)}`);
      await page.click('#code-form #submit');
      await page.click('#continue');
      await claims(page);
    })),

  bothWays('somebody who registers a known phone again learns it only with the code in hand', (world, options) =>
    onRegistration(world, options, async (page) => {
      const { phone } = await world.provider.person();
      await identify(page, 'register-form', { phone, password: PASSWORD });
      await page.check('#register-form #pd-consent');
      await page.click('#register-form #submit');
      await page.locator('#code-form').waitFor();
      assert.doesNotMatch(await page.locator('main').innerText(), /уже создан/);
    })),
].flat();
