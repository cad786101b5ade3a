// Sign-in at other providers against the stand-ins of the demonstration: Госуслуги, Telegram, any OpenID provider. Every
// page on the way is looked at. Each test has a person of its own at the stand-ins, for an identity is linked once.

import { strict as assert } from 'node:assert';
import { newProduct } from '../parties/openid-client/app.mjs';
import { claims, follow, json, signIn } from '../lib/person.mjs';
import { until } from '../lib/process.mjs';
import { bothWays, test } from '../lib/report.mjs';
import { arriving, be, failure, leaveBy, looked, prove, scene, signInBy, toMethods } from '../lib/upstreams.mjs';

/** Ends the session here from the cabinet's side, up to the farewell. */
async function signOut({ page, provider }) {
  await page.goto(provider.url('/oauth2/logout'));
  await follow(page, '#logout-confirm #submit');
  await page.locator('#signed-out').waitFor();
}

/** Goes on to the product from the page that says that it is done, unless that has gone on by itself. */
const goOn = ({ page }) => page.evaluate(() => document.querySelector('#continue')?.click()).catch(() => {});

export default [
  test('the ways to sign in and to register are tiles in the guides’ order and words', (world) =>
    arriving(world, {}, async (at) => {
      const { page, provider } = at;
      assert.deepEqual(await page.locator('.ways a').allInnerTexts(), ['Сертификат', 'Госуслуги', 'Telegram', 'Партнёр']);
      assert.equal(await page.locator('#method-code').innerText(), 'У меня есть код');
      await looked(at, 'upstreams-sign-in');
      await follow(page, '#go-register');
      assert.deepEqual(await page.locator('.ways a').allInnerTexts(), ['Сертификат', 'Госуслуги', 'Партнёр'], 'nobody registers through Telegram');
      await looked(at, 'upstreams-register');
      assert.equal((await page.request.get(provider.url('/register/telegram'))).ok(), false);
    })),

  test('Госуслуги is linked in the cabinet, signs in elsewhere, is left at the sign-out, and is unlinked', (world) =>
    arriving(world, {}, async (at) => {
      const { page, provider, product } = at;
      const person = await provider.person();
      await toMethods(at, person);
      await looked(at, 'upstreams-methods-none', true);
      await follow(page, '#link-esia button');
      await be(at, 'bare');
      await looked(at, 'upstreams-link');
      await prove(at, person);
      await page.locator('#unlink-esia').waitFor();
      assert.match(await page.locator('#connections').innerText(), /Госуслуги/);
      await looked(at, 'upstreams-methods');
      const notices = () => provider.outbox.messages(person.phone).filter(({ text }) => /привязан вход/.test(text));
      await until(() => notices().length, 'the person hears nothing of it');

      await arriving(world, {}, async (elsewhere) => {
        await signInBy(elsewhere, 'esia', 'bare');
        const told = await claims(elsewhere.page);
        assert.deepEqual([told.sub, told.amr, told.acr], [person.sub, ['fed'], '1']);
        await signOut(elsewhere);
        await looked(elsewhere, 'upstreams-signed-out', true);
        // Who stays signed in there comes back by one button.
        await elsewhere.page.goto(`${product.url}/sign-in`);
        await follow(elsewhere.page, '#method-esia');
        assert.equal((await claims(elsewhere.page)).sub, person.sub);
        await signOut(elsewhere);
        await follow(elsewhere.page, '#leave-upstream');
        await elsewhere.page.goto(`${product.url}/sign-in`);
        await leaveBy(elsewhere, 'esia');
      });

      await page.goto(provider.url('/account/methods'));
      await follow(page, '#unlink-esia button');
      await looked(at, 'upstreams-unlink');
      await prove(at, person);
      await page.locator('#no-connections').waitFor();
      await arriving(world, { scripts: false }, async (elsewhere) => {
        await signInBy(elsewhere, 'esia', 'bare');
        await elsewhere.page.locator('#unlinked').waitFor();
      });
    })),

  bothWays('whom Госуслуги knows and nobody linked signs in with a password, which links', (world, options) =>
    arriving(world, options, async (at) => {
      const { page, provider, product, context } = at;
      const person = await provider.person();
      const persona = options.scripts ? 'letters' : 'changing';
      await signInBy(at, 'esia', persona);
      await page.locator('#unlinked').waitFor();
      if (options.scripts) await looked(at, 'upstreams-unlinked', true);
      await follow(page, '#go-retry');
      await page.locator('#login-form #password').waitFor();
      await follow(page, '#method-esia');
      await follow(page, '#go-link');
      if (options.scripts) await looked(at, 'upstreams-link-at-sign-in');
      await signIn(page, person);
      const told = await claims(page);
      assert.deepEqual([told.sub, [...told.amr].sort(), told.acr], [person.sub, ['fed', 'pwd'], '1']);
      await context.clearCookies({ name: /session/ });
      await page.goto(`${product.url}/sign-in`);
      await follow(page, '#method-esia');
      assert.deepEqual((await claims(page)).amr, ['fed']);
    })),

  bothWays('a newcomer registers through Госуслуги without a code: the phone is taken as confirmed', (world, options) =>
    arriving(world, options, async (at) => {
      const { page, provider } = at;
      const [persona, phone, shown, name] = options.scripts
        ? ['confirmed', '+79980000601', '+7 (998) 000-06-01', 'Пробная Анна Сергеевна']
        : ['trader', '+79980000609', '+7 (998) 000-06-09', 'Торговцев Пётр Андреевич'];
      await follow(page, '#go-register');
      await signInBy(at, 'esia', persona);
      await page.locator('#register-form').waitFor();
      assert.equal(await page.locator('#owner').innerText(), name);
      assert.equal(await page.inputValue('#register-form #phone'), shown);
      await page.locator('#vouched').waitFor();
      assert.equal(await page.isChecked('#pd-consent'), false);
      if (options.scripts) await looked(at, 'upstreams-details', true);
      await page.locator('#register-form').evaluate((form) => (form.noValidate = true));
      await follow(page, '#register-form #submit');
      await page.locator('#pd-consent-error').waitFor();
      assert.equal(await page.inputValue('#register-form #phone'), shown);
      if (options.scripts) await looked(at, 'upstreams-details-no-consent');
      await page.check('#pd-consent');
      await follow(page, '#register-form #submit');
      await goOn(at);
      const told = await claims(page);
      assert.deepEqual([told.amr, told.acr], [['fed'], '1']);
      const about = await json(page, 'userinfo');
      assert.deepEqual([about.phone_number, about.phone_number_verified], [phone, true]);
      assert.deepEqual(provider.outbox.messages(phone).filter(({ code }) => code), [], 'nobody had to type a code');
    })),

  test('another contact than the told one is proven by a code', (world) =>
    arriving(world, { scripts: false }, async (at) => {
      const { page, provider } = at;
      await follow(page, '#go-register');
      await signInBy(at, 'esia', 'foreign');
      const person = { phone: '+79031230608' };
      await page.locator('#register-form #phone').fill(person.phone);
      await page.check('#pd-consent');
      await follow(page, '#register-form #submit');
      await page.fill('#code-form #code', await provider.outbox.code(person.phone));
      await follow(page, '#code-form #submit');
      await goOn(at);
      assert.deepEqual((await claims(page)).amr, ['otp', 'fed']);
      assert.equal((await json(page, 'userinfo')).phone_number, person.phone);
    })),

  test('who most likely has an account is led to it and not to a second one', (world) =>
    arriving(world, {}, async (at) => {
      const { page, provider } = at;
      const person = await provider.person({ email: 'byvshiy@example.com' });
      await follow(page, '#go-register');
      await signInBy(at, 'esia', 'liquidated');
      await page.locator('#alike').waitFor();
      await looked(at, 'upstreams-alike');
      await follow(page, '#go-link');
      assert.equal(await page.inputValue('#login-form #email'), person.email);
      await prove(at, person);
      assert.equal((await claims(page)).sub, person.sub);
    })),

  test('an account of Госуслуги that is not confirmed signs nobody in, and the password does', (world) =>
    arriving(world, {}, async (at) => {
      const { page, provider } = at;
      await signInBy(at, 'esia', 'standard');
      assert.match(await failure(at, 'upstream-unconfirmed'), /не подтверждена/);
      await looked(at, 'upstreams-unconfirmed');
      await follow(page, '#back');
      const person = await provider.person();
      await signIn(page, person);
      const told = await claims(page);
      assert.deepEqual([told.sub, told.amr], [person.sub, ['pwd']]);
    })),

  test('whom Госуслуги knows in two organisations says for which they act, and the product hears of it', async (world) => {
    const { provider } = await scene(world);
    const scope = 'openid phone org orgs';
    const product = await newProduct(provider, { name: 'Отчётность', more: ['--required-claim', 'organisation', '--scope', scope], scope });
    try {
      await arriving(world, {}, async (at) => {
        const { page } = at;
        await page.goto(`${product.url}/sign-in`);
        await follow(page, '#go-register');
        await signInBy(at, 'esia', 'employee');
        await page.check('#pd-consent');
        await follow(page, '#register-form #submit');
        await goOn(at);
        await page.locator('#organisations label', { hasText: 'ЗАВОД' }).click();
        await looked(at, 'upstreams-organisations');
        await follow(page, '#complete-form #submit');
        await claims(page);
        const { org, orgs } = await json(page, 'userinfo');
        const known = orgs.map(({ inn, proof, relation }) => [inn, proof, relation]).sort();
        assert.deepEqual(known, [['9800004018', 'esia', 'employee'], ['9800004025', 'esia', 'employee']]);
        assert.deepEqual([org.inn, org.proof], ['9800004025', 'esia']);
      });
    } finally {
      await product.stop();
    }
  }),

  bothWays('whoever refuses at Госуслуги reads so and signs in another way', (world, options) =>
    arriving(world, options, async (at) => {
      const { page, provider } = at;
      await leaveBy(at, 'esia');
      await follow(page, '#standin-form #deny');
      assert.match(await failure(at, 'upstream-cancelled'), /Вы отменили вход/);
      if (options.scripts) await looked(at, 'upstreams-cancelled', true);
      await follow(page, '#back');
      const person = await provider.person();
      await signIn(page, person);
      assert.equal((await claims(page)).sub, person.sub);
    })),

  test('the way back from Госуслуги leads to the sign-in page, and what came back is good once and in one browser', (world) =>
    arriving(world, {}, async (at) => {
      const { page, product } = at;
      await leaveBy(at, 'esia');
      await page.goBack();
      await page.locator('#login-form').waitFor();
      const back = [];
      page.on('request', (request) => {
        if (request.isNavigationRequest() && request.url().includes('/login/esia/callback')) back.push(request.url());
      });
      // The answer waits at the door until another browser has tried it.
      await page.route('**/login/esia/callback*', async (route) => {
        await world.browser.visit(async (other) => {
          const last = { page: other };
          await other.goto(route.request().url());
          await failure(last, 'upstream-state');
        });
        await route.continue();
      }, { times: 1 });
      await signInBy(at, 'esia', 'same-snils');
      await page.locator('#unlinked').waitFor();
      assert.equal(back.length, 1);
      await page.goto(back[0]);
      assert.match(await failure(at, 'upstream-state'), /Начните заново/);
      await looked(at, 'upstreams-state');
      await page.goto(`${product.url}/sign-in`);
      await page.locator('#login-form').waitFor();
    })),

  test('Telegram signs in once it is linked, and never registers anybody', (world) =>
    arriving(world, {}, async (at) => {
      const { page, provider, product, context } = at;
      const person = await provider.person();
      await signInBy(at, 'telegram', '987654321');
      await page.locator('#unlinked').waitFor();
      assert.equal(await page.locator('#go-register').count(), 0);
      await looked(at, 'upstreams-telegram-unlinked');
      await follow(page, '#go-link');
      await prove(at, person);
      assert.equal((await claims(page)).sub, person.sub);
      await context.clearCookies({ name: /session/ });
      await page.goto(`${product.url}/sign-in`);
      await signInBy(at, 'telegram', '987654321');
      const told = await claims(page);
      assert.deepEqual([told.sub, told.amr, told.acr], [person.sub, ['fed'], '1']);
    })),

  test('any OpenID provider registers and signs in; when it is silent the page says so and the password goes on', (world) =>
    arriving(world, {}, async (at) => {
      const { page, provider, product, standins, context } = at;
      const control = new URL('/control', standins.upstream);
      const asked = (body) => fetch(control, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
      await follow(page, '#go-register');
      await signInBy(at, 'partner', '248289761001');
      await page.check('#pd-consent');
      await looked(at, 'upstreams-partner-details');
      await follow(page, '#register-form #submit');
      await goOn(at);
      const { sub, acr } = await claims(page);
      assert.equal(acr, '1');
      await context.clearCookies({ name: /session/ });
      await page.goto(`${product.url}/sign-in`);
      await signInBy(at, 'partner', '248289761001');
      assert.equal((await claims(page)).sub, sub);

      assert.equal((await asked({ at: 'token', failure: 'unavailable' })).status, 204);
      await context.clearCookies({ name: /session/ });
      await page.goto(`${product.url}/sign-in`);
      await signInBy(at, 'partner', '248289761001');
      assert.match(await failure(at, 'upstream-unavailable'), /«Партнёр» сейчас не отвечает/);
      await looked(at, 'upstreams-unavailable');
      await follow(page, '#back');
      const person = await provider.person();
      await signIn(page, person);
      assert.equal((await claims(page)).sub, person.sub);
      assert.equal((await fetch(control, { method: 'DELETE' })).status, 204);
    })),
].flat();
