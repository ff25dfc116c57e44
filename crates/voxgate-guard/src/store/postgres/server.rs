//! A PostgreSQL: its address, and the connections that are made to it.

use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};

use super::rows::POSTGRES;
use crate::store::StoreError;
use crate::store::address::without_secrets;
use crate::store::connection::Reader;
use crate::store::link::{Encryption, Words};
#[cfg(feature = "tls")]
use crate::store::link::{Failure, Sealing, Seen, Tls, connector};

/// Where a PostgreSQL is, how this side logs in, and whether the link is encrypted.
pub(super) struct Server {
    config: Config,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

/// A connection on which nothing has been asked.
pub(super) struct Connected {
    pub(super) client: Client,
    pub(super) reader: Reader,
    pub(super) is_encrypted: bool,
}

impl Server {
    /// What an address leaves out of TLS, the environment may say, as for libpq.
    pub(super) fn of(address: &str) -> Result<Self, StoreError> {
        let refused = |cause| refused(address, cause);
        let (plain, words) = split(address).map_err(refused)?;
        let words = words.or(|name| std::env::var(name).ok()).map_err(refused)?;
        Self::encrypted(address, &plain, words.of_postgres().map_err(refused)?)
    }

    /// As the address says, but encrypted in this way.
    #[cfg(feature = "tls")]
    pub(super) fn with_tls(address: &str, tls: Tls) -> Result<Self, StoreError> {
        let (plain, words) = split(address).map_err(|cause| refused(address, cause))?;
        if !words.are_none() {
            return Err(refused(address, "with a Tls it says nothing about TLS itself".to_owned()));
        }
        Self::encrypted(address, &plain, Encryption::Always(tls))
    }

    fn encrypted(address: &str, plain: &str, encryption: Encryption) -> Result<Self, StoreError> {
        let mut config: Config = plain.parse().map_err(|error| refused(address, without_its_words(&error)))?;
        let is_local = config.get_hostaddrs().is_empty() && config.get_hosts().iter().all(is_socket);
        // On a socket of this machine no server encrypts, and libpq does not ask it to.
        let encryption = if is_local { Encryption::Never } else { encryption };
        config.ssl_mode(match &encryption {
            Encryption::Never => SslMode::Disable,
            #[cfg(feature = "tls")]
            Encryption::IfOffered(_) => SslMode::Prefer,
            #[cfg(feature = "tls")]
            Encryption::Always(_) => SslMode::Require,
        });
        // The files are read again with every connection; whoever sets a worker up hears of a wrong one at once.
        #[cfg(feature = "tls")]
        if let Some(tls) = encryption.tls() {
            connector(tls)?;
        }
        Ok(Self {
            config,
            #[cfg(feature = "tls")]
            tls: encryption.tls().cloned(),
        })
    }

    /// The server has the same timeout as this side, so that it does no step after the caller has given up.
    pub(super) fn with_timeout(mut self, timeout: Duration) -> Self {
        let options = self.config.get_options().unwrap_or_default();
        let milliseconds = timeout.as_millis().max(1);
        let options = format!("{options} -c statement_timeout={milliseconds} -c lock_timeout={milliseconds}");
        self.config.options(options.trim()).connect_timeout(timeout);
        self
    }

    /// A connection to it.
    pub(super) async fn connect(&self) -> Result<Connected, StoreError> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return self.connect_sealed(connector(tls)?).await;
        }
        let connected = self.config.connect(NoTls).await;
        let (client, connection) = connected.map_err(|error| unreachable(&error))?;
        // The reader ends with an error when the connection breaks; the steps then report that.
        Ok(Connected { client, reader: Reader::new(async { _ = connection.await }), is_encrypted: false })
    }

    #[cfg(feature = "tls")]
    async fn connect_sealed(&self, connector: tokio_rustls::TlsConnector) -> Result<Connected, StoreError> {
        let seen = std::sync::Arc::new(Seen::default());
        let sealing = Sealing { connector, seen: seen.clone() };
        let connected = self.config.connect(sealing).await;
        let failed = |error| seen.failure().map_or_else(|| unreachable(&error), |failure| failure.to(POSTGRES));
        let (client, connection) = connected.map_err(failed)?;
        let is_encrypted = seen.is_sealed();
        Ok(Connected { client, reader: Reader::new(async { _ = connection.await }), is_encrypted })
    }

    /// How its links are encrypted, where they are.
    #[cfg(feature = "tls")]
    pub(super) const fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }
}

/// The address without what it says about TLS.
fn split(address: &str) -> Result<(String, Words), String> {
    if ["postgres://", "postgresql://"].iter().any(|scheme| address.starts_with(scheme)) {
        // A password may have a `?` in it.
        return Words::of_url(address, address.find('@').unwrap_or(0));
    }
    Words::of_pairs(address)
}

fn refused(address: &str, cause: String) -> StoreError {
    StoreError::Address { given: without_secrets(address), cause, expected: EXPECTED }
}

fn is_socket(host: &Host) -> bool {
    !matches!(host, Host::Tcp(_))
}

/// Why a connection was not made, and what to do where the server's words do not say it.
fn unreachable(error: &tokio_postgres::Error) -> StoreError {
    let cause = cause_of(error);
    #[cfg(feature = "tls")]
    for (words, remedy) in [
        ("does not support TLS", "set ssl = on there, with a certificate, or say sslmode=prefer or disable"),
        ("no encryption", "it takes encrypted links only: say sslmode=verify-full"),
        ("client certificate", "name the certificate's files, sslcert=FILE and sslkey=FILE"),
    ] {
        if cause.contains(words) {
            return Failure::new(cause, remedy).to(POSTGRES);
        }
    }
    StoreError::Unreachable { store: POSTGRES, cause }
}

/// With the server's own words, which `Display` leaves out.
pub(super) fn cause_of(error: &tokio_postgres::Error) -> String {
    let mut cause = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        cause = format!("{cause}: {source}");
        next = source.source();
    }
    cause
}

/// What is wrong with an address, without quoting it: what is taken for the name of an option may be a password.
fn without_its_words(error: &tokio_postgres::Error) -> String {
    let cause = cause_of(error);
    let quotes_its_own = cause.contains("invalid value for option");
    if quotes_its_own { cause } else { "it is neither a URL nor `key=value` pairs that PostgreSQL knows".to_owned() }
}

const EXPECTED: &str = "postgres://user[:password]@host[:port]/database; for TLS with ?sslmode=verify-full, and \
                        &sslrootcert=FILE for an authority of your own";
