//! Cross-site request forgery: which writing requests are refused by where they come from.

use super::TrustedOrigins;

/// What the check looks at in a request that is not GET, HEAD or OPTIONS.
#[derive(Clone, Copy, Debug, Default)]
pub struct OriginInput<'a> {
    /// Whether there is a `Cookie` header, with whatever in it.
    pub has_cookie: bool,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Referer`.
    pub referer: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub sec_fetch_site: Option<&'a str>,
    /// `Sec-Fetch-Mode`.
    pub sec_fetch_mode: Option<&'a str>,
    /// `Sec-Fetch-Dest`.
    pub sec_fetch_dest: Option<&'a str>,
    /// The origin that the request itself was sent to.
    pub own_origin: Option<&'a str>,
    /// Whether an origin that is named counts without a cookie too.
    pub without_cookie: bool,
    /// Whether the endpoint also guards requests without cookies: signing somebody in by a foreign
    /// form is an attack, too.
    pub form_csrf: bool,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginRefusal {
    /// A foreign site navigated here with a form.
    CrossSiteNavigationLoginBlocked,
    /// The request comes from a site that is not trusted.
    InvalidOrigin,
    /// The request does not say where it comes from.
    MissingOrNullOrigin,
}

/// Judges where a writing request comes from.
///
/// # Errors
/// The reason for refusing the request.
pub fn check_origin(trusted: &TrustedOrigins, input: &OriginInput<'_>) -> Result<(), OriginRefusal> {
    let is_said = present(input.origin).or(present(input.referer)).is_some();
    if input.has_cookie || (input.without_cookie && is_said) {
        return require_trusted_origin(trusted, input);
    }
    if !input.form_csrf {
        return Ok(());
    }
    let site = present(input.sec_fetch_site);
    let mode = present(input.sec_fetch_mode);
    if site == Some("cross-site") && mode == Some("navigate") {
        return Err(OriginRefusal::CrossSiteNavigationLoginBlocked);
    }
    if is_said || site.or(mode).or(present(input.sec_fetch_dest)).is_some() {
        return require_trusted_origin(trusted, input);
    }
    Ok(())
}

fn require_trusted_origin(trusted: &TrustedOrigins, input: &OriginInput<'_>) -> Result<(), OriginRefusal> {
    let origin = present(input.origin);
    // Browsers hide the origin of same-origin requests under some referrer policies, and say so.
    let hidden = origin == Some("null") && present(input.sec_fetch_site) == Some("same-origin");
    let own = if hidden { present(input.own_origin) } else { None };
    match own.or(origin).or(present(input.referer)) {
        None | Some("null") => Err(OriginRefusal::MissingOrNullOrigin),
        Some(value) if trusted.is_trusted_origin(value) => Ok(()),
        Some(_) => Err(OriginRefusal::InvalidOrigin),
    }
}

/// A header that says anything at all.
fn present(header: Option<&str>) -> Option<&str> {
    header.map(str::trim).filter(|value| !value.is_empty())
}
