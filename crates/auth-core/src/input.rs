//! Reading an endpoint's input. Every problem is collected, in upstream's words and order.

use auth_jose::Secret;
use serde_json::{Map, Value};

use crate::error::{Error, ErrorCode, codes};
use crate::fields::{AdditionalFields, SentFields};
use crate::wire::email::EmailAddress;
use crate::wire::origin::{RedirectTarget, TrustedOrigins};
use crate::wire::query::{Query, QueryValue};

/// What an endpoint takes. The whole form is checked before the caller's session is.
pub trait Input: Sized + Send + 'static {
    /// Reads the input. `None` stands for "problems were recorded".
    fn read(fields: &mut Fields<'_>) -> Option<Self>;

    /// A valid example, for the documents and for the test that walks every endpoint.
    fn sample() -> Value;
}

/// Endpoints without input ignore the query and any body.
impl Input for () {
    fn read(_: &mut Fields<'_>) -> Option<Self> {
        Some(())
    }

    fn sample() -> Value {
        Value::Null
    }
}

/// Reads members of the body and query and records what is wrong with them.
pub struct Fields<'a> {
    body: Option<&'a Value>,
    query: &'a Query,
    parameter: &'a str,
    origins: &'a TrustedOrigins,
    check_redirects: bool,
    declared: &'a AdditionalFields,
    issues: Vec<String>,
    /// What is refused although it has the right form: after the problems, as upstream's order is.
    refusal: Option<ErrorCode>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(
        body: Option<&'a Value>,
        query: &'a Query,
        parameter: &'a str,
        origins: &'a TrustedOrigins,
        check_redirects: bool,
        declared: &'a AdditionalFields,
    ) -> Self {
        Self { body, query, parameter, origins, check_redirects, declared, issues: Vec::new(), refusal: None }
    }

    /// Why the input is refused, if it is: every recorded problem in one message, else an untrusted target.
    pub(crate) fn refusal(self) -> Option<Error> {
        if !self.issues.is_empty() {
            return Some(codes::VALIDATION_ERROR.bad_request().saying(self.issues.join("; ")));
        }
        self.refusal.map(ErrorCode::forbidden)
    }

    /// The value of the parameter at the path's end.
    pub fn path_parameter(&mut self) -> &'a str {
        self.parameter
    }

    /// The body must be an object.
    pub fn object(&mut self) -> Option<Object<'_, 'a>> {
        let members = self.members("object")?;
        Some(Object { members, fields: self, place: "body.".to_owned() })
    }

    /// The body must be an object; upstream joins two schemas here and reports both.
    pub fn object_and_record(&mut self) -> Option<Object<'_, 'a>> {
        let members = self.members("object");
        if members.is_none() {
            self.members("record");
        }
        Some(Object { members: members?, fields: self, place: "body.".to_owned() })
    }

    /// The body must be a record of any members.
    pub fn record(&mut self) -> Option<&'a Map<String, Value>> {
        self.members("record")
    }

    /// The body may be absent; if present it must be an object.
    pub fn optional_object(&mut self) -> Option<Option<Object<'_, 'a>>> {
        if self.body.is_none() {
            return Some(None);
        }
        self.object().map(Some)
    }

    /// The members that name declared fields of users, not checked yet.
    pub(crate) fn user_fields(&self, members: &Map<String, Value>) -> SentFields {
        self.declared.user.pick(members)
    }

    /// The members that name declared fields of sessions, not checked yet.
    pub(crate) fn session_fields(&self, members: &Map<String, Value>) -> SentFields {
        self.declared.session.pick(members)
    }

    /// The body may be absent; if present it must be a record of any members.
    pub fn optional_record(&mut self) -> Option<Option<&'a Map<String, Value>>> {
        if self.body.is_none() { Some(None) } else { self.members("record").map(Some) }
    }

    fn members(&mut self, expected: &str) -> Option<&'a Map<String, Value>> {
        let members = self.body.and_then(Value::as_object);
        if members.is_none() {
            self.issues.push(format!(
                "[body] Invalid input: expected {expected}, received {}",
                type_name(self.body)
            ));
        }
        members
    }

    /// A member's text form, as it reaches a text column where upstream does not check the type: numbers and
    /// booleans become text. `null`, lists and objects are recorded as problems.
    pub fn column_text(&mut self, name: &str, value: &Value) -> Option<String> {
        let text = match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        match text {
            Some(text) if is_storable(&text) => return Some(text),
            Some(_) => self.issues.push(format!("[body.{name}] {NOT_STORABLE}")),
            None => {
                let received = type_name(Some(value));
                let issue = format!("[body.{name}] Invalid input: expected string, received {received}");
                self.issues.push(issue);
            }
        }
        None
    }

    /// Records a problem of the whole body.
    pub fn refuse_body(&mut self, text: &str) {
        self.issues.push(format!("[body] {text}"));
    }

    /// Records a problem of the whole query.
    pub fn refuse_query(&mut self, text: &str) {
        self.issues.push(format!("[query] {text}"));
    }

    /// The body's members, if it is an object; nothing is recorded.
    pub fn any_object(&self) -> Option<&'a Map<String, Value>> {
        self.body.and_then(Value::as_object)
    }

    /// The names in the query.
    pub fn query_names(&self) -> impl Iterator<Item = &'a str> {
        self.query.names()
    }

    /// As [`query_callback`](Self::query_callback), under another name and with another code.
    pub fn query_redirect(&mut self, name: &str, code: ErrorCode) -> Option<Option<RedirectTarget>> {
        let Some(text) = self.query_text(name)?.filter(|text| !text.is_empty()) else {
            return Some(None);
        };
        let target = self.redirect(&text);
        if target.is_none() {
            self.refusal = Some(code);
        }
        target.map(Some)
    }

    /// The text of a name that stands in the query once.
    pub fn query_lenient(&mut self, name: &str) -> Option<String> {
        self.query.one(name).text().map(str::to_owned)
    }

    /// A whole number of the query; 0 without it, `most` at most.
    pub fn query_number(&mut self, name: &str, most: u64) -> Option<u64> {
        let text = self.query_text(name)?.unwrap_or_else(|| "0".to_owned());
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            self.issues.push(format!("[query.{name}] Invalid input: expected a whole number"));
            return None;
        }
        // More digits than fit are more than the most.
        Some(text.parse().unwrap_or(u64::MAX).min(most))
    }

    /// A text of the query that must be there.
    pub fn required_query_text(&mut self, name: &str) -> Option<String> {
        if self.query.one(name) == QueryValue::Missing {
            self.issues.push(format!("[query.{name}] Invalid input: expected string, received undefined"));
            return None;
        }
        self.query_text(name)?
    }

    /// The `callbackURL` of the query. The inner `None`: it is absent or empty. GET has no check of redirect
    /// targets in the pipeline: an untrusted one is refused here, with upstream's code.
    pub fn query_callback(&mut self) -> Option<Option<RedirectTarget>> {
        self.query_redirect("callbackURL", codes::INVALID_CALLBACK_URL)
    }

    /// As [`query_callback`](Self::query_callback), where it may be empty but not absent.
    pub fn required_query_callback(&mut self) -> Option<Option<RedirectTarget>> {
        self.required_query_text("callbackURL")?;
        self.query_callback()
    }

    fn redirect(&self, text: &str) -> Option<RedirectTarget> {
        if self.check_redirects {
            self.origins.redirect(text)
        } else {
            Some(RedirectTarget::allowed_by_configuration(text))
        }
    }

    /// A text of the query that may be absent.
    pub fn query_text(&mut self, name: &str) -> Option<Option<String>> {
        match self.query.one(name) {
            QueryValue::Missing => Some(None),
            QueryValue::One(text) => Some(Some(text.to_owned())),
            QueryValue::Many => {
                let issue = format!("[query.{name}] Invalid input: expected string, received array");
                self.issues.push(issue);
                None
            }
        }
    }
}

