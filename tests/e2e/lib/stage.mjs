// Brings a person to a screen: providers of several settings and products of several kinds, each started
// when it is first needed and kept for the whole run.

import { newProduct } from '../parties/openid-client/app.mjs';
import { BEFORE, PRODUCTS, SETTINGS } from './cast.mjs';
import { Provider } from './provider.mjs';
import { SCREENS } from './screens.mjs';

export class Stage {
  constructor(world) {
    this.world = world;
    this.started = new Map();
  }

  /** What `start` gives, once per key however many ask at the same time. */
  once(key, start) {
    if (!this.started.has(key)) this.started.set(key, start());
    return this.started.get(key);
  }

  provider(name) {
    if (!name) return this.world.provider;
    return this.once(`provider ${name}`, async () => {
      const provider = await Provider.start(this.world.binary, `kabinet-${name}`, SETTINGS[name]);
      await BEFORE[name]?.(provider);
      return provider;
    });
  }

  product(provider, name) {
    return this.once(`product ${provider.name} ${name}`, () => newProduct(provider, PRODUCTS[name]));
  }

  /** Runs `body` with the page on which the screen `name` stands, and its Content-Security-Policy and source. */
  async visit(name, options, body) {
    const screen = SCREENS[name];
    const provider = await this.provider(screen.provider);
    const product = await this.product(provider, screen.product ?? 'plain');
    const elsewhere = (visit) => this.world.browser.visit(visit, options);
    await this.world.browser.visit(async (page) => {
      const last = lastDocument(page, provider.issuer);
      await page.goto(`${product.url}/sign-in`);
      await screen.open({ page, provider, product, elsewhere });
      await body(page, last);
    }, options);
  }

  async stop() {
    const all = await Promise.allSettled(this.started.values());
    // The products first: they talk to the providers.
    for (const { value } of all.reverse()) await value?.stop();
  }
}

/** The provider's document that the page shows: its policy, and its source as it was sent. */
export function lastDocument(page, issuer) {
  const last = {};
  page.on('response', (response) => {
    if (!response.request().isNavigationRequest() || !response.url().startsWith(issuer) || response.headers().location) return;
    last.policy = response.headers()['content-security-policy'] ?? '';
    last.source = response.text();
    last.source.catch(() => {});
  });
  return last;
}
