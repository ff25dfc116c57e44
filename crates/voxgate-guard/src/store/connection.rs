//! One connection to a shared store: made by the first step that needs it, and made again after a step without an
//! answer.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::StoreError;

/// A connection `C` that many steps use at once.
pub(super) struct Connection<C> {
    store: &'static str,
    made: Mutex<Option<C>>,
}

impl<C: Clone> Connection<C> {
    /// None yet, to this store.
    pub(super) fn new(store: &'static str) -> Self {
        Self { store, made: Mutex::new(None) }
    }

    /// The connection if there is one that is `usable`, else what `connect` makes.
    pub(super) async fn get(
        &self,
        usable: impl FnOnce(&C) -> bool,
        connect: impl Future<Output = Result<C, StoreError>>,
    ) -> Result<C, StoreError> {
        let mut made = self.made.lock().await;
        if let Some(there) = made.as_ref().filter(|there| usable(there)) {
            return Ok(there.clone());
        }
        Ok(made.insert(connect.await?).clone())
    }

    /// The answer of a step, if it comes in time. After none, the next step makes a new connection: this one may be
    /// broken, or its server may hang.
    pub(super) async fn answer<T>(
        &self,
        timeout: Duration,
        step: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let late = |_| StoreError::Late { store: self.store, after: timeout };
        let answer = tokio::time::timeout(timeout, step).await.map_err(late).and_then(|answer| answer);
        if answer.as_ref().is_err_and(StoreError::is_unanswered) {
            self.made.lock().await.take();
        }
        answer
    }
}

/// The task that reads from a connection; dropping this ends it.
#[derive(Debug)]
pub(super) struct Reader(JoinHandle<()>);

impl Reader {
    pub(super) fn new(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}
