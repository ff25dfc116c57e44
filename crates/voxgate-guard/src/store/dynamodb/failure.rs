//! What DynamoDB refuses, for callers.

use serde_json::Value;

use super::place::Place;
use crate::store::StoreError;

/// What an answer that is no success means for the step.
pub(super) enum Refusal {
    /// The item has another version than the one that was seen.
    Overtaken,
    /// It was not done; later it may be.
    Throttled,
    /// It may have been done.
    Unknown(StoreError),
    /// It was not done, and would not be.
    Final(StoreError),
}

impl Refusal {
    pub(super) fn of(status: u16, body: &[u8], place: &Place) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |key: &str| body.get(key).and_then(Value::as_str);
        let kind = text("__type").and_then(|kind| kind.rsplit('#').next()).unwrap_or_default();
        let message = text("message").or_else(|| text("Message")).unwrap_or_default();
        // Further lines may repeat the request, its session token included.
        let told = format!("{kind}: {}", message.lines().next().unwrap_or_default());
        let of = |remedy: String| Self::Final(unusable(told.clone(), remedy));
        match kind {
            "ConditionalCheckFailedException" => Self::Overtaken,
            "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "ThrottlingException"
            | "TransactionConflictException" => Self::Throttled,
            "ResourceNotFoundException" => of(format!(
                "there is no table `{}` in {}: name another, or make it by `{}`",
                place.table,
                place.region,
                place.create_table()
            )),
            "ValidationException" if is_of_keys(message) => {
                of(format!("the table has to be made by `{}`", place.create_table()))
            }
            "AccessDeniedException" => of(format!("allow {ACTIONS} on the table `{}`", place.table)),
            "ExpiredTokenException" => of("its session token has expired: give newer ones".to_owned()),
            "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "IncompleteSignatureException"
            | "MissingAuthenticationTokenException" => of(format!(
                "look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and whether they are for {}",
                place.region
            )),
            _ if status >= 500 => {
                Self::Unknown(StoreError::Unreachable { store: DYNAMODB, cause: format!("it answers {status} {told}") })
            }
            _ => Self::Final(StoreError::Refused { store: DYNAMODB, cause: format!("{status} {told}") }),
        }
    }
}

/// Attributes of the table's key that are missing or of another name or type.
fn is_of_keys(message: &str) -> bool {
    ["key element", "missing the key", "key condition"].iter().any(|part| message.to_lowercase().contains(part))
}

pub(super) fn unusable(cause: impl Into<String>, remedy: impl Into<String>) -> StoreError {
    StoreError::Unusable { store: DYNAMODB, cause: cause.into(), remedy: remedy.into() }
}

/// An item that this version cannot read.
pub(super) fn unreadable(cause: impl ToString) -> StoreError {
    let cause = format!("an item cannot be read ({})", cause.to_string());
    unusable(cause, "did another program write it? Delete it, or use another table")
}

pub(super) const DYNAMODB: &str = "DynamoDB";
/// What a policy of IAM has to allow.
const ACTIONS: &str = "dynamodb:BatchGetItem, dynamodb:PutItem and dynamodb:Query";
