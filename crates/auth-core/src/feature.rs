//! What a feature hands over: its endpoints, its error codes, the events it joins.

use serde::Serialize;

use crate::access::Access;
use crate::endpoint::{Endpoint, Function};
use crate::error::ErrorCode;
use crate::hooks::Hooks;
use crate::input::Input;

/// One feature: a folder below `features/`.
pub struct Feature {
    /// The folder's name.
    pub name: &'static str,
    /// Its endpoints.
    pub endpoints: Vec<Endpoint>,
    /// Its errors.
    pub codes: &'static [ErrorCode],
    /// The events it joins.
    pub hooks: Hooks,
}

impl Feature {
    /// A feature with nothing in it yet.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, endpoints: Vec::new(), codes: &[], hooks: Hooks::default() }
    }

    /// Adds a GET endpoint.
    #[must_use]
    pub fn get<A: Access, I: Input, O: Serialize + 'static>(
        self,
        path: &'static str,
        function: impl Function<A, I, O>,
    ) -> Self {
        self.endpoint(Endpoint::get(path, function))
    }

    /// Adds a POST endpoint.
    #[must_use]
    pub fn post<A: Access, I: Input, O: Serialize + 'static>(
        self,
        path: &'static str,
        function: impl Function<A, I, O>,
    ) -> Self {
        self.endpoint(Endpoint::post(path, function))
    }

    /// Adds an endpoint.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoints.push(endpoint);
        self
    }

    /// Names the feature's errors.
    #[must_use]
    pub fn codes(mut self, codes: &'static [ErrorCode]) -> Self {
        self.codes = codes;
        self
    }

    /// Joins events.
    #[must_use]
    pub fn hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }
}
