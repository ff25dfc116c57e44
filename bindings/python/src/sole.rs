//! State that one caller uses at a time, in the process that made it; a panic inside it becomes an exception.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, TryLockError};

use pyo3::PyResult;

use crate::error::{InternalError, MisuseError};

/// State that one caller uses at a time.
#[derive(Debug)]
pub(crate) struct Sole<T> {
    state: Mutex<T>,
    /// The process that made it.
    pid: u32,
    /// What it is called in errors.
    name: &'static str,
}

impl<T> Sole<T> {
    pub(crate) fn new(name: &'static str, state: T) -> Self {
        Self { state: Mutex::new(state), pid: std::process::id(), name }
    }

    /// Runs `work` on the state.
    ///
    /// # Errors
    /// `MisuseError` if another thread is at work on it, or in a fork of the process that made it; `InternalError` if
    /// `work` panicked, now or before; and what `work` itself answers.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> PyResult<R>) -> PyResult<R> {
        let mut state = self.lock()?;
        // The guard goes inside, so that a panic poisons the lock: what it left half done is used no more.
        contain(self.name, move || work(&mut state))
    }

    /// Runs `work` on the states of several at once, in their order.
    ///
    /// # Errors
    /// As [`with`](Self::with); after a panic none of them is used any more.
    pub(crate) fn with_all<'a, R>(
        all: impl IntoIterator<Item = &'a Self>,
        work: impl FnOnce(&mut [&mut T]) -> PyResult<R>,
    ) -> PyResult<R>
    where
        T: 'a,
    {
        let (mut states, mut name) = (Vec::new(), "gate");
        for sole in all {
            states.push(sole.lock()?);
            name = sole.name;
        }
        contain(name, move || {
            let mut states: Vec<&mut T> = states.iter_mut().map(|state| &mut **state).collect();
            work(&mut states)
        })
    }

    fn lock(&self) -> PyResult<MutexGuard<'_, T>> {
        let (name, pid) = (self.name, self.pid);
        if std::process::id() != pid {
            return Err(MisuseError::new_err(format!(
                "this {name} was made in process {pid}, and this is a fork of it; make a {name} here"
            )));
        }
        self.state.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => MisuseError::new_err(format!(
                "another thread is using this {name}; use it from one thread at a time, or make one for each"
            )),
            TryLockError::Poisoned(_) => InternalError::new_err(format!("this {name} panicked before; make a new one")),
        })
    }
}

/// A panic of `work` as an exception.
fn contain<R>(name: &str, work: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(InternalError::new_err(format!(
            "voxgate panicked: {}; please report it, and make a new {name}",
            message_of(panic.as_ref())
        )))
    })
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
