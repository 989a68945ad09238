// An OpenID Connect provider with pages: a person agrees or refuses with a button, and signs out.
import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createServer } from "node:http";

const b64u = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** `person()` names who sits in front of the provider: the claims of its id tokens. */
export async function startProvider(person) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "1", alg: "EdDSA", use: "sig" };
  const codes = new Map();
  let issuer;

  const idToken = (claims) => {
    const now = Math.floor(Date.now() / 1000);
    const text = `${b64u({ alg: "EdDSA", kid: "1", typ: "JWT" })}.${b64u({ iss: issuer, iat: now, exp: now + 600, ...claims })}`;
    return `${text}.${sign(null, Buffer.from(text), privateKey).toString("base64url")}`;
  };

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, issuer);
    let body = "";
    for await (const part of request) body += part;
    const json = (value, status = 200) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    const page = (html) => response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(`<!doctype html><title>Provider</title>${html}`);
    const ask = url.searchParams;
    if (url.pathname === "/.well-known/openid-configuration") {
      const at = (path) => `${issuer}/${path}`;
      return json({ issuer, authorization_endpoint: at("authorize"), token_endpoint: at("token"), userinfo_endpoint: at("userinfo"), end_session_endpoint: at("logout"), jwks_uri: at("jwks"), id_token_signing_alg_values_supported: ["EdDSA"] });
    }
    if (url.pathname === "/jwks") return json({ keys: [jwk] });
    if (url.pathname === "/authorize") {
      return page(`<form method="post" action="/decide${escape(url.search)}"><button id="agree" name="agree" value="yes">Agree</button><button id="refuse">Refuse</button></form>`);
    }
    if (url.pathname === "/decide") {
      const back = new URL(ask.get("redirect_uri"));
      back.searchParams.set("state", ask.get("state"));
      back.searchParams.set("iss", issuer);
      if (new URLSearchParams(body).get("agree")) {
        const code = randomUUID();
        codes.set(code, { challenge: ask.get("code_challenge"), nonce: ask.get("nonce"), aud: ask.get("client_id"), redirect: ask.get("redirect_uri") });
        back.searchParams.set("code", code);
      } else {
        back.searchParams.set("error", "access_denied");
      }
      return response.writeHead(303, { location: back.href }).end();
    }
    if (url.pathname === "/token") {
      const form = new URLSearchParams(body);
      const grant = codes.get(form.get("code"));
      codes.delete(form.get("code"));
      const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
      if (!grant || grant.challenge !== challenge || grant.redirect !== form.get("redirect_uri")) return json({ error: "invalid_grant" }, 400);
      return json({ access_token: randomUUID(), token_type: "Bearer", expires_in: 600, scope: "openid email", id_token: idToken({ aud: grant.aud, nonce: grant.nonce, ...person() }) });
    }
    if (url.pathname === "/logout") return page(`<p id="bye">Signed out of ${escape(ask.get("client_id") ?? "")}</p><a id="back" href="${escape(ask.get("post_logout_redirect_uri") ?? "")}">Back</a>`);
    json({ error: "not_found" }, 404);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  issuer = `http://127.0.0.1:${server.address().port}`;
  return { issuer, stop: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }) };
}
