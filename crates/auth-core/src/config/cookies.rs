//! The cookies: names, attributes, and the rules by which browsers refuse them.

use std::collections::BTreeSet;

use super::reader::Reader;
use super::{BaseUrl, DynamicBaseUrl};
use crate::wire::cookie::{CookieAttributes, SameSite};
use crate::wire::names::Cookie;

const DEFAULTS: &str = "advanced.defaultCookieAttributes";
const OWN: &str = "advanced.cookies.<cookie>";

/// The cookies that have a name of their own, as upstream calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieKind {
    /// The signed session token.
    SessionToken,
    /// The session cache.
    SessionData,
    /// The session ends with the browser.
    DontRemember,
    /// The account that somebody signed in with.
    AccountData,
    /// The state of a sign-in with a provider, kept in the database.
    State,
    /// The state of a sign-in with a provider, kept in the cookie.
    OauthState,
}

impl CookieKind {
    pub(crate) const ALL: [Self; 6] = [
        Self::SessionToken,
        Self::SessionData,
        Self::DontRemember,
        Self::AccountData,
        Self::State,
        Self::OauthState,
    ];

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The name in `advanced.cookies`.
    const fn as_str(self) -> &'static str {
        match self {
            Self::SessionToken => "session_token",
            Self::SessionData => "session_data",
            Self::DontRemember => "dont_remember",
            Self::AccountData => "account_data",
            Self::State => "state",
            Self::OauthState => "oauth_state",
        }
    }
}

/// Names and attributes of cookies.
#[derive(Debug, Clone)]
pub struct CookieConfig {
    /// Cookies are `Secure` and their names begin with `__Secure-`, unless their own settings say otherwise.
    pub secure: bool,
    /// Cookies that an older secret signed are good.
    pub accept_older_secrets: bool,
    prefix: String,
    /// `Domain`, for cookies that are shared with other hosts.
    domain: Option<String>,
    /// The parts that follow the host of a request.
    by_request: Option<ByRequest>,
    defaults: Attributes,
    own: Vec<(CookieKind, OwnSettings)>,
}

/// What the configuration leaves to the base URL of a request: cookies that are shared with other hosts name one.
#[derive(Debug, Clone, Copy)]
struct ByRequest {
    secure: bool,
    domain: bool,
}

/// What the configuration says about one cookie.
#[derive(Debug, Clone, Default)]
struct OwnSettings {
    name: Option<String>,
    attributes: Attributes,
}

/// Attributes that the configuration sets; the others are the defaults.
#[derive(Debug, Clone, Default)]
struct Attributes {
    domain: Option<String>,
    path: Option<String>,
    http_only: Option<bool>,
    secure: Option<bool>,
    same_site: Option<SameSite>,
    partitioned: Option<bool>,
    max_age: Option<i64>,
}

impl Attributes {
    fn apply(&self, to: &mut CookieAttributes) {
        if let Some(domain) = &self.domain {
            to.domain = Some(domain.clone());
        }
        if let Some(path) = &self.path {
            to.path.clone_from(path);
        }
        to.http_only = self.http_only.unwrap_or(to.http_only);
        to.secure = self.secure.unwrap_or(to.secure);
        to.same_site = self.same_site.unwrap_or(to.same_site);
        to.partitioned = self.partitioned.unwrap_or(to.partitioned);
    }
}

impl CookieConfig {
    /// The cookies under a base URL; nothing when they are the same under each.
    #[must_use]
    pub fn under(&self, base_url: &BaseUrl) -> Option<Self> {
        let by_request = self.by_request?;
        let mut cookies = self.clone();
        if by_request.secure {
            cookies.secure = base_url.is_https();
        }
        if by_request.domain {
            cookies.domain = Some(base_url.host().to_owned());
        }
        Some(cookies)
    }

    /// One cookie.
    #[must_use]
    pub fn cookie(&self, kind: CookieKind) -> Cookie {
        let mut attributes = CookieAttributes {
            secure: self.secure,
            domain: self.domain.clone(),
            ..CookieAttributes::default()
        };
        self.defaults.apply(&mut attributes);
        let own = self.own.iter().find(|(it, _)| *it == kind).map(|(_, own)| own);
        if let Some(own) = own {
            own.attributes.apply(&mut attributes);
        }
        let secure = if self.secure { "__Secure-" } else { "" };
        let name = match own.and_then(|own| own.name.as_deref()) {
            Some(name) => format!("{secure}{name}"),
            None => format!("{secure}{}.{}", self.prefix, kind.as_str()),
        };
        let own_max_age = own.and_then(|own| own.attributes.max_age);
        Cookie { name, attributes, own_max_age, default_max_age: self.defaults.max_age }
    }
}

/// Reads the cookie settings of `advanced`.
pub(super) fn read(r: &mut Reader, base_url: &BaseUrl, dynamic: Option<&DynamicBaseUrl>) -> CookieConfig {
    let secure = dynamic.map_or_else(|| base_url.is_https(), DynamicBaseUrl::has_secure_cookies);
    let is_shared = r.boolean("advanced.crossSubDomainCookies.enabled", false);
    let by_request = dynamic.filter(|_| is_shared).map(|_| ByRequest {
        secure: !r.is_set("advanced.useSecureCookies"),
        domain: !r.is_set("advanced.crossSubDomainCookies.domain"),
    });
    let config = CookieConfig {
        secure: r.boolean("advanced.useSecureCookies", secure),
        accept_older_secrets: r.boolean("advanced.acceptOlderCookieSecrets", true),
        prefix: prefix(r),
        domain: cross_sub_domain(r, is_shared, base_url),
        by_request,
        defaults: defaults(r),
        own: own(r),
    };
    check(r, &config);
    config
}

