// The rules for fields and pages of ecosystem.md §4.2, row by row; each test begins with its row.
//
// | row                | here                                                          | elsewhere                    |
// |--------------------|---------------------------------------------------------------|------------------------------|
// | phone field        | type, inputmode, autocomplete, label                          | phone-field.mjs              |
// | e-mail field       | type, inputmode, autocomplete, spellcheck, autocapitalize     |                              |
// | password           | autocomplete, passwordrules, show, paste, Caps Lock, user name|                              |
// | code field         | one field, one-time-code, paste, WebOTP                       | identity: the SMS's last line|
// | resend             | seconds that count, survive a reload, are the server's        | identity: the ladder         |
// | passkey            | not built                                                     |                              |
// | errors             | at the field, in a summary with focus, one neutral text       | sign-in.mjs; errors.md       |
// | expired request    | a sentence and a way on                                       | pages.mjs (error-expired)    |
// | buttons            | enabled, sent once, busy announced                            |                              |
// | no JS              | every form and link                                           | all of pages.mjs, bothWays   |
// | dark, contrast     |                                                               | pages.mjs; brand.rs          |
// | mobile             | 16 px in fields                                               | pages.mjs (360 px, 44 px)    |
// | language           |                                                               | sign-in.mjs                  |
// | WCAG 2.2 hot spots | identifier carried over, code life shown                      | pages.mjs                    |
// | embedding          |                                                               | pages.mjs; guards/headers.rs |
// | titles             | step and product; back never sends again                      | flow.mjs                     |

//
// One deviation: the sign-in field has `type="text"` with the `inputmode` of phones or addresses, not the type of its
// own. HTML §4.10.18.7.1 has user names in text fields only, and pa11y (H98) and html-validate both hold it to that.

import { strict as assert } from 'node:assert';
import { follow, identify, signIn } from '../lib/person.mjs';
import { newPhone, PASSWORD, WRONG_PASSWORD } from '../lib/provider.mjs';
import { bothWays, test } from '../lib/report.mjs';
import { pressAnyway } from '../lib/ways.mjs';

const on = (world, screen, options, body) => world.stage.visit(screen, options, body);

async function assertAttributes(field, wanted) {
  for (const [name, value] of Object.entries(wanted)) assert.equal(await field.getAttribute(name), value, name);
}

const requests = (page, method) => {
  const seen = [];
  page.on('request', (request) => request.method() === method && seen.push(request.url()));
  return seen;
};

/** The seconds on the button, 0 when it may be pressed. */
const secondsLeft = async (page) => Number(/\d+/.exec(await page.locator('#resend').innerText())?.[0] ?? 0);

