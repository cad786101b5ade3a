// `kabinet-demo`: the provider, two products and the stand-ins for the outside world, in one process.

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Background, logFile, until } from './process.mjs';

export class Demo {
  /** Starts it in an empty directory; `told` is what it printed once everything answered. */
  static async start(binary, name = 'demo') {
    if (!binary) throw new Error('--demo PATH is missing');
    const demo = new Demo();
    demo.dir = mkdtempSync(join(tmpdir(), 'kabinet-e2e-demo-'));
    demo.place = join(demo.dir, 'demo');
    demo.log = logFile(name, demo.dir);
    demo.logged = existsSync(demo.log) ? statSync(demo.log).size : 0;
    const out = join(demo.dir, 'stdout');
    const args = ['--json', '--dir', demo.place];
    const process = new Background(binary, args, { cwd: demo.dir, env: globalThis.process.env, log: demo.log, out });
    demo.process = process;
    try {
      const line = await until(() => {
        if (process.result !== undefined) throw new Error(`the demo ended (${process.result}): ${process.tail()}`);
        return /^(\{.*\})\n/.exec(readFileSync(out, 'utf8'))?.[1];
      }, () => `the demo printed no JSON: ${process.tail()}`);
      demo.told = JSON.parse(line);
    } catch (error) {
      await demo.stop();
      throw error;
    }
    return demo;
  }

  async stop() {
    await this.process.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
