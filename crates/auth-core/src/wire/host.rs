//! The host that a request was sent to, as its headers say it.

use std::fmt;

use url::{Host, Url};

/// A host and perhaps a port, in the one form that a browser would show: lower case, no user, no path, no
/// trailing dot, no number that stands for an address. Whoever sent it may have made it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHost {
    name: String,
    port: Option<u16>,
    is_loopback: bool,
}

impl RequestHost {
    /// Reads the value of `Host` or `X-Forwarded-Host`. Several values, joined with commas, are none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, Some(parse_port(port)?)),
            _ => (text, None),
        };
        let is_bracketed = name.starts_with('[');
        if !is_bracketed && !is_name(name) {
            return None;
        }
        let name = name.to_ascii_lowercase();
        let url = Url::parse(&format!("http://{name}/")).ok()?;
        // `127.1` and `0x7f000001` are addresses in disguise, and `[::1]` has one shortest form.
        if url.host_str() != Some(&name) || url.port().is_some() || url.path() != "/" {
            return None;
        }
        let is_loopback = match url.host()? {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        Some(Self { name, port, is_loopback })
    }

    /// Whether the host is the machine of whoever sent the request.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// The same without `port`, if that is its port.
    #[must_use]
    pub fn without_port(mut self, port: u16) -> Self {
        self.port = self.port.filter(|own| *own != port);
        self
    }
}

impl fmt::Display for RequestHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

fn parse_port(text: &str) -> Option<u16> {
    let port = text.parse::<u16>().ok().filter(|port| *port > 0)?;
    // No sign and no leading zeros.
    (port.to_string() == text).then_some(port)
}

/// Labels of letters, digits and hyphens (RFC 1123), in ASCII.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<String> {
        RequestHost::parse(text).map(|host| host.to_string())
    }

    #[test]
    fn reads_names_addresses_and_ports_in_one_form() {
        for (text, expected) in [
            ("Auth.Example.com", "auth.example.com"),
            ("auth.example.com:8443", "auth.example.com:8443"),
            ("localhost:3000", "localhost:3000"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]:3000", "[::1]:3000"),
            ("[2001:DB8::1]", "[2001:db8::1]"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_everything_that_parsers_could_read_in_two_ways() {
        for text in [
            "",
            " ",
            ".",
            "auth.example.com.",
            ".example.com",
            "a..example.com",
            "auth.example.com, evil.test",
            "auth.example.com,evil.test",
            "auth.example.com evil.test",
            "auth.example.com\tx",
            "auth.example.com\r\nX: y",
            "auth.example.com/",
            "auth.example.com/.evil.test",
            "auth.example.com?x",
            "auth.example.com#x",
            "auth.example.com\\@evil.test",
            "user@auth.example.com",
            "user:pass@auth.example.com",
            "evil.test:80@auth.example.com",
            "http://auth.example.com",
            "auth.example.com:",
            "auth.example.com:0",
            "auth.example.com:080",
            "auth.example.com:+80",
            "auth.example.com:65536",
            "auth.example.com:80:90",
            "auth.example.com:80a",
            "auth%2eexample.com",
            "auth_example.com",
            "-a.example.com",
            "a-.example.com",
            "bücher.example",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.0.0.1.",
            "::1",
            "[::1",
            "::1]",
            "[::1]x",
            "[0:0:0:0:0:0:0:1]",
            "[::1%25eth0]",
            "[::ffff:127.0.0.1]",
            "xn--\u{0}",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(read(&"a.".repeat(127)), None);
        assert_eq!(read(&format!("{}.test", "a".repeat(64))), None);
    }

    proptest! {
        #[test]
        fn what_is_read_is_a_url_of_that_host_and_nothing_else(text in "[a-zA-Z0-9.:@/\\\\\\[\\]%, _-]{1,24}") {
            if let Some(host) = RequestHost::parse(&text) {
                let url = Url::parse(&format!("https://{host}/p")).unwrap();
                prop_assert_eq!(url.origin().ascii_serialization(), format!("https://{}", host.without_port(443)));
                prop_assert_eq!((url.username(), url.path()), ("", "/p"));
            }
        }
    }
}