/// The members of an object body.
pub struct Object<'f, 'a> {
    members: &'a Map<String, Value>,
    fields: &'f mut Fields<'a>,
    /// What stands before its members' names in messages: `body.`, `body.idToken.`.
    place: String,
}

impl<'a> Object<'_, 'a> {
    /// The members that name declared fields of users, not checked yet.
    pub(crate) fn user_fields(&self) -> SentFields {
        self.fields.user_fields(self.members)
    }

    /// Records a problem with a member.
    pub fn issue(&mut self, name: &str, text: &str) {
        self.fields.issues.push(format!("[{}{name}] {text}", self.place));
    }

    fn wrong_type(&mut self, name: &str, expected: &str) {
        let received = type_name(self.members.get(name));
        self.issue(name, &format!("Invalid input: expected {expected}, received {received}"));
    }

    /// A required text.
    pub fn string(&mut self, name: &str) -> Option<&'a str> {
        let text = self.any_string(name)?;
        self.storable(name, text)
    }

    /// A required object.
    pub fn members_of(&mut self, name: &str) -> Option<&'a Map<String, Value>> {
        let members = self.members.get(name).and_then(Value::as_object);
        if members.is_none() {
            self.wrong_type(name, "object");
        }
        members
    }

    /// A required password: any text, exactly as it was sent.
    pub fn password(&mut self, name: &str) -> Option<Secret<String>> {
        self.any_string(name).map(Secret::from)
    }

    /// A password that may be absent; an empty one is no password.
    pub fn optional_password(&mut self, name: &str) -> Option<Option<Secret<String>>> {
        if self.members.get(name).is_none() {
            return Some(None);
        }
        let text = self.any_string(name)?;
        Some((!text.is_empty()).then(|| Secret::from(text)))
    }

    /// A required password that is not empty.
    pub fn non_empty_password(&mut self, name: &str) -> Option<Secret<String>> {
        let text = self.any_string(name)?;
        if text.is_empty() {
            self.issue(name, "Too small: expected string to have >=1 characters");
            return None;
        }
        Some(Secret::from(text))
    }

    fn any_string(&mut self, name: &str) -> Option<&'a str> {
        let text = self.members.get(name).and_then(Value::as_str);
        if text.is_none() {
            self.wrong_type(name, "string");
        }
        text
    }

    /// PostgreSQL cannot hold U+0000; upstream answers 500 there.
    fn storable<'t>(&mut self, name: &str, text: &'t str) -> Option<&'t str> {
        if is_storable(text) {
            return Some(text);
        }
        self.issue(name, NOT_STORABLE);
        None
    }

    /// A required e-mail address.
    pub fn email(&mut self, name: &str) -> Option<EmailAddress> {
        let text = self.string(name)?;
        let email = EmailAddress::parse(text);
        if email.is_none() {
            self.issue(name, "Invalid email address");
        }
        email
    }

    /// A text that may be absent. `null` is not absent.
    pub fn optional_string(&mut self, name: &str) -> Option<Option<&'a str>> {
        match self.members.get(name) {
            None => Some(None),
            Some(Value::String(text)) => self.storable(name, text).map(Some),
            Some(_) => {
                self.wrong_type(name, "string");
                None
            }
        }
    }

    /// A boolean that may be absent. `null` is not absent.
    pub fn optional_bool(&mut self, name: &str) -> Option<Option<bool>> {
        match self.members.get(name) {
            None => Some(None),
            Some(Value::Bool(flag)) => Some(Some(*flag)),
            Some(_) => {
                self.wrong_type(name, "boolean");
                None
            }
        }
    }

    /// A required text where upstream has a union of forms, and so a shorter message.
    pub fn string_of_union(&mut self, name: &str) -> Option<&'a str> {
        let text = self.members.get(name).and_then(Value::as_str);
        if text.is_none() {
            self.issue(name, "Invalid input");
        }
        self.storable(name, text?)
    }

    /// A number that may be absent. `null` is not absent.
    pub fn optional_number(&mut self, name: &str) -> Option<Option<f64>> {
        match self.members.get(name) {
            None => Some(None),
            Some(Value::Number(number)) => Some(number.as_f64()),
            Some(_) => {
                self.wrong_type(name, "number");
                None
            }
        }
    }

    /// A list of texts that may be absent.
    pub fn optional_texts(&mut self, name: &str) -> Option<Option<Vec<String>>> {
        let items = match self.members.get(name) {
            None => return Some(None),
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.wrong_type(name, "array");
                return None;
            }
        };
        let mut texts = Some(Vec::with_capacity(items.len()));
        for (index, item) in items.iter().enumerate() {
            let text = self.text_in(&format!("{name}.{index}"), item);
            texts = texts.zip(text).map(|(mut texts, text)| {
                texts.push(text);
                texts
            });
        }
        texts.map(Some)
    }

    /// A record of texts that may be absent.
    pub fn optional_text_record(&mut self, name: &str) -> Option<Option<Vec<(String, String)>>> {
        let Some(members) = self.optional_record(name)? else { return Some(None) };
        let mut texts = Some(Vec::with_capacity(members.len()));
        for (key, value) in members {
            let text = self.text_in(&format!("{name}.{key}"), value);
            texts = texts.zip(text).map(|(mut texts, text)| {
                texts.push((key.clone(), text));
                texts
            });
        }
        texts.map(Some)
    }

    fn text_in(&mut self, place: &str, value: &Value) -> Option<String> {
        if let Value::String(text) = value {
            return self.storable(place, text).map(str::to_owned);
        }
        let received = type_name(Some(value));
        self.issue(place, &format!("Invalid input: expected string, received {received}"));
        None
    }

    /// A record of any members that may be absent.
    pub fn optional_record(&mut self, name: &str) -> Option<Option<&'a Map<String, Value>>> {
        self.optional_members(name, "record")
    }

    /// An object that may be absent, to be read as this one is.
    pub fn optional_object(&mut self, name: &str) -> Option<Option<Object<'_, 'a>>> {
        let Some(members) = self.optional_members(name, "object")? else { return Some(None) };
        let place = format!("{}{name}.", self.place);
        Some(Some(Object { members, fields: self.fields, place }))
    }

    fn optional_members(&mut self, name: &str, expected: &str) -> Option<Option<&'a Map<String, Value>>> {
        match self.members.get(name) {
            None => Some(None),
            Some(Value::Object(members)) => Some(Some(members)),
            Some(_) => {
                self.wrong_type(name, expected);
                None
            }
        }
    }

    /// A redirect target that may be absent. The pipeline has refused untrusted ones already with
    /// upstream's code; this is the type that proves it.
    pub fn optional_redirect(&mut self, name: &str) -> Option<Option<RedirectTarget>> {
        let Some(text) = self.optional_string(name)? else { return Some(None) };
        if text.is_empty() {
            return Some(None);
        }
        let target = self.fields.redirect(text);
        if target.is_none() {
            self.issue(name, "Invalid URL");
        }
        target.map(Some)
    }
}

pub(crate) const NOT_STORABLE: &str = "Invalid input: expected string without U+0000";

pub(crate) fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}

/// The name that upstream's validator gives to a value's type.
pub(crate) fn type_name(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}
