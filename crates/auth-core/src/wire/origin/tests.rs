use proptest::prelude::*;

use super::*;

const BASE: &str = "http://127.0.0.1:3000";

fn trusted(patterns: &[&str]) -> TrustedOrigins {
    let patterns: Vec<String> = [BASE].iter().chain(patterns).map(|&pattern| pattern.to_owned()).collect();
    TrustedOrigins::of(&patterns).unwrap()
}

fn usual() -> TrustedOrigins {
    trusted(&["https://app.example.com", "https://*.trusted.example", "myapp://callback"])
}

fn problems(pattern: &str) -> Vec<String> {
    TrustedOrigins::of(&[pattern.to_owned()]).err().unwrap_or_default()
}

#[test]
fn trusts_the_base_url_and_the_listed_sites() {
    for url in [
        "/",
        "/a/b?c=d&e=%2F#f",
        "/r?to=https://evil.example",
        "/a?next=%2F%2Fevil.example",
        "/100%25/%C3%A4?q=%09#%0A",
        "/a#%2F",
        "/..//evil.example",
        "/../../x",
        "/%2e%2e/%2e%2e/x",
        "/a b",
        "/@evil.example",
        "/http:evil",
        "/\u{2215}evil",
        "http://127.0.0.1:3000/x",
        "http://0x7f000001:3000/x",
        "https://app.example.com",
        "HTTPS://APP.EXAMPLE.COM:443/x",
        "https://user@app.example.com/",
        "https:app.example.com",
        "https:\\\\app.example.com\\x",
        "https://x.trusted.example/cb",
        "https://x.y.trusted.example",
        "myapp://callback",
        "myapp://CALLBACK/x?y#z",
        "MyApp://callback/",
    ] {
        assert!(usual().is_trusted_url(url), "{url}");
        assert_eq!(usual().redirect(url).map(|target| target.to_string()).as_deref(), Some(url));
    }
}

#[test]
fn refuses_to_leave_the_trusted_sites() {
    for url in [
        "",
        "//evil.example",
        "///evil.example",
        "////evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\\/evil.example",
        "/a?x=\\y",
        "/%5Cevil.example",
        "/%2fevil.example",
        "/%252Fevil.example",
        "/%25252525252Fevil.example",
        "/%09/evil.example",
        "/a%250d%250aset-cookie:%20a=b",
        "/%5Cevil.example",
        "/%7f",
        "/a%2Fb",
        "%2F%2Fevil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\n/evil.example",
        "/a\0b",
        "/a\u{7f}b",
        "/a\u{85}b",
        " //evil.example",
        " /x",
        "\t//evil.example",
        "\u{1}//evil.example",
        "\u{ff0f}\u{ff0f}evil.example",
        "evil.example",
        "dashboard/../../evil",
        "?next=//evil.example",
        ".//evil.example",
        "https://evil.example",
        "HTTPS://EVIL.EXAMPLE",
        "https:evil.example",
        "https:///evil.example",
        "https:\\\\evil.example",
        "https://app.example.com@evil.example",
        "https://evil.example\\@app.example.com",
        "https://evil.example#@app.example.com",
        "https://evil.example?@app.example.com",
        "https://evil.example/https://app.example.com",
        "https://app.example.com.evil.example",
        "https://app-example.com",
        "https://app.example.com:8443",
        "http://app.example.com",
        "https://app.example.com./",
        "https://evil\u{3002}example",
        "https://app.example.com\0.evil.example",
        "https://app.example.com/\r\nX-Injected: 1",
        "javascript:alert(1)",
        "java\nscript:alert(1)",
        " javascript:alert(1)",
        "javascript://app.example.com/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "ftp://app.example.com/",
        "filesystem:https://app.example.com/t/x",
        "blob:https://x.trusted.example/id",
        "view-source:https://app.example.com",
        "myapp://evil/callback",
        "myapp://callback@evil",
        "myapp://callback.evil",
        "myapp:callback",
        " myapp://callback",
        "otherapp://callback",
        "https://x.trusted.example.evil.example",
        "https://evil.example/.trusted.example",
        "https://evil.example#.trusted.example",
        "https://x.trusted.example@evil.example",
        "https://eviltrusted.example",
        "https://trusted.example",
        "https://.trusted.example@evil.example",
        "https://x.trusted.example:8443",
        "http://x.trusted.example",
        // Cannot be parsed, so that only its text would match the wildcard.
        "https://evil.example%2f.trusted.example",
        "https://evil example.trusted.example",
        "http://127.0.0.1:3000@evil.example",
        "http://[::ffff:127.0.0.1]:3000/",
        "http://127.0.0.1:30000/",
    ] {
        assert!(!usual().is_trusted_url(url), "{url:?}");
        assert_eq!(usual().redirect(url), None);
    }
}

