// Sign-in by certificate: the page and its script against the stand-in for Astral.Toolbox, a real WebSocket server that
// signs with OpenSSL's GOST engine, and against a made-up CAdES plug-in. Every state that the page can be in is reached
// and looked at: its words, both schemes, accessibility, narrow screens, what has the focus.

import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Browser, tabTo } from '../lib/browser.mjs';
import { axeFaults, htmlFaults, MOST_BYTES, smallTargets, weight, wideFaults } from '../lib/checks.mjs';
import { freePort } from '../lib/process.mjs';
import { claims, follow, signIn } from '../lib/person.mjs';
import { newEmail, Provider } from '../lib/provider.mjs';
import { test } from '../lib/report.mjs';
import { behaving, letReach, patient, Toolbox, withPlugin } from '../lib/toolbox.mjs';
import { newProduct } from '../parties/openid-client/app.mjs';

/** What the page's script may do that other pages' may not: fail to reach a program on this computer. */
const AGENTS = { agents: true };
const PHONE = { scripts: false, viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** A provider whose pages speak to the stand-in, one whose pages find nothing there, and a product of each. */
function scene(world) {
  return world.stage.once('certificates', async () => {
    const toolbox = await Toolbox.start(world.demo);
    const start = async (name, address) => {
      const provider = await Provider.start(world.binary, `kabinet-${name}`, {
        KABINET__CERTIFICATE__TOOLBOX: address,
        KABINET__CERTIFICATE__TOOLBOX_PAGE: 'https://toolbox.example.test/download',
        KABINET__OUTBOUND__ALLOW: '127.0.0.1/32',
      });
      await trust(provider, toolbox);
      const product = await newProduct(provider, { name: 'Документы' });
      return { provider, product };
    };
    const nowhere = `ws://127.0.0.1:${await freePort()}/RegistrationOffice`;
    const [there, absent] = await Promise.all([start('certificate', toolbox.address), start('certificate-absent', nowhere)]);
    world.faultless.push(there.provider, absent.provider);
    const stop = async () => {
      for (const { product, provider } of [there, absent]) {
        await product.stop();
        await provider.stop();
      }
      await toolbox.stop();
    };
    return { toolbox, there, absent, stop };
  });
}

/** Tells the provider whom to believe; it fetches the revocation lists from the stand-in. */
async function trust(provider, { anchor, intermediate }) {
  const der = Buffer.from(readFileSync(anchor, 'utf8').replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const thumbprint = createHash('sha256').update(der).digest('hex');
  await provider.cli(['trust', 'add', anchor, intermediate, '--sha256', thumbprint]);
}

/** Goes from the product to the page of a certificate. */
async function toCertificate(page, { product }) {
  await page.goto(`${product.url}/sign-in`);
  await page.click('#method-certificate');
  await page.locator('#certificate-form').waitFor({ state: 'attached' });
}

/** Runs `body` on the page of a certificate, on whose computer the program is reachable. */
async function onPage(world, { mode, where = 'there', options = {}, hasPatience = true, before }, body) {
  const scenery = await scene(world);
  const at = scenery[where];
  await world.browser.visit(async (page) => {
    await letReach(page, at.provider);
    if (hasPatience) await patient(page);
    if (mode) await behaving(page, mode);
    await before?.(page, scenery);
    await toCertificate(page, at);
    await body(page, { ...scenery, ...at });
  }, { ...AGENTS, ...options });
}

/** Refusals of the server: whose certificate, its code, and words of its own. */
const REFUSALS = [
  ['revoked', 'Сидорова', undefined, /отозван/],
  ['untrusted', 'Чужой', undefined, /не доверяет/],
  ['seal', 'АО «Печать»', undefined, /без имени человека/],
  ['digest_mismatch', 'Иванова', 'other-text', /другого текста/],
];

const state = (page, name) => page.locator(`#state-${name}`).waitFor();

/** What holds of the page in every state. */
async function assertState(world, page, name) {
  await state(page, name);
  assert.equal(await page.locator('.step:visible').count(), 1, 'one state at a time');
  assert.doesNotMatch(await page.locator('body').innerText(), /\{\s*\$|\{\w+\}|certificate-/, 'a text lacks a value');
  await world.browser.picture(page, `certificate-${name}`);
  assert.deepEqual(await wideFaults(page, [360, 320]), []);
  // Those that differ in their words alone are looked at once.
  if (ANSWERS.some(([, other]) => other === name) && name !== 'failed') return;
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await axeFaults(page), [], colorScheme);
  }
  await page.emulateMedia({ colorScheme: null });
}

/** Chooses the certificate whose card says this. */
async function choose(page, words) {
  await state(page, 'choose');
  await page.locator('#certificates label', { hasText: words }).first().click();
}

const sign = async (page, words) => {
  await choose(page, words);
  await page.click('#submit');
};

/** States that an answer of the program leads to: the mode of the stand-in, the state, and words of its own. */
const ANSWERS = [
  ['cancel', 'cancelled', /Вы отменили подпись/],
  ['wrong-pin', 'pin', /раскладку/],
  ['pin-blocked', 'pin-blocked', /Попытки ввода закончились/],
  ['no-key', 'key', /Вставьте токен/],
  ['licence', 'licence', /КриптоПро CSP/],
  ['unknown', 'failed', /0x80004005/],
  ['close', 'no-answer', /Соединение прервалось/],
];

export default [
  test('the page weighs no more than others, although its script is the longest', (world) =>
    onPage(world, {}, async (page) => {
      await state(page, 'choose');
      const bytes = await weight(page);
      assert.ok(bytes > 5_000 && bytes <= MOST_BYTES, `${bytes} bytes of styles and scripts`);
    })),

  test('a person links a certificate, signs in with it, and unlinks it', (world) =>
    onPage(world, {}, async (page, { provider, product }) => {
      const person = await provider.person();
      await page.goto(provider.url('/account/methods'));
      await signIn(page, person);
      await world.browser.picture(page, 'account-methods-none');
      await follow(page, '#link-certificate button');
      await state(page, 'choose');
      assert.equal(await page.locator('#remember').count(), 0);
      await world.browser.picture(page, 'certificate-link');
      await sign(page, 'Иванова');
      await page.locator('#login-form').waitFor();
      await world.browser.picture(page, 'certificate-link-proof');
      await page.fill('#login-form #password', person.password);
      await follow(page, '#login-form #submit');
      await page.locator('#unlink-certificate').waitFor();
      assert.match(await page.locator('#certificates').innerText(), /Иванова Мария Сергеевна/);
      await world.browser.picture(page, 'account-methods');
      assert.deepEqual([...(await axeFaults(page)), ...(await wideFaults(page, [360, 320]))], []);

      await world.browser.visit(async (other) => {
        await letReach(other, provider);
        await patient(other);
        await toCertificate(other, { product });
        const before = provider.outbox.messages(person.phone).length;
        await sign(other, 'Иванова');
        // A browser that the account does not know proves more: a signature cannot tell which page asked for it.
        await other.locator('#code-form').waitFor();
        await other.fill('#code-form #code', await provider.outbox.code(person.phone, before));
        await follow(other, '#code-form #submit');
        const told = await claims(other);
        assert.equal(told.sub, person.sub);
        assert.ok(told.amr.includes('cert'), JSON.stringify(told.amr));
      }, AGENTS);

      await page.context().clearCookies({ name: /session/ });
      await toCertificate(page, { product });
      await sign(page, 'Иванова');
      assert.equal((await claims(page)).sub, person.sub, 'a browser that the account knows needs no more');

      await page.goto(provider.url('/account/methods'));
      await follow(page, '#unlink-certificate button');
      await page.fill('#login-form #password', person.password);
      await follow(page, '#login-form #submit');
      await page.locator('#no-certificates').waitFor();
    })),

  test('a head registers with a certificate and is at the product', (world) =>
    onPage(world, {}, async (page, { provider, product }) => {
      await page.goto(`${product.url}/sign-in`);
      await page.click('#go-register');
      await page.click('#method-certificate');
      await state(page, 'choose');
      await world.browser.picture(page, 'certificate-register');
      await sign(page, /^\s*Петров/);
      await page.locator('#register-form').waitFor();
      await world.browser.picture(page, 'certificate-details');
      assert.deepEqual([...(await axeFaults(page)), ...(await wideFaults(page, [360, 320]))], []);
      assert.equal(await page.locator('#organisation').innerText(), 'ООО «Ромашка»');
      const email = newEmail();
      if ((await page.locator('#register-form #email').count()) === 0) await page.click('#toggle-identifier');
      await page.fill('#register-form #email', email);
      await page.check('#register-form #pd-consent');
      await follow(page, '#register-form #submit');
      await page.fill('#code-form #code', await provider.outbox.code(email));
      await follow(page, '#code-form #submit');
      await follow(page, '#continue');
      assert.deepEqual((await claims(page)).amr, ['cert']);
    })),

  test('a certificate that nobody linked leads to an account that is there, and the content may come with the signature', (world) =>
    onPage(world, { mode: 'attached' }, async (page, { provider }) => {
      const person = await provider.person();
      await sign(page, 'Кузнецов');
      await page.locator('#unlinked').waitFor();
      assert.equal(await page.locator('#owner').innerText(), 'Кузнецов Андрей Викторович');
      await world.browser.picture(page, 'certificate-unlinked');
      assert.deepEqual([...(await axeFaults(page)), ...(await wideFaults(page, [360, 320]))], []);
      await follow(page, '#go-retry');
      await sign(page, 'Кузнецов');
      await page.locator('#go-link').waitFor();
      await follow(page, '#go-link');
      await signIn(page, person);
      assert.equal((await claims(page)).sub, person.sub);
    })),

  ...REFUSALS.flatMap(([code, whose, mode, words]) =>
    test(`${code}: the server's refusal stands above the chooser, which begins again`, (world) =>
      onPage(world, { mode }, async (page) => {
        await sign(page, whose);
        const error = page.locator(`#certificate-error[data-error=${code}]`);
        await error.waitFor();
        assert.match(await error.innerText(), words);
        await assertState(world, page, 'choose');
        await world.browser.picture(page, `certificate-refused-${code}`);
        assert.equal(await page.evaluate(() => document.activeElement?.id), 'certificate-error', 'the error has the focus');
        assert.match(await page.title(), /^Ошибка: /);
      }))),

  test('expired: whoever shows the expired and takes one reads that it is over', (world) =>
    onPage(world, {}, async (page) => {
      await state(page, 'choose');
      await page.check('#show-expired');
      await page.locator('#certificates label.ended').click();
      await page.click('#submit');
      await page.locator('#certificate-error[data-error=expired]').waitFor();
    })),

  ...[false, true].flatMap((handshake) =>
    test(`the CAdES plug-in signs where Toolbox is not there (${handshake ? 'as an extension' : 'as the page has it'})`, (world) =>
      onPage(world, { hasPatience: false, before: async (page, { toolbox }) => {
        await patient(page, true);
        await withPlugin(page, toolbox, handshake);
      } }, async (page) => {
        await state(page, 'choose');
        assert.match(await page.locator('#certificates label', { hasText: /^\s*Петров/ }).innerText(), /^Петров Пётр Ильич\nООО «Ромашка» · Генеральный директор\nИНН 9800002003 · до/);
        await sign(page, 'Чужой');
        await page.locator('#certificate-error[data-error=untrusted]').waitFor();
      }))),

  test('the chooser shows who owns each certificate, for whom and until when, and hides the expired', (world) =>
    onPage(world, {}, async (page) => {
      await assertState(world, page, 'choose');
      const cards = page.locator('#certificates label');
      assert.equal(await cards.count(), 6, 'a token’s certificate once, no service one, none without a key, none expired');
      const head = await cards.filter({ hasText: /^Петров/ }).innerText();
      assert.match(head, /^Петров Пётр Ильич\nООО «Ромашка» · Генеральный директор\nИНН 9800002003 · до \d\d\.\d\d\.\d{4}$/);
      assert.match(await cards.filter({ hasText: 'Кузнецов' }).innerText(), /Индивидуальный предприниматель\nИНН 980000200301 · до \d\d\.\d\d\.\d{4} · осталось (19|20) дней/);
      assert.match(await page.locator('#certificate-status').innerText(), /Найдено сертификатов: 6/);
      await page.check('#show-expired');
      assert.equal(await cards.count(), 7);
      assert.match(await cards.last().innerText(), /срок истёк 01\.01\.2025/);
      await world.browser.picture(page, 'certificate-choose-expired');
      await page.uncheck('#show-expired');
      assert.equal(await cards.count(), 6);
      // With the keyboard alone.
      await page.evaluate(() => document.activeElement?.blur());
      const first = await page.locator('#certificates input:checked').getAttribute('id');
      await tabTo(page, first);
      await page.keyboard.press('ArrowDown');
      const second = await page.locator('#certificates input:checked').getAttribute('id');
      assert.notEqual(second, first);
      await tabTo(page, 'submit');
    })),

  ...ANSWERS.flatMap(([mode, name, words]) =>
    test(`${mode}: the person reads what happened, and begins again`, (world) =>
      onPage(world, { mode }, async (page) => {
        await sign(page, 'Иванова');
        await assertState(world, page, name);
        assert.match(await page.locator(`#state-${name}`).innerText(), words);
        assert.equal(await page.evaluate(() => document.activeElement?.textContent), await page.locator(`#state-${name} h2`).textContent(), 'the heading has the focus');
        await page.click(`#again-${name}`);
        await state(page, 'choose');
        assert.match(await page.locator('#certificates label:has(:checked)').innerText(), /Иванова/, 'the choice is kept');
      }))),

  test('no-providers: there is no cryptographic provider', (world) =>
    onPage(world, { mode: 'no-providers' }, async (page) => {
      await assertState(world, page, 'no-provider');
      assert.equal(await page.locator('#state-no-provider a').count(), 2);
    })),

  test('no-certificates: there is none to choose', (world) =>
    onPage(world, { mode: 'no-certificates' }, (page) => assertState(world, page, 'no-certificates'))),

  test('while the person confirms, the code on the screen is the one in the text, and they can cancel', (world) =>
    onPage(world, { mode: 'hang' }, async (page) => {
      await choose(page, 'Иванова');
      const [asked] = await Promise.all([page.waitForResponse('**/login/certificate/challenge'), page.click('#submit')]);
      const { code, text } = await asked.json();
      await assertState(world, page, 'signing');
      assert.equal(await page.locator('#screen-code').innerText(), code);
      assert.match(Buffer.from(text, 'base64').toString(), new RegExp(`^Код на экране: ${code}$`, 'm'));
      await page.click('#cancel');
      await state(page, 'cancelled');
    })),

  ...['hang', 'wrong-id'].flatMap((mode) =>
    test(`${mode}: without an answer of its own the page gives up in the end`, (world) =>
      onPage(world, { mode, hasPatience: false, before: (page) => page.clock.install() }, async (page) => {
        await sign(page, 'Иванова');
        await state(page, 'signing');
        await page.clock.fastForward('06:00');
        await state(page, 'no-answer');
      }))),

  test('absent: nothing listens, the other ways stay, and «Обновить» asks again without losing the request', (world) =>
    onPage(world, { where: 'absent' }, async (page, { product }) => {
      await assertState(world, page, 'absent');
      const text = await page.locator('#state-absent').innerText();
      assert.match(text, /^Отсутствует соединение с Astral\.Toolbox\n/);
      assert.equal(await page.locator('#state-absent a').getAttribute('href'), 'https://toolbox.example.test/download');
      await page.locator('#method-password').waitFor();
      await page.click('#refresh');
      await state(page, 'absent');
      assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Отсутствует соединение с Astral.Toolbox');
      await page.click('#method-password');
      await page.locator('#login-form').waitFor();
      assert.ok(product.url);
    })),

  test('the browser would ask: the person is told before, and nothing is tried until they press', (world) =>
    onPage(world, { before: (page) => page.addInitScript(() => {
      navigator.permissions.query = async () => ({ state: 'prompt' });
      const Real = window.WebSocket;
      window.sockets = 0;
      window.WebSocket = class extends Real {
        constructor(address) {
          super(address);
          window.sockets += 1;
        }
      };
    }) }, async (page) => {
      await assertState(world, page, 'ask');
      assert.equal(await page.evaluate(() => window.sockets), 0);
      await page.click('#connect');
      await state(page, 'choose');
      assert.equal(await page.evaluate(() => window.sockets), 1);
    })),

  test('the browser refuses: the person reads how to allow it', (world) =>
    onPage(world, { before: (page) => page.addInitScript(() => {
      navigator.permissions.query = async () => ({ state: 'denied' });
    }) }, (page) => assertState(world, page, 'blocked'))),

  test('Chromium itself refuses a public page, and lets it through once the person has allowed it', async (world) => {
    const { there: { provider, product } } = await scene(world);
    const browser = await Browser.start(world.browser.shots, [`--ip-address-space-overrides=127.0.0.1:${new URL(provider.issuer).port}=public`]);
    try {
      await browser.visit(async (page) => {
        await patient(page);
        await toCertificate(page, { product });
        await state(page, 'ask');
        // Without a window there is nobody to ask: the answer is no.
        await page.click('#connect');
        await state(page, 'blocked');
        await letReach(page, provider);
        await page.click('#refresh-blocked');
        await state(page, 'choose');
      }, AGENTS);
    } finally {
      await browser.stop();
    }
  }),

  test('a browser that knows no such permission is tried at once', (world) =>
    onPage(world, { before: (page) => page.addInitScript(() => {
      navigator.permissions.query = async () => { throw new TypeError('unknown'); };
    }) }, (page) => state(page, 'choose'))),

  test('without scripts the page says so and offers the other ways', (world) =>
    onPage(world, { options: PHONE }, async (page) => {
      await page.locator('#no-script').waitFor();
      assert.equal(await page.locator('.step:visible').count(), 0);
      assert.deepEqual(await smallTargets(page), []);
      assert.deepEqual(await htmlFaults(await (await page.request.get(page.url())).text()), []);
      await world.browser.picture(page, 'certificate-no-script');
    })),

].flat();
