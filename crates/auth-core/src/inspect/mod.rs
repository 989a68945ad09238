//! Explains texts of this server's making: tokens, cookies, hashes. For the operator who holds one and asks why it
//! does not work.
//!
//! What is said lets nobody in: no signature, no session token, no byte of a hash or a secret. What is not
//! understood is not repeated.

mod cookie;
mod report;
mod token;

pub(crate) use cookie::session_token_in;
pub use report::Explained;

use auth_jose::Timestamp;

use crate::app::App;
use crate::config::CookieKind;
use crate::crypto::password;
use crate::crypto::secrets::Secrets;
use crate::wire::cookie::decode_uri_component;
use crate::wire::cookie_parts;

/// What there is to explain with.
pub struct Inspector<'a> {
    /// The server. With a database its keys have to be loaded already.
    pub app: &'a App,
    /// Its secrets, if there are any.
    pub secrets: Option<&'a Secrets>,
    /// Sessions may be looked up.
    pub has_database: bool,
    /// The time.
    pub now: Timestamp,
}

impl Inspector<'_> {
    /// Explains a value, or each cookie of ours in a `Cookie` or `Set-Cookie` header. Nothing when it is none of ours.
    pub async fn explain(&self, text: &str) -> Vec<Explained> {
        let text = without_frame(text);
        let mut explained = Vec::new();
        for kind in CookieKind::ALL {
            let name = self.app.config.cookies.cookie(kind).name;
            // Under another base URL the same cookie has the other name.
            let bare = name.strip_prefix("__Secure-").unwrap_or(&name).to_owned();
            for name in [format!("__Secure-{bare}"), bare] {
                if let Some(value) = cookie_parts::find(text, &name) {
                    let mut about = self.value(&value).await.unwrap_or_else(|| {
                        Explained::new("a value of no form that this server writes").verdict("not valid")
                    });
                    about.title = format!("The cookie {name}: {}", about.title);
                    explained.push(about);
                }
            }
        }
        if explained.is_empty() {
            explained.extend(self.value(text).await);
        }
        explained
    }

    async fn value(&self, raw: &str) -> Option<Explained> {
        let decoded = if raw.contains('%') { decode_uri_component(raw) } else { None };
        let text = decoded.as_deref().unwrap_or(raw);
        if let Some(hash) = self.hash(text) {
            return Some(hash);
        }
        if let Some(sealed) = self.sealed(text) {
            return Some(sealed);
        }
        if let Some(token) = self.token(text).await {
            return Some(token);
        }
        if let Some(copy) = self.compact_copy(text) {
            return Some(copy);
        }
        if let Some(cookie) = self.signed_value(text).await {
            return Some(cookie);
        }
        self.session_token(text).await
    }

    fn hash(&self, text: &str) -> Option<Explained> {
        let about = password::describe(text)?;
        let mut explained = Explained::new(format!("A password hash: {}", about.algorithm));
        let configured = self.app.config.email_and_password.password.algorithm;
        let verdict = match (about.is_read, about.is_as(configured)) {
            (false, _) => "this server cannot verify it: its user has to set a new password",
            (true, true) => "this server verifies it, and makes new ones alike",
            (true, false) => {
                "this server verifies it; new ones are made otherwise (emailAndPassword.password)"
            }
        };
        explained.facts.extend(about.parts);
        Some(explained.verdict(verdict))
    }

    /// A text encrypted at rest, such as a private key of the `jwks` table.
    fn sealed(&self, text: &str) -> Option<Explained> {
        let version = text.strip_prefix("$ba$").and_then(|rest| rest.split_once('$'));
        let (version, hex) = version.map_or((None, text), |(version, hex)| (Some(version), hex));
        let is_hex = hex.len() >= 96 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex {
            return None;
        }
        let mut explained = Explained::new("A text that a server has encrypted with its secret");
        explained.fact(
            "secret",
            version.map_or("without a number".to_owned(), |version| format!("number {version}")),
        );
        let Some(secrets) = self.secrets else {
            return Some(explained.verdict("no secret is configured to open it with"));
        };
        Some(match secrets.sealer().open(text) {
            Ok(_) => explained.verdict("the configured secret opens it"),
            Err(error) => explained.verdict(format!("it cannot be opened: {error}")),
        })
    }
}

/// The text without what stood around it where it was copied.
fn without_frame(text: &str) -> &str {
    let mut text = text.trim().trim_matches(['"', '\'']);
    for frame in ["cookie:", "set-cookie:", "authorization:", "set-auth-jwt:", "set-auth-token:", "bearer "] {
        let begins = text.get(..frame.len()).is_some_and(|start| start.eq_ignore_ascii_case(frame));
        if begins {
            text = text.get(frame.len()..).unwrap_or_default().trim();
        }
    }
    text
}
