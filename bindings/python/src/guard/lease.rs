//! A room, or a slot of a resource, that is held.

use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use tokio::sync::{oneshot, watch};
use voxgate_guard::Loss;
use voxgate_guard::store::{Release, StoreError};

use super::refusal::Refusal;
use super::store::Opened;
use crate::error;

/// A room, or a slot of a resource, that is this worker's: heartbeats renew it until it is released, dropped or lost.
///
/// `async with lease:` releases it at the end.
#[pyclass(module = "voxgate.guard", frozen)]
#[derive(Debug)]
pub(crate) struct Lease {
    opened: Arc<Opened>,
    name: String,
    fence: u64,
    lost: watch::Receiver<Option<Loss>>,
    /// Taken by the release. If it is dropped, the lease is released without an answer.
    release: Mutex<Option<oneshot::Sender<Answer>>>,
}

type Answer = oneshot::Sender<Result<Release, StoreError>>;

impl Lease {
    /// Keeps a lease in a task of its own, so that its loss can be waited for while it is released.
    pub(crate) fn keep(lease: voxgate_guard::Lease, opened: Arc<Opened>) -> Self {
        let (name, fence) = (lease.name().to_string(), lease.fence().0);
        let (told, lost) = watch::channel(None);
        let (release, asked) = oneshot::channel();
        tokio::spawn(hold(lease, asked, told));
        Self { opened, name, fence, lost, release: Mutex::new(Some(release)) }
    }

    /// An awaitable of what `async with` enters.
    pub(crate) fn ready<'py>(&self, py: Python<'py>, entered: Py<PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.opened.promise(py, std::future::ready(()), move |_, ()| Ok(entered))
    }

    /// Releases it at the end of `async with`.
    pub(crate) fn end<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.opened.promise(py, self.give_back(), |py, _expires_with_its_term| Ok(py.None()))
    }

    /// Has it released, once.
    fn give_back(&self) -> impl Future<Output = Result<Release, StoreError>> + use<> {
        let asked = self.release.try_lock().ok().and_then(|mut release| release.take());
        async move {
            let (answer, answered) = oneshot::channel();
            let heard = asked.is_some_and(|asked| asked.send(answer).is_ok());
            if heard { answered.await.unwrap_or(Ok(Release::NotHeld)) } else { Ok(Release::NotHeld) }
        }
    }
}

async fn hold(
    mut lease: voxgate_guard::Lease,
    mut asked: oneshot::Receiver<Answer>,
    told: watch::Sender<Option<Loss>>,
) {
    let loss = tokio::select! {
        loss = lease.lost() => Some(loss),
        answer = &mut asked => {
            let released = lease.release().await;
            if let Ok(answer) = answer {
                let _nobody_waits = answer.send(released);
            }
            return;
        }
    };
    told.send_replace(loss);
}

#[pymethods]
impl Lease {
    /// The room or resource.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// The fencing token, higher than all before: send it with every write that must not come from a former holder.
    #[getter]
    fn fence(&self) -> u64 {
        self.fence
    }

    /// Whether it is held, as far as this process can know.
    #[getter]
    fn is_held(&self) -> bool {
        let kept = self.release.try_lock().is_ok_and(|release| release.is_some());
        kept && self.lost.borrow().is_none()
    }

    /// Waits until it is lost: stop the work that it protects then. To be awaited; returns a Refusal: "ended" (it had
    /// expired in the store) or "silence" (no renewal came through within the term). None after a release.
    fn lost<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut lost = self.lost.clone();
        let work = async move {
            let loss = lost.wait_for(Option::is_some).await.ok()?;
            loss.clone()
        };
        self.opened.promise(py, work, |py, loss| match loss {
            None => Ok(py.None()),
            Some(loss) => {
                let kind = if matches!(loss, Loss::Ended { .. }) { "ended" } else { "silence" };
                Ok(Py::new(py, Refusal::told(kind, &loss))?.into_any())
            }
        })
    }

    /// Gives it back and waits for the answer; to be awaited. Returns True if it was still held. Raises StoreError if
    /// the store does not answer: the lease then expires with its term.
    fn release<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.opened.promise(py, self.give_back(), |py, released| {
            let released = released.map_err(|error| error::of_store(&error))?;
            let was_held = !matches!(released, Release::NotHeld);
            Ok(was_held.into_pyobject(py)?.to_owned().into_any().unbind())
        })
    }

    /// An awaitable of the lease itself.
    fn __aenter__<'py>(slf: Bound<'py, Self>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let lease = slf.clone().unbind().into_any();
        slf.get().ready(py, lease)
    }

    /// Releases it.
    fn __aexit__<'py>(
        &self,
        py: Python<'py>,
        _kind: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _trace: &Bound<'_, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.end(py)
    }

    fn __repr__(&self) -> String {
        format!("<Lease of {:?}, fence {}>", self.name, self.fence)
    }
}
