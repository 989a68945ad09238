//! Strict JSON for untrusted text (RFC 8259 with every interoperability warning taken as a rule).
//!
//! Refuses what lenient parsers read differently from each other: repeated member names at any level,
//! lone surrogates, a byte order mark, numbers beyond a double, nesting deeper than [`MAX_DEPTH`].
//! Written out here rather than configured on `serde_json`, whose numbers and maps change with
//! features that any other crate of a build can switch on.

use serde_json::{Map, Number, Value};

/// How many objects and arrays may be open at once, the outermost included.
pub const MAX_DEPTH: usize = 64;

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// An object names a member twice.
    #[error("an object names a member twice")]
    DuplicateMember,
    /// More than [`MAX_DEPTH`] levels.
    #[error("nested too deeply")]
    NestedTooDeeply,
    /// Valid JSON, but something else than an object.
    #[error("not an object")]
    NotAnObject,
    /// Not UTF-8, or it begins with a byte order mark.
    #[error("not plain UTF-8")]
    NotUtf8,
    /// A number too large for a double.
    #[error("a number is out of range")]
    NumberOutOfRange,
    /// Not JSON.
    #[error("not JSON")]
    Syntax,
}

/// Reads one object and nothing else.
///
/// # Errors
/// The first rule that `bytes` breaks.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    match parse(bytes)? {
        Value::Object(members) => Ok(members),
        _ => Err(JsonError::NotAnObject),
    }
}

fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Err(JsonError::NotUtf8) };
    if text.starts_with('\u{feff}') {
        return Err(JsonError::NotUtf8);
    }
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(0)?;
    parser.skip_whitespace();
    if parser.peek().is_some() { Err(JsonError::Syntax) } else { Ok(value) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.skip_whitespace();
        match self.peek() {
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => self.string().map(Value::String),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            _ => Err(JsonError::Syntax),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::NestedTooDeeply);
        }
        self.at += 1;
        // What is outermost in a token has about a dozen members: room for them once, not step by step.
        let mut members = Map::with_capacity(if depth == 1 { 16 } else { 0 });
        self.skip_whitespace();
        if self.take(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_whitespace();
            let name = self.string()?;
            self.skip_whitespace();
            self.expect(b':')?;
            let value = self.value(depth)?;
            if members.insert(name, value).is_some() {
                return Err(JsonError::DuplicateMember);
            }
            self.skip_whitespace();
            if self.take(b'}') {
                return Ok(Value::Object(members));
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::NestedTooDeeply);
        }
        self.at += 1;
        let mut items = Vec::new();
        self.skip_whitespace();
        if self.take(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_whitespace();
            if self.take(b']') {
                return Ok(Value::Array(items));
            }
            self.expect(b',')?;
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let start = self.at;
            let rest = self.text.as_bytes().get(start..).unwrap_or_default();
            let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
            self.at += rest.iter().position(is_special).unwrap_or(rest.len());
            out.push_str(self.since(start)?);
            match self.next() {
                Some(b'"') => return Ok(out),
                Some(b'\\') => out.push(self.escape()?),
                _ => return Err(JsonError::Syntax),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        Ok(match self.next() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(JsonError::Syntax),
        })
    }

    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.hex4()?;
        let code = if (0xd800..0xdc00).contains(&first) {
            self.expect(b'\\')?;
            self.expect(b'u')?;
            let second = self.hex4()?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(JsonError::Syntax);
            }
            0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        // What is left of the surrogates is no `char`.
        char::from_u32(code).ok_or(JsonError::Syntax)
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit =
                self.next().and_then(|byte| char::from(byte).to_digit(16)).ok_or(JsonError::Syntax)?;
            code = code * 16 + digit;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<Number, JsonError> {
        let start = self.at;
        let is_negative = self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        let mut is_integer = true;
        if self.take(b'.') {
            is_integer = false;
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            is_integer = false;
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        let text = self.since(start)?;
        if is_integer {
            if let (false, Ok(number)) = (is_negative, text.parse::<u64>()) {
                return Ok(number.into());
            }
            if let (true, Ok(number @ ..0)) = (is_negative, text.parse::<i64>()) {
                return Ok(number.into());
            }
        }
        // An overflowing literal parses to infinity, which `from_f64` refuses.
        text.parse().ok().and_then(Number::from_f64).ok_or(JsonError::NumberOutOfRange)
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(JsonError::Syntax);
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        for byte in word.bytes() {
            self.expect(byte)?;
        }
        Ok(value)
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(JsonError::Syntax) }
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn since(&self, start: usize) -> Result<&'a str, JsonError> {
        self.text.get(start..self.at).ok_or(JsonError::Syntax)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}{}", "{\"a\":".repeat(levels - 1) + "{", "}".repeat(levels))
    }

    #[test]
    fn reads_all_kinds_of_values() {
        let text = r#" {"a":[1,-2,0.5,1e3,-0.0,18446744073709551615],"b":{"c":null,"d":true,"e":false},"f":"\u0045\ud83d\ude00\n\/é"} "#;
        let expected = json!({"a": [1, -2, 0.5, 1e3, -0.0, u64::MAX], "b": {"c": null, "d": true, "e": false},
            "f": "E😀\n/é"});
        assert_eq!(parse_object(text.as_bytes()).map(Value::Object), Ok(expected));
    }

    #[test]
    fn refuses_repeated_members_at_every_level_and_behind_escapes() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"c":2,"b":3}]}"#,
            r#"{"alg":1,"\u0061lg":2}"#,
        ] {
            assert_eq!(parse_object(text.as_bytes()), Err(JsonError::DuplicateMember), "{text}");
        }
    }

    #[test]
    fn counts_the_outermost_level_in_the_depth() {
        assert!(parse_object(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(parse_object(nested(MAX_DEPTH + 1).as_bytes()), Err(JsonError::NestedTooDeeply));
        let arrays = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(parse_object(arrays.as_bytes()), Err(JsonError::NestedTooDeeply));
    }

    #[test]
    fn refuses_text_that_is_not_plain_utf8() {
        for bytes in [
            &b"\xef\xbb\xbf{}"[..],
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\xc0\xaf\"}",
            b"{\"a\":\"\xed\xa0\x80\"}",
        ] {
            assert_eq!(parse_object(bytes), Err(JsonError::NotUtf8), "{bytes:?}");
        }
        assert!(parse_object(&b"{\0\"\0a\0\"\0:\0t\0}\0"[..]).is_err());
    }

    #[test]
    fn refuses_numbers_beyond_a_double() {
        assert_eq!(parse_object(b"{\"a\":1e400}"), Err(JsonError::NumberOutOfRange));
        assert_eq!(parse_object(b"{\"a\":-1e400}"), Err(JsonError::NumberOutOfRange));
        assert!(parse_object(b"{\"a\":1e-400}").is_ok());
    }

    #[test]
    fn refuses_what_only_looks_like_json() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":1,}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":1.}",
            "{\"a\":0x10}",
            "{\"a\":NaN}",
            "{\"a\":Infinity}",
            "{\"a\":1e}",
            "{\"a\":-}",
            "{\"a\":tru}",
            "{} {}",
            "{}x",
            "{\"a\":[1,]}",
            "{\"a\":\"\t\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\\udc00\"}",
            "{\"a\":\"\\ud800\\u0041\"}",
            "{\"a\" 1}",
            "{\u{a0}}",
            "{/**/}",
            "{\"a\":\"\\u00g0\"}",
            "{\"a\":\"\\u+123\"}",
            "{\"a\":1 2}",
        ] {
            assert_eq!(parse_object(text.as_bytes()), Err(JsonError::Syntax), "{text}");
        }
        for text in ["[]", "null", "\"a\"", "1"] {
            assert_eq!(parse_object(text.as_bytes()), Err(JsonError::NotAnObject), "{text}");
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_what_serde_json_writes(value in any_value()) {
            prop_assert_eq!(parse(value.to_string().as_bytes()), Ok(value));
        }

        // Acceptance only: serde_json's own reading of long fractions is off in the last digit.
        #[test]
        fn accepts_nothing_that_serde_json_refuses(text in r#"[\[\]{}:,"a\\u0-9eE+. tn-]{0,24}"#) {
            if parse(text.as_bytes()).is_ok() {
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
            }
        }

        #[test]
        fn survives_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }
    }
}
