//! From a raw path to an endpoint. Paths match byte for byte: no trailing slash, no `//`, nothing decoded but
//! the value of a parameter, and that once.

use std::collections::{HashMap, HashSet};

use crate::call::Method;
use crate::config::{Config, MovedPath};
use crate::endpoint::Endpoint;
use crate::wire::cookie::decode_uri_component;

/// Every endpoint that is served, by method and path.
pub struct Router {
    base_path: String,
    endpoints: Vec<Endpoint>,
    by_path: HashMap<(Method, &'static str), usize>,
    /// Paths that end in a parameter, by what stands before it.
    by_prefix: HashMap<(Method, &'static str), usize>,
    /// Where endpoints are served instead of their own path, which then finds nothing.
    moved: Vec<MovedPath>,
    /// Paths that are switched off, without trailing slashes.
    disabled: HashSet<String>,
    skip_trailing_slashes: bool,
}

/// Two features claim one path.
#[derive(Debug, thiserror::Error)]
#[error("{method} {path} is claimed by two features")]
pub struct PathTaken {
    method: &'static str,
    path: String,
}

impl Router {
    /// Mounts `endpoints` below the base path, without those whose path is disabled.
    ///
    /// # Errors
    /// [`PathTaken`] when two endpoints have the same method and path.
    pub fn new(config: &Config, mut endpoints: Vec<Endpoint>) -> Result<Self, PathTaken> {
        let moved = config.moved_paths();
        let served = |endpoint: &Endpoint| {
            let to = moved.iter().find(|it| it.own == endpoint.path);
            to.map_or_else(|| endpoint.path.to_owned(), |it| it.served.clone())
        };
        let disabled: HashSet<String> =
            config.disabled_paths.iter().map(|path| path.trim_end_matches('/').to_owned()).collect();
        endpoints.retain(|endpoint| !disabled.contains(&served(endpoint)));
        for endpoint in &mut endpoints {
            endpoint.checks = config.checks.at(&served(endpoint));
        }
        let mut taken = HashSet::new();
        for endpoint in &endpoints {
            let (method, path) = (endpoint.method.as_str(), served(endpoint));
            if !taken.insert((method, path.clone())) {
                return Err(PathTaken { method, path });
            }
        }
        let (mut by_path, mut by_prefix) = (HashMap::new(), HashMap::new());
        for (index, endpoint) in endpoints.iter().enumerate() {
            let (paths, path) = match endpoint.path.split_once(':') {
                Some((prefix, _name)) => (&mut by_prefix, prefix),
                None => (&mut by_path, endpoint.path),
            };
            paths.insert((endpoint.method, path), index);
        }
        let (base_path, skip_trailing_slashes) = (config.base_path.clone(), config.skip_trailing_slashes);
        Ok(Self { base_path, endpoints, by_path, by_prefix, moved, disabled, skip_trailing_slashes })
    }

    /// The endpoint of a raw, undecoded request path.
    #[must_use]
    pub fn find(&self, method: Method, raw_path: &str) -> Option<&Endpoint> {
        let path = raw_path.strip_prefix(self.base_path.as_str())?;
        let path = if self.skip_trailing_slashes { path.strip_suffix('/').unwrap_or(path) } else { path };
        self.endpoints.get(self.index(method, self.own_path(path)?)?)
    }

    fn index(&self, method: Method, path: &str) -> Option<usize> {
        if let Some(index) = self.by_path.get(&(method, path)) {
            return Some(*index);
        }
        let (prefix, segment) = path.split_at_checked(path.rfind('/')? + 1)?;
        self.by_prefix.get(&(method, prefix)).filter(|_| !segment.is_empty()).copied()
    }

    /// The path that a feature knows for the one that a request uses.
    fn own_path<'p>(&'p self, path: &'p str) -> Option<&'p str> {
        match self.moved.iter().find(|it| it.served == path || it.own == path) {
            None => Some(path),
            Some(moved) => (moved.served == path).then_some(moved.own),
        }
    }

    /// What a raw path has below the base path, without trailing slashes; empty for all other paths.
    #[must_use]
    pub fn below_base<'p>(&self, raw_path: &'p str) -> &'p str {
        raw_path.strip_prefix(self.base_path.as_str()).unwrap_or_default().trim_end_matches('/')
    }

    /// Whether the operator has switched a raw path off, with or without trailing slashes.
    #[must_use]
    pub fn is_disabled(&self, raw_path: &str) -> bool {
        let path = self.below_base(raw_path);
        !path.is_empty() && self.disabled.contains(path)
    }

    /// The path of the endpoint, of whatever method, that `path` below the base path leads to.
    #[must_use]
    pub fn known_path(&self, path: &str) -> Option<&'static str> {
        let path = self.own_path(path)?;
        let methods = [Method::Get, Method::Post];
        // A path of its own goes before one that ends in a parameter, whatever their methods.
        let exact = methods.iter().find_map(|method| self.by_path.get(&(*method, path)).copied());
        let index = exact.or_else(|| methods.iter().find_map(|method| self.index(*method, path)))?;
        self.endpoints.get(index).map(|endpoint| endpoint.path)
    }

    /// Every endpoint, in the features' order.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }
}

/// The value of the parameter at the end of a raw path: one segment, percent-decoded once.
pub(crate) fn parameter(raw_path: &str) -> String {
    let path = raw_path.strip_suffix('/').unwrap_or(raw_path);
    let segment = path.rsplit('/').next().unwrap_or_default();
    decode_uri_component(segment).unwrap_or_else(|| segment.to_owned())
}
