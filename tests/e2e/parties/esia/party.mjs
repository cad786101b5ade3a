// The stand-in for ЕСИА, signed in to with a client that nobody here wrote: npm's `esia`, first version of the protocol.
//
// That package is from before 2020 and signs with RSA, which ЕСИА has not taken since. Its signature is made by `openssl cms`
// with the GOST engine here; everything else is its own: what is signed, how it is sent, how the answer is read.

import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Background, logFile, until } from '../../lib/process.mjs';
import { test } from '../../lib/report.mjs';

const require = createRequire(import.meta.url);
const ENGINE = resolve(import.meta.dirname, '../../../../crates/gost/fixtures/gost-openssl.cnf');

/** A client of the package `esia` whose signature is `sign(text)`; without it the package's own. */
function client(config, sign) {
  const [main, signer] = [require.resolve('esia'), require.resolve('esia/lib/signer')];
  for (const file of [main, signer]) delete require.cache[file];
  if (sign) require.cache[signer] = { id: signer, filename: signer, loaded: true, exports: () => sign };
  return require('esia')(config);
}

/** A detached message with the certificate inside, as base64url. */
function signature(dir) {
  const files = ['-signer', join(dir, 'NPM01.crt'), '-inkey', join(dir, 'NPM01.key'), '-outform', 'DER'];
  return (text) => execFileSync('openssl', ['cms', '-sign', '-binary', '-nosmimecap', '-md', 'md_gost12_256', ...files], {
    input: text,
    env: { ...process.env, OPENSSL_CONF: ENGINE, CADIR: dir },
  }).toString('base64url');
}

/** Starts the stand-in with one system, and a page that people come back to. */
async function withStandin(world, body) {
  if (!world.esia) throw new Error('--esia PATH is missing');
  const dir = mkdtempSync(join(tmpdir(), 'kabinet-e2e-esia-'));
  const back = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<h1 id="back">back</h1>'));
  await new Promise((resolve) => back.listen(0, '127.0.0.1', resolve));
  const redirectUri = `http://127.0.0.1:${back.address().port}/esia`;
  let standin;
  try {
    execFileSync(world.esia, ['client', dir, 'NPM01']);
    writeFileSync(join(dir, 'esia.toml'), `[[system]]
mnemonic = "NPM01"
name = "Система на npm"
certificates = [{ file = "NPM01.crt" }]
redirect_uris = ["${redirectUri}"]
scopes = ["openid", "fullname", "email", "mobile"]
`);
    const out = join(dir, 'stdout');
    const args = ['serve', '--config', join(dir, 'esia.toml')];
    standin = new Background(world.esia, args, { cwd: dir, env: process.env, log: join(dir, 'stderr'), out });
    const line = await until(() => {
      if (standin.result !== undefined) throw new Error(`the stand-in ended (${standin.result}): ${standin.tail()}`);
      return /^(\{.*\})\n/.exec(readFileSync(out, 'utf8'))?.[1];
    }, () => `the stand-in printed no JSON: ${standin.tail()}`);
    const { esia: esiaUrl, control } = JSON.parse(line);
    const config = { esiaUrl, redirectUri, clientId: 'NPM01', scope: 'openid fullname email', certificate: 'x', key: 'x' };
    await body({ config, control, dir, sign: signature(dir) });
  } finally {
    await standin?.stop();
    back.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

export default [
  test('npm’s esia signs in to the stand-in, gets tokens and reads who it is', (world) =>
    withStandin(world, async ({ config, sign }) => {
      const esia = client(config, sign);
      const { url, params } = esia.getAuth();
      let code;
      await world.browser.visit(async (page) => {
        await page.goto(url);
        await world.browser.picture(page, 'esia-sign-in');
        await page.click('#allow');
        await page.locator('h1', { hasText: 'просит доступ' }).waitFor();
        await world.browser.picture(page, 'esia-consent');
        await page.click('#allow');
        await page.locator('#back').waitFor();
        const back = new URL(page.url()).searchParams;
        assert.equal(back.get('state'), params.state);
        code = back.get('code');
      });
      const { marker, data } = await esia.getAccess(code, ['/', '/ctts?embed=(elements)']);
      assert.equal(marker.decodedAccessToken.iss, 'http://esia-portal1.test.gosuslugi.ru/');
      assert.equal(data[0].lastName, 'Пробная');
      assert.deepEqual(data[1].elements.map(({ type }) => type), ['EML']);
      await assert.rejects(esia.getAccess(code, []), /ESIA-007011/);
    })),
  test('what npm’s esia signs by itself is refused, and the log says why', (world) =>
    withStandin(world, async ({ config, control, dir }) => {
      const rsa = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=NPM01', '-keyout', join(dir, 'rsa.key'), '-out', join(dir, 'rsa.crt')];
      execFileSync('openssl', ['req', ...rsa], { stdio: 'ignore' });
      const own = { certificate: readFileSync(join(dir, 'rsa.crt'), 'utf8'), key: readFileSync(join(dir, 'rsa.key'), 'utf8') };
      const { url } = client({ ...config, ...own }).getAuth();
      const answer = await fetch(url, { redirect: 'manual' });
      const back = new URL(answer.headers.get('location')).searchParams;
      assert.equal(back.get('error'), 'unauthorized_client');
      assert.match(back.get('error_description'), /^ESIA-007005: /);
      const log = await (await fetch(`${control}/log`)).json();
      assert.match(log.at(-1).text, /not detached/);
    })),
].flat();
