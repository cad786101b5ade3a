// Chromium and the people in it. Every visit is its own browser profile and leaves a HAR; every visit fails
// when a page logged an error (a refused inline script or style among them), loaded a part from another
// origin than its own, or when `traffic.mjs` finds a stranger or a secret in that HAR.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { trafficFaults } from './traffic.mjs';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const VIEWS = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };

export class Browser {
  /** `flags` are further ones of Chromium's command line. */
  static async start(shots, flags = []) {
    const browser = new Browser();
    browser.shots = shots;
    browser.hars = mkdtempSync(join(tmpdir(), 'kabinet-e2e-har-'));
    browser.visits = 0;
    if (shots) mkdirSync(shots, { recursive: true });
    browser.chromium = await chromium.launch({
      executablePath: process.env.E2E_CHROMIUM ?? '/usr/bin/chromium',
      args: [...FLAGS, ...flags],
    });
    return browser;
  }

  async stop() {
    await this.chromium.close();
    rmSync(this.hars, { recursive: true, force: true });
  }

  /**
   * Runs `body` with a page of a new profile, and checks afterwards what the pages did. `application` is the origin of a
   * product that lives in the browser: its page may call the provider, and it may be on the provider's site. Where `agents`
   * is set, pages may look for programs on this computer that are not there.
   */
  async visit(body, { scripts = true, application, agents = false, ...options } = {}) {
    const har = join(this.hars, `${++this.visits}.har`);
    const context = await this.chromium.newContext({
      recordHar: { path: har, content: 'omit' },
      javaScriptEnabled: scripts,
      locale: 'ru-RU',
      timezoneId: 'Europe/Moscow',
      reducedMotion: 'reduce',
      ...options,
    });
    context.setDefaultTimeout(60_000);
    const faults = watch(context, application, agents);
    const page = await context.newPage();
    try {
      await body(page, context);
    } catch (error) {
      throw await this.described(error, context, faults);
    } finally {
      await context.close();
    }
    faults.push(...trafficFaults(har, application));
    rmSync(har);
    if (faults.length) throw new Error(faults.join('\n'));
  }

  /** The error with what the person saw, and a picture when pictures are wanted. */
  async described(error, context, faults) {
    const seen = [];
    for (const [n, page] of context.pages().entries()) {
      const text = await page.locator('body').innerText({ timeout: 1_000 }).catch(() => '');
      seen.push(`on ${page.url().slice(0, 200)}: ${text.replace(/\s+/g, ' ').slice(0, 500)}`);
      if (this.shots) await page.screenshot({ path: join(this.shots, `failed-${Date.now()}-${n}.png`) }).catch(() => {});
    }
    error.stack = [error.stack, ...seen, ...faults].join('\n');
    return error;
  }

  /** Pictures of the page as it stands: phone and desktop, light and dark. Nothing without --shots. */
  async picture(page, name) {
    if (!this.shots) return;
    const before = page.viewportSize();
    for (const [view, size] of Object.entries(VIEWS)) {
      for (const colorScheme of ['light', 'dark']) {
        await page.setViewportSize(size);
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: join(this.shots, `${name}-${view}-${colorScheme}.png`), fullPage: true, animations: 'disabled' });
      }
    }
    await page.emulateMedia({ colorScheme: null });
    await page.setViewportSize(before);
  }
}

/** What the browser says of a WebSocket on this computer, or of an extension, that is not there. */
const NO_AGENT = /^WebSocket connection to 'wss?:\/\/127\.0\.0\.1:|^Failed to load resource: net::ERR_(FAILED|BLOCKED_BY_CLIENT)/;

function watch(context, application, agents) {
  const faults = [];
  const documents = new Set();
  context.on('request', (request) => {
    if (request.isNavigationRequest()) documents.add(request.url());
    else if (agents && request.url().startsWith('chrome-extension://')) return;
    else if (!isOwn(request, application)) faults.push(`${request.frame().url()} loaded ${request.url()}`);
  });
  context.on('console', (message) => {
    const refusedPage = /status of [45]\d\d/.test(message.text()) && documents.has(message.location().url);
    if (agents && NO_AGENT.test(message.text())) return;
    if (message.type() === 'error' && !refusedPage) faults.push(`console error on ${message.location().url}: ${message.text()}`);
  });
  context.on('weberror', (error) => faults.push(`script error: ${error.error()}`));
  return faults;
}

/** Whether a page asks its own origin for a part of itself; the script of an application may ask others. */
function isOwn(request, application) {
  const url = new URL(request.url());
  const page = new URL(request.frame().url()).origin;
  return url.protocol === 'data:' || url.origin === page || (page === application && ['fetch', 'xhr'].includes(request.resourceType()));
}

/** How bright one pixel of the page is, from 0 (black) to 255 (white). */
export async function brightness(page, x, y) {
  const png = await page.screenshot({ clip: { x, y, width: 1, height: 1 } });
  const data = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  // The first byte of a row names its filter; on a single pixel every filter leaves the value as it is.
  const [, red, green, blue] = inflateSync(Buffer.concat(data));
  return Math.round(0.2126 * red + 0.7152 * green + 0.0722 * blue);
}

/** Presses Tab until the element with this id has the focus; gives the ids passed on the way. */
export async function tabTo(page, id, most = 40) {
  const passed = [];
  for (let n = 0; n <= most; n += 1) {
    const now = await page.evaluate(() => document.activeElement?.id ?? '');
    if (now === id) return passed;
    passed.push(now);
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not reach #${id}; it passed ${passed.join(', ')}`);
}
