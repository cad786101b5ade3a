// «У меня есть код»: a device that waits, and the screens on the way. Part of `screens.mjs`.

import { strict as assert } from 'node:assert';
import { follow } from './person.mjs';
import { cabinet } from './ways.mjs';

/** A device client of the provider that asks for a person: what it is told (RFC 8628 §3.2). */
export async function newDevice(provider, scope = 'openid profile offline_access') {
  const { client_id } = await provider.json(['client', 'create', 'Терминал', '--profile', 'device']);
  const answer = await fetch(provider.url('/oauth2/device_authorization'), {
    method: 'POST',
    body: new URLSearchParams({ client_id, scope }),
  });
  assert.equal(answer.status, 200);
  const poll = async (device_code) => {
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code';
    const token = await fetch(provider.url('/oauth2/token'), { method: 'POST', body: new URLSearchParams({ grant_type, device_code, client_id }) });
    return token.json();
  };
  const codes = await answer.json();
  return { ...codes, poll: () => poll(codes.device_code) };
}

export async function enterUserCode(at, code) {
  await cabinet('/account')(at);
  await at.page.goto(at.provider.url('/code'));
  await at.page.fill('#code-form #code', code);
  await follow(at.page, '#code-form #submit');
}

export async function toDevice(at) {
  at.device = await newDevice(at.provider);
  await enterUserCode(at, at.device.user_code.toLowerCase());
  await at.page.locator('#consent-form').waitFor();
}

const said = (word) => async (at) => {
  await toDevice(at);
  await follow(at.page, `#consent-form #${word}`);
  await at.page.locator('#continue').waitFor();
};

export const DEVICES = {
  'user-code': { open: (at) => at.page.goto(at.provider.url('/code')), button: 'submit' },
  'user-code-compare': { open: (at) => at.page.goto(at.provider.url('/code', { user_code: 'BCDF-GHJK' })), button: 'submit' },
  'user-code-unknown': { open: (at) => enterUserCode(at, 'ZZZZ-ZZZZ'), button: 'submit' },
  device: { open: toDevice, button: 'deny' },
  'device-allowed': { open: said('allow'), button: 'continue' },
  'device-refused': { open: said('deny'), button: 'continue' },
};
