//! From a raw path to an endpoint. Paths match byte for byte: no decoding, no trailing slash, no `//`.

use std::collections::HashMap;

use crate::call::Method;
use crate::config::Config;
use crate::endpoint::Endpoint;

/// Every endpoint that is served, by method and path.
pub struct Router {
    base_path: String,
    endpoints: Vec<Endpoint>,
    by_path: HashMap<(Method, &'static str), usize>,
    skip_trailing_slashes: bool,
}

/// Two features claim one path.
#[derive(Debug, thiserror::Error)]
#[error("{method} {path} is claimed by two features")]
pub struct PathTaken {
    method: &'static str,
    path: &'static str,
}

impl Router {
    /// Mounts `endpoints` below the base path, without those whose path is disabled.
    ///
    /// # Errors
    /// [`PathTaken`] when two endpoints have the same method and path.
    pub fn new(config: &Config, mut endpoints: Vec<Endpoint>) -> Result<Self, PathTaken> {
        let is_off = |endpoint: &Endpoint| {
            config.disabled_paths.iter().any(|path| path.trim_end_matches('/') == endpoint.path)
        };
        endpoints.retain(|endpoint| !is_off(endpoint));
        for endpoint in &mut endpoints {
            endpoint.checks = config.checks.at(endpoint.path);
        }
        let mut by_path = HashMap::new();
        for (index, endpoint) in endpoints.iter().enumerate() {
            if by_path.insert((endpoint.method, endpoint.path), index).is_some() {
                return Err(PathTaken { method: endpoint.method.as_str(), path: endpoint.path });
            }
        }
        let (base_path, skip_trailing_slashes) = (config.base_path.clone(), config.skip_trailing_slashes);
        Ok(Self { base_path, endpoints, by_path, skip_trailing_slashes })
    }

    /// The endpoint of a raw, undecoded request path.
    #[must_use]
    pub fn find(&self, method: Method, raw_path: &str) -> Option<&Endpoint> {
        let path = raw_path.strip_prefix(self.base_path.as_str())?;
        let path = if self.skip_trailing_slashes { path.strip_suffix('/').unwrap_or(path) } else { path };
        let index = self.by_path.get(&(method, path))?;
        self.endpoints.get(*index)
    }

    /// What a raw path has below the base path, without trailing slashes; empty for all other paths.
    #[must_use]
    pub fn below_base<'p>(&self, raw_path: &'p str) -> &'p str {
        raw_path.strip_prefix(self.base_path.as_str()).unwrap_or_default().trim_end_matches('/')
    }

    /// The path of the endpoint, of whatever method, that `path` below the base path leads to.
    #[must_use]
    pub fn known_path(&self, path: &str) -> Option<&'static str> {
        let index =
            [Method::Get, Method::Post].iter().find_map(|method| self.by_path.get(&(*method, path)))?;
        self.endpoints.get(*index).map(|endpoint| endpoint.path)
    }

    /// Every endpoint, in the features' order.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }
}
