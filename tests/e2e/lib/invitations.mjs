// Invitations: who is invited, and the screens on the way. Part of `screens.mjs`.

import { follow, signIn } from './person.mjs';
import { newPhone, PASSWORD } from './provider.mjs';

/** Invites a phone into an organisation, as an administrator does; the id and the code that came. */
export async function invite(provider, phone, more = []) {
  const before = provider.outbox.messages(phone).length;
  const organisation = ['--organisation', 'ООО «Ромашка и партнёры»', '--inn', '7707083893', '--kpp', '773601001'];
  const { id } = await provider.json(['invitation', 'create', '--phone', phone, ...organisation, ...more]);
  return { id, code: await provider.outbox.code(phone, before) };
}

/** Enters a code and where it came. */
export async function enterInvitation({ page, provider }, code, phone) {
  await page.goto(provider.url('/code'));
  await page.fill('#code-form #code', code);
  await follow(page, '#code-form #submit');
  await page.fill('#code-form #contact', phone);
  await follow(page, '#code-form #submit');
}

async function toContact({ page, provider }) {
  await page.goto(provider.url('/code'));
  await page.fill('#code-form #code', '1234 5678');
  await follow(page, '#code-form #submit');
  await page.locator('#contact').waitFor();
}

async function toInvitation(at) {
  const phone = newPhone();
  const { code } = await invite(at.provider, phone);
  await enterInvitation(at, code, phone);
  await at.page.locator('#register-form').waitFor();
}

async function toJoin(at) {
  const person = await at.provider.person();
  const { code } = await invite(at.provider, person.phone);
  await enterInvitation(at, code, person.phone);
  await follow(at.page, '#go-login');
  await signIn(at.page, person);
  await at.page.locator('#invitation-form').waitFor();
}

export async function acceptInvitation(page) {
  await page.fill('#password', PASSWORD);
  await page.check('#pd-consent');
  await follow(page, '#register-form #submit');
  await page.locator('#continue').waitFor();
}

export const INVITATIONS = {
  'invitation-contact': { open: toContact, button: 'submit' },
  'invitation-wrong': { open: (at) => enterInvitation(at, '00000000', newPhone()), button: 'submit' },
  invitation: { open: toInvitation, button: 'submit' },
  'invitation-join': { open: toJoin, button: 'accept' },
};
