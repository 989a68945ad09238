// The access token (JWT) for APIs. It lives in this closure only: a script that can read storage finds nothing,
// and a reload simply asks for a new one with the session cookie.

const REFRESH_BEFORE_EXPIRY_S = 10;

/** Claims for display. A browser does not verify the token: the API does. */
export function readClaims(token) {
  const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (char) => char.charCodeAt(0))));
}

/** @param {() => Promise<string>} fetchToken asks the auth server for a token */
export function tokenSource(fetchToken) {
  let token = null;
  let claims = null;
  let pending = null;
  let generation = 0;

  function clear() {
    generation += 1;
    token = claims = pending = null;
  }

  /** The current token, or a new one. Callers that arrive during a refresh share it: one request, not one each. */
  function get() {
    if (token && claims.exp - Date.now() / 1000 > REFRESH_BEFORE_EXPIRY_S) return Promise.resolve(token);
    if (pending) return pending;
    const mine = generation;
    const request = fetchToken().then((fresh) => {
      const read = readClaims(fresh);
      // A sign-out during the request wins: its token must not come back to life.
      if (mine === generation) [token, claims] = [fresh, read];
      return fresh;
    });
    pending = request;
    const done = () => { if (pending === request) pending = null; };
    request.then(done, done);
    return request;
  }

  /** `fetch` with the token. One retry with a new token when the API answers 401, then the answer stands. */
  async function authorizedFetch(url, init = {}) {
    const send = (jwt) => fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${jwt}` } });
    const used = await get();
    const response = await send(used);
    if (response.status !== 401) return response;
    if (token === used) token = claims = null;
    return send(await get());
  }

  return { get, clear, claims: () => claims, fetch: authorizedFetch };
}
