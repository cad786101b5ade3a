// What Telegram hands over after the "#" (the widget's window, a Mini App), read by the pages' own script: only a browser
// shows that it is. The stand-in is the demonstration's; the provider is one whose bot has the old sign-in.

import { strict as assert } from 'node:assert';
import { newProduct } from '../parties/openid-client/app.mjs';
import { claims, follow } from '../lib/person.mjs';
import { Provider } from '../lib/provider.mjs';
import { test } from '../lib/report.mjs';
import { lastDocument } from '../lib/stage.mjs';
import { be, failure, leaveBy, looked, prove, scene } from '../lib/upstreams.mjs';

const BOT = { id: 7000000042, key: 'AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc', name: 'old_sign_in_bot', mode: 'legacy' };

/** A provider with the widget and the Mini App, and a product of it; one for the whole run. */
function place(world) {
  return world.stage.once('telegram', async () => {
    const { standins } = await scene(world);
    const base = standins.telegram.replace(/\/$/, '');
    const provider = await Provider.start(world.binary, 'kabinet-telegram', {
      KABINET__TELEGRAM__WIDGET: 'true',
      KABINET__TELEGRAM__MINI_APP: 'true',
      KABINET__TELEGRAM__BOT_TOKEN: `${BOT.id}:${BOT.key}`,
      KABINET__TELEGRAM__BASE_URL: base,
      KABINET__OUTBOUND__ALLOW: '127.0.0.0/8',
    });
    const body = JSON.stringify({ bot: { ...BOT, domain: new URL(provider.issuer).host } });
    const made = await fetch(`${base}/control`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    assert.ok(made.ok, `the stand-in refuses the bot: ${made.status}`);
    const product = await newProduct(provider, { name: 'Документы' });
    world.faultless.push(provider);
    const stop = async () => {
      await product.stop();
      await provider.stop();
    };
    return { provider, product, base, stop };
  });
}

async function inBrowser(world, body) {
  const at = await place(world);
  await world.browser.visit(async (page, context) => {
    await body({ ...at, world, page, context, last: lastDocument(page, at.provider.issuer) });
  });
}

/** Opens the Mini App as the app does for one of the people there. */
async function openApp({ page, base, provider }, persona) {
  const url = `${base}/mini-app?bot_id=${BOT.id}&url=${encodeURIComponent(provider.url('/login/telegram/mini-app'))}`;
  await page.goto(url);
  await page.check(`#standin-form [name=persona][value="${persona}"]`);
  await page.click('#standin-form #allow');
  await page.locator('#telegram-ask').waitFor();
}

export default [
  test('what the widget and a Mini App bring after the «#» signs in whoever linked it, and asks whose it is', (world) =>
    inBrowser(world, async (at) => {
      const { page, provider, product, context } = at;
      const person = await provider.person();
      await page.goto(`${product.url}/sign-in`);
      await leaveBy(at, 'telegram');
      await be(at, '987654321');
      await page.locator('#unlinked').waitFor();
      assert.ok(!page.url().includes('hash='), 'the proof does not stay in the address');
      await follow(page, '#go-link');
      await prove(at, person);
      assert.equal((await claims(page)).sub, person.sub);

      await context.clearCookies();
      await page.goto(`${product.url}/sign-in`);
      await leaveBy(at, 'telegram');
      await be(at, '987654321');
      assert.deepEqual((await claims(page)).sub, person.sub);

      // Nothing happens by the link alone: the page says whose account it is.
      await context.clearCookies();
      await openApp(at, '987654321');
      assert.match(await page.locator('#telegram-who').innerText(), /Вера Комарова @vera_komarova/);
      await looked(at, 'telegram-mini-app', true);
      await page.click('#telegram-go');
      await page.waitForURL(/\/account/);
    })),

  test('whom the Mini App does not know, who refuses in the widget’s window and who brings nothing reads what to do', (world) =>
    inBrowser(world, async (at) => {
      const { page, provider, product } = at;
      await openApp(at, '5000000017');
      await page.click('#telegram-go');
      await page.locator('#error, #unlinked').first().waitFor();

      await page.goto(`${product.url}/sign-in`);
      await leaveBy(at, 'telegram');
      await follow(page, '#standin-form #deny');
      await failure(at, 'upstream-cancelled');

      for (const path of ['/login/telegram/mini-app', '/login/telegram/widget?state=s', '/login/telegram/mini-app#tgWebAppData=%00', '/login/telegram/widget?state=s#tgAuthResult=%D0%B9']) {
        await page.goto('about:blank');
        await page.goto(provider.url(path));
        await page.locator('#telegram-nothing').waitFor();
        assert.equal(await page.locator('#telegram-ask:visible').count(), 0);
      }
      await looked(at, 'telegram-nothing');
    })),
].flat();
