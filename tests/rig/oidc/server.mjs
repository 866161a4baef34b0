// The rig's real OpenID provider: the npm package oidc-provider, which is certified by the OpenID Foundation.
// Nothing of the protocol is written here, only settings: JWT access tokens, dynamic registration, the device
// flow, refresh tokens by offline_access, introspection and revocation, as at INDIGO IAM.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import Provider from 'oidc-provider';

const { ISSUER: issuer, AUDIENCE: audience } = process.env;
const accessTokenTTL = Number(process.env.ACCESS_TOKEN_TTL || 3600); // seconds
const rotate = process.env.ROTATE === '1';
const day = 86400;

const pem = (name) => readFileSync(`/pki/${name}`);
const jwk = {
  ...createPrivateKey(pem('sign.key')).export({ format: 'jwk' }),
  kid: 'rsa1', use: 'sig', alg: 'RS256',
  x5c: [new X509Certificate(pem('sign.pem')).raw.toString('base64')],
};

const provider = new Provider(issuer, {
  jwks: { keys: [jwk] },
  scopes: ['openid', 'offline_access', 'profile', 'email'],
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username', 'organisation_name'],
    email: ['email', 'email_verified'],
  },
  // A service: it gets tokens for itself, and nobody logs in (RFC 6749, section 4.4).
  clients: [{
    client_id: 'service', client_secret: 'planted-service-secret-c3f7', grant_types: ['client_credentials'],
    redirect_uris: [], response_types: [],
  }],
  clientDefaults: { id_token_signed_response_alg: 'RS256' },
  // Whoever logs in exists.
  async findAccount(_ctx, sub) {
    return {
      accountId: sub,
      claims: async () => ({
        sub, name: `User ${sub}`, preferred_username: sub, organisation_name: 'infn-cloud',
        email: `${sub}@example.org`, email_verified: true,
      }),
    };
  },
  features: {
    devInteractions: { enabled: true }, // the package's own pages for login and consent
    deviceFlow: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
    registration: { enabled: true, initialAccessToken: false },
    registrationManagement: { enabled: true },
    // The package makes JWT access tokens, with an audience, for a resource server only: here is one for all.
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'https://rgw.test/',
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'openid profile email offline_access', audience, accessTokenTTL,
        accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
  extraTokenClaims: (_ctx, token) => ({
    preferred_username: token.accountId, organisation_name: 'infn-cloud', groups: ['end-users-catchall'],
  }),
  issueRefreshToken: (_ctx, client, code) =>
    client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
  // One use only; a second use of one takes away all that came of the login.
  rotateRefreshToken: rotate,
  ttl: {
    AccessToken: accessTokenTTL, IdToken: 3600, DeviceCode: 600, Interaction: 3600, Session: day,
    RefreshToken: 30 * day, Grant: 30 * day,
  },
  cookies: { keys: ['rig'] },
  pkce: { required: () => false },
});

provider.on('server_error', (_ctx, error) => console.error('server_error', error));
for (const event of ['registration_create.error', 'grant.error', 'introspection.error', 'revocation.error']) {
  provider.on(event, (_ctx, { error, error_description, error_detail }) =>
    console.error(event, error, error_description, error_detail ?? ''));
}

// oidc-agent registers as application_type "web" with a redirect URI of a scheme of its own. OpenID Connect
// Dynamic Client Registration (section 2) forbids that and the package refuses it; INDIGO IAM takes it: so do we.
provider.use(async (ctx, next) => {
  if (ctx.method === 'POST' && ctx.path === '/reg') {
    let text = '';
    for await (const chunk of ctx.req) text += chunk;
    try {
      const body = JSON.parse(text);
      if (body.redirect_uris?.some((uri) => !uri.startsWith('http'))) body.application_type = 'native';
      ctx.req.body = body;
    } catch {
      ctx.req.body = text;
    }
  }
  await next();
});
provider.use(async (ctx, next) => {
  await next();
  console.log(ctx.method, ctx.path, ctx.status);
});

createServer({ key: pem('tls.key'), cert: pem('tls.pem') }, provider.callback())
  .listen(Number(new URL(issuer).port), '0.0.0.0', () => console.log('listening as', issuer));