#[test]
fn an_origin_header_must_name_a_site() {
    for value in ["/", "/update-user", "*", "null", "", "http://127.0.0.1:1", "https://evilapp.example.com"] {
        assert!(!usual().is_trusted_origin(value), "{value}");
    }
    let folded = format!("{BASE}, https://evil.example");
    assert!(!usual().is_trusted_origin(&folded));
    assert!(usual().is_trusted_origin(BASE));
    assert!(usual().is_trusted_origin("http://127.0.0.1:3000/some/page?x=1"));
}

#[test]
fn wildcards_match_within_a_segment() {
    for (pattern, value, expected) in [
        ("https://*.a.test", "https://b.a.test/x", true),
        ("https://*.a.test", "https://b.c.a.test", true),
        ("https://*.a.test", "https://a.test", false),
        ("https://s?.a.test", "https://s1.a.test", true),
        ("https://s?.a.test", "https://s12.a.test", false),
        ("https://s?.a.test", "https://s.a.test", false),
        ("http://localhost:*", "http://localhost:5173", true),
        ("http://localhost:*", "http://localhost", false),
        ("http://localhost:*", "https://localhost:5173", false),
        ("*://a.test", "http://a.test/x", true),
        ("https://**", "https://any.test/x/y", true),
        ("https://*.a.test/**", "https://b.a.test/x/y", true),
        ("*.a.test", "https://b.a.test", true),
        ("*.a.test", "http://b.a.test", true),
        ("*.a.test", "https://b.a.test:8443", false),
        ("*.a.test:*", "https://b.a.test:8443", true),
        ("*.a.test", "https://a.test", false),
        ("*.a.test", "javascript://b.a.test/%0aalert(1)", false),
        ("*", "https://any.test", true),
        ("*", "mailto:x", false),
        ("*", "javascript://any.test/%0aalert(1)", false),
        ("exp://*/**", "exp://10.0.0.1:8081/--/x", true),
        ("exp://10.0.0.1/**", "exp://10.0.0.1", true),
        ("exp://10.0.0.1/**", "exp://10.0.0.100/x", false),
        ("exp://*", "exp://10.0.0.1", true),
        ("exp://*", "exp://10.0.0.1/x", false),
    ] {
        assert_eq!(trusted(&[pattern]).is_trusted_origin(value), expected, "{pattern} {value}");
    }
}

#[test]
fn app_schemes_match_by_authority_and_path() {
    for (pattern, value, expected) in [
        ("myapp://", "myapp://anything/at/all", true),
        ("myapp://", "myapp:x", true),
        ("myapp://", "myapp2://x", false),
        ("myapp://", "myapp://x:\\y", false),
        ("myapp://", "myapp://x/a\\b", true),
        ("pinned://callback/path", "pinned://callback/path", true),
        ("pinned://callback/path", "pinned://callback/path/below?x", true),
        ("pinned://callback/path", "pinned://callback/pathology", false),
        ("pinned://callback/path", "pinned://callback/path/../evil", false),
        ("pinned://callback/path", "pinned://callback/path/%2e%2E/evil", false),
        ("pinned://callback/path", "pinned://callback/path%2f..%2fevil", false),
        ("pinned://callback/path", "pinned://callback/x/../path", true),
        ("pinned://callback/path", "pinned://callback", false),
        ("pinned://callback/path", "pinned://other/path", false),
        ("pinned:/cb", "pinned:/cb/x", true),
        ("pinned:/cb", "pinned://anything/cb/x", true),
        ("pinned:/cb", "pinned:/other", false),
    ] {
        assert_eq!(trusted(&[pattern]).is_trusted_url(value), expected, "{pattern} {value}");
    }
}

