// Session Management 1.0 in a real browser: a product's page frames the provider's and asks it whether the sign-in has
// changed. The provider is on localhost: a product on another port there is on its site, one on 127.0.0.1 is not.

import { strict as assert } from 'node:assert';
import { createServer } from 'node:http';
import { signIn } from '../lib/person.mjs';
import { freePort, until } from '../lib/process.mjs';
import { test } from '../lib/report.mjs';

/** A product that takes the answer by form post and shows in `#answer` what the framed page says. */
class Watcher {
  static async start(provider, host) {
    const watcher = Object.assign(new Watcher(), { provider, port: await freePort() });
    watcher.url = `http://${host}:${watcher.port}`;
    watcher.client = await provider.client('Наблюдатель', {
      redirectUris: [`${watcher.url}/callback`],
      firstParty: true,
      more: ['--session-management'],
    });
    const { check_session_iframe } = await (await fetch(`${provider.issuer}/.well-known/openid-configuration`)).json();
    watcher.frame = check_session_iframe;
    watcher.server = createServer((request, response) => watcher.handle(request, response));
    await new Promise((resolve) => watcher.server.listen(watcher.port, '127.0.0.1', resolve));
    return watcher;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  signIn() {
    return this.provider.url('/oauth2/authorize', {
      client_id: this.client.client_id,
      redirect_uri: `${this.url}/callback`,
      response_type: 'code',
      response_mode: 'form_post',
      scope: 'openid',
      state: 'a-state',
      nonce: 'a-nonce',
    });
  }

  async handle(request, response) {
    const answer = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
    const message = `${this.client.client_id} ${answer.get('session_state')}`;
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(`<!doctype html><html lang="ru"><meta charset="utf-8">
<link rel="icon" href="data:,"><meta name="referrer" content="no-referrer"><title>Наблюдатель</title><p id="answer"></p><iframe id="provider" src="${this.frame}"></iframe>
<script>
const frame = document.getElementById('provider');
addEventListener('message', ({ origin, data }) => {
  if (origin === ${JSON.stringify(this.provider.issuer)}) document.getElementById('answer').textContent = data;
});
window.ask = (message) => {
  document.getElementById('answer').textContent = '';
  frame.contentWindow.postMessage(message, ${JSON.stringify(this.provider.issuer)});
};
window.message = ${JSON.stringify(message)};
</script>`);
  }
}

async function watching(world, host, body) {
  const watcher = await Watcher.start(world.provider, host);
  const person = await world.provider.person();
  try {
    await world.browser.visit(async (page, context) => {
      await page.goto(watcher.signIn());
      await signIn(page, person);
      await page.locator('#answer').waitFor({ state: 'attached' });
      await page.waitForLoadState('load');
      await body(page, context, person);
    });
  } finally {
    await watcher.stop();
  }
}

/** What the framed page answers to the product's message, or to another one. */
async function answer(page, message) {
  await page.evaluate((text) => window.ask(text ?? window.message), message);
  return until(() => page.locator('#answer').textContent(), 'the framed page does not answer');
}

export default [
  test('a product on the same site is told when the sign-in ends, and not before', (world) =>
    watching(world, 'localhost', async (page, context) => {
      assert.equal(await answer(page), 'unchanged');
      assert.equal(await answer(page), 'unchanged');
      for (const bad of ['', 'nonsense', 'one two', 'one two three.four five']) assert.equal(await answer(page, bad), 'error');
      const state = await page.evaluate(() => window.message.split(' ')[1]);
      assert.equal(await answer(page, `another-client ${state}`), 'changed');
      const other = await context.newPage();
      await other.goto(world.provider.url('/logout'));
      await other.click('#logout-confirm #submit');
      await other.locator('#signed-out').waitFor();
      assert.equal(await answer(page), 'changed');
    })),

  test('another account in the browser is a change', (world) =>
    watching(world, 'localhost', async (page, context) => {
      assert.equal(await answer(page), 'unchanged');
      const other = await context.newPage();
      await other.goto(world.provider.url('/login', { another: '1' }));
      await signIn(other, await world.provider.person());
      assert.equal(await answer(page), 'changed');
    })),

  test('a product on another site learns nothing: browsers keep the cookie from its frame', (world) =>
    watching(world, '127.0.0.1', async (page) => {
      assert.equal(await answer(page), 'changed');
    })),
].flat();
