//! One request on its way to an endpoint.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use auth_jose::Timestamp;
use bytes::Bytes;

use crate::app::App;
use crate::config::{Addressed, BaseUrl, Checks, DynamicBaseUrl};
use crate::error::{Result, Status, codes};
use crate::mail::MailLink;
use crate::reply::Outgoing;
use crate::wire::client_ip::{ClientAddress, ClientIpRules};
use crate::wire::cookie;
use crate::wire::names::{Cookie, CookieNames};
use crate::wire::query::Query;

/// The methods that endpoints have. Everything else is 404, as upstream answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
}

impl Method {
    /// The method's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// An HTTP request, free of any framework.
#[derive(Debug, Default)]
pub struct Request {
    /// The method, as it was sent.
    pub method: String,
    /// The raw path.
    pub path: String,
    /// The raw query string, without the question mark.
    pub query: String,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, already limited in size.
    pub body: Bytes,
    /// The address of the other end of the connection.
    pub peer: Option<IpAddr>,
}

impl Request {
    /// The value of a header; several are joined with a comma, as the Fetch standard does.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let first = values.next()?;
        Some(match values.next() {
            None => first.into(),
            Some(second) => {
                let separator = if name == "cookie" { "; " } else { ", " };
                let rest = std::iter::once(second).chain(values);
                rest.fold(first.to_owned(), |joined, value| joined + separator + value).into()
            }
        })
    }

    fn named_headers<'n>(&self, names: &'n [String]) -> Vec<(&'n str, Cow<'_, str>)> {
        names.iter().filter_map(|name| Some((name.as_str(), self.header(name)?))).collect()
    }

    /// The client's address to count by, if it is one client's.
    #[must_use]
    pub fn counted_client(&self, rules: &ClientIpRules) -> Option<ClientAddress> {
        let headers = self.named_headers(&rules.headers);
        rules.counted(|name| find(&headers, name), self.peer)
    }
}

fn find<'h>(headers: &'h [(&str, Cow<'_, str>)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_ref())
}

/// A request together with the server's parts: what an endpoint gets, inside its access type.
#[derive(Clone)]
pub struct Call {
    /// The server.
    pub app: Arc<App>,
    /// The request.
    pub request: Arc<Request>,
    /// The parsed query.
    pub query: Arc<Query>,
    /// When the request arrived; one request has one time.
    pub now: Timestamp,
    /// What is checked of requests to this endpoint.
    pub checks: Checks,
    /// Cookies and headers that leave with the response.
    pub out: Outgoing,
    /// The session token of this request: from the signed cookie, or from `Authorization`.
    pub(crate) session_token: Option<String>,
    /// What the request itself decides about the server's address; nothing where the configuration does.
    site: Option<Arc<Site>>,
}

/// The server's address as one request sees it, and what follows from it.
struct Site {
    base_url: BaseUrl,
    cookies: Option<CookieNames>,
}

impl Site {
    fn of(app: &App, dynamic: &DynamicBaseUrl, request: &Request) -> Result<Self> {
        let is_believed = dynamic.trusts_proxy_headers && app.config.client_ip.is_believed(request.peer);
        let forwarded = |name| is_believed.then(|| request.header(name)).flatten();
        let host = request.header("host");
        let (forwarded_host, forwarded_proto) =
            (forwarded("x-forwarded-host"), forwarded("x-forwarded-proto"));
        let said = Addressed {
            host: host.as_deref(),
            forwarded_host: forwarded_host.as_deref(),
            forwarded_proto: forwarded_proto.as_deref(),
        };
        let Some(base_url) = dynamic.resolve(said) else {
            return Err(codes::HOST_NOT_ALLOWED.with(Status::MisdirectedRequest));
        };
        let cookies = app.config.cookies.under(&base_url).map(|cookies| CookieNames::new(&cookies));
        Ok(Self { base_url, cookies })
    }
}

impl Call {
    /// # Errors
    /// 421 when the request was sent to a host that is none of ours.
    pub(crate) fn new(app: Arc<App>, checks: Checks, request: Request) -> Result<Self> {
        let dynamic = app.config.dynamic_base_url.as_ref();
        let site = dynamic.map(|dynamic| Site::of(&app, dynamic, &request)).transpose()?.map(Arc::new);
        let query = Arc::new(Query::parse(&request.query));
        let now = app.clock.now();
        let mut call = Self {
            app,
            query,
            now,
            checks,
            out: Outgoing::default(),
            session_token: None,
            site,
            request: Arc::new(request),
        };
        call.session_token = call.signed_cookie(&call.cookies().session_token);
        Ok(call)
    }

    /// The public URL of the server, as this request reached it: what links, redirects and issuers begin with.
    #[must_use]
    pub fn base_url(&self) -> &BaseUrl {
        self.site.as_ref().map_or(&self.app.config.base_url, |site| &site.base_url)
    }

    /// The public address of an endpoint: `path` is as its feature has it, such as `/callback/google`.
    #[must_use]
    pub fn url_of(&self, path: &str) -> String {
        format!("{}{}{path}", self.base_url().origin(), self.app.config.base_path)
    }

    /// The address of an endpoint for a mail.
    #[must_use]
    pub fn mail_link(&self, path: &'static str) -> MailLink {
        MailLink::new(self.base_url(), &self.app.config.base_path, path)
    }

    /// Names and attributes of our cookies, as they are under [`base_url`](Self::base_url).
    #[must_use]
    pub fn cookies(&self) -> &CookieNames {
        self.site.as_ref().and_then(|site| site.cookies.as_ref()).unwrap_or(&self.app.cookies)
    }

    /// The value of a cookie of the request.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        let header = self.request.header("cookie")?;
        cookie::find(&header, name).map(Cow::into_owned)
    }

    /// The value of a cookie of the request, if our signature on it is good.
    #[must_use]
    pub fn signed_cookie(&self, cookie: &Cookie) -> Option<String> {
        let value = self.cookie(&cookie.name)?;
        self.app.signer.open(&value).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// The client's address as it is stored, if it is known.
    #[must_use]
    pub fn client_ip(&self) -> Option<String> {
        let rules = &self.app.config.client_ip;
        let headers = self.request.named_headers(&rules.headers);
        let address = rules.resolve(|name| find(&headers, name), self.request.peer);
        address.map(|address| address.to_string())
    }
}
