//! `jwt`.

use serde_json::{Map, Value};

use super::reader::Reader;
use super::{JwtAlgorithm, seconds};

/// The jwt plugin.
#[derive(Debug, Clone)]
pub struct JwtConfig {
    /// The algorithm that signs tokens.
    pub algorithm: JwtAlgorithm,
    /// Size of a new RSA key's modulus in bits.
    pub modulus_bits: u32,
    /// Where the key set is served.
    pub jwks_path: String,
    /// How long the key set may be cached, in seconds.
    pub max_age: i64,
    /// How often the stored keys are read, in seconds.
    pub check_interval: i64,
    /// How long a key signs, in seconds; without, until it is replaced by hand.
    pub rotation_interval: Option<i64>,
    /// How long a key stays published after it has stopped signing, in seconds.
    pub grace_period: i64,
    /// Private keys are encrypted with the secret.
    pub encrypt_private_keys: bool,
    /// The `iss` claim; without, the origin of the base URL.
    pub issuer: Option<String>,
    /// The `aud` claim; one entry is written as text, several as a list. Empty, the origin of the base URL.
    pub audience: Vec<String>,
    /// What is in a token besides the registered claims; without, the whole user.
    pub payload: Option<PayloadConfig>,
    /// The field of the user that is the `sub` claim, instead of the id.
    pub subject: Option<String>,
    /// Lifetime of a token in seconds.
    pub expires_in: i64,
    /// `/get-session` carries a token in `set-auth-jwt`.
    pub set_header: bool,
}

/// The claims of a token besides the registered ones.
#[derive(Debug, Clone)]
pub struct PayloadConfig {
    /// Fields of the user, under their own names.
    pub user: Vec<String>,
    /// Fields of the session, as `session_<field>`.
    pub session: Vec<String>,
    /// Fields of the user under other names: claim and field.
    pub renamed_user: Vec<(String, String)>,
    /// Fields of the session under other names: claim and field.
    pub renamed_session: Vec<(String, String)>,
    /// Claims of every token.
    pub fixed: Map<String, Value>,
}

/// An endpoint that is served at another path than its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedPath {
    /// The path that its feature knows.
    pub own: &'static str,
    /// The path that requests use.
    pub served: String,
}

impl JwtConfig {
    pub(super) fn moved_path(&self) -> Option<MovedPath> {
        let is_moved = self.jwks_path != JWKS_PATH;
        is_moved.then(|| MovedPath { own: JWKS_PATH, served: self.jwks_path.clone() })
    }
}

/// Where upstream serves the key set.
const JWKS_PATH: &str = "/jwks";

/// Claims that have settings of their own (RFC 7519, section 4.1).
pub(super) const REGISTERED: [&str; 8] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid"];

const USER_FIELDS: [&str; 7] = ["id", "name", "email", "emailVerified", "image", "createdAt", "updatedAt"];
const SESSION_FIELDS: [&str; 7] =
    ["id", "userId", "expiresAt", "createdAt", "updatedAt", "ipAddress", "userAgent"];

/// So many keys may wait for their turn, published already. More would make every key set long.
const MOST_WAITING: i64 = 16;

pub(super) fn read(r: &mut Reader) -> JwtConfig {
    let bits = u32::try_from(r.integer("jwt.jwks.keyPairConfig.modulusLength", 2048, 2048..=8192));
    let bits = bits.unwrap_or(2048);
    let algorithm = r.choice("jwt.jwks.keyPairConfig.alg", JwtAlgorithm::EdDsa).with_modulus_bits(bits);
    let crv = r.text("jwt.jwks.keyPairConfig.crv");
    if crv.is_some_and(|crv| crv != "Ed25519" || algorithm != JwtAlgorithm::EdDsa) {
        r.refuse("jwt.jwks.keyPairConfig.crv", "expected Ed25519, and alg EdDSA beside it");
    }
    let audience = r.list("jwt.jwt.audience");
    if audience.as_ref().is_some_and(|list| list.is_empty() || list.iter().any(String::is_empty)) {
        r.refuse("jwt.jwt.audience", "expected one audience or more, none of them empty");
    }
    let subject = r.text("jwt.subject");
    if let Some(subject) = &subject {
        check_fields(r, "jwt.subject", std::slice::from_ref(subject), &USER_FIELDS, USER_FIELDS_ADDED);
    }
    let mut config = JwtConfig {
        algorithm,
        modulus_bits: bits,
        jwks_path: jwks_path(r),
        max_age: seconds(r.integer("jwt.jwks.maxAge", 300, 1..=3600)),
        check_interval: seconds(r.integer("jwt.jwks.checkInterval", 5, 1..=60)),
        rotation_interval: None,
        grace_period: seconds(r.seconds("jwt.jwks.gracePeriod", 30 * 86_400)),
        encrypt_private_keys: !r.boolean("jwt.jwks.disablePrivateKeyEncryption", false),
        issuer: r.text("jwt.jwt.issuer"),
        audience: audience.unwrap_or_default(),
        payload: payload(r),
        subject,
        expires_in: seconds(r.seconds("jwt.jwt.expirationTime", 900).max(1)),
        set_header: !r.boolean("jwt.disableSettingJwtHeader", false),
    };
    config.rotation_interval = rotation_interval(r, config.publish_ahead());
    config
}

