//! TLS to the outside: one crypto provider, the system's roots, and a private CA where the operator names one.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

/// `SSL_CERT_FILE` names a file without a readable certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("SSL_CERT_FILE names no readable file of PEM certificates")]
pub struct NoCertificates;

/// Makes ring the process's crypto provider; what is installed already stays. rustls panics without one.
pub fn install() {
    // The error only says that a provider is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The system's root certificates, and those of the file that `SSL_CERT_FILE` names (contract §1). Reads many files: once a process.
pub fn roots(ssl_cert_file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, NoCertificates> {
    let mut roots = rustls_native_certs::load_native_certs().certs;
    // With SSL_CERT_FILE in the environment the line above reads that file *instead of* the system's.
    for directory in openssl_probe::candidate_cert_dirs() {
        roots.extend(rustls_native_certs::load_certs_from_paths(None, Some(directory)).certs);
    }
    if let Some(file) = ssl_cert_file {
        let own = rustls_native_certs::load_certs_from_paths(Some(file), None);
        if own.certs.is_empty() || !own.errors.is_empty() {
            return Err(NoCertificates);
        }
        roots.extend(own.certs);
    }
    roots.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
    roots.dedup();
    Ok(roots)
}

/// A client's TLS settings that trust these roots; those that cannot be parsed are left out, as browsers do.
pub(crate) fn client(roots: Vec<CertificateDer<'static>>) -> ClientConfig {
    install();
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots);
    ClientConfig::builder().with_root_certificates(store).with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_ca_is_added_to_the_systems_roots() {
        let system = roots(None).unwrap();
        let Some(ca) = system.first() else { return };
        let directory = std::env::temp_dir().join(format!("landfall-ca-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&directory).unwrap();
        let file = directory.join("ca.pem");
        let pem = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, ca);
        std::fs::write(&file, format!("-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n")).unwrap();
        assert_eq!(roots(Some(&file)).unwrap(), system);
        std::fs::write(&file, "no certificate").unwrap();
        assert_eq!(roots(Some(&file)), Err(NoCertificates));
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(roots(Some(&file)), Err(NoCertificates));
    }
}
