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

/**
 * The page's script waits twenty times as long for a program as it says, so that no machine is too slow for it. How long it
 * waits for the first word of an extension, which most browsers do not have, stays; `all` changes that, too.
 */
export function patient(page, all = false) {
  return page.addInitScript((least) => {
    const real = window.setTimeout;
    window.setTimeout = (what, ms, ...more) => real(what, ms >= least ? ms * 20 : ms, ...more);
  }, all ? 1_000 : 2_000);
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

/**
 * A CAdES plug-in in place of Astral.Toolbox, for the page: it has the stand-in's certificates and keys. The page finds it
 * as `window.cadesplugin`, or, with `handshake`, as an extension that answers and whose script is there.
 */
export function withPlugin(page, { address }, handshake) {
  return page.addInitScript(([at, asExtension]) => {
    const Real = window.WebSocket;
    window.WebSocket = class {
      constructor() {
        throw new Error('there is none');
      }
    };
    const ask = (code, data) => new Promise((resolve, reject) => {
      const socket = new Real(at);
      socket.onopen = () => socket.send(JSON.stringify({ Code: code, Data: JSON.stringify(data), MessageId: 'x' }));
      socket.onerror = reject;
      socket.onmessage = ({ data: text }) => {
        socket.close();
        const answer = JSON.parse(text);
        if (answer.Success) resolve(answer.Data);
        else reject(new Error(answer.Message));
      };
    });
    const LABELS = { '2.5.4.3': 'CN', '2.5.4.4': 'SN', '2.5.4.42': 'G', '2.5.4.10': 'O', '2.5.4.12': 'T', '1.2.643.3.131.1.1': 'ИНН', '1.2.643.100.4': 'ИНН ЮЛ', '1.2.643.100.5': 'ОГРНИП' };
    // As Windows prints a name: with quotes where they are needed, doubled within.
    const quoted = (text) => (/[",«]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const iso = (day, time) => `${day.split('.').reverse().join('-')}T${time}Z`;
    const entry = (one) => ({
      id: one.subjectKeyId,
      HasPrivateKey: async () => one.hasPrivateKey,
      SubjectName: Promise.resolve(one.subjectNameDecoded.map(({ oid, value }) => `${LABELS[oid] ?? oid}=${quoted(value)}`).join(', ')),
      ValidFromDate: Promise.resolve(iso(one.notBefore, one.notBeforeTime)),
      ValidToDate: Promise.resolve(iso(one.notAfter, one.notAfterTime)),
      Thumbprint: Promise.resolve(one.thumbprint),
    });
    const made = {
      'CAdESCOM.About': () => ({
        CSPVersion: async (name, type) => {
          if (type !== 80) throw new Error('(0x80090019)');
          return {};
        },
      }),
      'CAdESCOM.Store': async () => {
        const all = (await ask(6, {})).filter((one) => one.subjectKeyId && one.storeInfo.storeName === 'My').map(entry);
        const count = Promise.resolve(all.length);
        return { Open: async () => {}, Close: async () => {}, Certificates: Promise.resolve({ Count: count, Item: async (n) => all[n - 1] }) };
      },
      'CAdESCOM.CPSigner': () => {
        const signer = { propset_Certificate: async (one) => { signer.id = one.id; }, propset_Options: async () => {} };
        return signer;
      },
      'CAdESCOM.CadesSignedData': () => {
        let encoding, content;
        return {
          propset_ContentEncoding: async (value) => { encoding = value; },
          propset_Content: async (text) => {
            if (encoding !== 1) throw new Error('the encoding comes first');
            content = text;
          },
          SignCades: (signer, kind, isDetached) => ask(7, { Base64Data: content, SubjectKeyId: signer.id, Detached: isDetached && kind === 1 }),
        };
      },
    };
    const plugin = { CreateObjectAsync: async (name) => made[name]() };
    if (!asExtension) {
      window.cadesplugin = Object.assign(Promise.resolve(), plugin);
      return;
    }
    window.addEventListener('message', ({ data }) => {
      if (data === 'cadesplugin_echo_request') window.postMessage('cadesplugin_loaded', '*');
    });
    // As the script of the extension does it.
    window.cpcsp_chrome_nmcades = {
      check_chrome_plugin: (good, bad) => window.cadesplugin.async_spawn(function* steps(given) {
        try {
          const found = yield Promise.resolve(plugin);
          yield found.CreateObjectAsync('CAdESCOM.About');
          window.cadesplugin.set(found);
          given[0]();
        } catch (error) {
          given[1](error);
        }
      }, good, bad),
    };
  }, [address, handshake]);
}
