// Keeps the access token (JWT) for APIs: in memory only, asked for once however many need it, renewed shortly before it
// ends. For browsers and Node 20 or newer; nothing to build, nothing to install.

/** A token is renewed this long before its end, or when half its life is over, whatever is later. */
const MARGIN_MS = 10_000;
/** After a failure nobody asks again for this long, unless the server names a time. */
const PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** A token that an API refuses is replaced early at most this often: an API that refuses all of them asks for none. */
const BETWEEN_REFUSALS_MS = 10_000;

/** Why there is no token. */
export class TokenError extends Error {
  /** @param {string} message @param {{ status?: number, retryAfterMs?: number, cause?: unknown }} [details] */
  constructor(message, { status, retryAfterMs, cause } = {}) {
    super(message, { cause });
    this.name = "TokenError";
    /** The server's status, if it answered: 401 means that nobody is signed in. */
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Asks `GET url` (`https://auth.example.com/api/auth/token`) for a token: in a browser with the session cookie, elsewhere with
 * the session token in `headers`.
 * @param {string} url
 * @param {{ headers?: HeadersInit, fetch?: typeof globalThis.fetch, timeoutMs?: number }} [options]
 * @returns {() => Promise<string>}
 */
export function askServer(url, { headers, fetch: send = (...args) => fetch(...args), timeoutMs = 10_000 } = {}) {
  return async () => {
    let response;
    try {
      response = await send(url, { headers, credentials: "include", cache: "no-store", redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
    } catch (cause) {
      throw new TokenError("the auth server cannot be reached", { cause });
    }
    if (!response.ok) {
      const seconds = Number(response.headers.get("retry-after") ?? response.headers.get("x-retry-after") ?? NaN);
      const message = response.status === 401 ? "nobody is signed in" : `the auth server answered ${response.status}`;
      throw new TokenError(message, { status: response.status, retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : undefined });
    }
    const { token } = await response.json().catch(() => ({}));
    if (typeof token !== "string") throw new TokenError("the auth server's answer has no token", { status: response.status });
    return token;
  };
}

/**
 * What a token says. Nothing is verified here: that is the API's business.
 * @param {string} token
 * @returns {Record<string, unknown>}
 */
export function readClaims(token) {
  try {
    const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (char) => char.charCodeAt(0))));
  } catch (cause) {
    throw new TokenError("the auth server's answer is no JWT", { cause });
  }
}

/**
 * @param {() => Promise<string>} ask gets a new token, such as `askServer(url)`
 * @param {{ origins?: string[], fetch?: typeof globalThis.fetch, now?: () => number }} [options] `origins`: the APIs that may
 *   see the token; without it `fetch` sends it wherever it is told to
 */
export function tokenSource(ask, { origins, fetch: send = (...args) => fetch(...args), now = Date.now } = {}) {
  /** @type {{ token: string, claims: Record<string, unknown>, since: number, lifetime: number } | null} */
  let current = null;
  /** @type {Promise<string> | null} */
  let pending = null;
  /** @type {{ error: unknown, since: number, pause: number } | null} */
  let failure = null;
  let refusedAt = -Infinity;
  let generation = 0;

  // Ages, not dates: the clock here need not agree with the server's. One that was set back ends everything.
  const isWithin = (since, length) => now() >= since && now() - since < length;
  const isFresh = () => current !== null && isWithin(current.since, Math.max(current.lifetime - MARGIN_MS, current.lifetime / 2));
  const isAlive = () => current !== null && isWithin(current.since, current.lifetime);

  /** Forgets the token, for a sign-out. One that is on its way does not come back to life. */
  function clear() {
    generation += 1;
    current = pending = failure = null;
    refusedAt = -Infinity;
  }

  async function renew() {
    const mine = generation;
    const since = now();
    try {
      const token = await ask();
      const claims = readClaims(token);
      const lifetime = (Number(claims?.exp) - Number(claims?.iat ?? since / 1000)) * 1000;
      if (!(lifetime > 0)) throw new TokenError("the token has no life to it: `exp` and `iat`");
      if (mine === generation) [current, failure] = [{ token, claims, since, lifetime }, null];
      return token;
    } catch (error) {
      if (mine === generation) {
        const wished = error instanceof TokenError ? error.retryAfterMs : undefined;
        failure = { error, since: now(), pause: Math.min(Math.max(wished ?? 0, PAUSE_MS), LONGEST_PAUSE_MS) };
        // What is left of the old one is better than nothing, unless the session is over.
        if (isAlive() && error?.status !== 401) return current.token;
      }
      throw error;
    }
  }

  /** The token, a new one if need be. Whoever asks while one is on its way gets that one. */
  function get() {
    if (isFresh()) return Promise.resolve(current.token);
    if (pending) return pending;
    if (failure && isWithin(failure.since, failure.pause)) {
      return isAlive() && failure.error?.status !== 401 ? Promise.resolve(current.token) : Promise.reject(failure.error);
    }
    const request = renew().finally(() => { if (pending === request) pending = null; });
    pending = request;
    return request;
  }

  /** Another token than `used`, which an API has refused; `used` again when there was another one just now. */
  function replace(used) {
    if (current?.token === used && !pending && !isWithin(refusedAt, BETWEEN_REFUSALS_MS)) {
      refusedAt = now();
      current = null;
    }
    return get();
  }

  /**
   * `fetch` with the token. When the API answers 401, once more with a new one; then the answer stands.
   * @param {RequestInfo | URL} input @param {RequestInit} [init]
   */
  async function authorized(input, init) {
    const request = new Request(input, init);
    if (origins && !origins.includes(new URL(request.url).origin)) {
      throw new TokenError(`the token is not for ${new URL(request.url).origin}`);
    }
    const sendWith = (token, once) => {
      once.headers.set("authorization", `Bearer ${token}`);
      return send(once);
    };
    const used = await get();
    const response = await sendWith(used, request.clone());
    if (response.status !== 401) return response;
    const other = await replace(used).catch(() => used);
    if (other === used) return response;
    await response.body?.cancel();
    return sendWith(other, request);
  }

  return { get, clear, claims: () => (isAlive() ? current.claims : null), fetch: authorized };
}
