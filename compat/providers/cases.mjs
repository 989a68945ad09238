// What the recorder asks every built-in provider: options, and profile documents in the shapes that providers document.

export const ASK = {
  state: "the-state",
  codeVerifier: "the-verifier",
  redirectURI: "https://auth.test/callback/x",
  code: "the code/+",
  refreshToken: "the-refresh/+token",
  deviceId: "device-1",
};

// What a sign-in may add.
export const MORE = {
  scopes: ["asked.one", "asked:two"],
  loginHint: "ann@example.test",
  additionalParams: { own: "a b", state: "evil", prompt: "login" },
};

export const CLIENT = { clientId: "the client:id", clientSecret: "the:secret/+ %" };

// Options beside clientId and clientSecret; each set is recorded.
const COMMON = [
  {},
  { scope: ["set.one"], redirectURI: "https://auth.test/own", prompt: "consent" },
  { disableDefaultScope: true, authorizationEndpoint: "https://other.example.test/authorize?kept=1" },
];
const COGNITO = { domain: "https://pool.auth.eu-west-1.amazoncognito.com", region: "eu-west-1", userPoolId: "eu-west-1_Pool" };
const CLIENTS = { clientId: ["the client:id", "the-app"] };

export const OPTIONS = {
  apple: [...COMMON, CLIENTS, { appBundleIdentifier: "test.example.app" }, { audience: ["one", "two"], appBundleIdentifier: "x" }],
  cloudflare: [...COMMON, { tokenEndpointAuthMethod: "client_secret_post" }, { clientSecret: undefined }, { scope: ["a", "user-details.read", "a"] }],
  cognito: [...COMMON, CLIENTS, { identityProvider: "Google" }].map((options) => ({ ...COGNITO, ...options })),
  discord: [...COMMON, { permissions: 8, scope: ["bot"] }, { permissions: 8 }],
  dropbox: [...COMMON, { accessType: "offline" }],
  facebook: [...COMMON, CLIENTS, { configId: "config-1", fields: ["birthday", "hometown"] }],
  gitlab: [...COMMON, { issuer: "https://git.example.test/sub/" }],
  google: [...COMMON, CLIENTS, { accessType: "offline", display: "popup", hd: "example.test", includeGrantedScopes: false }],
  microsoft: [
    ...COMMON,
    CLIENTS,
    { tenantId: "11111111-2222-3333-4444-555555555555", profilePhotoSize: 96 },
    { tenantId: "organizations", authority: "https://login.microsoftonline.us//", disableProfilePhoto: true },
    { clientSecret: undefined },
  ],
  paybin: [...COMMON, { issuer: "https://idp.example.test" }],
  paypal: [...COMMON, { environment: "live" }],
  reddit: [...COMMON, { duration: "permanent" }],
  salesforce: [...COMMON, { environment: "sandbox" }, { loginUrl: "my.example.test" }],
  tiktok: [{}, { scope: ["set.one"], redirectURI: "https://auth.test/own" }].map((options) => ({
    clientId: undefined,
    clientKey: "the-key",
    ...options,
  })),
  twitch: [...COMMON, { claims: ["picture"] }],
  wechat: [{}, { scope: ["set.one"], redirectURI: "https://auth.test/own", lang: "en" }],
  zoom: [...COMMON, { pkce: false }],
};
export const optionsOf = (id) => OPTIONS[id] ?? COMMON;

// Profiles. `claims` become an id token that nobody signed; `answers` are the provider's, in the order of its calls: a
// document, or `{ status, text }`, or bytes. `options` replace the first set.
const OIDC = { sub: "sub-1", name: "Ann Example", email: "Ann@Example.test", picture: "https://img.example.test/a.png" };
const without = (document, ...names) => Object.fromEntries(Object.entries(document).filter(([name]) => !names.includes(name)));
const failed = { status: 401, text: '{"error":"no"}' };

