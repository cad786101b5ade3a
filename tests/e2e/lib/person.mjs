// What a person does on the provider's pages, by the ids that the pages promise.

import { strict as assert } from 'node:assert';

/** Clicks what leads to another page, and waits until that page is there. */
export async function follow(page, selector) {
  const arrived = page.waitForEvent('framenavigated', (frame) => frame === page.mainFrame());
  await Promise.all([arrived, page.click(selector)]);
  await page.waitForLoadState();
}

/** Fills a login or registration form; changes to the e-mail form first where needed. */
export async function identify(page, form, { phone, email, password }) {
  await page.locator(`#${form}`).waitFor();
  const field = phone ? 'phone' : 'email';
  if ((await page.locator(`#${form} #${field}`).count()) === 0) await page.click('#toggle-identifier');
  await page.locator(`#${form} #${field}`).fill(phone ?? email);
  await page.locator(`#${form} #password`).fill(password);
}

/** Signs in on the sign-in page. */
export async function signIn(page, person) {
  await identify(page, 'login-form', person);
  await follow(page, '#login-form #submit');
}

/** Signs in from the page of a relying party; the claims that it shows then, which are this person's. */
export async function signInAt(page, url, person, issuer) {
  await page.goto(url);
  await page.click('#sign-in');
  await signIn(page, person);
  const told = await claims(page);
  assert.deepEqual([told.iss, told.sub], [issuer, person.sub]);
  return told;
}

/** Registers on the registration page, up to the success page's link. */
export async function register(page, person, outbox) {
  const to = person.phone ?? person.email;
  const before = outbox.messages(to).length;
  await identify(page, 'register-form', person);
  await page.check('#register-form #pd-consent');
  await page.click('#register-form #submit');
  await page.locator('#code-form').waitFor();
  await page.locator('#code-form #code').fill(await outbox.code(to, before));
  await page.click('#code-form #submit');
  await page.locator('#continue').waitFor();
}

/** Asks for a recovery code and enters it, up to the page for the new password. */
export async function recover(page, person, outbox) {
  const to = person.phone ?? person.email;
  const before = outbox.messages(to).length;
  await page.locator('#recover-form').waitFor();
  const field = person.phone ? 'phone' : 'email';
  if ((await page.locator(`#recover-form #${field}`).count()) === 0) await page.click('#toggle-identifier');
  await page.locator(`#recover-form #${field}`).fill(to);
  await page.click('#recover-form #submit');
  await page.locator('#code-form').waitFor();
  await page.locator('#code-form #code').fill(await outbox.code(to, before));
  await page.click('#code-form #submit');
  await page.locator('#new-password-form').waitFor();
}

/** Says yes if the consent page stands on the way to the product. */
export async function consentIfAsked(page) {
  await page.locator('#consent-form, #claims, #refused').first().waitFor();
  if (await page.locator('#consent-form').count()) await follow(page, '#consent-form #allow');
}

/** Confirms the sign-out if the provider asks, and waits for the product's farewell. */
export async function confirmSignOut(page) {
  await page.locator('#logout-confirm, #bye').first().waitFor();
  if (await page.locator('#logout-confirm').count()) await page.click('#logout-confirm #submit');
  await page.locator('#bye').waitFor();
}

/** The JSON that a relying party shows in the element with this id. */
export async function json(page, id) {
  const text = await page.locator(`#${id}`).innerText();
  return JSON.parse(text);
}

/** The verified claims shown by a relying party; its refusal, if it shows one, is the error. */
export async function claims(page) {
  await page.locator('#claims, #refused').first().waitFor();
  if (await page.locator('#refused').count()) assert.fail(`the relying party refused: ${await page.locator('#refused').innerText()}`);
  return json(page, 'claims');
}

/** The error code that a relying party got from the provider. */
export async function refusal(page) {
  await page.locator('#claims, #refused').first().waitFor();
  return (await json(page, 'refused')).error;
}
