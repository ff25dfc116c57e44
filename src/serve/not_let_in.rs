//! Why a call is not let in, and what it is answered.

/// Why a call is not let in.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotLetIn {
    #[error("a key is needed: send it as `Authorization: Bearer …` or `Token …`")]
    NoKey,
    #[error("this key is not on the list")]
    WrongKey,
    #[error("web pages of {0} are not let in; add it to `origins` of the route")]
    Origin(String),
    #[error("{0}")]
    Limit(String),
    #[error("the store of the limits does not answer, so nothing is granted: {0}")]
    Store(String),
}

impl NotLetIn {
    pub(super) fn status(&self) -> hyper::StatusCode {
        match self {
            Self::NoKey | Self::WrongKey => hyper::StatusCode::UNAUTHORIZED,
            Self::Origin(_) => hyper::StatusCode::FORBIDDEN,
            Self::Limit(_) => hyper::StatusCode::TOO_MANY_REQUESTS,
            Self::Store(_) => hyper::StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
