// The official better-auth client in Node, with the cookie jar and the Origin header that a browser would have.
import { createAuthClient } from "better-auth/client";
import { jwtClient } from "better-auth/client/plugins";

/**
 * @param {string} origin  the page's origin, for example http://localhost:3001
 * @returns {{client: object, cookies: Map<string, string>, answers: Response[]}} `answers` keeps every response, newest last
 */
export function jarClient(origin) {
  const cookies = new Map();
  const answers = [];

  async function fetchWithJar(input, init = {}) {
    const headers = new Headers(init.headers);
    headers.set("origin", origin);
    if (cookies.size) headers.set("cookie", [...cookies].map(([name, value]) => `${name}=${value}`).join("; "));
    const response = await fetch(input, { ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value === "" || /;\s*max-age=0(;|$)/i.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    answers.push(response);
    return response;
  }

  const client = createAuthClient({ baseURL: origin, plugins: [jwtClient()], fetchOptions: { customFetchImpl: fetchWithJar } });
  return { client, cookies, answers };
}
