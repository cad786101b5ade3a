// The screens between the proof and the product, and what the cabinet shows of them: legal texts, data that
// a product cannot do without, organisations, consent, the choice of an account. Part of `screens.mjs`.

import { follow } from './person.mjs';
import { newEmail } from './provider.mjs';
import {
  answeredByForm,
  askedAgain,
  cabinet,
  confirmed,
  enterCode,
  newcomer,
  organised,
  send,
  signedIn,
  signedInToAll,
  toComplete,
  toCompleteOrganisation,
  toConsent,
  toWithdrawal,
  withdrawn,
  withQuery,
} from './ways.mjs';

const TERMS = {
  'complete-documents': { product: 'edo', provider: 'republished', open: (at) => askedAgain(at, ['agreement', 'pd-consent']), button: 'submit' },
  'complete-agreement': { product: 'etp', provider: 'amended', open: (at) => askedAgain(at, ['agreement']), button: 'submit' },
  'complete-consent': {
    product: 'edo',
    open: async (at) => {
      await withdrawn(at);
      await withQuery('')(at);
      await toComplete(at, at.person);
    },
    button: 'submit',
  },
  'complete-consent-missing': {
    product: 'edo',
    open: async (at) => {
      await TERMS['complete-consent'].open(at);
      await send(at.page, 'complete-form');
      await at.page.locator('#pd-consent-error').waitFor();
    },
    button: 'submit',
  },
  'complete-consent-without-product': {
    open: async (at) => {
      await withdrawn(at);
      await at.page.goto(at.provider.url('/login'));
      await toComplete(at, at.person);
    },
    button: 'deny',
  },
  'account-agreements': {
    product: 'edo',
    open: async (at) => {
      await confirmed(at, newcomer());
      await at.page.goto(at.provider.url('/account/consents'));
      await at.page.locator('#documents').waitFor();
    },
    button: 'withdraw-pd-consent',
  },
  'account-agreement-withdrawn': {
    open: async (at) => {
      await withdrawn(at);
      await at.page.goto(at.provider.url('/login'));
      await toComplete(at, at.person);
      await at.page.goto(at.provider.url('/account/consents'));
      await at.page.locator('#documents').waitFor();
    },
  },
  'consent-withdrawal': { product: 'edo', open: toWithdrawal, button: 'submit' },
  'consent-withdrawal-none': { open: cabinet('/account/consents/pd-consent'), button: 'keep' },
  'consent-withdrawn': { product: 'edo', open: withdrawn, button: 'go-login' },
};

const ORGANISATIONS = {
  'complete-organisation': { product: 'organisations', open: (at) => toComplete(at), button: 'submit' },
  'complete-organisation-error': {
    product: 'organisations',
    open: async (at) => {
      await toComplete(at);
      await at.page.fill('#complete-form #inn', '7707083894');
      await send(at.page, 'complete-form');
      await at.page.locator('#inn-error').waitFor();
    },
    button: 'submit',
  },
  'complete-organisation-choice': { product: 'organisations', open: toCompleteOrganisation, button: 'submit' },
  'account-organisations': {
    open: async (at) => {
      at.person = await organised(at);
      await at.page.goto(at.provider.url('/account/organisations'));
      await signedIn(at, at.person);
      await at.page.fill('#organisation-form #inn', '7707083893');
      await at.page.fill('#organisation-form #organisation-name', 'ООО «Общество с очень длинным наименованием для проверки переноса строк»');
      await follow(at.page, '#organisation-form #submit');
      await at.page.locator('[data-proof=stated]').waitFor();
    },
    button: 'submit',
  },
  'account-organisations-error': {
    open: async (at) => {
      await cabinet('/account/organisations')(at);
      await send(at.page, 'organisation-form');
      await at.page.locator('#inn-error').waitFor();
    },
    button: 'submit',
  },
  'account-organisations-none': { open: cabinet('/account/organisations'), button: 'submit' },
};

/** The form of a new API token, filled in. */
async function toNewToken(at) {
  at.person = await organised(at);
  await at.page.goto(at.provider.url('/account/tokens'));
  await signedIn(at, at.person);
  await at.page.fill('#token-form #token-name', 'Выгрузка на сервере бухгалтерии');
  await at.page.check('[id="scope-openid"]');
  await at.page.check('[id="scope-profile"]');
}

