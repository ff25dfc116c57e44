//! Who asks.

use std::fmt::{self, Debug, Formatter};

use crate::store::StoreError;

use super::failure::unusable;

/// An access key of AWS, from the environment or from code. Nothing else is asked for one: neither the metadata service
/// of a machine (IMDS) or a container, nor files.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct AwsCredentials {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`, of a key that expires.
    pub session_token: Option<String>,
}

impl AwsCredentials {
    /// What the environment variables say.
    ///
    /// # Errors
    /// [`StoreError::Unusable`], if one of the first two is missing.
    pub fn from_environment() -> Result<Self, StoreError> {
        Self::of(|name| std::env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, StoreError> {
        let given = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let needed = |name| {
            given(name).ok_or_else(|| {
                unusable(
                    format!("the environment variable {name} is not set"),
                    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN for a key that expires; \
                     no file and no metadata service is asked",
                )
            })
        };
        Ok(Self {
            access_key_id: needed("AWS_ACCESS_KEY_ID")?,
            secret_access_key: needed("AWS_SECRET_ACCESS_KEY")?,
            session_token: given("AWS_SESSION_TOKEN"),
        })
    }
}

impl Debug for AwsCredentials {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsCredentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named_and_no_secret_is_shown() {
        let all = |name: &str| (name != "AWS_SESSION_TOKEN").then(|| format!("{name} hunter2\n"));
        let found = AwsCredentials::of(all).unwrap();
        assert_eq!((found.secret_access_key.as_str(), &found.session_token), ("AWS_SECRET_ACCESS_KEY hunter2", &None));
        assert!(!format!("{found:?}").contains("SECRET"), "{found:?}");
        let error = AwsCredentials::of(|name| all(name).filter(|_| name != "AWS_SECRET_ACCESS_KEY")).unwrap_err();
        assert!(error.to_string().contains("AWS_SECRET_ACCESS_KEY is not set"), "{error}");
    }
}
