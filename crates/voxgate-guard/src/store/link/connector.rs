//! What rustls is told: the authorities, the client's certificate, and checks that leave the host name out.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::tls::{ClientCertificate, ServerCheck, Tls, TrustRoots};
use crate::store::StoreError;

/// Reads the files that are named.
pub(in crate::store) fn connector(tls: &Tls) -> Result<TlsConnector, StoreError> {
    // Named, as another crate of the program may have installed another for all.
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(Path::new("TLS"), error))?;
    let builder = match &tls.server {
        ServerCheck::Full(TrustRoots::System) => builder.with_root_certificates(system_roots()?),
        ServerCheck::Full(TrustRoots::File(file)) => builder.with_root_certificates(roots_in(file)?),
        ServerCheck::Authority(file) => {
            let authority = WebPkiServerVerifier::builder_with_provider(roots_in(file)?.into(), provider.clone())
                .build()
                .map_err(|error| unusable(file, error))?;
            let verifier = Lenient { authority: Some(authority), provider };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
        ServerCheck::Nothing => {
            let verifier = Lenient { authority: None, provider };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let config = match &tls.client {
        None => builder.with_no_client_auth(),
        Some(ClientCertificate { chain, key }) => builder
            .with_client_auth_cert(certificates_in(chain)?, key_in(key)?)
            .map_err(|error| unusable(key, format!("{error}; does it belong to {}?", chain.display())))?,
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn system_roots() -> Result<RootCertStore, StoreError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Old roots of a system may be of a kind that rustls does not read.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let cause = "it has no authority; install ca-certificates, or name one by sslrootcert=FILE";
        return Err(unusable(Path::new("this system's certificate store"), cause));
    }
    Ok(roots)
}

fn roots_in(file: &Path) -> Result<RootCertStore, StoreError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_in(file)? {
        roots.add(certificate).map_err(|error| unusable(file, format!("{error}; is it whole?")))?;
    }
    Ok(roots)
}

fn certificates_in(file: &Path) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(unusable(file, NO_CERTIFICATE)),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unusable(file, cause_of(&error, NO_CERTIFICATE))),
    }
}

fn key_in(file: &Path) -> Result<PrivateKeyDer<'static>, StoreError> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| unusable(file, cause_of(&error, NO_KEY)))
}

/// Never what stands in the file.
fn cause_of(error: &pem::Error, nothing: &str) -> String {
    match error {
        pem::Error::Io(error) => format!("cannot be read ({error}); it was to be a file in PEM form"),
        _ => nothing.to_owned(),
    }
}

fn unusable(file: &Path, cause: impl ToString) -> StoreError {
    StoreError::File { path: file.display().to_string(), cause: cause.to_string() }
}

/// Checks less than everything: any host that the authority has signed for, or without an authority whoever has the key of
/// the certificate that is shown.
#[derive(Debug)]
struct Lenient {
    authority: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authority) = &self.authority else { return Ok(ServerCertVerified::assertion()) };
        // The host name is what is looked at last.
        match authority.verify_server_cert(end_entity, between, host, ocsp, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

const NO_CERTIFICATE: &str = "no certificate is in it; expected PEM, which begins with -----BEGIN CERTIFICATE-----";
const NO_KEY: &str = "no private key is in it that can be read; expected PEM, which begins with -----BEGIN PRIVATE KEY-----; \
                      take a password off by `openssl pkey -in OLD -out NEW`";
