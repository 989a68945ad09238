// What a browser adds to fetch: a cookie jar for one server, and the page's Origin on every request.
export class Browser {
  #cookies = new Map();
  #origin;
  /** The answers seen so far, newest last. */
  answers = [];

  /** A browser that shows a page of `origin`. */
  constructor(origin) {
    this.#origin = origin;
    this.fetch = this.fetch.bind(this);
  }

  async fetch(input, init = {}) {
    const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
    headers.set("origin", this.#origin);
    const cookie = this.cookieHeader();
    if (cookie) headers.set("cookie", cookie);
    const response = await fetch(input, { ...init, headers });
    for (const line of response.headers.getSetCookie()) this.#store(line);
    this.answers.push(response);
    return response;
  }

  #store(line) {
    const [pair, ...attributes] = line.split(";").map((part) => part.trim());
    const name = pair.slice(0, pair.indexOf("="));
    const value = pair.slice(name.length + 1);
    const maxAge = attributes.find((attribute) => /^max-age=/i.test(attribute))?.slice("max-age=".length);
    if (maxAge !== undefined && Number(maxAge) <= 0) this.#cookies.delete(name);
    else this.#cookies.set(name, { value, attributes });
  }

  cookieHeader() {
    return [...this.#cookies].map(([name, { value }]) => `${name}=${value}`).join("; ");
  }

  /** The value of a cookie as it was sent, or undefined. */
  cookie(name) {
    return this.#cookies.get(name)?.value;
  }

  /** A cookie's attributes, lower-cased and sorted. */
  attributes(name) {
    return this.#cookies.get(name)?.attributes.map((attribute) => attribute.toLowerCase()).sort();
  }

  /** Puts a cookie in place that another server made. */
  plant(name, value) {
    this.#cookies.set(name, { value, attributes: [] });
  }

  /** The header of the newest answer. */
  header(name) {
    return this.answers.at(-1)?.headers.get(name) ?? null;
  }
}
