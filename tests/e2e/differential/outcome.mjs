// What a relying party sees of an answer, in words that are the same for both providers: no free text, no value that a
// provider is free to choose.
//
//   status     the class: 2xx, 3xx, 4xx, 5xx
//   to         where a redirect leads: `client query`, `client fragment`, `client`, `login` (the provider's own pages), `elsewhere`
//   body       json, page, form_post, jwt, empty, or another content type
//   error      the member `error` of a JSON body, of a form post or of a redirect to the client
//   members    the names in a JSON body, a form post or a redirect to the client; of two, see `differing`
//   stored     whether caches may keep the answer: `no` or `may`
//   challenge  the scheme of WWW-Authenticate; of Bearer with its `error`

/** Free text and its companions: who sends them is of no interest. */
const FREE = new Set(['error_description', 'error_uri']);

export function outcome(side, answer) {
  const header = (name) => answer.headers.get(name) ?? '';
  const told = { status: `${Math.floor(answer.status / 100)}xx` };
  const location = answer.headers.get('location');
  let members;
  if (location !== null) {
    const url = new URL(location, answer.asked);
    const part = url.hash ? 'fragment' : url.search ? 'query' : '';
    const isClient = side.homes.includes(`${url.origin}${url.pathname}`);
    told.to = isClient ? `client ${part}`.trim() : url.origin === side.issuer ? 'login' : 'elsewhere';
    if (isClient) members = [...new URLSearchParams(part === 'fragment' ? url.hash.slice(1) : url.search)];
  } else {
    const type = header('content-type').split(';')[0];
    told.body = { 'application/json': 'json', 'text/html': 'page', 'application/jwt': 'jwt' }[type] ?? type;
    if (answer.text === '') told.body = 'empty';
    if (told.body === 'json') members = Object.entries(JSON.parse(answer.text));
    if (told.body === 'page' && /name="(code|error|id_token)"/.test(answer.text)) {
      told.body = 'form_post';
      members = [...answer.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]);
    }
  }
  const error = members?.find(([name]) => name === 'error')?.[1];
  if (error !== undefined) told.error = error;
  if (members) told.members = [...new Set(members.map(([name]) => name))].filter((name) => !FREE.has(name)).sort();
  told.stored = /no-store/.test(header('cache-control')) ? 'no' : 'may';
  const challenge = header('www-authenticate');
  // RFC 6750 §3.1 has an error code in a challenge; Basic has none.
  const [scheme] = challenge.split(' ');
  const code = scheme === 'Bearer' && /error="([^"]+)"/.exec(challenge)?.[1];
  if (challenge) told.challenge = code ? `${scheme} ${code}` : scheme;
  return told;
}

/** What the two say of the parts in which they differ: `{ ours, theirs }`, empty when they are alike. */
export function differing(ours, theirs) {
  const found = { ours: {}, theirs: {} };
  for (const part of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const [mine, other] = [ours[part], theirs[part]];
    if (part === 'members') {
      // Only the names that the other has not; between an error and none, all of them are.
      if (!mine || !other || (ours.error === undefined) !== (theirs.error === undefined)) continue;
      const [more, less] = [mine.filter((name) => !other.includes(name)), other.filter((name) => !mine.includes(name))];
      if (more.length) found.ours.members = more.join(' ');
      if (less.length) found.theirs.members = less.join(' ');
    } else if (mine !== other) {
      found.ours[part] = mine ?? 'none';
      found.theirs[part] = other ?? 'none';
    }
  }
  return found;
}
