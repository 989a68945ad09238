//! Errors: constants in code tables beside their feature, one [`Error`] type, one conversion to a reply.

use std::time::Duration;

use crate::reply::Response;
use crate::store::StoreError;

/// One kind of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode {
    /// The stable id, sent as `X-Error-Id`: `AUTH-0012`. Never reused.
    pub id: &'static str,
    /// The machine code in the body. Upstream has errors without one: empty here.
    pub code: &'static str,
    /// The message in the body, as upstream words it.
    pub message: &'static str,
}

impl ErrorCode {
    /// An error with a code and a message.
    #[must_use]
    pub const fn new(id: &'static str, code: &'static str, message: &'static str) -> Self {
        Self { id, code, message }
    }

    /// 400.
    #[must_use]
    pub fn bad_request(self) -> Error {
        self.with(Status::BadRequest)
    }

    /// 401.
    #[must_use]
    pub fn unauthorized(self) -> Error {
        self.with(Status::Unauthorized)
    }

    /// 403.
    #[must_use]
    pub fn forbidden(self) -> Error {
        self.with(Status::Forbidden)
    }

    /// 422.
    #[must_use]
    pub fn unprocessable(self) -> Error {
        self.with(Status::UnprocessableEntity)
    }

    /// 503 with a second until the next try.
    #[must_use]
    pub fn unavailable(self) -> Error {
        Error::Busy { code: self, retry_after: Duration::from_secs(1) }
    }

    /// Any status, without a body: upstream has refusals that say nothing.
    #[must_use]
    pub fn silent(self, status: Status) -> Error {
        Error::Silent { status, code: self }
    }

    /// Any other status.
    #[must_use]
    pub fn with(self, status: Status) -> Error {
        Error::Api { status, code: self, message: None }
    }
}

/// The statuses that refusals have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 400
    BadRequest,
    /// 401
    Unauthorized,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 408
    RequestTimeout,
    /// 409
    Conflict,
    /// 413
    PayloadTooLarge,
    /// 415
    UnsupportedMediaType,
    /// 421
    MisdirectedRequest,
    /// 422
    UnprocessableEntity,
}

impl Status {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::Conflict => 409,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::MisdirectedRequest => 421,
            Self::UnprocessableEntity => 422,
        }
    }
}

/// Why an endpoint refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A refusal with upstream's body `{message, code}`.
    #[error("{}", code.code)]
    Api {
        /// The status.
        status: Status,
        /// The table entry.
        code: ErrorCode,
        /// Instead of the table's message, where upstream words it for the request.
        message: Option<String>,
    },
    /// A refusal with an empty body of upstream's media type.
    #[error("{}", code.code)]
    Silent {
        /// The status.
        status: Status,
        /// The table entry.
        code: ErrorCode,
    },
    /// A refusal in OAuth's words: `{error, error_description}` (RFC 6749, section 5.2).
    #[error("{}", code.code)]
    OAuth {
        /// The status. 401 asks for HTTP Basic.
        status: Status,
        /// The table entry.
        code: ErrorCode,
    },
    /// 404 with an empty body, as upstream answers what it does not route.
    #[error("no such route")]
    NoRoute,
    /// 404 with a text, as upstream answers a path that the operator has switched off.
    #[error("the path is switched off")]
    Disabled,
    /// 503: something that will be available again soon is not now.
    #[error("{}", code.code)]
    Busy {
        /// The table entry.
        code: ErrorCode,
        /// When another try makes sense.
        retry_after: Duration,
    },
    /// 429: asked or tried too often.
    #[error("too many requests")]
    Limited {
        /// The table entry.
        code: ErrorCode,
        /// When another try makes sense.
        retry_after: Duration,
    },
    /// 500: our fault. Logged once, never described to the caller.
    #[error(transparent)]
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

/// What an endpoint answers.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of no feature in particular.
pub mod codes {
    use super::ErrorCode;