/** A document answered by one call, whole, without an address, with a verified and an unverified one, and refused. */
const answered = (whole, more = []) => [
  { why: "whole", answers: [whole] },
  { why: "no address", answers: [without(whole, "email")] },
  { why: "nothing but ids", answers: [Object.fromEntries(Object.entries(whole).filter(([name]) => /id$|^sub$/.test(name)))] },
  { why: "refused", answers: [failed] },
  ...more,
];
const verifiedOrNot = (whole) => [true, false].map((email_verified) => ({ why: `verified: ${email_verified}`, answers: [{ ...whole, email_verified }] }));
const claimed = (claims, more = []) => [
  { why: "whole", claims },
  { why: "verified", claims: { ...claims, email_verified: true } },
  { why: "not verified", claims: { ...claims, email_verified: false } },
  { why: "no address", claims: without(claims, "email") },
  { why: "subject alone", claims: { sub: claims.sub } },
  { why: "no id token" },
  ...more,
];

const GITHUB = { id: 583231, login: "ann", name: "Ann Example", email: "ann@example.test", avatar_url: "https://img.example.test/a" };
const ADDRESSES = [
  { email: "old@example.test", primary: false, verified: true },
  { email: "ann@example.test", primary: true, verified: true },
];
const GITLAB = { id: 7, username: "ann", name: "Ann Example", state: "active", locked: false, email: "ann@example.test", avatar_url: "https://img.example.test/a" };
const DISCORD = { id: "80351110224678912", username: "ann", global_name: "Ann", discriminator: "0", avatar: "8342729096ea3675442027381ff50dfe", verified: true, email: "ann@example.test" };
const KAKAO = {
  id: 123456789,
  kakao_account: {
    email: "ann@example.test",
    is_email_valid: true,
    is_email_verified: true,
    name: "Ann",
    profile: { nickname: "annie", profile_image_url: "https://img.example.test/a", thumbnail_image_url: "https://img.example.test/t" },
  },
};
const NAVER = { resultcode: "00", message: "success", response: { id: "n-1", name: "Ann", nickname: "annie", email: "ann@example.test", profile_image: "https://img.example.test/a" } };
const TIKTOK = { data: { user: { open_id: "723f24d7e717", avatar_large_url: "https://img.example.test/a", display_name: "Ann", username: "ann" } }, error: { code: "ok" } };
const X = { data: { id: "2244994945", name: "Ann", username: "ann", profile_image_url: "https://img.example.test/a" } };
const VK = { user: { user_id: "1234567890", first_name: "Ann", last_name: "Example", avatar: "https://img.example.test/a", email: "ann@example.test", sex: 1 } };
const WECHAT = { openid: "openid-1", nickname: "Ann", headimgurl: "https://img.example.test/a", privilege: [], unionid: "o6_bmasdasdsad6_2sgVtMTK1A" };
const NOTION = { object: "user", bot: { owner: { type: "user", user: { object: "user", id: "uuid-1", name: "Ann", avatar_url: "https://img.example.test/a", type: "person", person: { email: "ann@example.test" } } } } };
const LINEAR = { data: { viewer: { id: "uuid-1", name: "Ann", email: "ann@example.test", avatarUrl: "https://img.example.test/a", active: true } } };
const CLOUDFLARE = { success: true, errors: [], result: { id: "cf-1", email: "ann@example.test", first_name: "Ann", last_name: "Example" } };
const SLACK = { ...OIDC, "https://slack.com/user_id": "U0R7MFMJM", "https://slack.com/user_image_512": "https://img.example.test/512", email_verified: true };
const FACEBOOK = { id: "10220", name: "Ann", email: "ann@example.test", picture: { data: { url: "https://img.example.test/a" } } };
const OWNER = { data: { app_id: "the client:id", is_valid: true, user_id: "10220" } };
const MICROSOFT = { ...OIDC, oid: "oid-1", tid: "tenant-1", iss: "https://login.microsoftonline.com/tenant-1/v2.0" };
const PAYPAL = { user_id: "https://www.paypal.com/webapps/auth/identity/user/abc", sub: "sub-1", name: "Ann", email: "ann@example.test", picture: "https://img.example.test/a", email_verified: true };
const PHOTO = { bytes: "/9j/AA==" };

