//! TLS to database servers: rustls on aws-lc-rs, by the rules of [`TlsMode`].

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::config::{Tls, TlsMode};

/// The certificates to trust: of the file, or of the system.
///
/// # Errors
/// A sentence with the file and what is wrong with it.
pub(super) fn roots(file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, String> {
    let Some(file) = file else { return Ok(rustls_native_certs::load_native_certs().certs) };
    let wrong = |error: &dyn std::fmt::Display| format!("the certificates in {}: {error}", file.display());
    let found = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = found.map_err(|error| wrong(&error))?;
    if found.is_empty() { Err(wrong(&"the file holds none in PEM")) } else { Ok(found) }
}

/// The client's side of a connection; `None` without TLS.
///
/// # Errors
/// A sentence that says which part of the settings cannot be used.
pub(super) fn client_config(tls: &Tls) -> Result<Option<ClientConfig>, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let verifier = |chain| Arc::new(Lenient { chain, provider: provider.clone() });
    let config = match tls.mode {
        TlsMode::Off => return Ok(None),
        TlsMode::Preferred | TlsMode::Required => {
            builder.dangerous().with_custom_certificate_verifier(verifier(None))
        }
        TlsMode::VerifyCa => {
            let chain = WebPkiServerVerifier::builder_with_provider(store(tls)?.into(), provider.clone());
            let chain = chain.build().map_err(|error| error.to_string())?;
            builder.dangerous().with_custom_certificate_verifier(verifier(Some(chain)))
        }
        TlsMode::VerifyFull => builder.with_root_certificates(store(tls)?),
    };
    Ok(Some(config.with_no_client_auth()))
}

fn store(tls: &Tls) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(roots(tls.roots.as_deref())?);
    if added == 0 {
        return Err("there is no certificate to trust: name a file of them in the database URL".to_owned());
    }
    Ok(store)
}

/// Accepts certificates that do not name the server, and without a chain to check all of them. The handshake's
/// signature is checked always.
#[derive(Debug)]
struct Lenient {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // rustls compares the name last, after the chain.
            Err(rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
