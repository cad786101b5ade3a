// How a person comes to a screen, from a product's sign-in page: the steps that `screens.mjs` is made of.
// `at` is what they work with: page, provider, product, and the person once there is one.

import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { follow, identify, recover, register, signIn } from './person.mjs';
import { until } from './process.mjs';
import { newEmail, newPhone, PASSWORD, WRONG_PASSWORD } from './provider.mjs';

export const newcomer = () => ({ phone: newPhone(), password: PASSWORD });
export const foreigner = () => ({ phone: '+86 138 0013 8000', password: PASSWORD });

/** Sends a form as it stands, without the browser's own checks. */
export async function send(page, form, button = 'submit') {
  await page.locator(`#${form}`).evaluate((element) => (element.noValidate = true));
  await follow(page, `#${form} #${button}`);
}

/** Presses a button that the page holds back: what the server says is what counts. */
export async function pressAnyway(page, selector) {
  const arrived = page.waitForEvent('framenavigated', (frame) => frame === page.mainFrame());
  const press = (button) => {
    button.disabled = false;
    button.click();
  };
  await Promise.all([arrived, page.locator(selector).evaluate(press)]);
  await page.waitForLoadState();
}

export async function toRegister({ page }) {
  await follow(page, '#go-register');
  await page.locator('#register-form').waitFor();
}

export async function toRecover({ page }) {
  await follow(page, '#go-recover');
  await page.locator('#recover-form').waitFor();
}

/** The code's page of a registration. */
export async function toConfirm(at, person = newcomer()) {
  at.person = person;
  await toRegister(at);
  await identify(at.page, 'register-form', person);
  await at.page.check('#register-form #pd-consent');
  await follow(at.page, '#register-form #submit');
  await at.page.locator('#code-form').waitFor();
}

export async function enterCode({ page }, code) {
  await page.locator('#code-form #code').fill(code);
  await follow(page, '#code-form #submit');
}

export const sentCode = (at) => at.provider.outbox.code(at.person.phone ?? at.person.email);

export async function enterWrongCode(at) {
  const code = await sentCode(at);
  await enterCode(at, code === '000000' ? '000001' : '000000');
}

/** The code's page of a recovery, of somebody who has an account or of nobody. */
export async function toRecoverCode(at, person = newcomer()) {
  at.person = person;
  await toRecover(at);
  await at.page.fill('#recover-form #phone', person.phone);
  await follow(at.page, '#recover-form #submit');
  await at.page.locator('#code-form').waitFor();
}

export async function toNewPassword(at) {
  at.person = await at.provider.person();
  await toRecover(at);
  await recover(at.page, at.person, at.provider.outbox);
}

/** A recovery by a phone that was not proven for long. */
export async function toSecondProof(at, person) {
  const made = Date.now();
  at.person = person ?? (await at.provider.person());
  await until(() => Date.now() > made + 2_100, 'the phone grows old');
  await toRecoverCode(at, at.person);
  await enterCode(at, await sentCode(at));
  await at.page.locator('#second-form').waitFor();
}

/** Signs somebody in on the way to the product. */
export async function signedIn(at, person) {
  at.person = person ?? (await at.provider.person());
  await signIn(at.page, at.person);
}

/** Signs this many people in to one browser. */
export async function signedInToAll(at, count) {
  for (let n = 0; n < count; n += 1) {
    await at.page.goto(at.provider.url('/login', { another: '1' }));
    await signedIn(at);
    await at.page.waitForURL(at.provider.url('/account'));
  }
}

export async function toConsent(at) {
  await signedIn(at);
  await at.page.locator('#consent-form').waitFor();
}

export async function toComplete(at, person) {
  await signedIn(at, person);
  await at.page.locator('#complete-form').waitFor();
}

/** A page of the cabinet, with a query on the way in. */
export const cabinet = (path, query = '') => async (at) => {
  const { page, provider } = at;
  await page.goto(`${provider.url(path)}?${query}`);
  await signedIn(at);
  await page.waitForURL(provider.url(path));
};

export async function toSignOut(at) {
  await toConsent(at);
  await at.page.goto(at.provider.url('/oauth2/logout'));
  await at.page.locator('#logout-confirm').waitFor();
}

/** A page of its own that says what is wrong. */
export async function errorAt({ page }, address) {
  await page.goto(address);
  await page.locator('#error').waitFor();
}

/** Posts a form of the page's own to where none is expected. */
export const postTo = (path, fields) => async ({ page, provider }) => {
  const form = { to: provider.url(path), fields };
  const arrived = page.waitForEvent('framenavigated');
  await page.evaluate(({ to, fields }) => {
    const form = Object.assign(document.createElement('form'), { method: 'post', action: to });
    for (const [name, value] of fields) form.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }));
    document.body.append(form);
    HTMLFormElement.prototype.submit.call(form);
  }, form);
  await arrived;
  await page.locator('#error').waitFor();
};