export const PROFILES = {
  apple: claimed(without(OIDC, "picture", "name"), [
    { why: "verified in words", claims: { ...OIDC, email_verified: "true" } },
    { why: "not verified in words", claims: { ...OIDC, email_verified: "false" } },
    { why: "name in the callback", claims: OIDC, user: { name: { firstName: "Ann", lastName: "Of Form" } } },
    { why: "half a name in the callback", claims: OIDC, user: { name: { firstName: "Ann" } } },
    { why: "no name in the callback", claims: OIDC, user: { email: "x@example.test" } },
  ]),
  atlassian: answered({ account_id: "712020:uuid", name: "Ann", email: "ann@example.test", picture: "https://img.example.test/a" }),
  cloudflare: [
    ...answered(CLOUDFLARE),
    { why: "no name", answers: [{ ...CLOUDFLARE, result: { id: "cf-1", email: "ann@example.test", first_name: null, last_name: "" } }] },
    { why: "half a name", answers: [{ ...CLOUDFLARE, result: { ...CLOUDFLARE.result, last_name: null } }] },
    { why: "says no", answers: [{ ...CLOUDFLARE, success: false }] },
  ],
  cognito: [
    ...claimed(OIDC).filter(({ why }) => why !== "no id token"),
    { why: "names: given", claims: { ...without(OIDC, "name"), given_name: "Given", username: "user" } },
    { why: "names: user", claims: { ...without(OIDC, "name"), username: "user" } },
    { why: "no id token", answers: [{ ...OIDC, email_verified: true }] },
    { why: "no id token, names: given", answers: [{ ...without(OIDC, "name"), given_name: "Given" }] },
    { why: "no id token, refused", answers: [failed] },
  ],
  discord: [
    ...answered(DISCORD),
    { why: "not verified", answers: [{ ...DISCORD, verified: false }] },
    { why: "moving picture", answers: [{ ...DISCORD, avatar: "a_8342729096ea" }] },
    { why: "no picture", answers: [{ ...DISCORD, avatar: null }] },
    { why: "no picture, old name", answers: [{ ...DISCORD, avatar: null, global_name: null, discriminator: "1337" }] },
  ],
  dropbox: [
    ...answered({ account_id: "dbid:1", name: { display_name: "Ann Example" }, email: "ann@example.test", profile_photo_url: "https://img.example.test/a" }),
    ...verifiedOrNot({ account_id: "dbid:1", name: { display_name: "Ann" }, email: "ann@example.test" }),
  ],
  facebook: [
    ...claimed(OIDC).filter(({ why }) => why !== "no id token"),
    { why: "access token", answers: [OWNER, FACEBOOK] },
    { why: "access token, verified", answers: [OWNER, { ...FACEBOOK, email_verified: true }] },
    { why: "access token, no address", answers: [OWNER, without(FACEBOOK, "email")] },
    { why: "access token of another app", answers: [{ data: { ...OWNER.data, app_id: "evil" } }] },
    { why: "access token that ended", answers: [{ data: { ...OWNER.data, is_valid: false } }] },
    { why: "access token of somebody else", answers: [OWNER, { ...FACEBOOK, id: "10221" }] },
    { why: "more fields", options: { fields: ["birthday"] }, answers: [OWNER, { ...FACEBOOK, birthday: "01/01/2000" }] },
    { why: "opaque id token", idToken: "opaque", answers: [OWNER, FACEBOOK] },
  ],
  figma: answered({ id: "fig-1", handle: "Ann", email: "ann@example.test", img_url: "https://img.example.test/a" }),
  github: [
    { why: "whole", answers: [GITHUB, ADDRESSES] },
    { why: "hidden address", answers: [{ ...GITHUB, email: null }, ADDRESSES] },
    { why: "hidden address, no primary one", answers: [{ ...GITHUB, email: null }, [ADDRESSES[0]]] },
    { why: "hidden address, none at all", answers: [{ ...GITHUB, email: null }, []] },
    { why: "hidden address, list refused", answers: [{ ...GITHUB, email: null }, failed] },
    { why: "address not in the list", answers: [{ ...GITHUB, email: "public@example.test" }, ADDRESSES] },
    { why: "not verified", answers: [GITHUB, [{ ...ADDRESSES[1], verified: false }]] },
    { why: "list refused", answers: [GITHUB, failed] },
    { why: "no name", answers: [{ ...GITHUB, name: null }, ADDRESSES] },
    { why: "refused", answers: [failed] },
  ],
  gitlab: [
    ...answered(GITLAB),
    ...verifiedOrNot(GITLAB),
    { why: "no name", answers: [without(GITLAB, "name")] },
    { why: "blocked", answers: [{ ...GITLAB, state: "blocked" }] },
    { why: "locked", answers: [{ ...GITLAB, locked: true }] },
  ],
  google: claimed(OIDC, [
    { why: "hosted domain", options: { hd: "example.test" }, claims: { ...OIDC, hd: "example.test" } },
    { why: "another hosted domain", options: { hd: "example.test" }, claims: { ...OIDC, hd: "evil.test" } },
    { why: "no hosted domain", options: { hd: "*" }, claims: OIDC },
    { why: "any hosted domain", options: { hd: "*" }, claims: { ...OIDC, hd: "any.test" } },
  ]),
  huggingface: [...answered(OIDC), ...verifiedOrNot(OIDC), { why: "no name", answers: [{ ...without(OIDC, "name"), preferred_username: "ann" }] }],
  kakao: [
    ...answered(KAKAO),
    { why: "not valid", answers: [{ ...KAKAO, kakao_account: { ...KAKAO.kakao_account, is_email_valid: false } }] },
    { why: "not verified", answers: [{ ...KAKAO, kakao_account: { ...KAKAO.kakao_account, is_email_verified: false } }] },
    { why: "alternates", answers: [{ id: 1, kakao_account: { name: "Ann", profile: { thumbnail_image_url: "https://img.example.test/t" } } }] },
  ],
  kick: [
    ...answered({ data: [{ user_id: 12, name: "ann", email: "ann@example.test", profile_picture: "https://img.example.test/a" }], message: "OK" }),
  ],
  line: [
    ...claimed(OIDC).filter(({ why }) => why !== "no id token"),
    { why: "no id token", answers: [OIDC] },
    { why: "broken id token", idToken: "broken", answers: [OIDC] },
    { why: "refused", answers: [failed] },
  ],
  linear: [...answered(LINEAR), { why: "no viewer", answers: [{ data: { viewer: null } }] }],
  linkedin: [...answered(OIDC), ...verifiedOrNot(OIDC)],
  microsoft: [
    ...claimed(MICROSOFT).map((profile) => ({ ...profile, answers: profile.claims ? [PHOTO] : [] })),
    { why: "no picture", claims: without(MICROSOFT, "picture"), answers: [{ status: 404, text: "" }] },
    { why: "picture switched off", options: { disableProfilePhoto: true }, claims: MICROSOFT },
    { why: "primary address", claims: { ...MICROSOFT, verified_primary_email: ["Ann@Example.test"] }, answers: [PHOTO] },
    { why: "secondary address", claims: { ...MICROSOFT, verified_secondary_email: ["Ann@Example.test"] }, answers: [PHOTO] },
    { why: "other addresses", claims: { ...MICROSOFT, verified_primary_email: ["x@example.test"] }, answers: [PHOTO] },
    { why: "blank oid", claims: { ...MICROSOFT, oid: " " } },
  ],
  naver: [
    ...answered(NAVER),
    { why: "nickname", answers: [{ ...NAVER, response: without(NAVER.response, "name") }] },
    { why: "no address in it", answers: [{ ...NAVER, response: without(NAVER.response, "email") }] },
    { why: "says no", answers: [{ ...NAVER, resultcode: "024" }] },
  ],
  notion: [
    ...answered(NOTION),
    { why: "no address in it", answers: [{ bot: { owner: { user: without(NOTION.bot.owner.user, "person") } } }] },
    { why: "a workspace", answers: [{ bot: { owner: { type: "workspace" } } }] },
  ],
  paybin: claimed(OIDC, [{ why: "no name", claims: { ...without(OIDC, "name"), preferred_username: "ann" } }]),
  paypal: [
    ...answered(PAYPAL),
    { why: "not verified", answers: [{ ...PAYPAL, email_verified: false }] },
    { why: "same subject", claims: { sub: "sub-1" }, answers: [PAYPAL] },
    { why: "same subject by user id", claims: { sub: PAYPAL.user_id }, answers: [without(PAYPAL, "sub")] },
    { why: "another subject", claims: { sub: "sub-2" }, answers: [PAYPAL] },
    { why: "no subject", claims: { name: "x" }, answers: [PAYPAL] },
    { why: "broken id token", idToken: "broken", answers: [PAYPAL] },
  ],
  polar: [
    ...answered({ id: "p-1", username: "ann", public_name: "Ann", email: "ann@example.test", avatar_url: "https://img.example.test/a" }),
    ...verifiedOrNot({ id: "p-1", username: "ann", email: "ann@example.test" }),
  ],
  railway: answered(OIDC),
  reddit: [...answered({ id: "1w72", name: "ann", icon_img: "https://img.example.test/a?width=256&s=1", verified: true, email: "ann@example.test" })],
  roblox: [...answered(OIDC), { why: "no name", answers: [{ sub: "12345678", preferred_username: "ann" }] }],
  salesforce: [
    ...answered({ user_id: "005x", sub: "https://login.salesforce.com/id/x", name: "Ann", email: "ann@example.test", photos: { picture: "https://img.example.test/a", thumbnail: "https://img.example.test/t" } }),
    ...verifiedOrNot({ user_id: "005x", name: "Ann", email: "ann@example.test", photos: { thumbnail: "https://img.example.test/t" } }),
  ],
  slack: [...answered(SLACK), { why: "not verified", answers: [{ ...SLACK, email_verified: false }] }, { why: "no picture", answers: [without(SLACK, "picture")] }],
  spotify: [
    ...answered({ id: "ann", display_name: "Ann", email: "ann@example.test", images: [{ url: "https://img.example.test/a" }, { url: "https://img.example.test/b" }] }),
    { why: "no picture", answers: [{ id: "ann", display_name: null, email: "ann@example.test", images: [] }] },
  ],
  tiktok: [
    ...answered(TIKTOK),
    { why: "address", answers: [{ data: { user: { ...TIKTOK.data.user, email: "ann@example.test" } } }] },
    { why: "no name", answers: [{ data: { user: without(TIKTOK.data.user, "display_name") } }] },
  ],
  twitch: claimed({ ...without(OIDC, "name"), preferred_username: "ann" }),
  twitter: [
    { why: "confirmed address", answers: [X, { data: { id: X.data.id, confirmed_email: "ann@example.test" } }] },
    { why: "no confirmed address", answers: [X, { data: { id: X.data.id } }] },
    { why: "address refused", answers: [X, failed] },
    { why: "refused", answers: [failed] },
  ],
  vercel: [...answered(OIDC), ...verifiedOrNot(OIDC), { why: "no name", answers: [{ ...without(OIDC, "name"), preferred_username: "ann" }] }],
  vk: [...answered(VK), { why: "no address in it", answers: [{ user: without(VK.user, "email") }] }],
  wechat: [
    ...answered(WECHAT).map((profile) => ({ ...profile, openid: "openid-1" })),
    { why: "no union", openid: "openid-1", answers: [without(WECHAT, "unionid")] },
    { why: "address", openid: "openid-1", answers: [{ ...WECHAT, email: "ann@example.test" }] },
    { why: "says no", openid: "openid-1", answers: [{ errcode: 40003, errmsg: "invalid openid" }] },
    { why: "no open id" },
  ],
  zoom: [
    ...answered({ id: "z-1", display_name: "Ann", email: "ann@example.test", pic_url: "https://img.example.test/a", verified: 1 }),
    { why: "not verified", answers: [{ id: "z-1", display_name: "Ann", email: "ann@example.test", verified: 0 }] },
  ],
};

// Claims that a provider's own rule on id tokens looks at.
const CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad";
const issued = (tid, authority = "https://login.microsoftonline.com") => ({ tid, iss: `${authority}/${tid}/v2.0` });
export const CLAIMS = {
  google: [{ hd: "example.test" }, { hd: "evil.test" }, { hd: "" }, { hd: ["example.test"] }, {}],
  microsoft: [
    issued("tenant-1"),
    issued(CONSUMERS),
    issued("tenant-1", "https://login.microsoftonline.us"),
    issued(CONSUMERS, "https://login.microsoftonline.us"),
    { tid: "tenant-1", iss: "https://login.microsoftonline.com/tenant-2/v2.0" },
    { iss: "https://login.microsoftonline.com/undefined/v2.0" },
  ],
};
export const MORE_OPTIONS = {
  google: [{ hd: "example.test" }, { hd: "*" }],
  microsoft: [{ tenantId: "consumers" }],
};
