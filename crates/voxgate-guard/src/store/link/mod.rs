//! The link to a server: whether it is encrypted, and whom it trusts.

#[cfg(feature = "tls")]
mod connector;
#[cfg(feature = "tls")]
mod failure;
#[cfg(feature = "postgres")]
mod pairs;
mod protection;
#[cfg(feature = "tls")]
mod sealed;
#[cfg(feature = "tls")]
mod tls;
mod words;

#[cfg(feature = "tls")]
pub(super) use connector::connector;
#[cfg(feature = "tls")]
pub(super) use failure::Failure;
pub(super) use protection::Protection;
#[cfg(all(feature = "tls", feature = "postgres"))]
pub(super) use sealed::Sealing;
#[cfg(feature = "tls")]
pub(super) use sealed::Seen;
#[cfg(all(feature = "tls", any(feature = "redis", feature = "dynamodb")))]
pub(super) use sealed::seal;
#[cfg(feature = "tls")]
pub use tls::{ClientCertificate, ServerCheck, Tls, TrustRoots};
pub(super) use words::{Encryption, Words};
