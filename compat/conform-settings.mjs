// Translates a conformance profile's settings (argument: the JSON file) into our configuration, printed as JSON.
// What is not named here passes through, so a setting that we do not know stops the server with its name.
import { readFileSync } from "node:fs";

export function translate(profile) {
  const settings = structuredClone(profile);

  // Upstream has both under one name.
  if (settings.dynamicBaseURL) settings.baseURL = settings.dynamicBaseURL;
  delete settings.dynamicBaseURL;

  // The transcripts' provider stands in for Google behind the browser's back.
  const { social = {}, ...others } = settings.providers ?? {};
  settings.providers = others;
  settings.socialProviders = Object.fromEntries(Object.entries(social).filter(([, options]) => options));
  const idp = process.env.IDP_URL;
  if (settings.socialProviders.google && idp) {
    Object.assign(settings.socialProviders.google, { tokenEndpoint: `${idp}/google/token`, jwksEndpoint: `${idp}/google/certs` });
  }

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
