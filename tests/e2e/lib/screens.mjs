// Every screen and state of the provider, and how a person comes to it. The suite `pages` looks at all of
// them, with and without scripts; `pictures.mjs` takes the pictures of `docs/pictures` from the same list.
//
// A screen has `open`, which leads there from a product's sign-in page; `product`, which product that is;
// `provider`, where the state needs other settings (both are named in `cast.mjs`); `button`, what Tab must
// reach; `scripts: false`, where the screen is only seen without them.

import { DEVICES } from './devices.mjs';
import { INVITATIONS } from './invitations.mjs';
import { merged, signInAsBefore, toMergePlan, toOtherSignIn } from './merge.mjs';
import { follow, identify, signIn } from './person.mjs';
import { until } from './process.mjs';
import { newEmail, newPhone, PASSWORD, WRONG_PASSWORD } from './provider.mjs';
import { REQUESTS } from './requests.mjs';
import {
  cabinet,
  confirmed,
  damaged,
  document,
  enterCode,
  enterWrongCode,
  errorAt,
  foreigner,
  holdHashing,
  newcomer,
  postTo,
  pressAnyway,
  registerBadly,
  send,
  sentCode,
  signedIn,
  toConfirm,
  toConsent,
  toNewPassword,
  toRecover,
  toRecoverCode,
  toRegister,
  toSecondProof,
  toSignOut,
  withQuery,
} from './ways.mjs';

const SIGN_IN = {
  'sign-in': { product: 'edo', open: async () => {}, button: 'submit' },
  'sign-in-etp': { product: 'etp', open: async () => {}, button: 'submit' },
  'sign-in-plain': { open: async () => {}, button: 'submit' },
  'sign-in-long-name': { product: 'long', open: async () => {}, button: 'submit' },
  'sign-in-logo': { provider: 'pictured', product: 'pictured', open: ({ page }) => page.locator('#client-logo').waitFor(), button: 'submit' },
  'sign-in-email': { open: ({ page }) => follow(page, '#toggle-identifier'), button: 'submit' },
  'sign-in-typed': { product: 'edo', open: ({ page }) => identify(page, 'login-form', { phone: '+7 (916) 123-45-67', password: PASSWORD }), button: 'submit' },
  'sign-in-missing': { open: ({ page }) => send(page, 'login-form'), button: 'submit' },
  'sign-in-wrong': { product: 'edo', open: ({ page }) => signIn(page, { ...newcomer(), password: WRONG_PASSWORD }), button: 'submit' },
  'sign-in-throttled': {
    provider: 'strict',
    open: async ({ page, provider }) => {
      const person = { ...newcomer(), password: WRONG_PASSWORD };
      const hidden = page.locator('#login-form input[type=hidden]').evaluateAll((fields) => fields.map(({ name, value }) => [name, value]));
      const form = { ...Object.fromEntries(await hidden), ...person };
      for (let failures = 0; failures < 10; failures += 1) await page.request.post(provider.url('/login'), { form });
      await signIn(page, person);
      await page.locator('#error[data-error=login-throttled]').waitFor();
    },
    button: 'submit',
  },
  'sign-in-work': {
    provider: 'noisy',
    open: ({ page }) => page.locator('#work-answer').waitFor({ state: 'attached' }),
    button: 'submit',
  },
  'sign-in-work-wait': {
    provider: 'noisy',
    scripts: false,
    open: async ({ page }) => {
      await signIn(page, { ...newcomer(), password: WRONG_PASSWORD });
      await page.locator('#error[data-error=work-wait]').waitFor();
    },
  },
  'sign-in-busy': {
    provider: 'slow',
    open: async (at) => {
      await until(async () => {
        await holdHashing(at);
        await signIn(at.page, { ...newcomer(), password: WRONG_PASSWORD });
        return at.page.locator('#error[data-error=login-busy]').count();
      }, 'nobody is told to come later');
    },
    button: 'submit',
  },
  'sign-in-blocked': {
    open: async (at) => {
      const person = await at.provider.person();
      await at.provider.cli(['user', 'disable', person.sub]);
      await signedIn(at, person);
      await at.page.locator('#error[data-error=login-blocked]').waitFor();
    },
    button: 'submit',
  },
  'sign-in-again': {
    open: async (at) => {
      await toConsent(at);
      await withQuery('prompt=login')(at);
      await at.page.locator('#login-form').waitFor();
    },
    button: 'submit',
  },
  'sign-in-stale': {
    open: async ({ page }) => {
      await page.locator('#login-form [name=form-token]').evaluate((field) => (field.value = 'stale'));
      await signIn(page, newcomer());
    },
    button: 'submit',
  },
  'sign-in-exists': {
    product: 'edo',
    open: async (at) => {
      await toConfirm(at, await at.provider.person());
      await enterCode(at, await sentCode(at));
      await at.page.locator('#not-mine').waitFor();
    },
    button: 'submit',
  },
  'sign-in-password-set': {
    open: async (at) => {
      await toNewPassword(at);
      await at.page.fill('#new-password', 'совсем-другие-слова-42');
      await follow(at.page, '#new-password-form #submit');
      await at.page.locator('#login-form').waitFor();
    },
    button: 'submit',
  },
  'sign-in-english': { product: 'edo', open: withQuery('ui_locales=en'), button: 'submit' },
};

