//! `service istio`.

use std::fmt::Write as _;

use auth_core::config::Config;
use auth_core::features::services::ServiceInfo;
use auth_s2s::ServiceName;
use serde_json::json;

use crate::cli::MeshService;

/// What Istio has to be told so that enabled services reach `options.name` and nobody else does.
///
/// # Errors
/// A sentence when there is nobody to let in: rules without any caller would be taken for a mistake.
pub(super) fn istio(
    config: &Config,
    services: &[ServiceInfo],
    options: &MeshService,
) -> Result<String, String> {
    let callers: Vec<&ServiceName> = services
        .iter()
        .filter(|service| service.disabled_at.is_none() && service.name != options.name)
        .map(|service| &service.name)
        .collect();
    if callers.is_empty() {
        return Err(format!("no enabled service but {} itself is registered", options.name));
    }
    // JSON's texts are YAML's too.
    let jwks = json!(format!("{}{}/s2s/jwks", config.base_url.origin(), config.base_path));
    let (name, namespace) = (&options.name, json!(options.namespace));
    let (audience, selector) = (json!(name.subject()), format!("{{ matchLabels: {{ app: {name} }} }}"));
    let metadata = format!("{{ name: service-tokens-{name}, namespace: {namespace} }}");
    let mut yaml = format!(
        "# Istio does not check that a key is its issuer's own, nor that a token lives 60 seconds: {name} does that itself.\n\
         # It asks for keys every 20 minutes unless PILOT_JWT_PUB_KEY_REFRESH_INTERVAL says otherwise.\n\
         apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {metadata}\nspec:\n  \
         selector: {selector}\n  jwtRules:\n"
    );
    for caller in &callers {
        let _ = write!(
            yaml,
            "    - issuer: {}\n      jwksUri: {jwks}\n      audiences: [{audience}]\n      \
             forwardOriginalToken: true\n",
            json!(caller.subject())
        );
    }
    let principals: Vec<_> =
        callers.iter().map(|caller| json!(format!("{0}/{0}", caller.subject())).to_string()).collect();
    let _ = write!(
        yaml,
        "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {metadata}\nspec:\n  \
         selector: {selector}\n  action: ALLOW\n  rules:\n    - from: [{{ source: {{ requestPrincipals: [{}] }} }}]\n",
        principals.join(", ")
    );
    Ok(yaml)
}
