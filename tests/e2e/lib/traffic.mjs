// What a visit sent over the network, read from its HAR: nobody but the provider and relying parties was
// asked anything, a page loaded its parts from its own origin alone, and no address told a secret.
//
// A secret is whatever the visit itself typed or was given: every field of that kind in a posted form,
// every cookie, and anything that looks like a token. What the protocol puts into addresses is listed in
// `ALLOWED` with its reason; there is no other exception.

import { readFileSync } from 'node:fs';

/**
 * The provider is on localhost, relying parties are on 127.0.0.1: two sites, as in production. An application that is on
 * the provider's site is named by its visit.
 */
const PROVIDER = 'localhost';
const OWN_HOSTS = new Set([PROVIDER, '127.0.0.1']);

const SECRET_FIELDS = new Set(['password', 'new-password', 'current-password', 'code', 'form-token', 'phone', 'email', 'totp']);

const ALLOWED = [
  // RFC 6749 §4.1.2, RFC 9207 §2: the answer to the relying party, at its own redirect URI only.
  { on: (url, application) => url.hostname !== PROVIDER || url.origin === application, names: ['code', 'state', 'iss', 'session_state', 'error', 'error_description'] },
  // The same, of another provider that kabinet is the relying party of.
  { on: (url) => /^\/login\/[\w-]+\/callback$/.test(url.pathname), names: ['code', 'state', 'iss', 'error', 'error_description'] },
  // OpenID Connect RP-Initiated Logout 1.0 §2: the relying party sends the ID token that it holds.
  { on: (url) => url.pathname === '/oauth2/logout', names: ['id_token_hint'] },
  // OpenID Connect Core 1.0 §3.1.2.1: the relying party says who is likely to sign in; kabinet never does.
  { on: (url) => url.pathname === '/oauth2/authorize' || url.hostname !== PROVIDER, names: ['login_hint'] },
  // RFC 8628 §3.3.1: the picture that a device shows holds it; the page takes it out of the address at once.
  { on: (url) => url.pathname === '/code', names: ['user_code'] },
];

const TOKEN = /\bkbn_[a-z]{2,3}_[\w-]{16}|\beyJ[\w-]{10,}\.eyJ/;
// Digits in the middle of something longer, such as an id or a seal, are no phone.
const CONTACT = /(?<!\w)\+?[78]9\d{9}(?!\w)|[\w.+-]+@[\w-]+\.[a-z]/i;

/** The faults of the traffic in a HAR file, as lines; empty is good. */
export function trafficFaults(file, application) {
  const { entries } = JSON.parse(readFileSync(file, 'utf8')).log;
  const secrets = secretsOf(entries);
  return [...new Set(entries.flatMap((entry) => [...strangers(entry), ...told(entry, secrets, application)]))];
}

function strangers({ request }) {
  const url = new URL(request.url);
  const faults = [];
  if (/^(https?|wss?):$/.test(url.protocol) && !OWN_HOSTS.has(url.hostname)) faults.push(`a request left for ${url.href}`);
  const referer = header(request, 'referer');
  // Pages say `no-referrer`: not even the origin travels.
  if (referer.startsWith(`http://${PROVIDER}`)) faults.push(`${url.origin} was told the address ${referer}`);
  return faults;
}

function told({ request, response }, secrets, application) {
  const addresses = [request.url, response.redirectURL && new URL(response.redirectURL, request.url).href];
  const found = (address) => secretsIn(new URL(address), secrets, application).map((what) => `${what} in ${address}`);
  return addresses.filter(Boolean).flatMap(found);
}

function secretsIn(url, secrets, application) {
  const allowed = new Set(ALLOWED.filter(({ on }) => on(url, application)).flatMap(({ names }) => names));
  const values = [...url.searchParams, ...new URLSearchParams(url.hash.slice(1))].filter(([name]) => !allowed.has(name));
  const texts = [decodeURIComponent(url.pathname), url.username, url.password, ...values.map(([, value]) => value)];
  return texts.flatMap((text) => {
    const plain = text.replace(/[\s()-]/g, '');
    const found = [...secrets].filter(([secret]) => names(text, secret)).map(([, what]) => what);
    if (TOKEN.test(text)) found.push('a token');
    if (CONTACT.test(plain)) found.push('a phone or an e-mail address');
    return found;
  });
}

/** Whether a text holds a secret; digits only where they are not part of something longer, such as a seal. */
function names(text, secret) {
  if (!/^\d{4,15}$/.test(secret)) return text.includes(secret);
  return new RegExp(`(?<![\\w-])${secret}(?![\\w-])`).test(text);
}

function secretsOf(entries) {
  const secrets = new Map();
  for (const { request, response } of entries) {
    if (new URL(request.url).hostname !== PROVIDER) continue;
    for (const { name, value } of fieldsOf(request)) {
      if (SECRET_FIELDS.has(name) && value.length >= 4) secrets.set(value, `the field ${name}`);
    }
    for (const { name, value } of response.cookies) {
      if (value.length >= 16) secrets.set(value, `the cookie ${name}`);
    }
  }
  return secrets;
}

function fieldsOf({ postData }) {
  if (!postData) return [];
  if (postData.params?.length) return postData.params.map(({ name, value }) => ({ name, value: value ?? '' }));
  return [...new URLSearchParams(postData.text ?? '')].map(([name, value]) => ({ name, value }));
}

function header({ headers }, wanted) {
  return headers.find(({ name }) => name.toLowerCase() === wanted)?.value ?? '';
}
