// node oidc-provider as `cargo xtask bench` measures it: in-memory adapter, one confidential client, ES256.
// Prints one line of JSON once it listens: refresh tokens of grants of their own, and an opaque access token.

import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

// Its notices would stand before the line of JSON.
console.info = () => {};

const port = Number(process.argv[2]);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const resource = (accessTokenFormat) => ({
  scope: 'read', accessTokenFormat, accessTokenTTL: 300, ...(accessTokenFormat === 'jwt' && { jwt: { sign: { alg: 'ES256' } } }),
});
const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'es256' }] },
  clients: [{
    client_id: 'peer', client_secret: 'peer-secret', redirect_uris: ['http://127.0.0.1:9/callback'],
    grant_types: ['client_credentials', 'authorization_code', 'refresh_token'], response_types: ['code'],
    id_token_signed_response_alg: 'ES256', token_endpoint_auth_method: 'client_secret_basic',
  }],
  scopes: ['openid', 'offline_access', 'read'],
  findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  rotateRefreshToken: true,
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_ctx, indicator) => resource(indicator.endsWith('/jwt') ? 'jwt' : 'opaque'),
    },
  },
});

const client = await provider.Client.find('peer');
const refreshTokens = [];
for (let number = 0; number < 16; number += 1) {
  const accountId = `person-${number}`;
  const grant = new provider.Grant({ accountId, clientId: client.clientId });
  grant.addOIDCScope('openid offline_access');
  const grantId = await grant.save();
  const token = new provider.RefreshToken({
    accountId, client, grantId, gty: 'authorization_code', scope: 'openid offline_access', iiat: Math.floor(Date.now() / 1000),
    expiresWithSession: false, authTime: Math.floor(Date.now() / 1000), rotations: 0,
  });
  refreshTokens.push(await token.save());
}
const opaque = new provider.ClientCredentials({ client, scope: 'read' });
const opaqueToken = await opaque.save();
provider.listen(port, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ refresh_tokens: refreshTokens, opaque_token: opaqueToken })}\n`);
});
