// What the web server of 1С:Enterprise does with a publication that has `<openidconnect>` in its default.vrd: static pages with
// oidc-client-js, the library of its authform.html, which reads its settings from the JSON in that file.
//
//   /Base/ru_RU/               the button #sign-in
//   /Base/ru_RU/authform.html  where a sign-in comes back: the claims of the ID token in #claims, a refusal in #refused
//   /Base/ru_RU/read           what the page may read of the provider: #keys, #userinfo

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../lib/process.mjs';

const LIBRARY = readFileSync(fileURLToPath(new URL('../dist/oidc-client.min.js', import.meta.resolve('oidc-client'))));
const BASE = '/Base/ru_RU/';

const HEAD = `<!doctype html><html lang="ru"><meta charset="utf-8"><link rel="icon" href="data:,">
<title>1С:Предприятие</title><main></main>`;

/** Runs in the page. */
function application(provider) {
  const store = new Oidc.WebStorageStateStore({ store: sessionStorage });
  const manager = new Oidc.UserManager({ ...provider.clientconfig, userStore: store, automaticSilentRenew: false });
  const main = document.querySelector('main');
  const show = (id, value) => main.append(Object.assign(document.createElement('pre'), { id, textContent: JSON.stringify(value) }));
  const pages = {
    '': async () => {
      const button = Object.assign(document.createElement('button'), { id: 'sign-in', textContent: provider.title });
      button.addEventListener('click', () => manager.signinRedirect());
      main.append(button);
    },
    'authform.html': async () => show('claims', (await manager.signinRedirectCallback()).profile),
    read: async () => {
      const { jwks_uri, userinfo_endpoint } = await (await fetch(provider.discovery)).json();
      show('keys', await (await fetch(jwks_uri)).json());
      const user = await manager.getUser();
      show('userinfo', await (await fetch(userinfo_endpoint, { headers: { authorization: `Bearer ${user.access_token}` } })).json());
    },
  };
  pages[location.pathname.split('/').pop()]().catch((error) => show('refused', { error: error.error ?? error.message }));
}

/** Registers a publication, reads what `client show --format vrd` prints for it, and serves its pages. */
export async function newPublication(provider, more = []) {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const { client_id } = await provider.client('1С:Бухгалтерия', {
    profile: '1c',
    redirectUris: [`${origin}${BASE}authform.html`],
    firstParty: true,
    more: ['--token-endpoint-auth-method', 'none', ...more],
  });
  const { openidconnect } = await provider.json(['client', 'show', client_id, '--format', 'vrd']);
  const [, text] = openidconnect[0].match(/<!\[CDATA\[(.*?)\]\]>/s);
  const [told] = JSON.parse(text);
  const page = `${HEAD}<script src="${BASE}library.js"></script><script>(${application})(${JSON.stringify(told)})</script>`;
  const server = createServer((request, response) => {
    const isLibrary = request.url.endsWith('/library.js');
    response.writeHead(200, { 'content-type': isLibrary ? 'text/javascript' : 'text/html; charset=utf-8' });
    response.end(isLibrary ? LIBRARY : page);
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `${origin}${BASE}`, origin, client_id, told, stop };
}
