//! Query strings and form bodies (`application/x-www-form-urlencoded`).

use serde_json::{Map, Value};
use url::form_urlencoded;

/// The parameters of a URL's query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

/// What a query says about one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryValue<'a> {
    /// The name does not occur.
    Missing,
    /// The name occurs once, with this value.
    One(&'a str),
    /// The name occurs several times: Better Auth sees a list where it expects text.
    Many,
}

impl<'a> QueryValue<'a> {
    /// The text of a name that occurs once.
    #[must_use]
    pub fn text(self) -> Option<&'a str> {
        match self {
            Self::One(value) => Some(value),
            Self::Missing | Self::Many => None,
        }
    }
}

impl Query {
    /// Reads the part of a URL after its `?`.
    #[must_use]
    pub fn parse(raw: &str) -> Self {
        Self(form_urlencoded::parse(raw.as_bytes()).into_owned().collect())
    }

    /// What the query says about `name`.
    #[must_use]
    pub fn one(&self, name: &str) -> QueryValue<'_> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (None, _) => QueryValue::Missing,
            (Some(value), None) => QueryValue::One(value),
            (Some(_), Some(_)) => QueryValue::Many,
        }
    }

    /// Every name, as often as it occurs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// A flag by JavaScript's truthiness: any text but the empty one is true, even `false`.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        match self.one(name) {
            QueryValue::Missing => false,
            QueryValue::One(text) => !text.is_empty(),
            QueryValue::Many => true,
        }
    }
}

/// Reads a form body; every value is a string, and the last of several wins.
#[must_use]
pub fn form(body: &[u8]) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        fields.insert(name.into_owned(), Value::String(value.into_owned()));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_missing_single_and_repeated_names_apart() {
        let query = Query::parse("a=1&b=&c&a%20b=x+y%2Bz&d=1&d=2&d=3");
        assert_eq!(query.one("a"), QueryValue::One("1"));
        assert_eq!(query.one("b"), QueryValue::One(""));
        assert_eq!(query.one("c"), QueryValue::One(""));
        assert_eq!(query.one("a b"), QueryValue::One("x y+z"));
        assert_eq!(query.one("d"), QueryValue::Many);
        assert_eq!(query.one("A"), QueryValue::Missing);
        assert_eq!(query.one("d").text(), None);
        assert_eq!(query.one("a").text(), Some("1"));
        assert_eq!(Query::parse("").one(""), QueryValue::Missing);
    }

    #[test]
    fn survives_malformed_escapes() {
        let query = Query::parse("a=%zz%&b=%ff&=x&&c==");
        assert_eq!(query.one("a"), QueryValue::One("%zz%"));
        assert_eq!(query.one("b"), QueryValue::One("\u{fffd}"));
        assert_eq!(query.one(""), QueryValue::One("x"));
        assert_eq!(query.one("c"), QueryValue::One("="));
    }

    #[test]
    fn the_last_form_value_wins() {
        let fields = form(b"email=a%40b.co&rememberMe=false&email=c%40d.co");
        assert_eq!(serde_json::to_string(&fields).unwrap(), r#"{"email":"c@d.co","rememberMe":"false"}"#);
        assert!(form(b"").is_empty());
    }
}
