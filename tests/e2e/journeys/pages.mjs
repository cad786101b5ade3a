// Every page by itself: accessible, narrow enough for a phone, dark when asked, reachable by
// keyboard, under a strict content security policy. Pictures of all of them with --shots.

import { strict as assert } from 'node:assert';
import { newProduct } from '../parties/openid-client/app.mjs';
import { accessibilityFaults, brightness, tabTo } from '../lib/browser.mjs';
import { follow, identify, recover, register, signIn } from '../lib/person.mjs';
import { newPhone, PASSWORD, WRONG_PASSWORD } from '../lib/provider.mjs';
import { test } from '../lib/report.mjs';

const newcomer = () => ({ phone: newPhone(), password: PASSWORD });

/** How to come to each page from a product's sign-in; `button` is what Tab must reach there. */
const PAGES = {
  login: { open: async () => {}, button: 'submit' },
  'login-email': { open: ({ page }) => page.click('#toggle-identifier'), button: 'submit' },
  'login-wrong': {
    open: async ({ page }) => {
      await signIn(page, { ...newcomer(), password: WRONG_PASSWORD });
      await page.getByText('Неверный телефон').first().waitFor();
    },
    button: 'submit',
  },
  'login-english': { open: ({ page, product }) => page.goto(`${product.url}/sign-in?ui_locales=en`), button: 'submit' },
  register: { open: ({ page }) => page.click('#go-register'), button: 'submit' },
  'register-errors': {
    open: async ({ page }) => {
      await page.click('#go-register');
      await page.locator('#register-form').evaluate((form) => (form.noValidate = true));
      await follow(page, '#register-form #submit');
      await page.locator('#register-form [aria-invalid=true]').first().waitFor();
    },
    button: 'submit',
  },
  document: {
    open: async ({ page }) => {
      await page.click('#go-register');
      // Links of the consent's own words; they may open another tab.
      await page.goto(await page.locator('#register-form label[for=pd-consent] a').first().evaluate((link) => link.href));
    },
  },
  confirm: { open: toConfirm, button: 'submit' },
  'confirm-wrong': {
    open: async (at) => {
      await toConfirm(at);
      const { page, person, world } = at;
      const code = await world.provider.outbox.code(person.phone);
      await page.locator('#code-form #code').fill(code === '000000' ? '000001' : '000000');
      await follow(page, '#code-form #submit');
      await page.getByText('Осталось попыток').first().waitFor();
    },
    button: 'submit',
  },
  confirmed: {
    open: async ({ page, world }) => {
      await page.click('#go-register');
      await register(page, newcomer(), world.provider.outbox);
      // The page goes on by itself when scripts run, until the person touches anything.
      await page.keyboard.press('Shift');
    },
    button: 'continue',
  },
  recover: {
    open: async ({ page }) => {
      await page.click('#go-recover');
      await page.locator('#recover-form').waitFor();
    },
    button: 'submit',
  },
  'recover-error': {
    open: async (at) => {
      await PAGES.recover.open(at);
      await at.page.locator('#recover-form').evaluate((form) => (form.noValidate = true));
      await follow(at.page, '#recover-form #submit');
      await at.page.locator('#phone-error').waitFor();
    },
    button: 'submit',
  },
  'recover-code': {
    open: async (at) => {
      await PAGES.recover.open(at);
      await at.page.fill('#recover-form #phone', newPhone());
      await at.page.click('#recover-form #submit');
      await at.page.locator('#code-form').waitFor();
    },
    button: 'submit',
  },
  'new-password': {
    open: async (at) => {
      await PAGES.recover.open(at);
      await recover(at.page, await at.world.provider.person(), at.world.provider.outbox);
    },
    button: 'submit',
  },
  'number-disowned': {
    open: async (at) => {
      await PAGES['new-password'].open(at);
      await at.page.click('#not-mine');
      await at.page.locator('#continue').waitFor();
    },
    button: 'continue',
  },
  'not-mine': {
    open: async ({ page, world }) => {
      const { phone } = await world.provider.person();
      await page.click('#go-register');
      await identify(page, 'register-form', { phone, password: PASSWORD });
      await page.check('#register-form #pd-consent');
      await page.click('#register-form #submit');
      await page.locator('#code-form #code').fill(await world.provider.outbox.code(phone));
      await page.click('#code-form #submit');
      await page.click('#not-mine');
      await page.locator('#second-form').waitFor();
    },
    button: 'not-mine',
  },
  consent: {
    open: async ({ page, world }) => {
      await signIn(page, await world.provider.person());
      await page.locator('#consent-form').waitFor();
    },
    button: 'allow',
  },
  choose: {
    open: async ({ page, product, world }) => {
      await signIn(page, await world.provider.person());
      await page.locator('#consent-form').waitFor();
      await page.goto(`${product.url}/sign-in?prompt=select_account`);
      await page.locator('#choose-form').waitFor();
    },
  },
  error: {
    open: async ({ page, product }) => {
      await page.goto(`${product.url}/sign-in?client_id=nobody`);
      await page.locator('#error').waitFor();
    },
  },
  'sign-out': {
    open: async ({ page, world }) => {
      await signIn(page, await world.provider.person());
      await page.locator('#consent-form').waitFor();
      await page.goto(world.provider.url('/oauth2/logout'));
      await page.locator('#logout-confirm').waitFor();
    },
    button: 'submit',
  },
  'signed-out': {
    open: async (at) => {
      await PAGES['sign-out'].open(at);
      await follow(at.page, '#logout-confirm #submit');
      await at.page.locator('#logout-confirm').waitFor({ state: 'detached' });
    },
  },
  'not-found': {
    open: async ({ page, world }) => {
      await page.goto(world.provider.url('/no-such-page'));
      await page.locator('#error').waitFor();
    },
  },
  account: { open: (at) => openCabinet(at, '/account') },
  'account-contacts': { open: (at) => openCabinet(at, '/account/contacts') },
  'account-consents': {
    open: async ({ page, world }) => {
      await signIn(page, await world.provider.person());
      await page.click('#consent-form #allow');
      await page.locator('#claims').waitFor();
      await page.goto(world.provider.url('/account/consents'));
      await page.locator('#consents-form').waitFor();
    },
  },
  'account-sessions': { open: (at) => openCabinet(at, '/account/sessions') },
};

