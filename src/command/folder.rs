//! Many recordings at once: a report for each, an index of them, one summary.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::ProgressBar;
use voxgate::GateConfig;

use crate::command::explain::Explainer;
use crate::command::files::Files;
use crate::command::folder_page::{self, Call};
use crate::command::gating::{Gated, Gating, GatingArgs};
use crate::command::interrupt::Interrupt;
use crate::command::outputs::Outputs;
use crate::command::paint::{UsageError, warn};
use crate::command::stdout::say;
use crate::command::workers::{progress_of, work_on};

/// Whether progress and summary are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    All,
    OnlyWarnings,
}

/// Gates all of `mics`; one that cannot be read is named, and the others go on.
pub(crate) fn run(mics: &[PathBuf], args: &GatingArgs, folder: &Path, told: Told) -> anyhow::Result<()> {
    let config = args.config()?;
    if mics.iter().any(|mic| mic.as_os_str() == "-") {
        bail!(UsageError("--report-dir takes files; standard input has no name for its report".to_owned()));
    }
    let cannot = || format!("cannot make the folder {}; give another one", folder.display());
    std::fs::create_dir_all(folder).with_context(cannot)?;
    let reports = reports(mics, folder);
    refuse_clashes(mics, &reports, args, &config)?;
    let interrupt = Interrupt::default();
    interrupt.catch(&[])?;
    let progress = progress_of(mics.len(), "recordings", told == Told::OnlyWarnings);
    let jobs: Vec<(&PathBuf, PathBuf)> = mics.iter().zip(reports).collect();
    let mut calls = Vec::new();
    let gate = |(mic, report): &(&PathBuf, PathBuf)| {
        interrupt.signal().is_none().then(|| call(mic, report, args, &config, &interrupt))
    };
    work_on(&jobs, gate, |call| {
        progress.inc(1);
        calls.push(call);
    });
    progress.finish_and_clear();
    calls.sort_by_key(Call::goodness);
    let index = folder.join(INDEX).with_extension("html");
    folder_page::write(&index, &calls)?;
    for call in &calls {
        call.warnings.iter().for_each(|text| warn(format_args!("{}: {text}", call.name)));
        call.error.iter().for_each(warn);
    }
    if told == Told::All {
        say(folder_page::text(&calls, &index))?;
    }
    if let Some(signal) = interrupt.signal() {
        bail!(signal);
    }
    let failed = calls.iter().filter(|call| call.error.is_some()).count();
    if failed > 0 {
        bail!(
            "{failed} of {} recordings could not be read to their end; the others are in {}",
            calls.len(),
            index.display()
        );
    }
    Ok(())
}

/// Gates one; what went wrong is in the answer.
fn call(mic: &Path, report: &Path, args: &GatingArgs, config: &GateConfig, interrupt: &Interrupt) -> Call {
    let name = mic.display().to_string();
    let gated = || -> anyhow::Result<Gated> {
        let gating = Gating::open(mic, args, config, interrupt)?;
        gating.run(Explainer::default(), Outputs::that_report_to(report)?, &ProgressBar::hidden())
    };
    let mut call = Call { name, report: report.to_owned(), warnings: Vec::new(), summary: None, error: None };
    let error = match gated() {
        Ok(gated) => {
            (call.warnings, call.summary) = (gated.warnings, gated.finished.summary);
            gated.outcome.err()
        }
        Err(error) => Some(error),
    };
    call.error = error.filter(|_| interrupt.signal().is_none()).map(|error| format!("{error:#}"));
    call
}

/// A name for each report: that of the recording, with a number if another has it.
fn reports(mics: &[PathBuf], folder: &Path) -> Vec<PathBuf> {
    let mut taken = BTreeSet::from([INDEX.to_owned()]);
    let free = |mic: &PathBuf| {
        let stem = mic.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let names = std::iter::once(stem.clone()).chain((2..).map(|n| format!("{stem}-{n}")));
        let name = names.into_iter().find(|name| taken.insert(name.clone())).unwrap_or(stem);
        folder.join(format!("{name}.html"))
    };
    mics.iter().map(free).collect()
}

fn refuse_clashes(mics: &[PathBuf], reports: &[PathBuf], args: &GatingArgs, config: &GateConfig) -> anyhow::Result<()> {
    let mut files = Files::default();
    mics.iter().for_each(|mic| args.list(mic, config, &mut files));
    reports.iter().for_each(|report| files.write("--report-dir", report));
    files.refuse_clashes()
}

const INDEX: &str = "index";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_report_takes_the_name_of_another() {
        let mics = ["a/x.wav", "b/x.wav", "index.wav", "x-2.flac"].map(PathBuf::from);
        let names: Vec<_> = reports(&mics, Path::new("out")).iter().map(|path| path.display().to_string()).collect();
        assert_eq!(names, ["out/x.html", "out/x-2.html", "out/index-2.html", "out/x-2-2.html"]);
    }
}
