//! `revocation` and `introspection`: who may ask what about tokens.

use auth_jose::Secret;

use super::Plugins;
use super::reader::Reader;

/// What services may ask about tokens.
#[derive(Debug, Clone)]
pub struct RevocationConfig {
    /// Who may read the list of what is withdrawn.
    pub feed: FeedReaders,
    /// The services that may ask with a secret, by name. Registered ones may with a token of theirs.
    pub clients: Vec<(String, Secret<String>)>,
}

/// Who may read the list of what is withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedReaders {
    /// Whoever knows the address.
    Anybody,
    /// Services, by secret or by token.
    Clients,
    /// Nobody: it is not served.
    Nobody,
}

impl std::str::FromStr for FeedReaders {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "off" => Ok(Self::Nobody),
            "clients" => Ok(Self::Clients),
            "public" => Ok(Self::Anybody),
            _ => Err(()),
        }
    }
}

impl RevocationConfig {
    /// Whether anybody will ask what is withdrawn, so that it has to be written down.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.feed != FeedReaders::Nobody || !self.clients.is_empty()
    }
}

/// A service's name stands in a header before a colon.
const LONGEST_NAME: usize = 64;

const HOW: &str = "make one with: auth-server gen-secret";

pub(super) fn read(r: &mut Reader, plugins: Plugins, upstream_exact: bool) -> RevocationConfig {
    let feed = r.choice("revocation.feed", FeedReaders::Nobody);
    let clients = clients(r);
    let feed_key = "revocation.feed";
    if feed != FeedReaders::Nobody && !plugins.jwt {
        r.refuse(feed_key, "needs the jwt plugin, whose tokens it is about");
    }
    if feed != FeedReaders::Nobody && upstream_exact {
        r.refuse(feed_key, "tokens have neither jti nor sid with advanced.upstreamExact");
    }
    RevocationConfig { feed, clients }
}

fn clients(r: &mut Reader) -> Vec<(String, Secret<String>)> {
    const CLIENT: &str = "introspection.clients.<name>";
    let mut clients = Vec::new();
    for name in r.names(CLIENT) {
        let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if !is_plain || name.is_empty() || name.len() > LONGEST_NAME {
            r.refuse((CLIENT, &*name), "a service's name has letters, digits, dots, dashes and underscores");
        }
        let Some(secret) = r.secret((CLIENT, &*name)) else { continue };
        let is_visible = secret.expose().bytes().all(|byte| byte.is_ascii_graphic());
        if secret.expose().len() < 32 || !is_visible {
            let reason = format!("expected 32 visible ASCII characters or more; {HOW}");
            r.refuse((CLIENT, &*name), reason);
        }
        clients.push((name, secret));
    }
    clients
}
