// Relying parties that are programs: in Python one file each, started with the suite's own interpreter; in Go built beforehand.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Background, freePort } from '../lib/process.mjs';

const PYTHON = process.env.E2E_PYTHON ?? new URL('../../../target/e2e-venv/bin/python', import.meta.url).pathname;
const GO = process.env.E2E_GO_OIDC ?? new URL('../../../target/e2e-go/go-oidc', import.meta.url).pathname;

/** Milliseconds. */
const LONGEST_START = 120_000;

/** Starts `parties/NAME/app.py`, `words` before it, as a client of the provider, runs `body(url)`, and ends it. */
export function withPythonParty(provider, name, callback, body, words = []) {
  return withProgram(provider, name, callback, [PYTHON, ...words, new URL(`${name}/app.py`, import.meta.url).pathname], body);
}

/** The same with the program of `parties/go-oidc`. */
export const withGoParty = (provider, callback, body) => withProgram(provider, 'go-oidc', callback, [GO], body);

async function withProgram(provider, name, callback, [command, ...args], body) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const dir = mkdtempSync(join(tmpdir(), `kabinet-e2e-${name}-`));
  const client = await provider.client(name, { redirectUris: [`${url}${callback}`], firstParty: true });
  const env = {
    ...process.env,
    CLIENT_ID: client.client_id,
    CLIENT_SECRET: client.client_secret,
    DIR: dir,
    ISSUER: provider.issuer,
    PORT: String(port),
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONUNBUFFERED: '1',
  };
  const party = new Background(command, args, { cwd: dir, env, log: join(dir, 'log') });
  try {
    await party.answers(`${url}/`, LONGEST_START);
    await body(url);
  } catch (error) {
    error.stack += `\n${name} wrote: ${party.tail()}`;
    throw error;
  } finally {
    await party.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}