    /// No endpoint has this path and method. The body is empty, as upstream's.
    pub const NO_ROUTE: ErrorCode = ErrorCode::new("AUTH-0001", "NOT_FOUND", "Not Found");
    /// The body or query does not have the endpoint's form; the message lists what and where.
    pub const VALIDATION_ERROR: ErrorCode =
        ErrorCode::new("AUTH-0002", "VALIDATION_ERROR", "Validation Error");
    /// The body's media type is not one that the endpoint reads.
    pub const UNSUPPORTED_MEDIA_TYPE: ErrorCode =
        ErrorCode::new("AUTH-0003", "UNSUPPORTED_MEDIA_TYPE", "Content-Type is not allowed");
    /// The body is not JSON.
    pub const BAD_REQUEST: ErrorCode =
        ErrorCode::new("AUTH-0004", "BAD_REQUEST", "Invalid JSON in request body");
    /// The body is larger than `server.bodyLimit`.
    pub const PAYLOAD_TOO_LARGE: ErrorCode =
        ErrorCode::new("AUTH-0005", "PAYLOAD_TOO_LARGE", "Request body is too large");
    /// The body did not arrive whole in time.
    pub const REQUEST_TIMEOUT: ErrorCode =
        ErrorCode::new("AUTH-0006", "REQUEST_TIMEOUT", "Request body did not arrive in time");
    /// The server failed; its log says why. The body is empty, as upstream's.
    pub const INTERNAL: ErrorCode =
        ErrorCode::new("AUTH-0007", "INTERNAL_SERVER_ERROR", "Internal Server Error");
    /// The database does not answer in time.
    pub const DATABASE_UNAVAILABLE: ErrorCode =
        ErrorCode::new("AUTH-0008", "SERVICE_UNAVAILABLE", "The database is not available, try again");
    /// More passwords wait to be hashed than `emailAndPassword.password.queue` allows.
    pub const HASHING_BUSY: ErrorCode =
        ErrorCode::new("AUTH-0009", "SERVICE_UNAVAILABLE", "Too many sign-ins at once, try again");
    /// The request took longer than `server.requestTimeout`.
    pub const TOO_SLOW: ErrorCode =
        ErrorCode::new("AUTH-0010", "SERVICE_UNAVAILABLE", "The request took too long, try again");
    /// A cookie came without an `Origin` or `Referer`, or with `null`.
    pub const MISSING_OR_NULL_ORIGIN: ErrorCode =
        ErrorCode::new("AUTH-0011", "MISSING_OR_NULL_ORIGIN", "Missing or null Origin");
    /// The request's origin is not a trusted one (`trustedOrigins`).
    pub const INVALID_ORIGIN: ErrorCode = ErrorCode::new("AUTH-0012", "INVALID_ORIGIN", "Invalid origin");
    /// A page of another site navigated here with a form.
    pub const CROSS_SITE_NAVIGATION_LOGIN_BLOCKED: ErrorCode = ErrorCode::new(
        "AUTH-0013",
        "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
        "Cross-site navigation login blocked. This request appears to be a CSRF attack.",
    );
    /// `callbackURL` leads to an origin that is not trusted.
    pub const INVALID_CALLBACK_URL: ErrorCode =
        ErrorCode::new("AUTH-0014", "INVALID_CALLBACK_URL", "Invalid callbackURL");
    /// `redirectTo` leads to an origin that is not trusted.
    pub const INVALID_REDIRECT_URL: ErrorCode =
        ErrorCode::new("AUTH-0015", "INVALID_REDIRECT_URL", "Invalid redirectURL");
    /// `errorCallbackURL` leads to an origin that is not trusted.
    pub const INVALID_ERROR_CALLBACK_URL: ErrorCode =
        ErrorCode::new("AUTH-0016", "INVALID_ERROR_CALLBACK_URL", "Invalid errorCallbackURL");
    /// `newUserCallbackURL` leads to an origin that is not trusted.
    pub const INVALID_NEW_USER_CALLBACK_URL: ErrorCode =
        ErrorCode::new("AUTH-0017", "INVALID_NEW_USER_CALLBACK_URL", "Invalid newUserCallbackURL");
    /// A redirect target is not text; the message names it.
    pub const REDIRECT_NOT_TEXT: ErrorCode =
        ErrorCode::new("AUTH-0018", "", "Invalid callbackURL: expected a string");
    /// The request was sent to a host that is not one of `baseURL.allowedHosts`.
    pub const HOST_NOT_ALLOWED: ErrorCode =
        ErrorCode::new("AUTH-0122", "HOST_NOT_ALLOWED", "This server does not answer for that host");

