#[cfg(feature = "tls")]
use super::tls::{ServerCheck, Tls};
use crate::store::Finding;

/// Who may read or change what goes over a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) enum Protection {
    /// Programs of this machine, if they may do anything.
    Local,
    /// Everybody on the way.
    Plain,
    /// Nobody but who takes the server's place.
    #[cfg(feature = "tls")]
    Unchecked,
    /// Nobody.
    #[cfg(feature = "tls")]
    Checked,
}

impl Protection {
    #[cfg(feature = "tls")]
    pub(in crate::store) const fn by(tls: &Tls) -> Self {
        match tls.server {
            ServerCheck::Full(_) | ServerCheck::Authority(_) => Self::Checked,
            ServerCheck::Nothing => Self::Unchecked,
        }
    }

    /// For whoever runs the store; `encrypt` says how to, in an address of this store.
    pub(in crate::store) fn finding(&self, encrypt: &'static str) -> Finding {
        match self {
            Self::Local => Finding::good("the link to it stays on this machine"),
            Self::Plain => Finding::warning(
                "the link to it is not encrypted: passwords and names can be read and changed on the way",
                encrypt,
            ),
            #[cfg(feature = "tls")]
            Self::Unchecked => Finding::warning(
                "the link to it is encrypted, and nobody checks who answers",
                "say sslmode=verify-full, with sslrootcert=FILE where the authority is your own",
            ),
            #[cfg(feature = "tls")]
            Self::Checked => Finding::good("the link to it is encrypted, and its certificate was checked"),
        }
    }
}