async function toToken(at) {
  await toNewToken(at);
  await at.page.fill('#token-form #networks', '203.0.113.0/24, 198.51.100.7');
  await at.page.locator('#organisation input').nth(1).check();
  await follow(at.page, '#token-form #submit');
  await at.page.locator('#login-form').waitFor();
}

async function toMadeToken(at) {
  await toToken(at);
  await at.page.fill('#password', at.person.password);
  await follow(at.page, '#login-form #submit');
  await at.page.locator('#api-token').waitFor();
}

const TOKENS = {
  'account-tokens-none': { product: 'exchanging', open: cabinet('/account/tokens'), button: 'submit' },
  'account-tokens-error': {
    product: 'exchanging',
    open: async (at) => {
      await toNewToken(at);
      await at.page.fill('#token-form #networks', 'example.test');
      await at.page.fill('#token-form #days', '999');
      await send(at.page, 'token-form');
      await at.page.locator('#networks-error').waitFor();
    },
    button: 'submit',
  },
  'account-tokens-proof': { product: 'exchanging', open: toToken, button: 'submit' },
  'account-tokens-made': { product: 'exchanging', open: toMadeToken, button: 'continue' },
  'account-tokens': {
    product: 'exchanging',
    open: async (at) => {
      await toMadeToken(at);
      await follow(at.page, '#continue');
      await at.page.locator('#tokens').waitFor();
    },
    button: 'submit',
  },
};

const REQUEST = {
  'complete-email': { product: 'needs-email', open: (at) => toComplete(at), button: 'submit' },
  'complete-phone': { product: 'needs-phone', open: async (at) => toComplete(at, await at.provider.person({ email: newEmail() })), button: 'submit' },
  'complete-error': {
    product: 'needs-email',
    open: async (at) => {
      await toComplete(at);
      await at.page.fill('#complete-form #email', 'ivan');
      await send(at.page, 'complete-form');
      await at.page.locator('#email-error').waitFor();
    },
    button: 'submit',
  },
  'complete-code': {
    product: 'needs-email',
    open: async (at) => {
      await toComplete(at);
      await at.page.fill('#complete-form #email', newEmail());
      await follow(at.page, '#complete-form #submit');
      await at.page.locator('#code-form').waitFor();
    },
    button: 'submit',
  },
  'complete-taken': {
    product: 'needs-email',
    open: async (at) => {
      const { email } = await at.provider.person({ email: newEmail() });
      await toComplete(at);
      await at.page.fill('#complete-form #email', email);
      await follow(at.page, '#complete-form #submit');
      await enterCode(at, await at.provider.outbox.code(email));
      await at.page.locator('#complete-form #email-error').waitFor();
    },
    button: 'submit',
  },
  consent: { open: toConsent, button: 'allow' },
  'consent-long-name': { product: 'long', open: toConsent, button: 'allow' },
  'consent-logo': {
    provider: 'pictured',
    product: 'pictured',
    open: async (at) => {
      await toConsent(at);
      await at.page.locator('#client-logo').waitFor();
    },
    button: 'allow',
  },
  'consent-lookalike': { product: 'forged', open: toConsent, button: 'allow' },
  choose: {
    open: async (at) => {
      await toConsent(at);
      await withQuery('prompt=select_account')(at);
      await at.page.locator('#choose-form').waitFor();
    },
  },
  'choose-two': {
    open: async (at) => {
      await toConsent(at);
      await follow(at.page, '#choose-another');
      await at.page.locator('#login-form').waitFor();
      await signedIn(at, await at.provider.person({ email: newEmail() }));
      await at.page.locator('#consent-form').waitFor();
      await withQuery('prompt=select_account')(at);
      await at.page.locator('#choose-form').waitFor();
    },
  },
  'choose-full': {
    open: async (at) => {
      await signedInToAll(at, 5);
      await withQuery('prompt=select_account')(at);
      await at.page.locator('#choose-full').waitFor();
    },
    button: 'choose-another',
  },
  'choose-signed-out': {
    open: async (at) => {
      await REQUEST['choose-two'].open(at);
      await follow(at.page, '#sign-out-1');
      await at.page.locator('.notice').waitFor();
    },
    button: 'sign-out-1',
  },
  'form-post': { product: 'edo', scripts: false, open: (at) => answeredByForm(at), button: 'submit' },
};

export const REQUESTS = { ...TERMS, ...ORGANISATIONS, ...TOKENS, ...REQUEST };
