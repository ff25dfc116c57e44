use std::path::PathBuf;

/// How an encrypted link is made. TLS 1.2 and 1.3, by rustls. The files are read again with every connection, so that
/// certificates can be renewed while a worker runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct Tls {
    /// What of the server's certificate is checked.
    pub server: ServerCheck,
    /// How this side proves who it is, where the server asks.
    pub client: Option<ClientCertificate>,
}

/// What of the server's certificate is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers make it")]
pub enum ServerCheck {
    /// Its signature, its dates and its host name (`verify-full`).
    Full(TrustRoots),
    /// Its signature, by the authority in this PEM file, and its dates (`verify-ca`).
    Authority(PathBuf),
    /// Nothing (`require`). It keeps eavesdroppers out, and nobody who takes the server's place.
    Nothing,
}

/// Authorities that may have signed the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers make it")]
pub enum TrustRoots {
    /// Those that this machine trusts; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
    System,
    /// Those in a PEM file.
    File(PathBuf),
}

/// A certificate of this side, and its private key, in PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct ClientCertificate {
    /// The certificate, followed by those between it and the authority.
    pub chain: PathBuf,
    /// The private key, not encrypted.
    pub key: PathBuf,
}

impl Default for Tls {
    /// Everything is checked, by the authorities that this machine trusts.
    fn default() -> Self {
        Self { server: ServerCheck::Full(TrustRoots::System), client: None }
    }
}
