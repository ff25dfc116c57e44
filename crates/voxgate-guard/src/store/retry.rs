//! A second try of a step that had no answer.

use super::StoreError;

/// The answer of `step`, which is asked once more if there was none. For idempotent steps only: the first try may have
/// been done, and a second with the same [`Token`](super::Token) is the same attempt. At once, not after a backoff: a
/// caller hears the silence, and one broken connection is the likeliest cause.
///
/// A [`Lease`](crate::Lease) retries by itself, as it has a whole term for it; [`Limits::spend`](crate::budget::Limits)
/// does not, as a step that counts is not idempotent.
pub(crate) async fn retry_once<T, A: Future<Output = Result<T, StoreError>>>(
    step: impl Fn() -> A,
) -> Result<T, StoreError> {
    match step().await {
        Err(error) if error.is_unanswered() => step().await,
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn only_what_had_no_answer_is_asked_again_and_once() {
        let late = || StoreError::Late { store: "a store", after: Duration::from_secs(1) };
        let refused = || StoreError::Refused { store: "a store", cause: "no".to_owned() };
        for (answers, last, asked) in [
            ([Ok(1), Ok(2)], Ok(1), 1),
            ([Err(late()), Ok(2)], Ok(2), 2),
            ([Err(refused()), Ok(2)], Err(refused()), 1),
            ([Err(late()), Err(late())], Err(late()), 2),
        ] {
            let count = Cell::new(0);
            let step = || {
                count.set(count.get() + 1);
                std::future::ready(answers[count.get() - 1].clone())
            };
            assert_eq!((retry_once(step).await, count.get()), (last, asked));
        }
    }
}
