//! The client's address, for rate limits and the list of sessions.
//!
//! By default it is the connection's; forwarding headers count only when the connection comes from a
//! proxy that the operator has named, because anybody can write them. Better Auth's own rule, headers
//! only, is available for deployments that rely on it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where the client's address is taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpSource {
    /// The connection, and headers that trusted proxies send.
    #[default]
    Socket,
    /// Headers alone, as Better Auth does.
    Headers,
}

/// A network: an address and the number of its leading bits that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or a single address; IPv4 in IPv6's clothes is IPv4.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
                (address, Some(prefix.parse::<u8>().ok()?))
            }
            Some(_) => return None,
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = bits(address);
        let prefix = prefix.unwrap_or(width);
        if prefix > width {
            return None;
        }
        let network = address.to_canonical();
        // A shorter prefix than the mapping's own 96 bits would reach beyond IPv4.
        let prefix = prefix.checked_sub(width - bits(network))?;
        Some(Self { network, prefix })
    }

    /// Whether `address` belongs to this network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                masked_v4(network, self.prefix) == masked_v4(address, self.prefix)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                masked_v6(network, self.prefix) == masked_v6(address, self.prefix)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// How the client's address is found.
#[derive(Clone, Debug)]
pub struct ClientIpRules {
    /// Where it is taken from.
    pub source: IpSource,
    /// The forwarding headers, in order of preference.
    pub headers: Vec<String>,
    /// The proxies whose entries in forwarding headers are believed.
    pub trusted_proxies: Vec<Cidr>,
    /// How many leading bits of an IPv6 address make a client: whole networks belong to one.
    pub ipv6_subnet: u8,
    /// Whether addresses are not looked at.
    pub disabled: bool,
}

/// A client's address in the form that is stored and counted by: IPv4, or an IPv6 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

/// IPv4 as it is; IPv6 in full.
impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => {
                for (index, group) in address.segments().iter().enumerate() {
                    let colon = if index == 0 { "" } else { ":" };
                    write!(f, "{colon}{group:04x}")?;
                }
                Ok(())
            }
        }
    }
}

impl Default for ClientIpRules {
    fn default() -> Self {
        Self {
            source: IpSource::Socket,
            headers: vec!["x-forwarded-for".to_owned()],
            trusted_proxies: Vec::new(),
            ipv6_subnet: 64,
            disabled: false,
        }
    }
}

