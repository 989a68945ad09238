//! A forgotten password: a mail with a one-time link, the page it leads to, the new password.

mod codes;
mod request;
mod reset;

use crate::feature::Feature;

/// The feature's endpoints and errors.
#[must_use]
pub fn feature() -> Feature {
    Feature::new("password-reset")
        .post("/request-password-reset", request::request_password_reset)
        .get("/reset-password/:token", request::request_password_reset_callback)
        .post("/reset-password", reset::reset_password)
        .codes(codes::ALL)
}
