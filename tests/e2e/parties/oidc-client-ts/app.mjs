// A browser application: static pages with oidc-client-ts, no server of its own that knows a token.
//
//   /            the verified claims in #claims, userinfo in #userinfo, or the button #sign-in; a refusal in #refused
//   /callback    where a sign-in comes back; the session stays in the tab's storage
//   /silent      the same inside the hidden frame of a sign-in with `prompt=none`
//   /bye         the way back of a sign-out

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../lib/process.mjs';

const LIBRARY = readFileSync(fileURLToPath(new URL('../browser/oidc-client-ts.min.js', import.meta.resolve('oidc-client-ts'))));

const HEAD = `<!doctype html><html lang="ru"><meta charset="utf-8"><link rel="icon" href="data:,"><meta name="referrer" content="no-referrer">
<title>Приложение</title><main></main>`;

/** Runs in the page. A button does what its id says and shows the outcome. */
function application(settings) {
  const manager = new oidc.UserManager({ ...settings, userStore: new oidc.WebStorageStateStore({ store: sessionStorage }) });
  const main = document.querySelector('main');
  const show = (id, value) => {
    document.getElementById(id)?.remove();
    main.append(Object.assign(document.createElement('pre'), { id, textContent: JSON.stringify(value) }));
  };
  const refused = (error) => show('refused', { error: error.error ?? error.message, description: error.error_description ?? '' });
  const button = (id, press) => {
    const element = Object.assign(document.createElement('button'), { id, textContent: id });
    element.addEventListener('click', () => press().catch(refused));
    main.append(element);
  };
  /** Done is written last, so that whoever waits for it sees the rest. */
  const entered = (user) => {
    show('claims', user.profile);
    show('tokens', [...(window.seen ??= []), user.refresh_token]);
    window.seen.push(user.refresh_token);
    show('done', window.seen.length);
  };
  /** What a page of this origin may read of the provider, beside what the library reads. */
  const read = async () => {
    const { jwks_uri, userinfo_endpoint } = await (await fetch(`${settings.authority}/.well-known/openid-configuration`)).json();
    const user = await manager.getUser();
    const headers = { authorization: `Bearer ${user.access_token}` };
    show('keys', await (await fetch(jwks_uri)).json());
    show('userinfo', await (await fetch(userinfo_endpoint, { headers })).json());
  };
  const home = async () => {
    const user = await manager.getUser();
    if (!user) return button('sign-in', () => manager.signinRedirect());
    button('read', read);
    button('refresh', async () => entered(await manager.signinSilent()));
    button('silent', async () => entered(await manager.signinSilent({ forceIframeAuth: true })));
    button('sign-out', () => manager.signoutRedirect());
    entered(user);
  };
  const pages = {
    '/': home,
    '/callback': async () => {
      await manager.signinRedirectCallback();
      location.replace('/');
    },
    '/silent': () => manager.signinSilentCallback(),
    '/bye': async () => {
      await manager.signoutRedirectCallback();
      show('bye', 'Вы вышли');
    },
  };
  pages[location.pathname]().catch(refused);
}

/** Starts the application on this host and registers it as a public client. */
export async function newApplication(provider, host) {
  const port = await freePort();
  const url = `http://${host}:${port}`;
  const { client_id } = await provider.client('Приложение', {
    profile: 'spa',
    redirectUris: [`${url}/callback`, `${url}/silent`],
    logoutUris: [`${url}/bye`],
    firstParty: true,
  });
  const settings = {
    authority: provider.issuer,
    client_id,
    redirect_uri: `${url}/callback`,
    silent_redirect_uri: `${url}/silent`,
    post_logout_redirect_uri: `${url}/bye`,
    scope: 'openid profile phone',
    loadUserInfo: true,
    automaticSilentRenew: false,
    silentRequestTimeoutInSeconds: 240,
  };
  const page = `${HEAD}<script src="/library.js"></script><script>(${application})(${JSON.stringify(settings)})</script>`;
  const server = createServer((request, response) => {
    const isLibrary = request.url === '/library.js';
    response.writeHead(200, { 'content-type': isLibrary ? 'text/javascript' : 'text/html; charset=utf-8' });
    response.end(isLibrary ? LIBRARY : page);
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url, stop };
}