impl ClientIpRules {
    /// The client's address, to be stored.
    ///
    /// `header` gives the value of a header, several lines of one name joined with commas: a proxy may
    /// add a line of its own below one that the client wrote.
    pub fn resolve<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h str>,
        peer: Option<IpAddr>,
    ) -> Option<ClientAddress> {
        if self.disabled {
            return None;
        }
        let address = match self.source {
            IpSource::Socket => self.behind_socket(header, peer?),
            IpSource::Headers => self.named_by_headers(header)?,
        };
        Some(self.client(address))
    }

    /// The client's address, to count requests by: nothing where strangers would share it.
    ///
    /// A trusted proxy that names nobody stands for everybody behind it, so its requests have no address.
    /// Where headers alone count, a request without one is its connection's: else leaving the header out
    /// would be a way around every limit.
    pub fn counted<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h str>,
        peer: Option<IpAddr>,
    ) -> Option<ClientAddress> {
        if self.disabled {
            return None;
        }
        match self.source {
            IpSource::Socket => {
                let peer = peer?;
                let names_nobody = self.headers.iter().all(|name| header(name).is_none());
                let is_everybody = names_nobody && self.is_trusted_proxy(peer);
                (!is_everybody).then(|| self.client(self.behind_socket(header, peer)))
            }
            IpSource::Headers => self.named_by_headers(header).or(peer).map(|address| self.client(address)),
        }
    }

    /// Whether a request looks as if it came through a proxy that `trusted_proxies` does not name: all its
    /// clients would be one.
    pub fn is_behind_unnamed_proxy(&self, peer: Option<IpAddr>, is_forwarded: bool) -> bool {
        let is_near = |address: IpAddr| match address.to_canonical() {
            IpAddr::V4(address) => address.is_loopback() || address.is_private(),
            IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
        };
        let nearby = |peer: IpAddr| is_near(peer) && !self.is_trusted_proxy(peer);
        self.source == IpSource::Socket && !self.disabled && is_forwarded && peer.is_some_and(nearby)
    }

    fn client(&self, address: IpAddr) -> ClientAddress {
        ClientAddress(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(masked_v6(address, self.ipv6_subnet)),
        })
    }

    fn behind_socket<'h>(&self, header: impl Fn(&str) -> Option<&'h str>, peer: IpAddr) -> IpAddr {
        if !self.is_trusted_proxy(peer) {
            return peer;
        }
        // The first header that is there decides: a broken one must not lead to another that the proxy
        // passes through unseen.
        let chain = self.headers.iter().find_map(|name| header(name));
        chain.and_then(|chain| self.last_untrusted_hop(chain)).unwrap_or(peer)
    }

    fn named_by_headers<'h>(&self, header: impl Fn(&str) -> Option<&'h str>) -> Option<IpAddr> {
        self.headers.iter().filter_map(|name| header(name)).find_map(|chain| {
            if self.trusted_proxies.is_empty() { only_hop(chain) } else { self.last_untrusted_hop(chain) }
        })
    }

    /// The address nearest to us that is no trusted proxy; nothing when something unreadable is nearer.
    fn last_untrusted_hop(&self, chain: &str) -> Option<IpAddr> {
        for hop in hops(chain).rev() {
            let address = hop.parse().ok()?;
            if !self.is_trusted_proxy(address) {
                return Some(address);
            }
        }
        None
    }

    /// Whether what `peer` says about a request that it passes on is believed: everybody is, where no proxy is named.
    #[must_use]
    pub fn is_believed(&self, peer: Option<IpAddr>) -> bool {
        self.trusted_proxies.is_empty() || peer.is_some_and(|peer| self.is_trusted_proxy(peer))
    }

    fn is_trusted_proxy(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|proxy| proxy.contains(address))
    }
}

fn hops(chain: &str) -> impl DoubleEndedIterator<Item = &str> {
    chain.split(',').map(str::trim).filter(|hop| !hop.is_empty())
}

