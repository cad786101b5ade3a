// Two accounts of one person that become one.

import { follow, identify, signIn } from './person.mjs';
import { newEmail, PASSWORD } from './provider.mjs';
import { signedIn } from './ways.mjs';

const FORMER = `${PASSWORD}-прежний`;

/** A person's other account, by an address and with a password of its own, known to the product alone. */
async function otherAccount(at) {
  const person = { email: newEmail(), password: FORMER };
  await at.provider.json(['user', 'create', '--email', person.email, '--password-stdin'], `${FORMER}\n`);
  await at.elsewhere(async (page) => {
    await page.goto(`${at.product.url}/sign-in`);
    await signIn(page, person);
    await page.locator('#consent-form').waitFor();
    await follow(page, '#consent-form #allow');
    await page.locator('#claims').waitFor();
  });
  return person;
}

/** Proves the account that stays, up to the sign-in to the other one. */
export async function toOtherSignIn(at) {
  await at.page.goto(at.provider.url('/account/methods'));
  await signedIn(at);
  await follow(at.page, '#go-merge');
  await follow(at.page, '#merge-start #begin');
  await signIn(at.page, at.person);
  await at.page.locator('#login-form').waitFor();
}

/** Up to the page that says what will happen. */
export async function toMergePlan(at) {
  at.other = await otherAccount(at);
  await toOtherSignIn(at);
  await signIn(at.page, at.other);
  await at.page.locator('#merge-form #merge').waitFor();
}

export async function merged(at) {
  await toMergePlan(at);
  await follow(at.page, '#merge-form #merge');
  await at.page.locator('#merges').waitFor();
}

/** The former contact and password of the other account, after the merge. */
export async function signInAsBefore(at) {
  await merged(at);
  await at.page.goto(at.provider.url('/login', { another: '1' }));
  await identify(at.page, 'login-form', at.other);
  await follow(at.page, '#login-form #submit');
  await at.page.locator('#go-merged').waitFor();
}
