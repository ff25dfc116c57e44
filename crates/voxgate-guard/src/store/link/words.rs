//! What an address says about TLS, in libpq's words (postgresql.org/docs/current/libpq-connect.html, 34.1.2).

use percent_encoding::percent_decode_str;

#[cfg(feature = "tls")]
use super::tls::{ClientCertificate, ServerCheck, Tls, TrustRoots};

/// `sslmode`, `sslrootcert`, `sslcert` and `sslkey`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Words {
    pub(super) mode: Option<Mode>,
    pub(super) root: Option<String>,
    pub(super) cert: Option<String>,
    pub(super) key: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Whether a link is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) enum Encryption {
    Never,
    /// Only a server of PostgreSQL can be asked for it.
    #[cfg(all(feature = "tls", feature = "postgres"))]
    IfOffered(Tls),
    #[cfg(feature = "tls")]
    Always(Tls),
}

impl Words {
    /// The words in the query of a URL, which begins after `from`, and the URL without them.
    pub(in crate::store) fn of_url(address: &str, from: usize) -> Result<(String, Self), String> {
        let mut words = Self::default();
        let Some(query) = address[from..].find('?').map(|at| from + at + 1) else { return Ok((address.into(), words)) };
        let mut kept = Vec::new();
        for pair in address[query..].split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !words.take(key, &percent_decode_str(value).decode_utf8_lossy())? {
                kept.push(pair);
            }
        }
        let base = &address[..query - 1];
        Ok((if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) }, words))
    }

    #[cfg(any(feature = "redis", feature = "tls"))]
    pub(in crate::store) fn are_none(&self) -> bool {
        *self == Self::default()
    }

    /// Keeps one of the words. `false` if it is none.
    pub(super) fn take(&mut self, key: &str, value: &str) -> Result<bool, String> {
        let place = match key {
            "sslmode" => {
                self.mode = Some(Mode::of(value)?);
                return Ok(true);
            }
            "sslrootcert" => &mut self.root,
            "sslcert" => &mut self.cert,
            "sslkey" => &mut self.key,
            _ => return Ok(false),
        };
        if value.is_empty() {
            return Err(format!("`{key}` names no file"));
        }
        *place = Some(value.to_owned());
        Ok(true)
    }

    /// A link to PostgreSQL, which is asked for encryption if nothing is said.
    #[cfg(feature = "postgres")]
    pub(in crate::store) fn of_postgres(self) -> Result<Encryption, String> {
        match self.mode.unwrap_or(Mode::Prefer) {
            Mode::Disable => Ok(Encryption::Never),
            #[cfg(feature = "tls")]
            Mode::Prefer => self.tls(Mode::Prefer).map(Encryption::IfOffered),
            #[cfg(not(feature = "tls"))]
            Mode::Prefer if self.root.is_none() && self.cert.is_none() && self.key.is_none() => Ok(Encryption::Never),
            mode => self.always(mode),
        }
    }

    /// A link of a scheme that is always encrypted, such as `rediss`.
    #[cfg(any(feature = "redis", feature = "dynamodb"))]
    pub(in crate::store) fn of_encrypted(self, scheme: &str) -> Result<Encryption, String> {
        match self.mode.unwrap_or(Mode::VerifyFull) {
            Mode::Disable | Mode::Prefer => Err(format!("{scheme}:// is always encrypted, whatever `sslmode` says")),
            mode => self.always(mode),
        }
    }

    #[cfg(feature = "tls")]
    fn always(self, mode: Mode) -> Result<Encryption, String> {
        self.tls(mode).map(Encryption::Always)
    }

    #[cfg(not(feature = "tls"))]
    fn always(self, _: Mode) -> Result<Encryption, String> {
        Err("this voxgate was built without TLS; build it with `--features tls`".to_owned())
    }

    #[cfg(feature = "tls")]
    fn tls(self, mode: Mode) -> Result<Tls, String> {
        let roots = match self.root.as_deref() {
            None | Some("system") => TrustRoots::System,
            Some(file) => TrustRoots::File(file.into()),
        };
        let server = match (mode, roots) {
            (Mode::VerifyFull, roots) => ServerCheck::Full(roots),
            // As libpq does it: who names an authority wants it checked.
            (_, TrustRoots::File(authority)) => ServerCheck::Authority(authority),
            (Mode::VerifyCa, TrustRoots::System) => {
                return Err(
                    "`sslmode=verify-ca` trusts any certificate of its authority, which must be your own: name \
                            it by `sslrootcert`, or say verify-full"
                        .to_owned(),
                );
            }
            (_, TrustRoots::System) if self.root.is_some() => {
                return Err("`sslrootcert=system` goes with `sslmode=verify-full` only".to_owned());
            }
            (_, TrustRoots::System) => ServerCheck::Nothing,
        };
        let client = match (self.cert, self.key) {
            (Some(chain), Some(key)) => Some(ClientCertificate { chain: chain.into(), key: key.into() }),
            (None, None) => None,
            _ => return Err("a client certificate is two files, `sslcert` and `sslkey`".to_owned()),
        };
        Ok(Tls { server, client })
    }
}