#[test]
fn reports_every_entry_that_could_never_match() {
    for pattern in [
        "https://a.test/",
        "https://a.test/path",
        "https://A.test",
        "https://a.test:443",
        "https://user@a.test",
        "https://",
        "a.test",
        "localhost:3000",
        "/path",
        " https://a.test",
        "https://a.test ",
        "https:\\\\a.test",
        "https://*.A.test",
        "*.A.test",
        "https://*.a.test/",
        "https://*.a.test:443",
        "*.a.test/x",
        "javascript:",
        "javascript://*",
        "data:text",
    ] {
        assert_eq!(problems(pattern).len(), 1, "{pattern}");
    }
    let patterns = ["a.test".to_owned(), String::new(), "https://b.test".to_owned(), "c.test".to_owned()];
    assert_eq!(TrustedOrigins::of(&patterns).unwrap_err().len(), 2);
    assert!(problems("https://a.test/")[0].contains("\"https://a.test\""));
    assert_eq!(problems(""), Vec::<String>::new());
}

#[test]
fn a_location_is_ascii() {
    let target = usual().redirect("/x\u{560d}\u{560a}X-Injected: 1?a=%20").unwrap();
    assert_eq!(target.to_location(), "/x%E5%98%8D%E5%98%8AX-Injected: 1?a=%20");
}

#[test]
fn a_long_wildcard_contest_ends() {
    let pattern = format!("https://{}x.test", "*a".repeat(200));
    let value = format!("https://{}.test", "a".repeat(60_000));
    assert!(!trusted(&[&pattern]).is_trusted_origin(&value));
}

proptest! {
    #[test]
    fn whatever_is_accepted_resolves_to_a_trusted_site(
        value in r"[/\\]{0,3}(https?:|myapp:)?[/\\ \t@:.%2fF5c]{0,4}(evil|app)?\.?(example|trusted)?(\.com|\.example)?[/?#@\\a]{0,3}"
    ) {
        if usual().is_trusted_url(&value) {
            let base = Url::parse(BASE).unwrap();
            let resolved = base.join(&value).unwrap();
            let origin = resolved.origin().ascii_serialization();
            prop_assert!(
                origin == BASE
                    || origin == "https://app.example.com"
                    || (origin.starts_with("https://") && origin.ends_with(".trusted.example"))
                    || (resolved.scheme() == "myapp" && resolved.host_str() == Some("callback")),
                "{value:?} leads to {resolved}"
            );
        }
    }
}

mod requests {
    use crate::wire::origin::{OriginInput, OriginRefusal, check_origin};

    const EVIL: Option<&str> = Some("https://evil.example");
    const OWN: Option<&str> = Some("http://127.0.0.1:3000");
    const APP: Option<&str> = Some("https://app.example.com");

    fn check(input: OriginInput<'_>) -> Result<(), OriginRefusal> {
        check_origin(&super::usual(), &input)
    }

    #[test]
    fn with_a_cookie_the_origin_must_be_trusted() {
        let cookie = OriginInput { has_cookie: true, ..OriginInput::default() };
        for form_csrf in [false, true] {
            let cookie = OriginInput { form_csrf, ..cookie };
            let missing = Err(OriginRefusal::MissingOrNullOrigin);
            let invalid = Err(OriginRefusal::InvalidOrigin);
            assert_eq!(check(cookie), missing);
            assert_eq!(check(OriginInput { origin: Some("null"), ..cookie }), missing);
            assert_eq!(check(OriginInput { origin: Some("null"), referer: OWN, ..cookie }), missing);
            assert_eq!(check(OriginInput { origin: Some(""), ..cookie }), missing);
            assert_eq!(check(OriginInput { referer: Some("null"), ..cookie }), missing);
            assert_eq!(check(OriginInput { origin: EVIL, referer: OWN, ..cookie }), invalid);
            assert_eq!(check(OriginInput { referer: Some("https://evil.example/x"), ..cookie }), invalid);
            assert_eq!(check(OriginInput { origin: Some("/update-user"), ..cookie }), invalid);
            assert_eq!(check(OriginInput { origin: OWN, ..cookie }), Ok(()));
            assert_eq!(check(OriginInput { origin: APP, ..cookie }), Ok(()));
            assert_eq!(check(OriginInput { origin: Some(""), referer: OWN, ..cookie }), Ok(()));
            let navigation = OriginInput {
                sec_fetch_site: Some("cross-site"),
                sec_fetch_mode: Some("navigate"),
                ..cookie
            };
            assert_eq!(check(OriginInput { origin: OWN, ..navigation }), Ok(()));
            assert_eq!(check(OriginInput { origin: EVIL, ..navigation }), invalid);
        }
    }

