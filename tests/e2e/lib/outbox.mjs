// What the provider would have sent: one line of JSON per message.

import { existsSync, readFileSync } from 'node:fs';
import { until } from './process.mjs';

export class Outbox {
  constructor(path) {
    this.path = path;
  }

  /** All whole messages so far, for one address if it is given. */
  messages(to) {
    if (!existsSync(this.path)) return [];
    const lines = readFileSync(this.path, 'utf8').split('\n').slice(0, -1);
    const all = lines.filter(Boolean).map((line) => JSON.parse(line));
    return to ? all.filter((message) => message.to === to) : all;
  }

  /** The newest code sent to `to`, once more than `after` messages have been sent there. */
  async code(to, after = 0) {
    const sent = await until(
      () => this.messages(to).length > after && this.messages(to),
      `no message to ${to} in the outbox`,
      60_000,
    );
    const { code } = sent.at(-1);
    if (!/^\d{6,8}$/.test(code ?? '')) throw new Error(`a code has 6 digits, that of an invitation 8, this one is ${JSON.stringify(code)}`);
    return code;
  }
}