/// The address of a header that names exactly one.
fn only_hop(chain: &str) -> Option<IpAddr> {
    let mut hops = hops(chain);
    let only = hops.next()?;
    if hops.next().is_some() { None } else { only.parse().ok() }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked_v4(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    let host_bits = 32_u32.saturating_sub(u32::from(prefix));
    Ipv4Addr::from_bits(address.to_bits() & u32::MAX.checked_shl(host_bits).unwrap_or(0))
}

fn masked_v6(address: Ipv6Addr, prefix: u8) -> Ipv6Addr {
    let host_bits = 128_u32.saturating_sub(u32::from(prefix));
    Ipv6Addr::from_bits(address.to_bits() & u128::MAX.checked_shl(host_bits).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(networks: &[&str]) -> Vec<Cidr> {
        networks.iter().map(|network| Cidr::parse(network).unwrap()).collect()
    }

    fn headers_only(networks: &[&str]) -> ClientIpRules {
        ClientIpRules {
            source: IpSource::Headers,
            trusted_proxies: proxies(networks),
            ..ClientIpRules::default()
        }
    }

    fn socket(networks: &[&str]) -> ClientIpRules {
        ClientIpRules { trusted_proxies: proxies(networks), ..ClientIpRules::default() }
    }

    fn forwarded(rules: &ClientIpRules, chain: &str, peer: &str) -> Option<String> {
        let header = |name: &str| (name == "x-forwarded-for").then_some(chain);
        rules.resolve(header, peer.parse().ok()).map(|address| address.to_string())
    }

    fn text(address: Option<ClientAddress>) -> Option<String> {
        address.map(|address| address.to_string())
    }

    #[test]
    fn the_connection_counts_and_headers_do_not() {
        let rules = ClientIpRules::default();
        assert_eq!(forwarded(&rules, "203.0.113.9", "192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(rules.resolve(|_| None, None), None);
    }

    #[test]
    fn a_trusted_proxy_names_the_client() {
        let rules = socket(&["127.0.0.1/32", "10.0.0.0/8"]);
        for (chain, peer, expected) in [
            ("203.0.113.9", "127.0.0.1", "203.0.113.9"),
            ("198.51.100.1, 203.0.113.9, 10.1.2.3", "127.0.0.1", "203.0.113.9"),
            ("198.51.100.1,203.0.113.9", "::ffff:10.0.0.1", "203.0.113.9"),
            ("203.0.113.9, ::ffff:10.0.0.9", "127.0.0.1", "203.0.113.9"),
            ("203.0.113.9", "192.0.2.1", "192.0.2.1"),
            ("203.0.113.9", "127.0.0.2", "127.0.0.2"),
            ("garbage, 203.0.113.9", "127.0.0.1", "203.0.113.9"),
            ("203.0.113.9, garbage", "127.0.0.1", "127.0.0.1"),
            ("203.0.113.9:80", "127.0.0.1", "127.0.0.1"),
            ("10.0.0.1", "127.0.0.1", "127.0.0.1"),
            (" , ", "127.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(forwarded(&rules, chain, peer).as_deref(), Some(expected), "{chain} from {peer}");
        }
        assert_eq!(text(rules.resolve(|_| None, "10.9.9.9".parse().ok())).as_deref(), Some("10.9.9.9"));
    }

    #[test]
    fn a_broken_first_header_does_not_lead_to_the_second() {
        let names = vec!["x-forwarded-for".to_owned(), "x-real-ip".to_owned()];
        let rules = ClientIpRules { headers: names, ..socket(&["127.0.0.1"]) };
        let header = |name: &str| match name {
            "x-forwarded-for" => Some("garbage"),
            _ => Some("203.0.113.9"),
        };
        assert_eq!(text(rules.resolve(header, "127.0.0.1".parse().ok())).as_deref(), Some("127.0.0.1"));
        let upstream = ClientIpRules { source: IpSource::Headers, ..rules };
        assert_eq!(text(upstream.resolve(header, None)).as_deref(), Some("203.0.113.9"));
    }

    #[test]
    fn with_headers_alone_a_single_hop_is_believed_and_the_connection_never() {
        let rules = headers_only(&[]);
        for (chain, expected) in [
            ("203.0.113.9", Some("203.0.113.9")),
            (" 203.0.113.9 ,", Some("203.0.113.9")),
            ("203.0.113.9, 10.0.0.1", None),
            ("garbage", None),
            ("203.0.113.009", None),
            ("203.0.113.9:80", None),
            ("", None),
        ] {
            assert_eq!(forwarded(&rules, chain, "192.0.2.1").as_deref(), expected, "{chain}");
        }
    }

    #[test]
    fn with_headers_alone_trusted_proxies_are_skipped_from_the_right() {
        let rules = headers_only(&["10.0.0.0/8", "2001:db8:ff::/48"]);
        for (chain, expected) in [
            ("198.51.100.1, 203.0.113.9, 10.0.0.1", Some("203.0.113.9")),
            ("203.0.113.9, 2001:db8:ff::1", Some("203.0.113.9")),
            ("203.0.113.9, garbage, 10.0.0.1", None),
            ("garbage, 203.0.113.9, 10.0.0.1", Some("203.0.113.9")),
            ("10.0.0.1, 10.0.0.2", None),
        ] {
            assert_eq!(forwarded(&rules, chain, "192.0.2.1").as_deref(), expected, "{chain}");
        }
    }

    #[test]
    fn spellings_of_one_client_are_one() {
        let rules = headers_only(&[]);
        for (text, expected) in [
            ("2001:db8:1:2::1", "2001:0db8:0001:0002:0000:0000:0000:0000"),
            ("2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:0db8:0001:0002:0000:0000:0000:0000"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::FFFF:c000:201", "192.0.2.1"),
            ("0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"),
            ("::1", "0000:0000:0000:0000:0000:0000:0000:0000"),
        ] {
            assert_eq!(forwarded(&rules, text, "192.0.2.9").as_deref(), Some(expected), "{text}");
        }
        for (subnet, expected) in [
            (0, "0000:0000:0000:0000:0000:0000:0000:0000"),
            (36, "2001:0db8:f000:0000:0000:0000:0000:0000"),
            (128, "2001:0db8:f0f0:0000:0000:0000:0000:0001"),
            (255, "2001:0db8:f0f0:0000:0000:0000:0000:0001"),
        ] {
            let rules = ClientIpRules { ipv6_subnet: subnet, ..headers_only(&[]) };
            assert_eq!(forwarded(&rules, "2001:db8:f0f0::1", "").as_deref(), Some(expected), "{subnet}");
        }
    }

    #[test]
    fn strangers_are_not_counted_as_one() {
        let count = |rules: &ClientIpRules, chain: Option<&str>, peer: &str| {
            let header = |name: &str| chain.filter(|_| name == "x-forwarded-for");
            text(rules.counted(header, peer.parse().ok()))
        };
        let proxied = socket(&["10.0.0.0/8"]);
        assert_eq!(count(&proxied, None, "10.0.0.1"), None);
        assert_eq!(count(&proxied, None, "192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(count(&proxied, Some("203.0.113.9"), "10.0.0.1").as_deref(), Some("203.0.113.9"));
        // Whoever spoils the header that the proxy sends shares a bucket with others who do.
        assert_eq!(count(&proxied, Some("garbage"), "10.0.0.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(count(&socket(&[]), Some("203.0.113.9"), "").as_deref(), None);
        let upstream = headers_only(&[]);
        assert_eq!(count(&upstream, Some("203.0.113.9"), "192.0.2.1").as_deref(), Some("203.0.113.9"));
        assert_eq!(count(&upstream, None, "192.0.2.1").as_deref(), Some("192.0.2.1"));
        let disabled = ClientIpRules { disabled: true, ..upstream };
        assert_eq!(count(&disabled, Some("203.0.113.9"), "192.0.2.1"), None);
    }

    #[test]
    fn a_proxy_that_nobody_named_is_noticed() {
        let behind = |rules: &ClientIpRules, peer: &str, is_forwarded| {
            rules.is_behind_unnamed_proxy(peer.parse().ok(), is_forwarded)
        };
        let rules = socket(&["10.0.0.0/8"]);
        for peer in ["127.0.0.1", "::1", "192.168.1.1", "fd00::1", "::ffff:127.0.0.1"] {
            assert!(behind(&rules, peer, true), "{peer}");
            assert!(!behind(&rules, peer, false), "{peer}");
        }
        for peer in ["10.1.2.3", "203.0.113.9", "2001:db8::1", ""] {
            assert!(!behind(&rules, peer, true), "{peer}");
        }
        assert!(!behind(&headers_only(&[]), "127.0.0.1", true));
    }

    #[test]
    fn nothing_is_looked_at_when_disabled() {
        let rules = ClientIpRules { disabled: true, ..headers_only(&[]) };
        assert_eq!(forwarded(&rules, "203.0.113.9", "192.0.2.1"), None);
    }

    #[test]
    fn reads_networks_strictly() {
        for text in [
            "",
            "x",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0/8",
            "::/129",
            "::ffff:1.2.3.4/95",
            "1.2.3.4/8/8",
        ] {
            assert_eq!(Cidr::parse(text), None, "{text}");
        }
        let all = Cidr::parse("0.0.0.0/0").unwrap();
        assert!(all.contains("203.0.113.9".parse().unwrap()));
        assert!(!all.contains("2001:db8::1".parse().unwrap()));
        assert_eq!(Cidr::parse("::ffff:10.0.0.0/104"), Cidr::parse("10.0.0.0/8"));
        let single = Cidr::parse("2001:db8::1").unwrap();
        assert!(single.contains("2001:db8:0::1".parse().unwrap()));
        assert!(!single.contains("2001:db8::2".parse().unwrap()));
        let odd = Cidr::parse("192.0.2.77/25").unwrap();
        assert!(odd.contains("192.0.2.1".parse().unwrap()));
        assert!(!odd.contains("192.0.2.128".parse().unwrap()));
    }
}