async function toConfirm(at) {
  const { page } = at;
  at.person = newcomer();
  await page.click('#go-register');
  await identify(page, 'register-form', at.person);
  await page.check('#register-form #pd-consent');
  await page.click('#register-form #submit');
  await page.locator('#code-form').waitFor();
}

async function openCabinet({ page, world }, path) {
  await page.goto(world.provider.url(path));
  await signIn(page, await world.provider.person());
  await page.waitForURL(world.provider.url(path));
}

async function onPage(world, { open }, body, options = {}) {
  const product = await newProduct(world.provider, { firstParty: false });
  let policy;
  try {
    await world.browser.visit(async (page) => {
      page.on('response', (response) => {
        if (response.request().isNavigationRequest() && response.url().startsWith(world.provider.issuer) && !response.headers().location) {
          policy = response.headers()['content-security-policy'] ?? '';
        }
      });
      await page.goto(`${product.url}/sign-in`);
      await open({ page, product, world });
      await body(page, policy);
    }, options);
  } finally {
    await product.stop();
  }
}

/** Nothing but the page's own origin may be loaded, and no script or style of the page's own text. */
function assertStrict(policy) {
  const parts = policy.split(';').map((part) => part.trim().split(/\s+/));
  const directives = Object.fromEntries(parts.map(([name, ...sources]) => [name, sources]));
  assert.match(String(directives['default-src']), /^('none'|'self')$/, policy);
  assert.deepEqual(directives['frame-ancestors'], ["'none'"], policy);
  assert.match(String(directives['base-uri']), /^('none'|'self')$/, policy);
  const good = /^('self'|'none'|'nonce-.+'|'sha(256|384|512)-.+'|'strict-dynamic'|data:)$/;
  for (const name of ['script-src', 'style-src', 'img-src', 'connect-src', 'font-src']) {
    const odd = (directives[name] ?? []).filter((source) => !good.test(source));
    assert.deepEqual(odd, [], `${name} in ${policy}`);
  }
}

/** Reads the corner of the page in both schemes and looks for accessibility faults in each. */
async function assertSchemes(page, size) {
  const corner = {};
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    corner[colorScheme] = await brightness(page, 3, size.height - 3);
    assert.deepEqual(await accessibilityFaults(page), [], `axe, ${colorScheme}`);
  }
  assert.ok(corner.light > 200 && corner.dark < 70, `brightness of the page: ${JSON.stringify(corner)}`);
}

async function assertNarrow(page, width) {
  await page.setViewportSize({ width, height: 780 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= width, `the page is ${wide} px wide on a screen of ${width} px`);
}

export default Object.entries(PAGES).flatMap(([name, page]) =>
  test(`the page ${name} is accessible, fits a phone, has a dark scheme and a strict policy`, (world) =>
    onPage(world, page, async (tab, policy) => {
      assertStrict(policy);
      await world.browser.picture(tab, name);
      const size = tab.viewportSize();
      await assertNarrow(tab, 360);
      await tab.setViewportSize(size);
      await assertSchemes(tab, size);
      assert.doesNotMatch(await tab.locator('body').innerText(), /\{\s*\$/, 'a text lacks a value');
      assert.equal(await tab.locator('h1').count(), 1, 'one heading of the first level');
      if (page.button) {
        await tab.evaluate(() => document.activeElement?.blur());
        await tabTo(tab, page.button);
      }
    })),
);
