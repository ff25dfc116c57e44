//! A future of Rust as a future of asyncio.

use std::future::Future;
use std::sync::{OnceLock, RwLock};

use pyo3::prelude::*;
use tokio::runtime::Builder;

use crate::error::{InternalError, MisuseError};

/// The thread on which a store's steps and heartbeats run.
#[derive(Debug)]
pub(crate) struct Runtime {
    tokio: Option<tokio::runtime::Runtime>,
    /// The process that has the thread.
    pid: u32,
}

impl Runtime {
    pub(crate) fn new() -> PyResult<Self> {
        let built = Builder::new_multi_thread().worker_threads(1).thread_name("voxgate-guard").enable_all().build();
        let tokio = built.map_err(|error| InternalError::new_err(format!("no thread can be started: {error}")))?;
        Ok(Self { tokio: Some(tokio), pid: std::process::id() })
    }

    /// Starts `work`; the answer is a future of the event loop that runs, with what `convert` makes of the result.
    ///
    /// # Errors
    /// `MisuseError` in a fork of the process, where the thread is not; `RuntimeError` without a running event loop.
    pub(crate) fn promise<'py, T: Send + 'static>(
        &self,
        py: Python<'py>,
        work: impl Future<Output = T> + Send + 'static,
        convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Bound<'py, PyAny>> {
        let event_loop = py.import("asyncio")?.call_method0("get_running_loop")?;
        let Some(tokio) = self.tokio.as_ref().filter(|_| std::process::id() == self.pid) else {
            let pid = self.pid;
            return Err(MisuseError::new_err(format!(
                "this store was made in process {pid}, and this is a fork of it; make a store here"
            )));
        };
        let future = event_loop.call_method0("create_future")?;
        let (event_loop, told) = (event_loop.unbind(), future.clone().unbind());
        tokio.spawn(async move {
            let answer = tokio::spawn(work).await;
            // To wait for Python may take long; it must not hold up a heartbeat.
            let _told = tokio::task::spawn_blocking(move || {
                let exit = EXIT.read();
                if !matches!(exit.as_deref(), Ok(Exit::NotYet)) {
                    return;
                }
                Python::try_attach(|py| {
                    let answer = match answer {
                        Ok(answer) => convert(py, answer),
                        Err(error) => {
                            Err(InternalError::new_err(format!("voxgate panicked: {error}; please report it")))
                        }
                    };
                    tell(py, &event_loop, &told, answer);
                });
            })
            .await;
        });
        Ok(future)
    }
}

/// Before Python ends: waits for answers that are being told, and lets no other begin. A thread that waits for an interpreter
/// that is gone would be ended in the middle of Rust, which aborts the process.
#[pyfunction]
pub(crate) fn stop_telling(py: Python<'_>) {
    // In a fork the threads are not there, and one of them may have held the lock.
    if MADE_IN.get() == Some(&std::process::id()) {
        py.detach(|| EXIT.write().map(|mut exit| *exit = Exit::Begun).unwrap_or_default());
    }
}

/// Has `stop_telling` called when the interpreter exits.
pub(crate) fn stop_telling_at_exit(module: &Bound<'_, PyModule>) -> PyResult<()> {
    _ = MADE_IN.set(std::process::id());
    let stop = pyo3::wrap_pyfunction!(stop_telling, module)?;
    module.py().import("atexit")?.call_method1("register", (stop,)).map(drop)
}

/// Whether the interpreter is about to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    NotYet,
    Begun,
}

static EXIT: RwLock<Exit> = RwLock::new(Exit::NotYet);
/// The process that loaded the module.
static MADE_IN: OnceLock<u32> = OnceLock::new();

/// If the event loop is closed nobody waits: the answer is dropped, and with it a lease is released.
fn tell(py: Python<'_>, event_loop: &Py<PyAny>, future: &Py<PyAny>, answer: PyResult<Py<PyAny>>) {
    let (value, error) = match answer {
        Ok(value) => (value, py.None()),
        Err(error) => (py.None(), error.into_value(py).into_any()),
    };
    let _closed = py
        .import("voxgate._settle")
        .and_then(|module| module.getattr("settle"))
        .and_then(|settle| event_loop.call_method1(py, "call_soon_threadsafe", (settle, future, value, error)));
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let Some(tokio) = self.tokio.take() else { return };
        if std::process::id() == self.pid {
            tokio.shutdown_background();
        } else {
            std::mem::forget(tokio); // a fork has its memory, but not its thread
        }
    }
}
