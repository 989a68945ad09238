// The page. Everything about accounts and cookies is done by the official client; this file shows what it reports.
import { createAuthClient } from "better-auth/client";
import { jwtClient } from "better-auth/client/plugins";
import { tokenSource } from "../../../clients/token-source.js";

const API = "/api/example";
// No baseURL: the client takes this page's own origin and /api/auth.
const auth = createAuthClient({ plugins: [jwtClient()] });
const tokens = tokenSource(async () => {
  const { data, error } = await auth.token();
  if (error) throw new Error(describe(error));
  return data.token;
});

const $ = (id) => document.getElementById(id);

/** What to tell a person about an error that the client reports or a request threw. */
function describe(error) {
  if (error.message && error.message !== "Failed to fetch") return error.message;
  if (error.status === 429) return "Too many attempts. Wait a moment and try again.";
  if (error.status >= 500) return "The auth server had a problem. Try again later.";
  if (error.status === 401) return "Your session has ended. Sign in again.";
  return error.statusText || "The server cannot be reached.";
}

function showAlert(element, message) {
  element.textContent = message ?? "";
  element.hidden = !message;
}

function fillList(list, rows) {
  list.replaceChildren(...rows.flatMap(([term, value]) => {
    const dt = document.createElement("dt");
    const dd = document.createElement("dd");
    dt.textContent = term;
    dd.textContent = value;
    return [dt, dd];
  }));
}

// ---- guard: loading, authenticated, unauthenticated ------------------------------------------------------------------

let shown = "loading";

function render({ data, error, isPending }) {
  const state = data ? "authenticated" : isPending ? "loading" : "unauthenticated";
  $("guard").dataset.state = $("state").dataset.state = state;
  $("guard").setAttribute("aria-busy", String(state === "loading"));
  $("state").textContent = state;
  document.title = state === "authenticated" ? "Your session · auth example" : "Sign in · auth example";

  // A missing session is an answer, not an error; anything else is told.
  const broken = !data && !isPending && error && error.status !== 401;
  $("session-error").hidden = !broken;
  if (broken) $("session-error").querySelector("p").textContent = describe(error);

  if (data) {
    fillList($("session"), [
      ["Name", data.user.name],
      ["E-mail", `${data.user.email}${data.user.emailVerified ? "" : " (not verified)"}`],
      ["User id", data.user.id],
      ["Signed in", new Date(data.session.createdAt).toLocaleString()],
      ["Valid until", new Date(data.session.expiresAt).toLocaleString()],
    ]);
  } else if (shown === "authenticated") {
    forgetApi();
  }
  if (state !== shown && state !== "loading") {
    $("announce").textContent = state === "authenticated" ? `Signed in as ${data.user.name}.` : shown === "authenticated" ? "Signed out." : "";
    // Focus follows the person into the new view, but a first load leaves it where the browser put it.
    if (shown !== "loading") (state === "authenticated" ? $("account-title") : $("form-title")).focus();
  }
  shown = state;
}

auth.useSession.subscribe(render);
$("retry").addEventListener("click", () => auth.useSession.get().refetch());

// ---- forms -----------------------------------------------------------------------------------------------------------

function setMode(mode) {
  const up = mode === "sign-up";
  $("sign-in").hidden = up;
  $("sign-up").hidden = !up;
  $("form-title").textContent = up ? "Create your account" : "Sign in";
  $("form-lead").textContent = up ? "Name, e-mail and a password are enough." : "Welcome back. The session stays in an HttpOnly cookie.";
  $("switch-text").textContent = up ? "Have an account?" : "New here?";
  $("switch").textContent = up ? "Sign in" : "Create an account";
}
$("switch").addEventListener("click", () => {
  setMode($("sign-up").hidden ? "sign-up" : "sign-in");
  $("form-title").focus();
});

/** Shows each field's own problem beside it and moves focus to the first. */
function fieldsAreValid(form) {
  let first = null;
  for (const input of form.querySelectorAll("input")) {
    const bad = !input.validity.valid;
    input.setAttribute("aria-invalid", String(bad));
    const note = $(`${input.id}-error`);
    note.textContent = bad ? input.validationMessage : "";
    if (bad && !input.hasAttribute("aria-describedby")) input.setAttribute("aria-describedby", note.id);
    if (bad) first ??= input;
  }
  first?.focus();
  return !first;
}

function onSubmit(id, action) {
  const form = $(id);
  const button = form.querySelector("button[type=submit]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    showAlert($(`${id}-error`), null);
    if (!fieldsAreValid(form)) return;
    button.setAttribute("aria-disabled", "true");
    try {
      const { error } = await action(Object.fromEntries(new FormData(form)));
      if (error) showAlert($(`${id}-error`), describe(error));
      else form.reset();
    } catch (error) {
      showAlert($(`${id}-error`), describe(error));
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
}
onSubmit("sign-in", ({ email, password }) => auth.signIn.email({ email, password }));
onSubmit("sign-up", ({ name, email, password }) => auth.signUp.email({ name, email, password }));

$("sign-out").addEventListener("click", async () => {
  showAlert($("sign-out-error"), null);
  tokens.clear();
  try {
    const { error } = await auth.signOut();
    if (error) showAlert($("sign-out-error"), describe(error));
    else setMode("sign-in");
  } catch (error) {
    showAlert($("sign-out-error"), describe(error));
  }
});

// ---- the protected API -----------------------------------------------------------------------------------------------

let countdown = null;

function forgetApi() {
  tokens.clear();
  clearInterval(countdown);
  for (const id of ["answer", "token", "api-error"]) $(id).hidden = true;
}

function showToken() {
  const claims = tokens.claims();
  $("token").hidden = !claims;
  if (!claims) return;
  const draw = () => {
    const left = Math.max(0, Math.round(claims.exp - Date.now() / 1000));
    fillList($("claims"), [
      ["Subject", claims.sub],
      ["Issuer", claims.iss],
      ["Audience", [claims.aud].flat().join(", ")],
      ["Expires in", `${Math.floor(left / 60)} min ${String(left % 60).padStart(2, "0")} s`],
    ]);
  };
  draw();
  clearInterval(countdown);
  countdown = setInterval(draw, 1000);
}

async function callApi(path) {
  showAlert($("api-error"), null);
  try {
    const response = await tokens.fetch(API + path);
    const text = await response.text();
    let body = text;
    try { body = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: shown as it came */ }
    $("answer-status").textContent = `${response.status} ${response.statusText}`.trim();
    $("answer-status").dataset.ok = String(response.ok);
    $("answer-note").textContent = response.headers.get("www-authenticate") ?? `GET ${path}`;
    $("answer-body").textContent = body;
    $("answer").hidden = false;
  } catch (error) {
    $("answer").hidden = true;
    showAlert($("api-error"), describe(error));
  }
  showToken();
}

for (const button of document.querySelectorAll("[data-call]")) {
  button.addEventListener("click", () => callApi(button.dataset.call));
}