const REGISTRATION = {
  register: { product: 'edo', open: toRegister, button: 'submit' },
  'register-email': {
    product: 'etp',
    open: async (at) => {
      await toRegister(at);
      await follow(at.page, '#toggle-identifier');
    },
    button: 'submit',
  },
  'register-missing': {
    open: async (at) => {
      await toRegister(at);
      await send(at.page, 'register-form');
    },
    button: 'submit',
  },
  'register-no-consent': {
    open: async (at) => {
      await toRegister(at);
      await identify(at.page, 'register-form', newcomer());
      await send(at.page, 'register-form');
      await at.page.locator('#pd-consent-error').waitFor();
    },
    button: 'submit',
  },
  'register-weak': { open: (at) => registerBadly(at, { phone: newPhone(), password: 'qwertyuiop' }, '#password-error'), button: 'submit' },
  'register-short': { open: (at) => registerBadly(at, { phone: newPhone(), password: 'коротко' }, '#password-error'), button: 'submit' },
  'register-foreign': { open: (at) => registerBadly(at, foreigner(), '#phone-error'), button: 'submit' },
  'register-not-sent': { provider: 'mute', open: (at) => registerBadly(at, newcomer(), '#error'), button: 'submit' },
  'register-limit': {
    provider: 'strict',
    open: async (at) => {
      const { page } = at;
      const person = newcomer();
      await toRegister(at);
      await until(async () => {
        await identify(page, 'register-form', person);
        await page.check('#register-form #pd-consent');
        await follow(page, '#register-form #submit');
        if (await page.locator('#error[data-error=code-limit]').count()) return true;
        await follow(page, '#back');
        return false;
      }, 'no limit');
    },
    button: 'submit',
  },
  'register-english': {
    open: async (at) => {
      await withQuery('ui_locales=en&prompt=create')(at);
    },
    button: 'submit',
  },
  'register-closed': {
    product: 'members',
    open: async (at) => {
      await withQuery('prompt=create')(at);
      await at.page.locator('#error[data-error=registration-closed]').waitFor();
    },
    button: 'back',
  },
};

