use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::*;

fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    parse::value(std::str::from_utf8(bytes).or(Err(JsonError::NotUtf8))?).map(Value::from)
}

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
fn refuses_repeated_members_among_many() {
    for count in [2, 20, 21, 2_000] {
        let names = (0..count).map(|index| format!("\"n{index}\":0")).collect::<Vec<_>>().join(",");
        assert!(parse_object(format!("{{{names}}}").as_bytes()).is_ok());
        for twin in [0, count / 2, count - 1] {
            let text = format!("{{{names},\"n{twin}\":0}}");
            assert_eq!(parse_object(text.as_bytes()), Err(JsonError::DuplicateMember), "{twin} of {count}");
        }
    }
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
    for bytes in
        [&b"\xef\xbb\xbf{}"[..], b"{\"a\":\"\xff\"}", b"{\"a\":\"\xc0\xaf\"}", b"{\"a\":\"\xed\xa0\x80\"}"]
    {
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

#[derive(Serialize, Deserialize)]
enum Plan {
    Free,
    Named(String),
    Sized { seats: u32 },
    Pair(i64, f64),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Serialize, Deserialize)]
struct Count(u64);

#[derive(Serialize, Deserialize)]
struct Typed {
    plan: Plan,
    aud: Audience,
    count: Count,
    nothing: Option<bool>,
    something: Option<i8>,
    #[serde(default)]
    absent: Option<String>,
    unit: (),
    ratio: f32,
    initial: char,
    raw: Box<RawValue>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[test]
fn types_read_what_they_would_read_from_a_value() {
    for plan in [
        r#""Free""#,
        r#"{"Named":"x"}"#,
        r#"{"Sized":{"seats":3}}"#,
        r#"{"Pair":[1,2]}"#,
        r#""Gold""#,
        r#"{"Free":null}"#,
        r#"{"Free":1}"#,
        r#"{"Named":"x","Free":null}"#,
        "{}",
        "null",
        "1",
        r#"{"Pair":[1]}"#,
        r#"{"Pair":[1,2,3]}"#,
        r#"{"Sized":{"seats":-1}}"#,
    ] {
        for (aud, count) in
            [(r#""a""#, "7"), (r#"["a","b"]"#, "18446744073709551615"), ("1", "7"), (r#""a""#, "-7")]
        {
            let text = format!(
                r#"{{"plan":{plan},"aud":{aud},"count":{count},"nothing":null,"something":-5,"unit":null,
                    "ratio":0.5,"initial":"\u00e9","raw":[1,{{"a":2}}],"other":{{"a":[1,{{"b":null}}]}}}}"#
            );
            let node = Node::Object(members(&text).unwrap());
            let from_value = Typed::deserialize(Value::Object(parse_object(text.as_bytes()).unwrap()));
            let shown = |typed: Result<Typed, _>| typed.ok().map(|typed| json!(typed).to_string());
            assert_eq!(shown(Typed::deserialize(&node)), shown(from_value), "{text}");
        }
    }
    let good = r#"{"plan":"Free","aud":"a","count":7,"nothing":null,"something":1,"unit":null,"ratio":1,"initial":"a","raw":{"a":1}}"#;
    assert!(Typed::deserialize(&Node::Object(members(good).unwrap())).is_ok());
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
        let text = value.to_string();
        prop_assert_eq!(&Value::deserialize(&parse::value(&text).unwrap()).unwrap(), &value);
        prop_assert_eq!(parse(text.as_bytes()), Ok(value));
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