#[cfg(feature = "tls")]
impl Encryption {
    /// How it is encrypted, if it is.
    pub(in crate::store) const fn tls(&self) -> Option<&Tls> {
        match self {
            Self::Never => None,
            #[cfg(feature = "postgres")]
            Self::IfOffered(tls) => Some(tls),
            Self::Always(tls) => Some(tls),
        }
    }
}

impl Mode {
    fn of(word: &str) -> Result<Self, String> {
        Ok(match word {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return Err("`sslmode` is none of disable, prefer, require, verify-ca and verify-full".to_owned()),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// No file where a name is empty.
    pub(in super::super) fn words(mode: Mode, [root, cert, key]: [&str; 3]) -> Words {
        let file = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        Words { mode: Some(mode), root: file(root), cert: file(cert), key: file(key) }
    }

    #[test]
    fn words_are_taken_out_of_addresses_and_the_rest_stays() {
        for (address, rest) in [
            ("redis://a:1/2?sslmode=verify-full&sslrootcert=/my%20ca.pem", "redis://a:1/2"),
            ("redis://a?sslrootcert=%2Fmy%20ca.pem&protocol=resp3&sslmode=verify-full", "redis://a?protocol=resp3"),
        ] {
            assert_eq!(
                Words::of_url(address, 0),
                Ok((rest.to_owned(), words(Mode::VerifyFull, ["/my ca.pem", "", ""])))
            );
        }
        for plain in ["", "redis://host", "host='open", "me:secret@host"] {
            assert_eq!(Words::of_url(plain, 0), Ok((plain.to_owned(), Words::default())));
        }
        let after_password = "postgres://me:a?sslmode=no@host/db?sslmode=require";
        let at = after_password.find('@').unwrap();
        assert_eq!(
            Words::of_url(after_password, at),
            Ok(("postgres://me:a?sslmode=no@host/db".to_owned(), words(Mode::Require, [""; 3])))
        );
    }

    #[test]
    fn an_unknown_mode_and_an_empty_name_are_refused() {
        for (query, told) in
            [("sslmode=allow", "none of disable, prefer, require"), ("sslkey=", "`sslkey` names no file")]
        {
            let error = Words::of_url(&format!("postgres://host/db?{query}"), 0).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }

    #[cfg(all(feature = "tls", feature = "postgres"))]
    #[test]
    fn a_mode_says_what_is_checked_as_it_does_for_libpq() {
        use Encryption::{Always, IfOffered, Never};
        let tls = |server| Tls { server, client: None };
        let (full, authority) = (|roots| tls(ServerCheck::Full(roots)), || tls(ServerCheck::Authority("ca".into())));
        let (nothing, own) = (|| tls(ServerCheck::Nothing), || TrustRoots::File("ca".into()));
        for (mode, root, expected) in [
            (Mode::Disable, "ca", Never),
            (Mode::Prefer, "", IfOffered(nothing())),
            (Mode::Prefer, "ca", IfOffered(authority())),
            (Mode::Require, "", Always(nothing())),
            (Mode::Require, "ca", Always(authority())),
            (Mode::VerifyCa, "ca", Always(authority())),
            (Mode::VerifyFull, "", Always(full(TrustRoots::System))),
            (Mode::VerifyFull, "system", Always(full(TrustRoots::System))),
            (Mode::VerifyFull, "ca", Always(full(own()))),
        ] {
            assert_eq!(words(mode, [root, "", ""]).of_postgres(), Ok(expected), "{mode:?} {root}");
        }
        for (mode, files, told) in [
            (Mode::VerifyCa, [""; 3], "which must be your own"),
            (Mode::Require, ["system", "", ""], "`sslmode=verify-full` only"),
            (Mode::VerifyFull, ["", "cert", ""], "two files, `sslcert` and `sslkey`"),
        ] {
            let error = words(mode, files).of_postgres().unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }

    #[cfg(all(not(feature = "tls"), feature = "postgres", feature = "redis"))]
    #[test]
    fn without_the_feature_it_is_named_and_nothing_goes_unencrypted() {
        for mode in [Mode::Require, Mode::VerifyCa, Mode::VerifyFull] {
            for refused in [words(mode, [""; 3]).of_postgres(), words(mode, [""; 3]).of_rediss()] {
                assert!(refused.unwrap_err().contains("`--features tls`"));
            }
        }
        assert!(words(Mode::Prefer, ["ca", "", ""]).of_postgres().is_err());
        assert_eq!(Words::default().of_postgres(), Ok(Encryption::Never));
    }
}
