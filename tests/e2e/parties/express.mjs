// Relying parties on Express: a site in this process, started for one test.

import express from 'express';
import { freePort } from '../lib/process.mjs';

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

export const page = (body) =>
  `<!doctype html><html lang="ru"><meta charset="utf-8"><link rel="icon" href="data:,"><title>Express</title><main>${body}</main>`;
export const shown = (id, value) => `<pre id="${id}">${escape(JSON.stringify(value))}</pre>`;

/**
 * Registers a client of the provider, lets `install(app, { url, client })` make its site, runs `body(url)`, and ends it. What
 * the site throws is shown in #refused.
 */
export async function withSite(provider, { name, callback, farewell, more }, install, body) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const logoutUris = farewell ? [`${url}${farewell}`] : [];
  const client = await provider.client(name, { redirectUris: [`${url}${callback}`], logoutUris, firstParty: true, more });
  const app = express();
  install(app, { url, client });
  app.use((error, _request, response, next) => {
    if (response.headersSent) next(error);
    else response.status(200).send(page(shown('refused', { error: error.error ?? error.name, description: error.message })));
  });
  const server = await new Promise((resolve, reject) => {
    const listening = app.listen(port, '127.0.0.1', (error) => (error ? reject(error) : resolve(listening)));
  });
  try {
    await body(url);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
