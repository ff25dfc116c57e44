//! The calls that are there, for those who watch them and change their mode.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use tokio::sync::watch;

use super::config::DoorKind;
use super::tab::Amounts;
use crate::frame::duration_of;
use crate::stage::{Control, Mode};

/// All calls of this instance.
#[derive(Debug, Default)]
pub(super) struct Calls {
    live: Mutex<BTreeMap<u64, Arc<LiveCall>>>,
    next: AtomicU64,
    past: Mutex<Past>,
}

/// Calls that are over.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Past {
    pub(super) calls: u64,
    pub(super) refused: u64,
}

/// A call that is there.
#[derive(Debug)]
pub(super) struct LiveCall {
    pub(super) id: u64,
    pub(super) path: String,
    pub(super) door: DoorKind,
    pub(super) control: Control,
    began: (Instant, SystemTime),
    about: Mutex<About>,
    end: watch::Sender<Option<Ending>>,
}

/// What is learned while it lasts.
#[derive(Clone, Debug)]
struct About {
    name: Option<String>,
    mode: Mode,
    waiting: usize,
    silence: u64,
    not_gated: Option<String>,
    amounts: Amounts,
}

/// Why a call is ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Another stream took its place.
    Replaced,
    /// An operator ended it.
    Asked,
    /// The instance is shutting down.
    Drained,
}

/// A call, as `/v1/calls` shows it. Times in seconds.
#[derive(Debug, Serialize)]
pub(super) struct CallView {
    id: u64,
    name: Option<String>,
    path: String,
    door: &'static str,
    mode: &'static str,
    began: String,
    lasted_s: f64,
    forwarded_s: f64,
    suppressed_s: BTreeMap<&'static str, f64>,
    ungated_s: f64,
    lost_s: f64,
    turns: u64,
    misfires: u64,
    /// Sent in place of audio, so that the provider finds the end of what was said.
    silence_s: f64,
    /// Why its audio goes to no gate, if it does not.
    not_gated: Option<String>,
    /// The level of its misfire storm.
    storm: &'static str,
    waiting_messages: usize,
    spent_usd: f64,
    saved_usd: f64,
    /// What went on in shadow and would have been kept back.
    would_save_usd: f64,
}

impl Calls {
    /// A call has begun.
    pub(super) fn enter(&self, path: &str, door: DoorKind, control: Control, mode: Mode) -> Arc<LiveCall> {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let about = About { name: None, mode, waiting: 0, silence: 0, not_gated: None, amounts: Amounts::default() };
        let call = Arc::new(LiveCall {
            id,
            path: path.to_owned(),
            door,
            control,
            began: (Instant::now(), SystemTime::now()),
            about: Mutex::new(about),
            end: watch::Sender::new(None),
        });
        lock(&self.live).insert(id, Arc::clone(&call));
        call
    }

    /// It is over.
    pub(super) fn leave(&self, call: &LiveCall) {
        lock(&self.live).remove(&call.id);
        lock(&self.past).calls += 1;
    }

    /// One was not let in.
    pub(super) fn refused(&self) {
        lock(&self.past).refused += 1;
    }

    pub(super) fn count(&self) -> usize {
        lock(&self.live).len()
    }

    pub(super) fn get(&self, id: u64) -> Option<Arc<LiveCall>> {
        lock(&self.live).get(&id).cloned()
    }

    /// The call of this name on this route, other than `but`.
    pub(super) fn named(&self, path: &str, name: &str, but: u64) -> Option<Arc<LiveCall>> {
        let live = lock(&self.live);
        let fits = |call: &&Arc<LiveCall>| call.id != but && call.path == path && call.name().as_deref() == Some(name);
        live.values().find(fits).cloned()
    }

    pub(super) fn views(&self) -> Vec<CallView> {
        lock(&self.live).values().map(|call| call.view()).collect()
    }

    pub(super) fn past(&self) -> Past {
        *lock(&self.past)
    }

    pub(super) fn end_all(&self, why: Ending) {
        lock(&self.live).values().for_each(|call| call.end(why));
    }
}

impl LiveCall {
    pub(super) fn name(&self) -> Option<String> {
        lock(&self.about).name.clone()
    }

    pub(super) fn set_name(&self, name: &str) {
        lock(&self.about).name = Some(name.to_owned());
    }

    /// Changes its mode; it was told unless the call is over.
    pub(super) fn set_mode(&self, mode: Mode) {
        if self.control.set_mode(mode).is_ok() {
            lock(&self.about).mode = mode;
        }
    }

    pub(super) fn mode(&self) -> Mode {
        lock(&self.about).mode
    }

    pub(super) fn note(&self, waiting: usize, amounts: Amounts) {
        let mut about = lock(&self.about);
        (about.waiting, about.amounts) = (waiting, amounts);
    }

    pub(super) fn note_silence(&self, samples: u64) {
        lock(&self.about).silence = samples;
    }

    pub(super) fn set_not_gated(&self, why: &str) {
        lock(&self.about).not_gated = Some(why.to_owned());
    }

    pub(super) fn end(&self, why: Ending) {
        self.end.send_replace(Some(why));
    }

    /// Waits until it is ended from outside.
    pub(super) async fn ended(&self) -> Ending {
        let mut end = self.end.subscribe();
        // The sender lives as long as the call.
        let ending = end.wait_for(Option::is_some).await.ok().and_then(|ending| *ending);
        ending.unwrap_or(Ending::Asked)
    }

    pub(super) fn lasted(&self) -> Duration {
        self.began.0.elapsed()
    }

    pub(super) fn view(&self) -> CallView {
        let (about, totals) = (lock(&self.about).clone(), self.control.totals());
        let seconds = |samples| duration_of(samples).as_secs_f64();
        CallView {
            id: self.id,
            name: about.name,
            path: self.path.clone(),
            door: self.door.as_str(),
            mode: about.mode.as_str(),
            began: humantime::format_rfc3339_seconds(self.began.1).to_string(),
            lasted_s: self.lasted().as_secs_f64(),
            forwarded_s: seconds(totals.forwarded),
            suppressed_s: totals
                .suppressed
                .iter()
                .map(|(reason, samples)| (reason.as_str(), seconds(*samples)))
                .collect(),
            ungated_s: seconds(totals.ungated),
            lost_s: seconds(totals.lost),
            turns: totals.turns,
            misfires: totals.misfires,
            silence_s: seconds(about.silence),
            not_gated: about.not_gated,
            storm: self.control.standing().storm.as_str(),
            waiting_messages: about.waiting,
            spent_usd: about.amounts.spent.dollars(),
            saved_usd: about.amounts.saved.dollars(),
            would_save_usd: about.amounts.would_save.dollars(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
