// The pictures of docs/pictures, and their index:
//
//   node tests/e2e/pictures.mjs --binary PATH --out DIR
//
// starts the built provider on an empty SQLite, leads a person to the screens below and takes each on a phone
// and on a desktop, light and dark. What differs from run to run (ids, dates, seconds, ports) is written over,
// so that a picture changes when the page does. `cargo xtask pictures` runs it with everything it needs.

import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Browser } from './lib/browser.mjs';
import { Provider } from './lib/provider.mjs';
import { Stage } from './lib/stage.mjs';

/** What an index of pictures says of each screen. */
const SHOWN = {
  'sign-in': 'Sign-in, in the brand of a product',
  'sign-in-etp': 'Sign-in, in the brand of another',
  'sign-in-wrong': 'A wrong pair: one sentence, the phone is kept',
  'sign-in-logo': 'Sign-in, with the logo of the product',
  register: 'Registration',
  'register-missing': 'Errors at the fields and in a summary',
  'confirm-typed': 'Confirmation code, on the way to be typed',
  'confirm-wrong': 'A wrong code, with the tries that are left',
  confirmed: 'The phone is confirmed, and where it goes on',
  'new-password': 'A new password after «Забыли пароль?»',
  'complete-email': 'What a product cannot do without is asked for once',
  'complete-documents': 'Legal texts that changed: what was read before is at hand',
  'complete-organisation-choice': 'For whom a person acts in a product',
  'consent-long-name': 'Consent, for a third-party product with a long name',
  'consent-logo': 'Consent, with the logo of the product',
  'choose-two': 'Several accounts in one browser, each of which can be left',
  'error-unknown-client': 'An error of its own page, with its id',
  account: 'The account',
  'account-sessions': 'Sessions',
  'account-organisations': 'Organisations, and who vouches for them',
  'consent-withdrawal': 'What follows when a consent is taken back',
};

const MOST_BYTES = 6_000_000;

/** Writes over what no two runs share. */
function settle() {
  const put = (selector, text) => document.querySelectorAll(selector).forEach((element) => (element.textContent = text));
  const id = document.querySelector('#request-id')?.textContent;
  for (const text of id ? document.querySelectorAll('#error p, #request-id') : []) text.textContent = text.textContent.replace(id, 'q3Jx0cVtYH5kW9aB');
  if (document.activeElement.matches('a, button')) document.activeElement.blur();
  put('#sub', '0b9f7c1e-5d2a-4c3b-9e8f-6a1d2c3b4e5f');
  put('#redirect-host', 'product.example.ru');
  put('time[data-only=day]', '26 ноября 2026');
  put('time span:first-child', '26 ноября 2026');
  put('time span:last-child', '12:00');
  const resend = document.querySelector('#resend');
  // A copy, which no timer knows.
  if (resend) resend.replaceWith(Object.assign(resend.cloneNode(), { textContent: resend.textContent.replace(/\d+/, '58') }));
}

function index(out) {
  const picture = (name, view) => ['light', 'dark'].map((scheme) => `<img src="${name}-${view}-${scheme}.png" alt="" width="${view === 'phone' ? 150 : 380}">`).join(' ');
  const rows = Object.entries(SHOWN).map(([name, text]) => `## ${text}\n\n${picture(name, 'desktop')} ${picture(name, 'phone')}\n`);
  const head = '# Pictures\n\nThe pages as they are, light and dark, on a desktop of 1280 px and a phone of 390 px.\nMade by `cargo xtask pictures`; this file too.\n';
  writeFileSync(join(out, 'README.md'), [head, ...rows].join('\n'));
}

async function take(world) {
  for (const name of Object.keys(SHOWN)) {
    await world.stage.visit(name, { viewport: { width: 1280, height: 900 } }, async (page) => {
      await page.evaluate(settle);
      await world.browser.picture(page, name);
    });
    console.log(name);
  }
}

const { values } = parseArgs({ options: { binary: { type: 'string' }, out: { type: 'string' } } });
const out = resolve(values.out);
mkdirSync(out, { recursive: true });
for (const file of readdirSync(out)) if (file.endsWith('.png')) rmSync(join(out, file));
const world = { binary: resolve(values.binary) };
try {
  world.browser = await Browser.start(out);
  world.provider = await Provider.start(world.binary, 'kabinet-pictures');
  world.stage = new Stage(world);
  await take(world);
} finally {
  await world.stage?.stop();
  await world.browser?.stop();
  await world.provider?.stop();
}
index(out);
const bytes = readdirSync(out).reduce((sum, file) => sum + statSync(join(out, file)).size, 0);
console.log(`${bytes} bytes in ${out}`);
process.exit(bytes <= MOST_BYTES ? 0 : 1);
