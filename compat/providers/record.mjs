// Records what the pinned Better Auth sends to every built-in provider and what it makes of their answers. Nothing leaves
// this machine: `fetch` is ours here. `node compat/providers/record.mjs` writes recorded.json, `--check` compares it.
import { readFileSync, writeFileSync } from "node:fs";
import { socialProviders } from "better-auth/social-providers";
import { ASK, CLAIMS, CLIENT, MORE, MORE_OPTIONS, PROFILES, optionsOf } from "./cases.mjs";

const FILE = new URL("recorded.json", import.meta.url);
const NOW = Date.UTC(2030, 0, 1);

// Upstream reads the time and logs; neither belongs to the facts.
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...given) {
    given.length ? super(...given) : super(NOW);
  }
  static now = () => NOW;
};
for (const level of ["log", "info", "warn", "error", "debug"]) console[level] = () => {};

let calls = [];
let answers = [];
globalThis.fetch = async (address, init = {}) => {
  const request = new Request(address, { ...init, duplex: "half" });
  const body = await request.text();
  // What fetch itself would add is no fact of the provider.
  const headers = Object.fromEntries(new Headers(init.headers));
  calls.push({ method: request.method, url: request.url, headers, ...(body ? { body } : {}) });
  const answer = answers.shift() ?? { status: 599, text: "" };
  if (answer.bytes) return new Response(Buffer.from(answer.bytes, "base64"), { headers: { "content-type": "image/jpeg" } });
  if (answer.status) return new Response(answer.text, { status: answer.status, headers: { "content-type": "application/json" } });
  return Response.json(answer);
};

/** Runs `use` with the provider's answers; what it returns, or that it throws, and what it sent. */
async function watch(given, use) {
  calls = [];
  answers = structuredClone(given);
  const result = await Promise.resolve().then(use).catch(() => "throws");
  return { result, calls };
}

/** What differs from CLIENT; null: not given. */
const own = (options) => Object.fromEntries(Object.entries(options).map(([name, value]) => [name, value ?? null]));
const defined = (members) => Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const unsigned = (claims) => `${part({ alg: "RS256" })}.${part(claims)}.x`;
const seconds = (date) => (date === undefined ? undefined : (date.getTime() - NOW) / 1000);
const tokenFacts = (tokens) =>
  tokens && tokens !== "throws"
    ? defined({
        tokenType: tokens.tokenType,
        accessToken: tokens.accessToken,
        refreshToken: tokens.refreshToken,
        idToken: tokens.idToken,
        accessTokenExpiresIn: seconds(tokens.accessTokenExpiresAt),
        refreshTokenExpiresIn: seconds(tokens.refreshTokenExpiresAt),
        scopes: tokens.scopes,
        openid: tokens.openid,
      })
    : null;

const TOKENS = {
  token_type: "bearer",
  access_token: "access-1",
  refresh_token: "refresh-1",
  id_token: "a.b.c",
  expires_in: 3600,
  refresh_token_expires_in: 7200,
  scope: "one two,three",
  openid: "openid-1",
};

async function settings(id, options) {
  const given = defined({ ...CLIENT, ...options });
  const provider = socialProviders[id](given);
  const { state, codeVerifier, redirectURI, code, deviceId, refreshToken } = ASK;
  const url = async (more) => String(await provider.createAuthorizationURL({ state, codeVerifier, redirectURI, ...more }));
  const token = await watch([TOKENS], () => provider.validateAuthorizationCode({ code, codeVerifier, redirectURI, deviceId }));
  const refresh = provider.refreshAccessToken && (await watch([TOKENS], () => provider.refreshAccessToken(refreshToken)));
  return {
    options: own(options),
    authorize: await url({}),
    authorizeMore: await url(MORE),
    token: token.calls[0],
    tokens: tokenFacts(token.result),
    ...(refresh ? { refresh: refresh.calls[0], refreshed: tokenFacts(refresh.result) } : {}),
    idToken: await idToken(provider),
  };
}

