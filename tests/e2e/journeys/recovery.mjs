import { strict as assert } from 'node:assert';
import { newProduct } from '../parties/openid-client/app.mjs';
import { claims, recover, refusal, signIn } from '../lib/person.mjs';
import { PASSWORD } from '../lib/provider.mjs';
import { bothWays } from '../lib/report.mjs';

const NEW_PASSWORD = 'совсем-другие-слова-42';

/** A product in whose tab somebody stands on the sign-in page. */
async function onSignIn(world, options, body, metadata) {
  const product = await newProduct(world.provider, metadata);
  try {
    await world.browser.visit(async (page) => {
      await page.goto(`${product.url}/sign-in`);
      await body(page, product);
    }, options);
  } finally {
    await product.stop();
  }
}

export default [
  bothWays('a forgotten password is replaced on the way to a product, and the way goes on', (world, options) =>
    onSignIn(world, options, async (page) => {
      const person = await world.provider.person();
      await page.click('#go-recover');
      await recover(page, person, world.provider.outbox);
      assert.equal(await page.locator('#username').inputValue(), person.phone, 'password managers learn whose it is');
      await page.fill('#new-password', 'короткий');
      await page.click('#new-password-form #submit');
      await page.locator('#new-password-error').waitFor();
      await page.fill('#new-password', NEW_PASSWORD);
      await page.click('#new-password-form #submit');
      await page.getByText('Пароль изменён').first().waitFor();
      await signIn(page, { ...person, password: PASSWORD });
      await page.getByText('Неверный телефон').first().waitFor();
      await signIn(page, { ...person, password: NEW_PASSWORD });
      assert.equal((await claims(page)).sub, person.sub);
    })),

  bothWays('a consent that is withdrawn in the cabinet is asked for again', (world, options) =>
    onSignIn(
      world,
      options,
      async (page, product) => {
        const person = await world.provider.person();
        await signIn(page, person);
        await page.click('#consent-form #allow');
        assert.equal((await claims(page)).sub, person.sub);
        await page.goto(world.provider.url('/account/consents'));
        await page.locator('#consents-form button[id^=withdraw-]').click();
        await page.locator('#no-consents').waitFor();
        await page.goto(`${product.url}/sign-in?prompt=none`);
        assert.equal(await refusal(page), 'consent_required');
      },
      { firstParty: false },
    )),
].flat();