fn prefix(r: &mut Reader) -> String {
    let prefix = r.text("advanced.cookiePrefix").unwrap_or_else(|| "better-auth".to_owned());
    if !is_name(&prefix) {
        r.refuse("advanced.cookiePrefix", "expected letters, digits, '-', '_' or '.'");
    }
    prefix
}

fn cross_sub_domain(r: &mut Reader, enabled: bool, base_url: &BaseUrl) -> Option<String> {
    let domain = r.text("advanced.crossSubDomainCookies.domain");
    if let Some(domain) = domain.as_deref().filter(|domain| !is_domain(domain)) {
        r.refuse("advanced.crossSubDomainCookies.domain", format!("{domain:?} is not a host name"));
    }
    enabled.then(|| domain.unwrap_or_else(|| base_url.host().to_owned()))
}

fn defaults(r: &mut Reader) -> Attributes {
    let attributes = Attributes {
        domain: r.text("advanced.defaultCookieAttributes.domain"),
        path: r.text("advanced.defaultCookieAttributes.path"),
        http_only: r.flag("advanced.defaultCookieAttributes.httpOnly"),
        secure: r.flag("advanced.defaultCookieAttributes.secure"),
        same_site: r.word("advanced.defaultCookieAttributes.sameSite"),
        partitioned: r.flag("advanced.defaultCookieAttributes.partitioned"),
        max_age: r.span("advanced.defaultCookieAttributes.maxAge"),
    };
    if let Some(problem) = malformed(&attributes) {
        r.refuse(DEFAULTS, problem);
    }
    attributes
}

fn own(r: &mut Reader) -> Vec<(CookieKind, OwnSettings)> {
    let mut own = Vec::new();
    for cookie in r.names(OWN) {
        let name = r.text(("advanced.cookies.<cookie>.name", &*cookie));
        let attributes = Attributes {
            domain: r.text(("advanced.cookies.<cookie>.attributes.domain", &*cookie)),
            path: r.text(("advanced.cookies.<cookie>.attributes.path", &*cookie)),
            http_only: r.flag(("advanced.cookies.<cookie>.attributes.httpOnly", &*cookie)),
            secure: r.flag(("advanced.cookies.<cookie>.attributes.secure", &*cookie)),
            same_site: r.word(("advanced.cookies.<cookie>.attributes.sameSite", &*cookie)),
            partitioned: r.flag(("advanced.cookies.<cookie>.attributes.partitioned", &*cookie)),
            max_age: r.span(("advanced.cookies.<cookie>.attributes.maxAge", &*cookie)),
        };
        let problem = match &name {
            Some(name) if !is_name(name) => Some(format!("{name:?} is not a name of a cookie")),
            _ => malformed(&attributes),
        };
        if let Some(problem) = problem {
            r.refuse((OWN, &*cookie), problem);
        }
        match CookieKind::parse(&cookie) {
            Some(kind) => own.push((kind, OwnSettings { name, attributes })),
            None => {
                let known = CookieKind::ALL.map(CookieKind::as_str).join(", ");
                r.refuse((OWN, &*cookie), format!("is not a cookie of this server; there are {known}"));
            }
        }
    }
    own
}

/// What would break out of the header, or never match a host or a path.
fn malformed(attributes: &Attributes) -> Option<String> {
    let path = attributes.path.as_deref().unwrap_or("/");
    let in_path = |c: char| c.is_ascii_graphic() && c != ';' && c != ',';
    if !path.starts_with('/') || !path.chars().all(in_path) {
        return Some(format!("{path:?} is not a path"));
    }
    let domain = attributes.domain.as_deref().filter(|domain| !is_domain(domain));
    domain.map(|domain| format!("{domain:?} is not a host name"))
}

/// Refuses what browsers refuse: they would drop the cookies without a word, and nobody could sign in.
fn check(r: &mut Reader, config: &CookieConfig) {
    let mut of_all = BTreeSet::new();
    let mut names = BTreeSet::new();
    for kind in CookieKind::ALL {
        let cookie = config.cookie(kind);
        let is_own = config.own.iter().any(|(it, _)| *it == kind);
        match refused_by_browsers(&cookie) {
            Some(problem) if is_own => r.refuse((OWN, kind.as_str()), problem),
            Some(problem) => {
                of_all.insert(problem);
            }
            None => {}
        }
        if !names.insert(cookie.name) {
            r.refuse((OWN, kind.as_str()), "has the name of another cookie");
        }
    }
    for problem in of_all {
        r.refuse(DEFAULTS, problem);
    }
}

fn refused_by_browsers(cookie: &Cookie) -> Option<&'static str> {
    let CookieAttributes { domain, path, secure, same_site, partitioned, .. } = &cookie.attributes;
    let begins =
        |prefix: &str| cookie.name.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix));
    if *same_site == SameSite::None && !secure {
        return Some("browsers drop a cookie with sameSite \"none\" that is not secure");
    }
    if *partitioned && !secure {
        return Some("browsers drop a partitioned cookie that is not secure");
    }
    if begins("__Secure-") && !secure {
        return Some("browsers drop a cookie named __Secure-... that is not secure");
    }
    if begins("__Host-") && (!secure || domain.is_some() || path != "/") {
        return Some(
            "browsers drop a cookie named __Host-... unless it is secure, without a domain, and of path \"/\"",
        );
    }
    None
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn is_domain(text: &str) -> bool {
    let host = text.strip_prefix('.').unwrap_or(text);
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]_".contains(&byte))
        && url::Host::parse(host).is_ok()
}
