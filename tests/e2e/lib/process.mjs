// Child processes and ports: everything started here is known by its process id and ended by it.

import { execFile, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { appendFileSync, closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const running = new Set();

process.on('exit', () => {
  // Not SIGKILL: Apache takes its own children along.
  for (const child of running) child.kill('SIGTERM');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

/** Below the ports that the kernel gives to outgoing connections, which would come between the asking and the listening. */
const [LOWEST, HIGHEST] = [15_000, 32_000];
const handedOut = new Set();

/** A port of 127.0.0.1 that nobody listens on right now, and that was not given to anybody else in this run. */
export async function freePort() {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST);
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if (await isFree(port)) return port;
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Asks `probe` until it answers something true, and throws `what` after `limit` milliseconds. */
export async function until(probe, what, limit = 60_000) {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${typeof what === 'function' ? what() : what} (waited ${limit} ms)`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/**
 * Where the output of our own server `name` goes: into the suite's log directory if there is one.
 * Relying parties stay out of it: they log addresses with codes, and that directory is searched for them.
 */
export function logFile(name, dir) {
  return join(process.env.KABINET_TEST_LOGS ?? dir, `e2e-${name}.log`);
}

/** A process in the background; what it writes is appended to `log`, stdout to `out` if that is given. */
export class Background {
  constructor(command, args, { cwd, env, log, out = log }) {
    this.name = command;
    this.log = log;
    const files = [openSync(out, 'a'), openSync(log, 'a')];
    this.child = spawn(command, args, { cwd, env, stdio: ['ignore', ...files] });
    files.forEach((file) => closeSync(file));
    running.add(this.child);
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => {
        appendFileSync(log, `${error}\n`);
        resolve(error);
      });
      this.child.once('exit', (code, signal) => {
        running.delete(this.child);
        resolve(code ?? signal);
      });
    });
    this.ended.then((how) => (this.result = how));
  }

  /** Waits until `url` answers at all; fails at once when the process has ended. */
  async answers(url, limit = 60_000) {
    const what = () => `${this.name} did not answer at ${url}: ${this.tail()}`;
    await until(async () => {
      if (this.result !== undefined) throw new Error(`${this.name} ended (${this.result}): ${this.tail()}`);
      try {
        const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(2_000) });
        await answer.arrayBuffer();
        return answer.status < 500;
      } catch {
        return false;
      }
    }, what, limit);
    return this;
  }

  tail() {
    return readFileSync(this.log, 'utf8').slice(-1_500);
  }

  async stop(signal = 'SIGTERM') {
    if (this.result !== undefined) return;
    this.child.kill(signal);
    const giveUp = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    await this.ended;
    clearTimeout(giveUp);
  }
}

/** Runs a command to its end and gives its stdout; throws with its stderr when it fails. */
export function run(command, args, { cwd, env, stdin = '' } = {}) {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { cwd, env, timeout: 180_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${command} ${args.join(' ')}: ${stderr.slice(-800) || error.message}`));
      else resolve(stdout);
    });
    // A command that does not read its input may have closed it already; how it ended is told above.
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
  });
}