const CONFIRMATION = {
  confirm: { product: 'edo', open: toConfirm, button: 'submit' },
  'confirm-email': { product: 'etp', open: (at) => toConfirm(at, { email: newEmail(), password: PASSWORD }), button: 'submit' },
  'confirm-typed': {
    product: 'edo',
    open: async (at) => {
      await toConfirm(at);
      await at.page.fill('#code', '482103');
    },
    button: 'submit',
  },
  'confirm-missing': {
    open: async (at) => {
      await toConfirm(at);
      await send(at.page, 'code-form');
    },
    button: 'submit',
  },
  'confirm-wrong': {
    product: 'edo',
    open: async (at) => {
      await toConfirm(at);
      await enterWrongCode(at);
      await at.page.locator('#error[data-error=code-wrong]').waitFor();
    },
    button: 'submit',
  },
  'confirm-expired': {
    provider: 'strict',
    open: async (at) => {
      await toConfirm(at);
      await enterWrongCode(at);
      await at.page.locator('#error[data-error=code-expired]').waitFor();
    },
    button: 'resend',
  },
  'confirm-wait': {
    open: async (at) => {
      await toConfirm(at);
      await pressAnyway(at.page, '#resend');
      await at.page.locator('#error[data-error=code-wait]').waitFor();
    },
    button: 'submit',
  },
  'confirm-ready': { provider: 'strict', open: toConfirm, button: 'resend' },
  'confirm-resent': {
    provider: 'strict',
    open: async (at) => {
      await toConfirm(at);
      await follow(at.page, '#resend');
      await at.page.locator('.notice').waitFor();
    },
    button: 'submit',
  },
  'confirm-limit': {
    provider: 'strict',
    open: async (at) => {
      await toConfirm(at);
      await follow(at.page, '#resend');
      await follow(at.page, '#resend');
      await at.page.locator('#error[data-error=code-limit]').waitFor();
    },
    button: 'submit',
  },
  confirmed: { product: 'edo', open: (at) => confirmed(at, newcomer()), button: 'continue' },
  'confirmed-email': { open: (at) => confirmed(at, { email: newEmail(), password: PASSWORD }), button: 'continue' },
  'confirmed-without-product': {
    open: async (at) => {
      await at.page.goto(at.provider.url('/login'));
      await confirmed(at, newcomer());
    },
    button: 'continue',
  },
};

const RECOVERY = {
  recover: { product: 'edo', open: toRecover, button: 'submit' },
  'recover-email': {
    open: async (at) => {
      await toRecover(at);
      await follow(at.page, '#toggle-identifier');
    },
    button: 'submit',
  },
  'recover-error': {
    open: async (at) => {
      await toRecover(at);
      await send(at.page, 'recover-form');
      await at.page.locator('#phone-error').waitFor();
    },
    button: 'submit',
  },
  'recover-over': {
    open: async ({ page, provider }) => {
      const { searchParams } = new URL(page.url());
      await page.goto(provider.url('/recover', { flow: searchParams.get('flow'), done: 'over' }));
    },
    button: 'submit',
  },
  'recover-code': { open: toRecoverCode, button: 'submit' },
  'recover-code-wrong': {
    open: async (at) => {
      await toRecoverCode(at);
      await enterCode(at, '000000');
      await at.page.locator('#error').waitFor();
    },
    button: 'submit',
  },
  'new-password': { product: 'edo', open: toNewPassword, button: 'submit' },
  'new-password-short': {
    open: async (at) => {
      await toNewPassword(at);
      await at.page.fill('#new-password', 'коротко');
      await follow(at.page, '#new-password-form #submit');
      await at.page.locator('#new-password-error').waitFor();
    },
    button: 'submit',
  },
  'second-proof': { provider: 'strict', open: toSecondProof, button: 'wait' },
  'recovery-waiting': {
    provider: 'strict',
    open: async (at) => {
      await toSecondProof(at);
      await follow(at.page, '#wait');
      await at.page.locator('#continue').waitFor();
    },
    button: 'continue',
  },
  'second-proof-waiting': {
    provider: 'strict',
    open: async (at) => {
      await toSecondProof(at);
      await follow(at.page, '#wait');
      await follow(at.page, '#continue');
      const before = at.provider.outbox.messages(at.person.phone).length;
      await toRecoverCode(at, at.person);
      await enterCode(at, await at.provider.outbox.code(at.person.phone, before));
      await at.page.locator('#second-form').waitFor();
    },
  },
  'number-disowned': {
    open: async (at) => {
      await toNewPassword(at);
      await follow(at.page, '#not-mine');
      await at.page.locator('#continue').waitFor();
    },
    button: 'continue',
  },
  'not-mine': {
    open: async (at) => {
      await SIGN_IN['sign-in-exists'].open(at);
      await follow(at.page, '#not-mine');
      await at.page.locator('#second-form').waitFor();
    },
    button: 'not-mine',
  },
};

