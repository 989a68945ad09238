//! Service tokens.

use auth_s2s::{InvalidServiceName, ServiceName};

use super::Reader;

/// What service tokens need to be configured.
#[derive(Debug, Clone)]
pub struct ServicesConfig {
    /// What services call this server: the audience of tokens for it is `service:` and this name.
    pub name: ServiceName,
}

pub(super) fn read(r: &mut Reader) -> ServicesConfig {
    let name = r.text("services.name").map_or_else(
        || Ok(ServiceName::auth_server()),
        |name| name.parse().map_err(|error: InvalidServiceName| error.to_string()),
    );
    let name = name.unwrap_or_else(|reason| {
        r.refuse("services.name", reason);
        ServiceName::auth_server()
    });
    ServicesConfig { name }
}
