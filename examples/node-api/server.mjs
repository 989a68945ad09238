// A Node API that accepts the auth server's JWTs. All verification is jose's; this file states what is demanded.
import http from "node:http";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

const port = Number(process.env.PORT ?? 4100);
const host = process.env.HOST ?? "127.0.0.1";
const issuer = process.env.AUTH_ISSUER ?? "http://localhost:3000";
const audience = process.env.AUTH_AUDIENCE ?? issuer;
const jwksUrl = new URL(process.env.AUTH_JWKS_URL ?? "http://127.0.0.1:3000/api/auth/jwks");

// The algorithm is our decision, never the token's: no HMAC, no "none".
const algorithms = ["EdDSA", "ES256", "RS256"];
const REALM = "node-api";

if (jwksUrl.protocol !== "https:" && !["localhost", "127.0.0.1", "[::1]"].includes(jwksUrl.hostname)) {
  console.error("AUTH_JWKS_URL must be https unless it is on this machine: whoever can change the keys can sign in as anyone.");
  process.exit(1);
}

// Cached for 10 minutes. An unknown key id fetches again, at most once in 30 seconds: rotation needs no restart.
const keys = createRemoteJWKSet(jwksUrl, { cacheMaxAge: 600_000, cooldownDuration: 30_000, timeoutDuration: 5_000 });

/** Answers as RFC 6750 section 3 asks: no error code when no token was sent, `invalid_token` for a bad one. */
class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
  get challenge() {
    return this.code ? `Bearer realm="${REALM}", error="${this.code}", error_description="${this.message}"` : `Bearer realm="${REALM}"`;
  }
}

/** The caller's claims, or Refused. */
async function authenticate(request) {
  const header = request.headers.authorization;
  if (!header || !/^bearer(?: |$)/i.test(header)) throw new Refused(401, null, "A bearer token is required");
  const token = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(header)?.[1];
  if (!token) throw new Refused(400, "invalid_request", "The Authorization header is malformed");
  try {
    const { payload } = await jwtVerify(token, keys, { issuer, audience, algorithms, requiredClaims: ["sub", "iat", "exp"] });
    return payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw new Refused(401, "invalid_token", "The token has expired");
    // A timeout is a JOSEError too, but it says nothing about the token. The same goes for a bad answer of the key endpoint.
    const aboutTheToken = error instanceof errors.JOSEError && ![errors.JWKSTimeout, errors.JWKSInvalid].some((kind) => error instanceof kind)
      && error.code !== "ERR_JOSE_GENERIC";
    if (aboutTheToken) throw new Refused(401, "invalid_token", "The token is not valid");
    throw error;
  }
}

const routes = {
  "GET /health": async () => ({ ok: true }),
  "GET /me": async (request) => {
    const { sub, email, name } = await authenticate(request);
    return { api: REALM, sub, email, name };
  },
};

const server = http.createServer(async (request, response) => {
  const send = (status, body, headers = {}) => {
    response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store", ...headers });
    response.end(JSON.stringify(body));
  };
  const route = routes[`${request.method} ${request.url.split("?", 1)[0]}`];
  if (!route) return send(404, { error: "not_found", message: "No such route" });
  try {
    send(200, await route(request));
  } catch (error) {
    if (error instanceof Refused) {
      return send(error.status, { error: error.code ?? "unauthorized", message: error.message }, { "www-authenticate": error.challenge });
    }
    // The keys could not be had: that is our trouble, so not a 401 that would make clients throw good tokens away.
    console.error(`cannot verify tokens: ${error.message}`);
    send(503, { error: "temporarily_unavailable", message: "Tokens cannot be verified right now" }, { "retry-after": "5" });
  }
});

server.on("error", (error) => {
  console.error(error.code === "EADDRINUSE" ? `Port ${port} is in use. Choose another with PORT=.` : error.message);
  process.exit(1);
});
server.listen(port, host, () => console.log(`${REALM} on http://${host}:${port}, trusting ${issuer} for ${audience}`));
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}
