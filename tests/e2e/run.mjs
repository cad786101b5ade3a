// The browser part of the test suite:
//
//   node tests/e2e/run.mjs --binary PATH --demo PATH --esia PATH [--only NAME] [--shots DIR]
//
// starts the built provider on an empty SQLite, relying parties that nobody here wrote, node oidc-provider
// to compare with, and Chromium. --only takes the name of a suite or a part of a test's name; --shots keeps
// pictures of every page. E2E_PYTHON, E2E_CHROMIUM, E2E_APACHE, E2E_APACHE_MODULES and E2E_GO_OIDC name other
// places of those programs, KABINET_TEST_LOGS a directory for the servers' logs. The end is `N passed, N failed`
// and a line or two for each that failed; the exit code is 0 only when nothing failed and nothing was left out.

import { strict as assert } from 'node:assert';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Browser } from './lib/browser.mjs';
import { Provider } from './lib/provider.mjs';
import { Report } from './lib/report.mjs';
import { Stage } from './lib/stage.mjs';

const LANES = 4;

// The longest come first, so that the lanes end at about the same time.
const SUITES = {
  pages: './journeys/pages.mjs',
  flow: './journeys/flow.mjs',
  certificate: './journeys/certificate.mjs',
  upstreams: './journeys/upstreams.mjs',
  telegram: './journeys/telegram.mjs',
  'field-rules': './journeys/field-rules.mjs',
  'phone-field': './journeys/phone-field.mjs',
  registration: './journeys/registration.mjs',
  jupyterhub: './parties/jupyterhub/party.mjs',
  'openid-client': './parties/openid-client/party.mjs',
  authlib: './parties/authlib/party.mjs',
  social: './parties/social/party.mjs',
  apache: './parties/apache/party.mjs',
  'oidc-client-ts': './parties/oidc-client-ts/party.mjs',
  '1c': './parties/1c/party.mjs',
  'express-openid-connect': './parties/express-openid-connect/party.mjs',
  'auth-js': './parties/auth-js/party.mjs',
  'go-oidc': './parties/go-oidc/party.mjs',
  esia: './parties/esia/party.mjs',
  differential: './differential/party.mjs',
  'sign-in': './journeys/sign-in.mjs',
  sessions: './journeys/sessions.mjs',
  consent: './journeys/consent.mjs',
  recovery: './journeys/recovery.mjs',
  complete: './journeys/complete.mjs',
  terms: './journeys/terms.mjs',
  'sign-out': './journeys/sign-out.mjs',
  'session-management': './journeys/session-management.mjs',
  account: './journeys/account.mjs',
  device: './journeys/device.mjs',
  invitation: './journeys/invitation.mjs',
  work: './journeys/work.mjs',
  tabs: './journeys/tabs.mjs',
  demo: './journeys/demo.mjs',
};

const NO_ERRORS = {
  name: 'the provider logged no error of its own while all this went on',
  body: async ({ faultless }) => assert.deepEqual(faultless.flatMap((provider) => provider.loggedErrors()), []),
};

const { values } = parseArgs({
  options: {
    binary: { type: 'string' },
    demo: { type: 'string' },
    esia: { type: 'string' },
    only: { type: 'string' },
    shots: { type: 'string' },
  },
});
const report = new Report(values.only, Object.keys(SUITES));
const path = (name) => values[name] && resolve(values[name]);
// `faultless` are the providers that must not log an error of their own.
const world = { binary: path('binary'), demo: path('demo'), esia: path('esia'), faultless: [] };

/** Takes tests from the list until none is left; every test has its own person and browser profile. */
async function runLane(tests) {
  for (let next = tests.shift(); next; next = tests.shift()) await report.runTest(next.suite, next, world);
}

try {
  const chosen = [];
  for (const [name, file] of Object.entries(SUITES)) {
    const tests = report.wanted(name, (await import(file)).default);
    chosen.push(...tests.map((test) => ({ suite: name, ...test })));
  }
  world.browser = await Browser.start(path('shots'));
  if (chosen.some(({ suite }) => !['demo', 'esia'].includes(suite))) {
    if (!world.binary) throw new Error('--binary PATH is missing');
    world.provider = await Provider.start(world.binary);
    world.faultless.push(world.provider);
    world.stage = new Stage(world);
  }
  await Promise.all(Array.from({ length: LANES }, () => runLane(chosen)));
  if (world.provider) await report.runTest('log', NO_ERRORS, world);
} catch (error) {
  report.failure('the run itself', error);
}
await world.stage?.stop().catch(() => {});
await world.browser?.stop().catch(() => {});
await world.provider?.stop().catch(() => {});
process.exit(report.close() ? 0 : 1);