async function idToken({ idToken: rules, options = {} }) {
  if (!rules) return null;
  if (rules.verify) {
    const good = await watch([{ aud: options.clientId, nonce: "n" }], () => rules.verify("the.id.token", "n"));
    return { verify: good.calls[0], good: good.result };
  }
  const keys = await watch([], () => rules.jwks({ alg: "RS256", kid: "k" }, { payload: "", signature: "" }));
  return defined({
    jwks: keys.calls[0].url,
    issuer: rules.issuer,
    audience: rules.audience,
    algorithms: rules.algorithms,
    maxTokenAge: rules.maxTokenAge,
    nonceComparison: rules.nonceComparison,
    allowOpaqueToken: rules.allowOpaqueToken,
  });
}

async function profile(id, { why, options = {}, claims, idToken, openid, user, answers = [] }) {
  const all = { ...optionsOf(id)[0], ...options };
  const provider = socialProviders[id](defined({ ...CLIENT, ...all }));
  const tokens = defined({ accessToken: "access-1", idToken: idToken ?? (claims && unsigned(claims)), openid, user });
  const { result, calls } = await watch(answers, () => provider.getUserInfo(tokens));
  if (!result || result === "throws") return { why, options: own(all), tokens, answers, calls, result };
  const subject = await Promise.resolve().then(() => provider.accountSubject({ tokens, profile: result.data })).catch(() => undefined);
  const { name, email, image, emailVerified } = result.user;
  return { why, options: own(all), tokens, answers, calls, result: defined({ name, email, image, emailVerified, subject, data: result.data }) };
}

function rules(id) {
  return [{}, ...optionsOf(id), ...(MORE_OPTIONS[id] ?? [])].flatMap((options) => {
    const { verifyClaims } = socialProviders[id](defined({ ...CLIENT, ...options })).idToken;
    return (CLAIMS[id] ?? []).map((claims) => ({ options: own(options), claims, allowed: verifyClaims ? verifyClaims(claims) : true }));
  });
}

const providers = {};
for (const id of Object.keys(socialProviders).sort()) {
  const all = [];
  for (const options of optionsOf(id)) all.push(await settings(id, options));
  const profiles = [];
  for (const wanted of PROFILES[id]) profiles.push(await profile(id, wanted));
  const { name } = socialProviders[id](defined({ ...CLIENT, ...optionsOf(id)[0] }));
  // What is as in the first entry is not repeated.
  for (const [[first, ...rest], members] of [
    [all, ["authorize", "authorizeMore", "token", "tokens", "refresh", "refreshed", "idToken"]],
    [profiles, ["options", "calls"]],
  ]) {
    for (const more of rest) {
      for (const member of members) if (JSON.stringify(more[member]) === JSON.stringify(first[member])) delete more[member];
    }
  }
  providers[id] = { name, settings: all, profiles, ...(CLAIMS[id] ? { claims: rules(id) } : {}) };
}

const pinned = readFileSync(new URL("../PINNED", import.meta.url), "utf8").trim();
const lines = Object.entries(providers).map(([id, record]) => {
  const list = (name) => `    "${name}": [\n${record[name].map((entry) => `      ${JSON.stringify(entry)}`).join(",\n")}\n    ]`;
  const parts = [`    "name": ${JSON.stringify(record.name)}`, list("settings"), list("profiles")];
  if (record.claims) parts.push(list("claims"));
  return `  ${JSON.stringify(id)}: {\n${parts.join(",\n")}\n  }`;
});
const text = `{\n"pinned": ${JSON.stringify(pinned)},\n"ask": ${JSON.stringify({ ...ASK, client: CLIENT, more: MORE, tokens: TOKENS })},\n"providers": {\n${lines.join(",\n")}\n}\n}\n`;
JSON.parse(text);

if (process.argv.includes("--check")) {
  if (readFileSync(FILE, "utf8") !== text) {
    process.stderr.write("compat/providers/recorded.json is not what the pinned library does: run node compat/providers/record.mjs\n");
    process.exit(1);
  }
} else {
  writeFileSync(FILE, text);
}
