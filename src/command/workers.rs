//! Work on all cores.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use indicatif::{ProgressBar, ProgressStyle};

/// Does each of `jobs` on some thread, and hands what comes out to `take` on this one, as it comes. A thread whose `work` answers
/// with nothing begins no other job.
pub(crate) fn work_on<T: Sync, R: Send>(jobs: &[T], work: impl Fn(&T) -> Option<R> + Sync, take: impl FnMut(R)) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, (done, results)) = (AtomicUsize::new(0), mpsc::channel());
    std::thread::scope(|scope| {
        for _ in 0..cores.min(jobs.len()) {
            let (done, next, work) = (done.clone(), &next, &work);
            scope.spawn(move || {
                let jobs = std::iter::from_fn(|| jobs.get(next.fetch_add(1, Ordering::Relaxed)));
                jobs.map_while(work).for_each(|result| drop(done.send(result)));
            });
        }
        drop(done);
        results.iter().for_each(take);
    });
}

/// Counts jobs on standard error, if a person may look there; `what` they are, in the plural.
pub(crate) fn progress_of(jobs: usize, what: &str, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(&format!("  {{bar:40}} {{pos}} of {{len}} {what}  {{eta}} left"));
    ProgressBar::new(jobs as u64).with_style(style.unwrap_or(ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once() {
        let jobs: Vec<u64> = (0..1_000).collect();
        let mut done = Vec::new();
        work_on(&jobs, |job| Some(job * 2), |result| done.push(result));
        done.sort_unstable();
        assert_eq!(done, jobs.iter().map(|job| job * 2).collect::<Vec<_>>());
        let mut begun = 0;
        work_on(&jobs, |job| (*job < 10).then_some(()), |()| begun += 1);
        assert_eq!(begun, 10);
    }
}
