// What must hold of every page as it stands in the browser: accessibility by two engines, valid HTML, the
// weight, no layout shift, narrow screens, targets for fingers, a strict content security policy.
//
// axe-core runs its WCAG 2.2 AA rules, pa11y its HTML_CodeSniffer against WCAG2AA. Both look at the page as
// Playwright holds it: in the state that was reached and in the colour scheme that is emulated. pa11y is
// given that page through the few methods that it calls.

import axe from 'axe-core';
import { HtmlValidate } from 'html-validate';
import pa11y from 'pa11y';

const AXE_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** Style sheets and scripts of one page, uncompressed. */
export const MOST_BYTES = 30_000;
/** The least height of what a finger must hit. */
const TARGET = 44;

const HTML = new HtmlValidate({
  extends: ['html-validate:recommended'],
  rules: {
    // Both spellings are one token to a parser (HTML §13.1.1); ours is the lower one, like all other tags.
    'doctype-style': ['error', { style: 'lowercase' }],
    // A label around its box has `for` too: programs that click by voice read only that.
    'no-redundant-for': 'off',
    // For search engines, which cut titles at 70 characters: these pages are `noindex`, and a product may have a long name.
    'long-title': 'off',
    // WAI-ARIA 1.2 lets a list have a name, and the list of what is allowed needs one.
    'aria-label-misuse': ['error', { allowAnyNamable: true }],
  },
});

/** What axe finds against WCAG 2.2 AA, as lines; empty is good. */
export async function axeFaults(page) {
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async (tags) => {
    const found = await window.axe.run(document, { runOnly: { type: 'tag', values: tags } });
    return found.violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((node) => `${node.html} ${node.failureSummary}`) }));
  }, AXE_TAGS);
  return violations.map(({ id, help, nodes }) => `axe ${id}: ${help}: ${nodes.slice(0, 3).join(' | ')}`);
}

/** What pa11y finds against WCAG2AA, as lines; empty is good. */
export async function pa11yFaults(page) {
  const nothing = async () => {};
  const held = {
    on: nothing,
    off: nothing,
    setUserAgent: nothing,
    setViewport: nothing,
    evaluate: (script, options) => page.evaluate(script, options),
  };
  const options = { browser: {}, page: held, ignoreUrl: true, standard: 'WCAG2AA', includeWarnings: false };
  const { issues } = await pa11y(page.url(), options);
  return issues.map(({ code, message, context }) => `pa11y ${code}: ${message} ${context}`);
}

/** Where the document that the server sent breaks the HTML standard, as lines. */
export async function htmlFaults(source) {
  const { results } = await HTML.validateString(source);
  return results.flatMap(({ messages }) => messages).map(({ ruleId, message, line }) => `html ${ruleId}, line ${line}: ${message}`);
}

/** How many bytes of style sheets and scripts the page has, its own inline ones among them. */
export function weight(page) {
  return page.evaluate(() => {
    const files = performance.getEntriesByType('resource').filter(({ initiatorType, name }) => initiatorType === 'script' || /\.(css|js)$/.test(name));
    const inline = [...document.querySelectorAll('script:not([src]), style')].map((part) => part.textContent);
    return [...files.map((file) => file.decodedBodySize), ...inline.map((text) => new Blob([text]).size)].reduce((sum, n) => sum + n, 0);
  });
}

/** Less than a hundredth of what Web Vitals call good (0.1) is a rounding of the browser's, not a movement that anybody sees. */
const LEAST_SHIFT = 0.005;

/** What moved on the page without the person's doing, as lines. */
export function shifts(page) {
  return page.evaluate((least) => {
    const observer = new PerformanceObserver(() => {});
    observer.observe({ type: 'layout-shift', buffered: true });
    const moved = observer.takeRecords().filter((shift) => !shift.hadRecentInput && shift.value >= least);
    const named = (node) => node?.id || node?.className || node?.nodeName;
    return moved.map((shift) => `a shift of ${shift.value}: ${shift.sources.map(({ node }) => named(node)).join(', ')}`);
  }, LEAST_SHIFT);
}

/** Which screens of these widths the page is wider than, as lines. */
export async function wideFaults(page, widths) {
  const before = page.viewportSize();
  const faults = [];
  for (const width of widths) {
    await page.setViewportSize({ width, height: 780 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) faults.push(`the page is ${wide} px wide on a screen of ${width} px`);
  }
  await page.setViewportSize(before);
  return faults;
}

/** What a finger may miss: targets of less than 44 px that are no words in a sentence (WCAG 2.5.8, 2.5.5). */
export function smallTargets(page) {
  return page.evaluate((least) => {
    const inSentence = (target) => target.closest('.legal, .hint, .check, .err, .notice, .skip, .text, .unseen, .cards tbody th, .cards td:not(.act)') !== null;
    const hits = (target, x, y) => target.contains(document.elementFromPoint(x, y));
    const faults = [];
    for (const target of document.querySelectorAll('a, button, input:not([type=hidden])')) {
      target.scrollIntoView({ block: 'center', behavior: 'instant' });
      const box = target.getBoundingClientRect();
      if (box.width < 2 || inSentence(target) || !target.checkVisibility({ visibilityProperty: true })) continue;
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      let [above, below] = [0, 0];
      while (above < least && hits(target, x, y - above)) above += 1;
      while (below < least && hits(target, x, y + below)) below += 1;
      if (above + below < least) faults.push(`${target.id || target.outerHTML.slice(0, 80)}: hit in ${above + below} px of its height`);
    }
    return faults;
  }, TARGET);
}

/** What a policy lets in beside the page's own origin and its nonce, as lines. */
export function policyFaults(policy) {
  const parts = policy.split(';').map((part) => part.trim().split(/\s+/));
  const directives = Object.fromEntries(parts.map(([name, ...sources]) => [name, sources]));
  const must = { 'default-src': /^('none'|'self')$/, 'frame-ancestors': /^'none'$/, 'base-uri': /^('none'|'self')$/ };
  const faults = Object.entries(must).filter(([name, what]) => !what.test(String(directives[name])));
  const good = /^('self'|'none'|'nonce-.+'|'sha(256|384|512)-.+'|'strict-dynamic'|data:)$/;
  const odd = ['script-src', 'style-src', 'img-src', 'connect-src', 'font-src'].flatMap((name) => (directives[name] ?? []).filter((source) => !good.test(source)));
  return [...faults.map(([name]) => name), ...odd].map((what) => `the policy's ${what}: ${policy}`);
}
