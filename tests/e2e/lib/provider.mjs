// The built binary on an empty SQLite: migrated, serving, with clients and people made by its CLI.
//
// The issuer is http://localhost:PORT and every relying party lives on 127.0.0.1, so that they are
// different sites for the browser, as in production.

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Outbox } from './outbox.mjs';
import { Background, freePort, logFile, run } from './process.mjs';

/** Secrets of these tests begin so, and no log may hold one. */
export const CANARY = 'CANARY-';
export const PASSWORD = `${CANARY}лошадь-батарея-скрепка-7`;
export const WRONG_PASSWORD = `${CANARY}не тот пароль вовсе`;

let people = 0;

/** A phone number that no other test of this run uses, in a range of its own. */
export function newPhone() {
  return `+7916${String((2_000_000 + ++people * 10_037) % 10_000_000).padStart(7, '0')}`;
}

/** An address that no other test of this run uses. */
export function newEmail() {
  return `person-${++people}@example.test`;
}

export class Provider {
  /**
   * `settings` are further environment variables; one that is undefined is taken away. Work is asked for where a suite
   * wants it: all of them come from one network.
   */
  static async start(binary, name = 'kabinet', settings = {}) {
    const provider = new Provider();
    provider.binary = binary;
    provider.name = name;
    provider.dir = mkdtempSync(join(tmpdir(), 'kabinet-e2e-'));
    const [port, adminPort] = [await freePort(), await freePort()];
    provider.issuer = `http://localhost:${port}`;
    provider.outbox = new Outbox(join(provider.dir, 'outbox.jsonl'));
    provider.env = {
      ...process.env,
      KABINET__ISSUER: provider.issuer,
      KABINET__LISTEN: `127.0.0.1:${port}`,
      KABINET__ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
      KABINET__STORE__URL: `sqlite:${join(provider.dir, 'kabinet.db')}`,
      KABINET__DELIVERY__OUTBOX: provider.outbox.path,
      KABINET__WORK__BITS: '0',
      ...settings,
    };
    await provider.cli(['migrate']);
    await provider.serve();
    return provider;
  }

  /** The provider of a demonstration that runs, with the same commands. */
  static of(binary, { place, log, logged, told }) {
    const { issuer, outbox } = told;
    const env = { ...process.env, KABINET__ISSUER: issuer, KABINET__STORE__URL: `sqlite:${join(place, 'kabinet.db')}` };
    return Object.assign(new Provider(), { binary, name: 'demo', dir: place, issuer, outbox: new Outbox(outbox), env, log, logged });
  }

  async serve() {
    this.log ??= logFile(this.name, this.dir);
    this.logged ??= existsSync(this.log) ? statSync(this.log).size : 0;
    this.process = new Background(this.binary, ['serve'], { cwd: this.dir, env: this.env, log: this.log });
    await this.process.answers(`${this.issuer}/.well-known/openid-configuration`);
  }

  /** Kills the server without a word and starts it again. */
  async restart() {
    await this.process.stop('SIGKILL');
    await this.serve();
  }

  /** The lines of this run's log that tell of a fault of the server itself. */
  loggedErrors() {
    const lines = readFileSync(this.log).subarray(this.logged).toString().split('\n');
    return lines.filter((line) => / ERROR |"level":"ERROR"|panicked at/.test(line));
  }

  async stop() {
    await this.process?.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  cli(args, stdin) {
    return run(this.binary, args, { cwd: this.dir, env: this.env, stdin });
  }

  async json(args, stdin) {
    return JSON.parse(await this.cli([...args, '--json'], stdin));
  }

  /** Changes the database behind the provider's back, by Python's own SQLite. */
  sql(statement) {
    const program = 'import sqlite3, sys\nwith sqlite3.connect(sys.argv[1], timeout=10) as db: db.execute(sys.argv[2])';
    return run(process.env.E2E_PYTHON ?? 'python3', ['-c', program, join(this.dir, 'kabinet.db'), statement]);
  }

  /** Registers a client; the result has `client_id` and, unless it is public, `client_secret`. */
  client(name, { profile = 'web', redirectUris, logoutUris = [], firstParty = false, more = [] }) {
    const args = ['client', 'create', name, '--profile', profile];
    for (const uri of redirectUris) args.push('--redirect-uri', uri);
    for (const uri of logoutUris) args.push('--post-logout-redirect-uri', uri);
    if (firstParty) args.push('--first-party');
    return this.json([...args, ...more]);
  }

  /** A person with a confirmed phone, or with an e-mail address when `email` is given. */
  async person({ email, phone = email ? undefined : newPhone() } = {}) {
    const contact = email ? ['--email', email] : ['--phone', phone];
    const { sub } = await this.json(['user', 'create', ...contact, '--password-stdin'], `${PASSWORD}\n`);
    return { sub, phone, email, password: PASSWORD };
  }

  /** An address of the provider, with a query. */
  url(path, query = {}) {
    const url = new URL(path, this.issuer);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    return url.href;
  }
}
