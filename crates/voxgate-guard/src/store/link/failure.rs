//! Why there is no encrypted link, and what to do.

use std::io;

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error, OtherError};

use crate::store::StoreError;

/// What went wrong, and its remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Failure {
    cause: String,
    remedy: &'static str,
}

impl Failure {
    /// What ended a handshake, or what a server said after it.
    pub(in crate::store) fn of(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::InvalidCertificate(error)) => Self::of_certificate(error),
            Some(Error::AlertReceived(alert)) => Self::of_alert(*alert),
            Some(Error::InvalidMessage(_)) => Self::new("what it answers is not TLS", NOT_ITS_TLS_PORT),
            Some(error) => Self::new(error.to_string(), "it needs TLS 1.2 or later: look at its version and its log"),
            None => Self::new(format!("the handshake broke off: {error}"), NOT_ITS_TLS_PORT),
        }
    }

    /// A server that says nothing at all.
    #[cfg(feature = "redis")]
    pub(in crate::store) fn silent() -> Self {
        Self::new("it does not answer the handshake", NOT_ITS_TLS_PORT)
    }

    pub(in crate::store) fn new(cause: impl Into<String>, remedy: &'static str) -> Self {
        Self { cause: cause.into(), remedy }
    }

    pub(in crate::store) fn to(self, store: &'static str) -> StoreError {
        StoreError::Tls { store, cause: self.cause, remedy: self.remedy }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::new(
                "its certificate is not signed by an authority that is trusted here",
                "name the file with the authority's certificate, sslrootcert=FILE",
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::new(
                format!("its certificate is for another host ({error})"),
                "use a name that the certificate has as subjectAltName, or have it made for this one",
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::new(
                "its certificate has expired",
                "renew it on the server; if it is new, look at this machine's clock",
            ),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::new("its certificate is not valid yet", "look at this machine's clock, and at the server's")
            }
            CertificateError::Other(OtherError(inner)) => Self::new(
                format!("its certificate cannot be used: {inner}"),
                "give it a certificate of version 3 of its own, signed by the authority",
            ),
            error => Self::new(format!("its certificate cannot be used: {error}"), "look at the server's certificate"),
        }
    }

    fn of_alert(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure => {
                Self::new("it wants a certificate of this side", "name its files, sslcert=FILE and sslkey=FILE")
            }
            AlertDescription::ProtocolVersion => Self::new("it refuses TLS 1.2 and 1.3", "update the server"),
            alert => Self::new(
                format!("it refuses the certificate of this side ({alert:?})"),
                "name one, sslcert=FILE and sslkey=FILE, that is signed by an authority which the server trusts",
            ),
        }
    }
}

const NOT_ITS_TLS_PORT: &str = "is this its TLS port? a link without encryption is redis:// or sslmode=disable";
