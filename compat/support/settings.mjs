// The settings that every suite starts from, in the server's own configuration format.
export const SECRET = "compat-secret-0123456789-abcdefghijklmnop";

/** The configuration of one server: `overrides` replaces whole sections. */
export function settings(origin, overrides = {}) {
  return {
    baseURL: origin,
    basePath: "/api/auth",
    secret: SECRET,
    trustedOrigins: [],
    plugins: ["jwt", "bearer"],
    emailAndPassword: { enabled: true },
    ...overrides,
  };
}