export default [
  bothWays('phone field: the keyboard of a phone, the user name of password managers, a label of its own', (world, options) =>
    on(world, 'sign-in', options, async (page) => {
      await assertAttributes(page.locator('#phone'), { type: 'text', inputmode: 'tel', autocomplete: 'username webauthn' });
      assert.equal(await page.locator('label[for=phone]').innerText(), 'Телефон *');
      await follow(page, '#go-register');
      await assertAttributes(page.locator('#phone'), { type: 'tel', inputmode: 'tel', autocomplete: 'tel' });
    })),

  bothWays('e-mail field: the keyboard for addresses, no corrections', (world, options) =>
    on(world, 'sign-in-email', options, (page) =>
      assertAttributes(page.locator('#email'), {
        type: 'text',
        inputmode: 'email',
        autocomplete: 'username webauthn',
        spellcheck: 'false',
        autocapitalize: 'off',
      }))),

  bothWays('password: the current one at sign-in, a new one with its rules at registration', (world, options) =>
    on(world, 'sign-in', options, async (page) => {
      await assertAttributes(page.locator('#password'), { type: 'password', autocomplete: 'current-password' });
      await follow(page, '#go-register');
      await assertAttributes(page.locator('#password'), { type: 'password', autocomplete: 'new-password', passwordrules: 'minlength: 10; maxlength: 256;' });
    })),

  test('password: a button shows it, says so, and hides it again before it is sent', (world) =>
    on(world, 'sign-in', {}, async (page) => {
      const eye = page.locator('button[data-reveal=password]');
      const field = page.locator('#password');
      assert.equal(await eye.getAttribute('aria-pressed'), 'false');
      await field.fill(WRONG_PASSWORD);
      await eye.click();
      assert.deepEqual([await eye.getAttribute('aria-pressed'), await field.getAttribute('type')], ['true', 'text']);
      assert.equal(await eye.getAttribute('aria-label'), 'Показать пароль');
      await page.locator('#login-form').evaluate((form) => form.addEventListener('submit', (event) => event.preventDefault()));
      await page.click('#submit');
      assert.deepEqual([await eye.getAttribute('aria-pressed'), await field.getAttribute('type')], ['false', 'password']);
    })),

  test('password: pasting works, and Caps Lock is told', (world) =>
    on(world, 'sign-in', {}, async (page) => {
      const field = page.locator('#password');
      await field.focus();
      await page.evaluate((text) => document.execCommand('insertText', false, text), PASSWORD);
      assert.equal(await field.inputValue(), PASSWORD);
      const hint = page.locator('#password-caps');
      const key = (modifierCapsLock) => field.dispatchEvent('keyup', { key: 'A', modifierCapsLock });
      assert.equal(await hint.isVisible(), false);
      await key(true);
      assert.equal(await hint.innerText(), 'Включён Caps Lock.');
      await key(false);
      assert.equal(await hint.isVisible(), false);
    })),

  test('password: managers learn at registration whose it is', (world) =>
    on(world, 'register', {}, async (page) => {
      await identify(page, 'register-form', { phone: '+7 (916) 123-45-67', password: PASSWORD });
      assert.equal(await page.locator('#register-form [autocomplete=username]').inputValue(), '+7 (916) 123-45-67');
    })),

  bothWays('code field: one field for digits that the phone fills from the message', (world, options) =>
    on(world, 'confirm', options, async (page) => {
      assert.equal(await page.locator('#code-form input:not([type=hidden])').count(), 1);
      await assertAttributes(page.locator('#code'), { type: 'text', inputmode: 'numeric', autocomplete: 'one-time-code' });
      assert.match(await page.locator('#code-hint').innerText(), /Код действует 5 минут/);
    })),

  test('code field: a pasted message leaves its digits', (world) =>
    on(world, 'confirm', {}, async (page) => {
      const field = page.locator('#code');
      await field.evaluate((input) => {
        const clipboardData = new DataTransfer();
        clipboardData.setData('text', 'Код 482-103 для входа. Никому его не сообщайте.');
        input.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
      });
      assert.equal(await field.inputValue(), '482103');
    })),

  test('code field: a browser that reads the SMS fills it, and the person still presses the button', (world) =>
    on(world, 'confirm', {}, async (page) => {
      await page.addInitScript(() => {
        window.OTPCredential = class {};
        navigator.credentials.get = async ({ otp, signal }) => {
          window.asked = { otp, signal };
          return { code: '482103' };
        };
      });
      const posts = requests(page, 'POST');
      await page.reload();
      assert.equal(await page.locator('#code').inputValue(), '482103');
      assert.deepEqual(await page.evaluate(() => window.asked.otp.transport), ['sms']);
      assert.equal(await page.evaluate(() => document.activeElement.id), 'submit');
      assert.deepEqual(posts, [], 'nothing is sent by itself');
    })),

  test('resend: the seconds count down, survive a reload, and the button opens when they are over', (world) =>
    on(world, 'confirm', {}, async (page) => {
      const before = await secondsLeft(page);
      assert.ok(before > 30 && before <= 60, `${before} s`);
      assert.ok(await page.locator('#resend').isDisabled());
      await page.clock.install();
      await page.reload();
      const after = await secondsLeft(page);
      assert.ok(after > 0 && after <= before, `${after} s after ${before} s`);
      await page.clock.fastForward(after * 1000);
      await page.locator('#resend:enabled').waitFor();
      assert.equal(await page.locator('#resend').innerText(), 'Отправить повторно');
      assert.equal(await page.locator('#resend-status').innerText(), 'Отправить повторно', 'and it is announced');
    })),

  bothWays('resend: the seconds are the server’s, whatever the page thinks', (world, options) =>
    on(world, 'confirm', options, async (page) => {
      const [shown] = (await page.locator('main').innerText()).match(/\+7 \(\d{3}\) \d{3}-\d\d-\d\d/);
      const phone = `+${shown.replace(/\D/g, '')}`;
      await world.provider.outbox.code(phone);
      await pressAnyway(page, '#resend');
      assert.equal(await page.locator('#error').getAttribute('data-error'), 'code-wait');
      assert.ok((await secondsLeft(page)) > 0 && (await page.locator('#resend').isDisabled()));
      assert.equal(world.provider.outbox.messages(phone).length, 1);
    })),

  bothWays('errors: beside the field, in a summary that has the focus and leads to it', (world, options) =>
    on(world, 'register-missing', options, async (page) => {
      for (const name of ['phone', 'password', 'pd-consent']) {
        const field = page.locator(`#${name}`);
        assert.equal(await field.getAttribute('aria-invalid'), 'true');
        const described = (await field.getAttribute('aria-describedby')).split(' ');
        assert.ok(described.includes(`${name}-error`) && (await page.locator(`#${name}-error`).innerText()));
      }
      assert.equal(await page.locator('#error').getAttribute('role'), 'alert');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'error');
      await page.click('#error a[href="#password"]');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'password');
      assert.match(await page.title(), /^Ошибка: /);
    })),

  bothWays('errors: a wrong pair is one sentence that names no field', (world, options) =>
    on(world, 'sign-in-wrong', options, async (page) => {
      const summary = await page.locator('#error').innerText();
      assert.match(summary, /Неверный телефон \(email\) или пароль/);
      assert.equal(await page.locator('[aria-invalid=true]').count(), 0);
      assert.equal(await page.locator('.err').count(), 0);
    })),

  bothWays('expired request: a sentence and a way on', (world, options) =>
    on(world, 'error-expired', options, async (page) => {
      assert.match(await page.locator('#error').innerText(), /Время входа истекло/);
      assert.ok(await page.locator('#back').getAttribute('href'));
      assert.ok((await page.locator('#request-id').innerText()).length > 8);
    })),

  test('buttons: a second press sends nothing, and that it is busy is announced', (world) =>
    on(world, 'sign-in', {}, async (page) => {
      const { phone } = await world.provider.person();
      await identify(page, 'login-form', { phone, password: PASSWORD });
      let go;
      const held = new Promise((resolve) => (go = resolve));
      await page.route('**/login', async (route) => {
        await held;
        await route.continue();
      });
      const posts = requests(page, 'POST');
      // Both presses in one task: the second would be a second POST.
      const seen = await page.evaluate(() => {
        const button = document.getElementById('submit');
        button.click();
        button.click();
        return { busy: button.ariaBusy, disabled: button.disabled, said: document.getElementById('busy').textContent };
      });
      assert.deepEqual(seen, { busy: 'true', disabled: false, said: 'Подождите…' });
      go();
      await page.locator('#claims').waitFor();
      assert.equal(posts.length, 1);
    })),

  bothWays('mobile: text in fields is 16 px or more, so that phones do not zoom', (world, options) =>
    on(world, 'sign-in', options, async (page) => {
      const sizes = await page.locator('input:not([type=hidden], [type=checkbox])').evaluateAll((fields) => fields.map((field) => parseFloat(getComputedStyle(field).fontSize)));
      assert.ok(sizes.length > 1 && sizes.every((size) => size >= 16), String(sizes));
    })),

  bothWays('redundant entry: what was typed once is carried on, but never the password', (world, options) =>
    on(world, 'sign-in-wrong', options, async (page) => {
      const typed = await page.locator('#phone').inputValue();
      assert.ok(typed.replace(/\D/g, '').length === 11);
      assert.equal(await page.locator('#password').inputValue(), '');
    })),

  bothWays('titles: the step and the product', (world, options) =>
    on(world, 'sign-in', options, async (page) => {
      assert.equal(await page.title(), 'Вход в Астрал.ЭДО');
      await follow(page, '#go-register');
      assert.equal(await page.title(), 'Регистрация · Астрал.ЭДО');
    })),

  bothWays('titles: going back past a refused password sends it to nobody', (world, options) =>
    on(world, 'sign-in', options, async (page) => {
      await signIn(page, { phone: newPhone(), password: WRONG_PASSWORD });
      await page.locator('#error').waitFor();
      await page.goto(world.provider.url('/legal/agreement'));
      // Chromium looks for the refused answer in its cache, finds none, and asks before it would send the form again.
      const answered = [];
      page.on('response', (response) => response.request().method() === 'POST' && answered.push(response.url()));
      await page.goBack().catch((error) => assert.match(error.message, /ERR_CACHE_MISS/));
      assert.deepEqual(answered, []);
    })),
].flat();
