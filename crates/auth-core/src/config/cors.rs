//! `cors`: pages of other origins that may call the server from a browser.

use super::reader::Reader;
use crate::wire::cors::{Cors, CorsOrigins};

pub(super) fn read(r: &mut Reader) -> Option<Cors> {
    let listed = r.list("cors.origins").unwrap_or_default();
    let credentials = r.boolean("cors.credentials", true);
    let headers = names(r, "cors.allowHeaders", &["Content-Type", "Authorization"]);
    let methods = names(r, "cors.allowMethods", &["GET", "POST", "OPTIONS"]);
    let expose = names(r, "cors.exposeHeaders", &["set-auth-token", "set-auth-jwt", "X-Retry-After"]);
    let max_age = r.seconds("cors.maxAge", 600);
    if listed.is_empty() {
        return None;
    }
    let origins = match CorsOrigins::new(&listed, credentials) {
        Ok(origins) => origins,
        Err(problems) => {
            for problem in problems {
                r.refuse("cors.origins", problem);
            }
            return None;
        }
    };
    Some(Cors {
        origins,
        credentials,
        allow_headers: headers.join(", "),
        allow_methods: methods.join(", "),
        expose_headers: expose,
        max_age: max_age.to_string(),
    })
}

/// Names that can stand in a header: tokens of RFC 9110.
fn names(r: &mut Reader, key: &'static str, default: &[&str]) -> Vec<String> {
    let Some(names) = r.list(key) else { return default.iter().map(|name| (*name).to_owned()).collect() };
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if let Some(bad) = names.iter().find(|name| name.is_empty() || !name.chars().all(is_token)) {
        r.refuse(key, format!("{bad:?} is not a name"));
    }
    names
}
