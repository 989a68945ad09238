// Translates a conformance profile's settings (argument: the JSON file) into our configuration, printed as JSON.
// What is not named here passes through, so a setting that we do not know stops the server with its name.
import { readFileSync } from "node:fs";

// The settings that the server has no feature for yet, each with the reason.
const NOT_BUILT = {
  providers: "sign-in with Google and other providers",
  "account.encryptOAuthTokens": "provider accounts",
  "account.storeAccountCookie": "provider accounts",
  "account.storeStateStrategy": "sign-in with providers",
  "account.updateAccountOnSignIn": "provider accounts",
  "account.accountLinking.enabled": "provider accounts: linking",
  "account.accountLinking.trustedProviders": "provider accounts: linking",
  "account.accountLinking.allowDifferentEmails": "provider accounts: linking",
  "account.accountLinking.requireLocalEmailVerified": "provider accounts: linking",
  "account.accountLinking.updateUserInfoOnLink": "provider accounts: linking",
  "advanced.database": "ids made in another way",
};

function drop(settings, path) {
  const names = path.split(".");
  const last = names.pop();
  const parent = names.reduce((value, name) => value?.[name], settings);
  if (parent && typeof parent === "object") delete parent[last];
}

export function translate(profile) {
  const settings = structuredClone(profile);
  for (const path of Object.keys(NOT_BUILT)) drop(settings, path);

  // Upstream has both under one name.
  if (settings.dynamicBaseURL) settings.baseURL = settings.dynamicBaseURL;
  delete settings.dynamicBaseURL;

  // A feature that is on is a plugin by name here; its options are a section.
  settings.plugins = ["jwt", "bearer"].filter((name) => settings[name]);
  for (const name of ["jwt", "bearer"]) {
    if (typeof settings[name] !== "object" || settings[name] === null) delete settings[name];
  }

  // Where we deliberately do more than upstream, or differently, its behaviour is asked for.
  settings.emailAndPassword = { ...settings.emailAndPassword, password: { algorithm: "scrypt" } };
  settings.advanced = {
    ...settings.advanced,
    upstreamExact: true,
    acceptOlderCookieSecrets: false,
    ipAddress: { ...settings.advanced?.ipAddress, source: "headers" },
  };
  return settings;
}

process.stdout.write(JSON.stringify(translate(JSON.parse(readFileSync(process.argv[2], "utf8"))), null, 2) + "\n");
