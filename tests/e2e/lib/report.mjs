// What a test is, which of them run, and how the result is told.
//
// A suite is a list of tests; a test has a sentence for a name and gets the world (provider,
// browser, options). The result is told by the line `N passed, N failed`; what failed is named again after it.

// A test that takes longer hangs, on a slow and busy machine too.
const LIMIT = 300_000;

export const test = (name, body) => [{ name, body: (world) => body(world, {}) }];

/** The same test with and without JavaScript in the browser. */
export function bothWays(name, body) {
  return [
    { name: `${name} (with scripts)`, body: (world) => body(world, { scripts: true }) },
    { name: `${name} (without scripts)`, body: (world) => body(world, { scripts: false }) },
  ];
}

export class Report {
  constructor(only, suites) {
    this.only = only;
    this.wholeSuite = suites.includes(only);
    this.passed = 0;
    this.failures = [];
  }

  wanted(suite, tests) {
    if (!this.only || suite === this.only) return tests;
    return this.wholeSuite ? [] : tests.filter(({ name }) => name.includes(this.only));
  }

  async runTest(suite, { name, body }, world) {
    const begun = Date.now();
    try {
      await within(LIMIT, body(world));
      this.passed += 1;
      console.log(`ok      ${suite}: ${name} (${Date.now() - begun} ms)`);
    } catch (error) {
      this.failure(`${suite}: ${name} (${Date.now() - begun} ms)`, error);
    }
  }

  failure(name, error) {
    const text = told(error);
    this.failures.push(`${name}\n    ${text.split('\n')[0].slice(0, 300)}`);
    console.log(`not ok  ${name}\n${text.replace(/^/gm, '        ')}`);
  }

  /** Prints the counts, and after them what failed, for whoever reads the tail; true when everything passed and something ran. */
  close() {
    if (this.passed + this.failures.length === 0) this.failure('the run', `no test is named ${this.only}`);
    console.log(`${this.passed} passed, ${this.failures.length} failed`);
    for (const failure of this.failures) console.log(`failed: ${failure}`);
    return this.failures.length === 0;
  }
}

/** An error without colours and without the frames that every test has. */
function told(error) {
  const text = String(error?.stack ?? error).replace(/\u001b\[[0-9;]*m/g, '');
  const lines = text.split('\n').filter((line) => !/^\s+at .*(lib\/(browser|report)\.mjs|run\.mjs|node:internal)/.test(line));
  return lines.filter((line) => line.trim()).join('\n');
}

async function within(limit, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not finished after ${limit} ms`)), limit);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
