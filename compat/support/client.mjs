// The official client, unmodified, inside a browser of its own.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createAuthClient } from "better-auth/client";
import { jwtClient } from "better-auth/client/plugins";
import { Browser } from "./browser.mjs";

export const PASSWORD = "correct horse battery staple";

/** An address nobody has used. */
export const newEmail = () => `ann-${randomBytes(6).toString("hex")}@example.test`;

/** A browser on a page of `origin` (the server's own by default) whose page uses the official client. */
export function openPage(server, { origin = server.origin } = {}) {
  const browser = new Browser(origin);
  const client = createAuthClient({
    baseURL: server.origin,
    basePath: server.basePath,
    plugins: [jwtClient()],
    fetchOptions: { customFetchImpl: browser.fetch },
  });
  return { browser, client };
}

/** The client of an app without cookies: a bearer token, and nothing kept between requests. */
export function openApp(server, token) {
  return createAuthClient({
    baseURL: server.origin,
    basePath: server.basePath,
    plugins: [jwtClient()],
    fetchOptions: { auth: { type: "Bearer", token: () => token } },
  });
}

/** The data of a call that has to succeed. */
export function data(result) {
  assert.equal(result.error, null, `refused: ${JSON.stringify(result.error)}`);
  return result.data;
}

/** Asserts that a call was refused with this status and code. */
export function refused(result, status, code) {
  assert.equal(result.data, null, `accepted: ${JSON.stringify(result.data)}`);
  assert.deepEqual({ status: result.error.status, code: result.error.code }, { status, code });
}

/** Signs up a new person and returns their page. */
export async function signUp(server, { origin, ...fields } = {}) {
  const page = openPage(server, { origin });
  const person = { email: newEmail(), password: PASSWORD, name: "Ann", ...fields };
  const signedUp = data(await page.client.signUp.email(person));
  return { ...page, ...person, user: signedUp.user, token: signedUp.token };
}