const SIGN_OUT = {
  'sign-out': { open: toSignOut, button: 'submit' },
  'sign-out-of-product': {
    product: 'edo',
    open: async (at) => {
      await signedIn(at);
      await at.page.locator('#claims').waitFor();
      const { client_id } = at.product.client;
      await at.page.goto(at.provider.url('/oauth2/logout', { client_id }));
      await at.page.locator('#logout-confirm').waitFor();
    },
    button: 'submit',
  },
  'signed-out': {
    open: async (at) => {
      await toSignOut(at);
      await follow(at.page, '#logout-confirm #submit');
      await at.page.locator('#signed-out').waitFor();
    },
  },
  'signed-out-leaving': {
    product: 'front',
    scripts: false,
    open: async (at) => {
      await signedIn(at);
      await at.page.locator('#claims').waitFor();
      await follow(at.page, '#sign-out');
      await at.page.locator('#continue').waitFor();
    },
    button: 'continue',
  },
  'signed-out-of-product': {
    product: 'edo',
    open: async (at) => {
      await SIGN_OUT['sign-out-of-product'].open(at);
      await follow(at.page, '#logout-confirm #submit');
      await at.page.locator('#signed-out').waitFor();
    },
  },
};

const ERRORS = {
  'error-unknown-client': { open: (at) => errorAt(at, `${at.product.url}/sign-in?client_id=nobody`) },
  'error-redirect-uri': { open: (at) => errorAt(at, `${at.product.url}/sign-in?redirect_uri=${encodeURIComponent('http://127.0.0.1:9/elsewhere')}`) },
  'error-step-by-itself': { open: (at) => errorAt(at, at.provider.url('/consent')) },
  'error-damaged': { open: (at) => errorAt(at, damaged(at.page.url())) },
  'error-expired': {
    provider: 'brief',
    open: async ({ page }) => {
      await until(async () => {
        await page.reload();
        return page.locator('#error').count();
      }, 'the request does not expire');
    },
  },
  'error-not-found': { open: (at) => errorAt(at, at.provider.url('/no-such-page')) },
  'error-method': { open: postTo('/legal/agreement', []) },
  'error-too-large': { open: postTo('/login', [['phone', '9'.repeat(70_000)]]) },
  'error-sign-out': { open: (at) => errorAt(at, at.provider.url('/oauth2/logout', { id_token_hint: 'nothing' })) },
  'error-unavailable': {
    provider: 'broken',
    open: async (at) => {
      await toRecover(at);
      await at.page.fill('#recover-form #phone', newPhone());
      await follow(at.page, '#recover-form #submit');
      await at.page.locator('#error[data-error=error-unavailable]').waitFor();
    },
    button: 'back',
  },
  'error-english': { open: (at) => errorAt(at, at.provider.url('/no-such-page', { lang: 'en' })) },
};

const CABINET = {
  account: { open: cabinet('/account') },
  'account-english': { open: cabinet('/account', 'lang=en') },
  'account-contacts': { open: cabinet('/account/contacts') },
  'account-sessions': {
    open: async (at) => {
      await at.elsewhere(async (page) => {
        await page.goto(at.provider.url('/account'));
        at.person = await at.provider.person();
        await signIn(page, at.person);
        await page.waitForURL(at.provider.url('/account'));
      });
      await at.page.goto(at.provider.url('/account/sessions'));
      await signedIn(at, at.person);
      await at.page.locator('#end-others').waitFor();
    },
    button: 'end-others',
  },
  'account-consents': {
    open: async (at) => {
      await toConsent(at);
      await follow(at.page, '#consent-form #allow');
      await at.page.locator('#claims').waitFor();
      await at.page.goto(at.provider.url('/account/consents'));
      await at.page.locator('#consents-form').waitFor();
    },
  },
  'account-merge': { open: cabinet('/account/merge'), button: 'begin' },
  'account-merge-sign-in': { open: toOtherSignIn },
  'account-merge-plan': { open: toMergePlan, button: 'merge' },
  'account-merged': { open: merged },
  'sign-in-merged': { open: signInAsBefore },
  'account-consents-none': { open: cabinet('/account/consents') },
};

const DOCUMENTS = {
  agreement: document('agreement'),
  'pd-consent': document('pd-consent'),
  'pd-policy': document('pd-policy'),
  'agreement-english': document('agreement', 'en'),
};

export const SCREENS = {
  ...SIGN_IN,
  ...REGISTRATION,
  ...CONFIRMATION,
  ...RECOVERY,
  ...REQUESTS,
  ...DEVICES,
  ...INVITATIONS,
  ...SIGN_OUT,
  ...ERRORS,
  ...CABINET,
  ...DOCUMENTS,
};
