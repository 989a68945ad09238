//! `onAPIError.errorURL`: the page that browser flows end on when they fail.

use url::{Url, form_urlencoded};

use super::reader::Reader;

/// An absolute http or https URL, or a path on the server's own origin; it may have a query and a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorUrl {
    /// Everything up to the fragment.
    address: String,
    /// `#` and the fragment, or nothing.
    fragment: String,
}

impl ErrorUrl {
    /// Reads what the operator wrote; it is kept as written.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected an http or https URL, or a path";
        if text.chars().any(|c| c.is_control() || c == '\\' || c == ' ') {
            return Err("must not hold blanks, backslashes or control characters");
        }
        let is_path = text.starts_with('/') && !text.starts_with("//");
        if !is_path {
            let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            let url = url.filter(Url::has_host).ok_or(EXPECTED)?;
            if !url.username().is_empty() || url.password().is_some() {
                return Err("must not hold a user name or password");
            }
        }
        let (address, fragment) = text.split_at(text.find('#').unwrap_or(text.len()));
        Ok(Self { address: address.to_owned(), fragment: fragment.to_owned() })
    }

    /// The start page of the server's origin, where production sends errors without a page of their own.
    #[must_use]
    pub fn root() -> Self {
        Self { address: "/".to_owned(), fragment: String::new() }
    }

    /// The address with `error` and, if there is one, `error_description` added to its query.
    #[must_use]
    pub fn with_error(&self, code: &str, description: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("error", code);
        if let Some(description) = description {
            query.append_pair("error_description", description);
        }
        let separator = if self.address.contains('?') { '&' } else { '?' };
        format!("{}{separator}{}{}", self.address, query.finish(), self.fragment)
    }
}

pub(super) fn error_url(r: &mut Reader) -> Option<ErrorUrl> {
    const KEY: &str = "onAPIError.errorURL";
    let text = r.text(KEY)?;
    ErrorUrl::parse(&text).map_err(|reason| r.refuse(KEY, reason)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_added_to_the_query_and_before_the_fragment() {
        for (page, expected) in [
            ("/oops", "/oops?error=E&error_description=a+%26+b"),
            (
                "https://app.example.com/oops?from=auth",
                "https://app.example.com/oops?from=auth&error=E&error_description=a+%26+b",
            ),
            ("/oops#top", "/oops?error=E&error_description=a+%26+b#top"),
        ] {
            assert_eq!(ErrorUrl::parse(page).unwrap().with_error("E", Some("a & b")), expected);
        }
        assert_eq!(ErrorUrl::root().with_error("E", None), "/?error=E");
    }

    #[test]
    fn refuses_what_is_not_a_page_of_the_web() {
        for bad in [
            "",
            "oops",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "ftp://x/",
            "https://",
            "https://u:p@x/",
            "/a\r\nb",
            "https://x/ y",
        ] {
            assert!(ErrorUrl::parse(bad).is_err(), "{bad:?}");
        }
    }
}
