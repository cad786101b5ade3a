// A product's logo, and a place from which the provider can fetch it.

import { createServer } from 'node:http';
import { deflateSync } from 'node:zlib';

const SIDE = 96;

function crc(bytes) {
  let rest = ~0;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  }
  return ~rest >>> 0;
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc(body));
  return Buffer.concat([length, body, sum]);
}

/** A PNG on transparent ground: an orange disc with a notch. */
export function logo() {
  const rows = Array.from({ length: SIDE }, (_, y) => {
    const row = Buffer.alloc(1 + SIDE * 4);
    for (let x = 0; x < SIDE; x += 1) {
      const [dx, dy] = [x - SIDE / 2 + 0.5, y - SIDE / 2 + 0.5];
      const isIn = dx * dx + dy * dy < 44 * 44 && !(dx > 0 && Math.abs(dy) < dx * 0.5);
      if (isIn) row.set([0xe8, 0x6a, 0x17, 0xff], 1 + x * 4);
    }
    return row;
  });
  const head = Buffer.alloc(13);
  head.writeUInt32BE(SIDE, 0);
  head.writeUInt32BE(SIDE, 4);
  head.set([8, 6], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', deflateSync(Buffer.concat(rows))), chunk('IEND', Buffer.alloc(0))]);
}

/** Runs `body` with the URL of the logo, which is there no longer than that. */
export async function withLogo(body) {
  const server = createServer((request, response) => response.setHeader('content-type', 'image/png').end(logo()));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await body(`http://127.0.0.1:${server.address().port}/logo.png`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