export const damaged = (address) => {
  const url = new URL(address);
  url.searchParams.set('flow', `${url.searchParams.get('flow').slice(0, -9)}AAAAAAAAA`);
  return url.href;
};

export const document = (kind, lang = 'ru') => ({ open: ({ page, provider }) => page.goto(provider.url(`/legal/${kind}`, { lang })) });
export const withQuery = (query) => ({ page, product }) => page.goto(`${product.url}/sign-in?${query}`);

export async function registerBadly(at, person, complaint) {
  await toRegister(at);
  await identify(at.page, 'register-form', person);
  await at.page.check('#register-form #pd-consent');
  await send(at.page, 'register-form');
  await at.page.locator(complaint).waitFor();
}

export async function confirmed(at, person) {
  at.person = person;
  await toRegister(at);
  await register(at.page, person, at.provider.outbox);
  // The page goes on by itself when scripts run, until the person touches anything.
  await at.page.keyboard.press('Shift');
}

export async function answeredByForm(at) {
  await withQuery('response_mode=form_post')(at);
  await signedIn(at);
  await at.page.locator('#form-post').waitFor();
}

/** Makes a legal text come into force in place of the one before. */
export async function publish(provider, kind) {
  provider.editions ??= new Map();
  provider.editions.set(kind, (provider.editions.get(kind) ?? 1) + 1);
  const version = String(provider.editions.get(kind));
  const file = join(provider.dir, `${kind}-${version}.txt`);
  writeFileSync(file, `## Редакция ${version}\n\nТекст редакции ${version}.\n`);
  const ru = kind === 'agreement' ? 'Пользовательское соглашение' : 'Согласие на обработку персональных данных';
  const en = kind === 'agreement' ? 'Terms of use' : 'Consent to the processing of personal data';
  await provider.cli(['document', 'publish', '--kind', kind, '--version', version, '--title-ru', ru, '--title-en', en, '--file', file]);
  return version;
}

/** Somebody who registered comes again after these texts were published anew. */
export async function askedAgain(at, kinds) {
  await confirmed(at, newcomer());
  for (const kind of kinds) await publish(at.provider, kind);
  const asked = at.page.locator('#new-documents li');
  await until(async () => {
    await withQuery('')(at);
    return (await asked.count()) === kinds.length;
  }, 'nobody is asked about the new texts');
}

/** The page that takes back the personal-data consent. */
export async function toWithdrawal(at) {
  await confirmed(at, newcomer());
  await at.page.goto(at.provider.url('/account/consents/pd-consent'));
  await at.page.locator('#withdraw-form').waitFor();
}

/** Whoever has just taken it back is signed out everywhere. */
export async function withdrawn(at) {
  await toWithdrawal(at);
  await follow(at.page, '#withdraw-form #submit');
  await at.page.locator('#signed-out').waitFor();
}

/** Somebody who acts for two organisations that an administrator entered. */
export async function organised({ provider }) {
  const person = await provider.person();
  const add = (...words) => provider.cli(['user', 'organisation', 'add', person.sub, ...words]);
  await add('--inn', '7736207543', '--kpp', '773601001', '--name', 'ООО «Ромашка»');
  await add('--inn', '500100732259', '--name', 'ИП Соколова Мария Андреевна');
  return person;
}

export async function toCompleteOrganisation(at) {
  await toComplete(at, await organised(at));
  await at.page.locator('#organisations').waitFor();
}

/** One failed sign-in, without a browser. */
export async function failSignIn(provider) {
  const shown = await fetch(provider.url('/login', { by: 'email' }));
  const cookie = shown.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');
  const html = await shown.text();
  const value = (name) => html.match(new RegExp(`name="${name}" value="([^"]*)"`))?.[1] ?? '';
  const body = new URLSearchParams({
    'form-token': value('form-token'), flow: value('flow'), email: newEmail(), password: WRONG_PASSWORD,
  });
  const answer = await fetch(provider.url('/login'), { method: 'POST', headers: { cookie }, body, redirect: 'manual' });
  assert.equal(answer.status, 422);
}

/** Keeps the one that may hash and the one that may wait busy for a moment, with a pair of nobody's. */
export async function holdHashing({ page, provider }) {
  const hidden = page.locator('#login-form input[type=hidden]').evaluateAll((fields) => fields.map(({ name, value }) => [name, value]));
  const form = { ...Object.fromEntries(await hidden), ...newcomer(), password: WRONG_PASSWORD };
  for (let n = 0; n < 2; n += 1) page.request.post(provider.url('/login'), { form }).catch(() => {});
}
