// The stand-in for Astral.Toolbox, and what a browser needs to reach it. It is `kabinet-demo toolbox`: a real
// WebSocket server that signs with OpenSSL's GOST engine.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Background, logFile, until } from './process.mjs';

export class Toolbox {
  /** Starts it on a free port, with certificates of its own. */
  static async start(demo, name = 'toolbox') {
    const toolbox = new Toolbox();
    toolbox.dir = mkdtempSync(join(tmpdir(), 'kabinet-e2e-toolbox-'));
    const out = join(toolbox.dir, 'stdout');
    const args = ['toolbox', '--dir', join(toolbox.dir, 'authority'), '--port', '0'];
    const process = new Background(demo, args, { cwd: toolbox.dir, env: globalThis.process.env, log: logFile(name, toolbox.dir), out });
    toolbox.process = process;
    const line = await until(() => {
      if (process.result !== undefined) throw new Error(`the stand-in ended (${process.result}): ${process.tail()}`);
      return /^(\{.*\})\n/.exec(readFileSync(out, 'utf8'))?.[1];
    }, () => `the stand-in printed nothing: ${process.tail()}`);
    return Object.assign(toolbox, JSON.parse(line));
  }

  async stop() {
    await this.process.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Lets pages of the provider reach this computer, as a person does who answers the browser's question with yes. */
export function letReach(page, { issuer }) {
  return page.context().grantPermissions(['local-network-access'], { origin: issuer });
}

/** Every connection of this page to the program is told to go wrong in this way; see `crates/standins/src/toolbox.rs`. */
export function behaving(page, mode) {
  return page.addInitScript((wrong) => {
    const Real = window.WebSocket;
    window.WebSocket = class extends Real {
      constructor(address) {
        super(`${address}?mode=${wrong}`);
      }
    };
  }, mode);
}