    #[test]
    fn a_hidden_origin_counts_as_the_requests_own_when_the_browser_says_same_origin() {
        let hidden = OriginInput {
            has_cookie: true,
            origin: Some("null"),
            sec_fetch_site: Some("same-origin"),
            own_origin: OWN,
            ..OriginInput::default()
        };
        let missing = Err(OriginRefusal::MissingOrNullOrigin);
        assert_eq!(check(hidden), Ok(()));
        assert_eq!(check(OriginInput { own_origin: EVIL, ..hidden }), Err(OriginRefusal::InvalidOrigin));
        assert_eq!(check(OriginInput { own_origin: None, ..hidden }), missing);
        assert_eq!(check(OriginInput { sec_fetch_site: Some("same-site"), ..hidden }), missing);
        assert_eq!(check(OriginInput { origin: None, ..hidden }), missing);
    }

    #[test]
    fn without_a_cookie_an_origin_that_is_named_counts_where_it_is_asked_for() {
        let (missing, invalid) = (Err(OriginRefusal::MissingOrNullOrigin), Err(OriginRefusal::InvalidOrigin));
        let plain = OriginInput { without_cookie: true, ..OriginInput::default() };
        assert_eq!(check(plain), Ok(()));
        assert_eq!(check(OriginInput { origin: EVIL, ..plain }), invalid);
        assert_eq!(check(OriginInput { origin: EVIL, referer: OWN, ..plain }), invalid);
        assert_eq!(check(OriginInput { referer: Some("https://evil.example/x"), ..plain }), invalid);
        assert_eq!(check(OriginInput { origin: Some("null"), ..plain }), missing);
        assert_eq!(check(OriginInput { origin: OWN, ..plain }), Ok(()));
        assert_eq!(check(OriginInput { origin: Some(""), referer: OWN, ..plain }), Ok(()));
        assert_eq!(check(OriginInput { sec_fetch_site: Some("cross-site"), ..plain }), Ok(()));
    }

    #[test]
    fn without_a_cookie_sign_in_forms_are_checked() {
        let plain = OriginInput { origin: EVIL, ..OriginInput::default() };
        assert_eq!(check(plain), Ok(()));
        assert_eq!(check(OriginInput { form_csrf: true, ..plain }), Err(OriginRefusal::InvalidOrigin));
        assert_eq!(check(OriginInput { form_csrf: true, origin: OWN, ..plain }), Ok(()));
        assert_eq!(check(OriginInput { form_csrf: true, ..OriginInput::default() }), Ok(()));
    }

    #[test]
    fn sign_in_forms_are_judged_by_fetch_metadata() {
        let form = OriginInput { form_csrf: true, ..OriginInput::default() };
        let missing = Err(OriginRefusal::MissingOrNullOrigin);
        let navigation =
            OriginInput { sec_fetch_site: Some("cross-site"), sec_fetch_mode: Some("navigate"), ..form };
        for origin in [None, OWN, EVIL] {
            assert_eq!(
                check(OriginInput { origin, ..navigation }),
                Err(OriginRefusal::CrossSiteNavigationLoginBlocked)
            );
        }
        let fetch = OriginInput { sec_fetch_mode: Some("cors"), ..navigation };
        assert_eq!(check(OriginInput { origin: APP, ..fetch }), Ok(()));
        assert_eq!(check(fetch), missing);
        let same_site = OriginInput { sec_fetch_site: Some("same-site"), origin: OWN, ..navigation };
        assert_eq!(check(same_site), Ok(()));
        assert_eq!(check(OriginInput { sec_fetch_mode: Some("cors"), ..form }), missing);
        assert_eq!(check(OriginInput { sec_fetch_dest: Some("empty"), ..form }), missing);
        assert_eq!(check(OriginInput { sec_fetch_site: Some(" "), ..form }), Ok(()));
        assert_eq!(check(OriginInput { origin: Some("null"), ..form }), missing);
        let referer = Some("https://evil.example/");
        assert_eq!(check(OriginInput { referer, ..form }), Err(OriginRefusal::InvalidOrigin));
    }
}
