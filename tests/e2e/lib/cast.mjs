// Who appears on the screens: products by what they are like, providers by their settings.

import { failSignIn } from './ways.mjs';

const LONG_NAME = 'Электронный документооборот для торговых сетей и поставщиков';

/** Products; each is registered once per provider. */
export const PRODUCTS = {
  plain: { name: 'Чужой продукт', firstParty: false, scope: 'openid profile phone offline_access' },
  edo: { name: 'Астрал.ЭДО', more: ['--brand', 'astral-edo'] },
  etp: { name: '1С-ЭТП', more: ['--brand', '1c-etp'] },
  long: { name: LONG_NAME, firstParty: false, scope: 'openid profile email phone address offline_access' },
  forged: { name: 'Аstral.ЭДО', firstParty: false },
  pictured: { name: 'Продукт с логотипом', firstParty: false, hasLogo: true },
  front: { name: 'Продукт с фреймом', frontChannel: true },
  'needs-email': { name: 'Почтовый продукт', more: ['--required-claim', 'email'], scope: 'openid email' },
  'needs-phone': { name: 'Телефонный продукт', more: ['--required-claim', 'phone_number'], scope: 'openid phone' },
  organisations: {
    name: 'Отчётность организаций',
    more: ['--required-claim', 'organisation', '--scope', 'openid org'],
    scope: 'openid org',
  },
  exchanging: {
    name: 'Обмен с 1С',
    more: [
      ...['--grant-type', 'authorization_code', '--grant-type', 'token_exchange'],
      ...['--token-exchange-audience', 'https://stock.test'],
    ],
  },
  members: { name: 'Продукт без регистрации', more: ['--registration-method', 'none'] },
};

/**
 * Providers: `strict` counts early, `brief` forgets at once, `mute` cannot send, `noisy` asks for work, `slow` takes long over
 * a password and lets one wait, `pictured` may fetch logos, `broken` has lost a table, `republished` and
 * `amended` publish legal texts.
 */
export const SETTINGS = {
  strict: {
    KABINET__CONFIRMATION__TRIES: '1',
    KABINET__CONFIRMATION__RESEND: '0s',
    KABINET__CONFIRMATION__PER_HOUR: '2',
    KABINET__RECOVERY__PHONE_FRESH: '1s',
  },
  brief: { KABINET__TOKEN__SEAL: '1s' },
  mute: { KABINET__DELIVERY__OUTBOX: undefined },
  noisy: { KABINET__WORK__BITS: '12', KABINET__WORK__DELAY: '60s' },
  slow: { KABINET__HASHING__PERMITS: '1', KABINET__HASHING__QUEUE: '1', KABINET__HASHING__ITERATIONS: '100' },
  // Products keep their logos on loopback.
  pictured: { KABINET__OUTBOUND__ALLOW: '127.0.0.1' },
  broken: {},
  republished: {},
  amended: {},
};

/** What happens to a provider before anybody comes. */
export const BEFORE = {
  noisy: async (provider) => {
    for (let failures = 0; failures < 20; failures += 1) await failSignIn(provider);
  },
  broken: (provider) => provider.sql('ALTER TABLE confirmations RENAME TO lost'),
};