fn jwks_path(r: &mut Reader) -> String {
    let path = r.text("jwt.jwks.jwksPath").unwrap_or_else(|| JWKS_PATH.to_owned());
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    let is_path = path.starts_with('/') && !path.ends_with('/') && path.chars().all(plain);
    if !is_path || path.contains("//") || path.split('/').any(|part| part == "." || part == "..") {
        r.refuse("jwt.jwks.jwksPath", "expected a path such as /.well-known/jwks.json");
    }
    path
}

fn rotation_interval(r: &mut Reader, publish_ahead: i64) -> Option<i64> {
    let interval = seconds(r.seconds("jwt.jwks.rotationInterval", 30 * 86_400));
    let shortest = publish_ahead.saturating_add(MOST_WAITING - 1) / MOST_WAITING;
    if (1..shortest).contains(&interval) {
        r.refuse(
            "jwt.jwks.rotationInterval",
            format!("must be {shortest} s or more while jwt.jwks.maxAge is what it is, or 0 for never"),
        );
    }
    (interval > 0).then_some(interval)
}

const USER_FIELDS_ADDED: &str = "user.additionalFields.<name>";
const SESSION_FIELDS_ADDED: &str = "session.additionalFields.<name>";

fn payload(r: &mut Reader) -> Option<PayloadConfig> {
    let user = r.list("jwt.definePayload.user");
    let session = r.list("jwt.definePayload.session");
    let names = r.names("jwt.definePayload.static.<claim>");
    let mut fixed = Map::new();
    for name in &names {
        if REGISTERED.contains(&name.as_str()) {
            let reason = "is a registered claim, which the server sets";
            r.refuse(("jwt.definePayload.static.<claim>", &**name), reason);
        }
        if let Some(value) = r.any(("jwt.definePayload.static.<claim>", &**name)) {
            fixed.insert(name.clone(), value);
        }
    }
    let (renamed_user, renamed_session) = renamed(r);
    let is_renamed = !renamed_user.is_empty() || !renamed_session.is_empty();
    if user.is_none() && session.is_none() && names.is_empty() && !is_renamed {
        return None;
    }
    let (user, session) = (user.unwrap_or_default(), session.unwrap_or_default());
    check_fields(r, "jwt.definePayload.user", &user, &USER_FIELDS, USER_FIELDS_ADDED);
    // Not the token: whoever a JWT is sent to could act as the user.
    check_fields(r, "jwt.definePayload.session", &session, &SESSION_FIELDS, SESSION_FIELDS_ADDED);
    Some(PayloadConfig { user, session, renamed_user, renamed_session, fixed })
}

type Renamed = Vec<(String, String)>;

fn renamed(r: &mut Reader) -> (Renamed, Renamed) {
    const CLAIM: &str = "jwt.definePayload.renamed.<claim>";
    let (mut user, mut session) = (Vec::new(), Vec::new());
    for claim in r.names(CLAIM) {
        if REGISTERED.contains(&claim.as_str()) {
            r.refuse((CLAIM, &*claim), "is a registered claim, which the server sets");
        }
        let Some(text) = r.text((CLAIM, &*claim)) else { continue };
        match text.split_once('.') {
            Some(("user", field)) if is_token_field(r, FieldKind::User, field) => {
                user.push((claim, field.to_owned()));
            }
            Some(("session", field)) if is_token_field(r, FieldKind::Session, field) => {
                session.push((claim, field.to_owned()));
            }
            _ => r.refuse(
                (CLAIM, &*claim),
                "expected user.FIELD or session.FIELD, of a field that a token may have",
            ),
        }
    }
    (user, session)
}

/// Whose field it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum FieldKind {
    User,
    Session,
}

/// Whether a token may have this field: one of upstream's or an added one, and never the session's token.
pub(super) fn is_token_field(r: &mut Reader, kind: FieldKind, name: &str) -> bool {
    let (known, added) = match kind {
        FieldKind::User => (&USER_FIELDS, USER_FIELDS_ADDED),
        FieldKind::Session => (&SESSION_FIELDS, SESSION_FIELDS_ADDED),
    };
    known.contains(&name) || r.names(added).iter().any(|it| it == name)
}

/// Refuses names that are neither fields of upstream's nor among the added ones.
fn check_fields(
    r: &mut Reader,
    key: &'static str,
    names: &[String],
    known: &[&'static str],
    added: &'static str,
) {
    let added = r.names(added);
    for name in names.iter().filter(|name| !known.contains(&name.as_str()) && !added.contains(name)) {
        let known = known.join(", ");
        r.refuse(
            key,
            format!("{name:?} is not a field that a token may have; there are {known}, and added ones"),
        );
    }
}