    /// All of them.
    pub const ALL: &[ErrorCode] = &[
        NO_ROUTE,
        VALIDATION_ERROR,
        UNSUPPORTED_MEDIA_TYPE,
        BAD_REQUEST,
        PAYLOAD_TOO_LARGE,
        REQUEST_TIMEOUT,
        INTERNAL,
        DATABASE_UNAVAILABLE,
        HASHING_BUSY,
        TOO_SLOW,
        MISSING_OR_NULL_ORIGIN,
        INVALID_ORIGIN,
        CROSS_SITE_NAVIGATION_LOGIN_BLOCKED,
        INVALID_CALLBACK_URL,
        INVALID_REDIRECT_URL,
        INVALID_ERROR_CALLBACK_URL,
        INVALID_NEW_USER_CALLBACK_URL,
        REDIRECT_NOT_TEXT,
        HOST_NOT_ALLOWED,
    ];
}

impl Error {
    /// A failure of ours, from its cause.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// This refusal with another message.
    #[must_use]
    pub fn saying(self, message: impl Into<String>) -> Self {
        match self {
            Self::Api { status, code, .. } => Self::Api { status, code, message: Some(message.into()) },
            other => other,
        }
    }

    /// The one conversion to a reply. An internal cause is logged here and nowhere else.
    #[must_use]
    pub fn into_response(self) -> Response {
        match self {
            Self::Api { status, code, message } => {
                body(status.code(), code, message.as_deref().unwrap_or(code.message))
            }
            Self::Silent { status, code } => Response::empty(status.code())
                .header("Content-Type", "application/json")
                .header("X-Error-Id", code.id),
            Self::OAuth { status, code } => {
                let body = serde_json::json!({ "error": code.code, "error_description": code.message });
                let response = Response::json(status.code(), &body)
                    .header("Cache-Control", "no-store")
                    .header("X-Error-Id", code.id);
                if status == Status::Unauthorized {
                    response.header("WWW-Authenticate", "Basic realm=\"auth\"")
                } else {
                    response
                }
            }
            Self::NoRoute => Response::empty(404).header("X-Error-Id", codes::NO_ROUTE.id),
            Self::Disabled => Response::empty(404)
                .header("Content-Type", "text/plain;charset=UTF-8")
                .header("X-Error-Id", codes::NO_ROUTE.id)
                .body("Not Found"),
            Self::Busy { code, retry_after } => {
                body(503, code, code.message).header("Retry-After", retry_after.as_secs().max(1).to_string())
            }
            Self::Limited { code, retry_after } => {
                body(429, code, code.message).header("X-Retry-After", retry_after.as_secs().to_string())
            }
            Self::Internal(cause) => {
                tracing::error!(error = %cause, id = codes::INTERNAL.id, "request failed");
                Response::empty(500).header("X-Error-Id", codes::INTERNAL.id)
            }
        }
    }
}

/// Upstream's error body: `{message, code?}`.
fn body(status: u16, code: ErrorCode, message: &str) -> Response {
    let mut body = serde_json::json!({ "message": message });
    if let (false, Some(members)) = (code.code.is_empty(), body.as_object_mut()) {
        members.insert("code".to_owned(), code.code.into());
    }
    Response::json(status, &body).header("X-Error-Id", code.id)
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(reason) => {
                tracing::error!(%reason, "the database is not available");
                Self::Busy { code: codes::DATABASE_UNAVAILABLE, retry_after: Duration::from_secs(1) }
            }
            StoreError::DoesNotFit(reason) => {
                tracing::info!(%reason, "refused a value that the database cannot hold");
                codes::VALIDATION_ERROR.bad_request().saying("A value does not fit into the database")
            }
            StoreError::Duplicate(_) | StoreError::Query(_) => Self::internal(error),
        }
    }
}
