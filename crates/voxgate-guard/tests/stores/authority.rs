//! An authority, and the certificates that it signs, for servers and clients of a test.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;

pub(crate) struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// The files of a certificate and of its key.
pub(crate) struct Signed {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let issuer = Self::issuer(folder.path());
        Self { folder, issuer }
    }

    /// Another one, in the same file.
    pub(crate) fn renew(&mut self) {
        self.issuer = Self::issuer(self.folder.path());
    }

    fn issuer(folder: &Path) -> Issuer<'static, KeyPair> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority of a test");
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(folder.join("ca.pem"), certificate.pem()).unwrap();
        Issuer::new(params, key)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for this host.
    pub(crate) fn sign(&self, host: &str) -> Signed {
        self.signed(host, CertificateParams::new([host.to_owned()]).unwrap())
    }

    /// The same, but of long ago.
    pub(crate) fn sign_expired(&self, host: &str) -> Signed {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        self.signed(&format!("expired-{host}"), params)
    }

    fn signed(&self, name: &str, mut params: CertificateParams) -> Signed {
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let file = |ending| self.folder.path().join(format!("{name}.{ending}"));
        let signed = Signed { certificate: file("pem"), key: file("key") };
        std::fs::write(&signed.certificate, certificate.pem()).unwrap();
        std::fs::write(&signed.key, key.serialize_pem()).unwrap();
        signed
    }
}
