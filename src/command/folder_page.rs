//! The index of many reports, as a page and in the terminal.

use std::cmp::Reverse;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::command::paint::{BOLD, DIM, WARN, paint, printable};
use crate::command::summary::{Summary, Trouble};
use crate::command::writers::write_text;

/// A recording, and what came of it.
pub(crate) struct Call {
    pub(crate) name: String,
    /// Where its report is, if there is a summary.
    pub(crate) report: PathBuf,
    pub(crate) warnings: Vec<String>,
    pub(crate) summary: Option<Summary>,
    /// What stopped it before its end.
    pub(crate) error: Option<String>,
}

impl Call {
    /// Sorts those first that have to be looked at: errors, misfires, candidates that were kept out, echo.
    pub(crate) fn goodness(&self) -> impl Ord + use<> {
        let Trouble { misfires, doubted, echo_s } = self.trouble();
        (Reverse(self.error.is_some()), Reverse((misfires, doubted, (100.0 * echo_s) as u64)), self.name.clone())
    }

    fn trouble(&self) -> Trouble {
        self.summary.as_ref().map(Summary::trouble).unwrap_or_default()
    }

    /// In words, worst first; empty if all went well.
    fn remark(&self) -> String {
        let Trouble { misfires, doubted, echo_s } = self.trouble();
        let some = |n: u64, one: &str, more: &str| match n {
            0 => None,
            1 => Some(format!("1 {one}")),
            n => Some(format!("{n} {more}")),
        };
        let said = [
            some(misfires, "misfire", "misfires"),
            some(doubted, "candidate kept out", "candidates kept out"),
            (echo_s > 0.0).then(|| format!("{echo_s:.1} s of echo kept out")),
        ];
        said.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// Writes the page of `calls`, which are sorted, beside their reports.
pub(crate) fn write(index: &Path, calls: &[Call]) -> anyhow::Result<()> {
    write_text(index, &page(calls))
}

/// The text on the terminal.
pub(crate) fn text(calls: &[Call], index: &Path) -> String {
    let (seconds, sent, openings, trouble) = totals(calls);
    let failed = calls.iter().filter(|call| call.error.is_some()).count();
    let mut title = format!("{} recordings · {:.1} minutes", calls.len(), seconds / 60.0);
    if failed > 0 {
        title += &format!(" · {failed} could not be read to the end");
    }
    let mut text = format!("\n{}\n\n", paint(BOLD, title));
    let share = 100.0 * sent / seconds.max(f64::MIN_POSITIVE);
    let Trouble { misfires, doubted, echo_s } = trouble;
    let _ = writeln!(text, "  forwarded  {sent:>9.2} s {share:>6.1} %   {openings} openings, {misfires} misfires");
    let _ =
        writeln!(text, "  kept out   {:>9.2} s            {doubted} candidates, {echo_s:.1} s of echo", seconds - sent);
    let mut listed = calls.iter().filter(|call| !call.remark().is_empty()).take(MOST_LISTED).peekable();
    if listed.peek().is_some() {
        let _ = writeln!(text, "\n  {}", paint(DIM, "look at these first"));
    }
    for call in listed {
        let _ = writeln!(text, "  {}   {}", printable(&call.name), paint(WARN, call.remark()));
    }
    let _ = writeln!(text, "\n  {}", index.display());
    text
}

/// Seconds, seconds that were sent, openings, and what went wrong.
fn totals(calls: &[Call]) -> (f64, f64, u64, Trouble) {
    let summaries = || calls.iter().filter_map(|call| call.summary.as_ref());
    let trouble = summaries().map(Summary::trouble).fold(Trouble::default(), |sum, one| Trouble {
        misfires: sum.misfires + one.misfires,
        doubted: sum.doubted + one.doubted,
        echo_s: sum.echo_s + one.echo_s,
    });
    let seconds = summaries().map(Summary::seconds).sum();
    (seconds, summaries().map(Summary::forwarded_s).sum(), summaries().map(|one| one.openings).sum(), trouble)
}

fn page(calls: &[Call]) -> String {
    let (seconds, sent, openings, trouble) = totals(calls);
    let cells = |name: String, numbers: [String; 6], remark: &str| {
        let numbers = numbers.map(|number| format!("<td>{number}</td>")).concat();
        format!("<tr><th scope=\"row\">{name}</th>{numbers}<td>{}</td></tr>\n", escaped(remark))
    };
    let numbers = |seconds: f64, sent: f64, openings: u64, Trouble { misfires, doubted, echo_s }: Trouble| {
        let [seconds, sent, echo] = [seconds, sent, echo_s].map(|seconds| format!("{seconds:.2} s"));
        [seconds, sent, openings.to_string(), misfires.to_string(), doubted.to_string(), echo]
    };
    let rows: String = calls
        .iter()
        .map(|call| {
            let error = call.error.as_deref().unwrap_or_default();
            let Some(summary) = &call.summary else {
                return cells(escaped(&call.name), [const { String::new() }; 6], error);
            };
            let file = call.report.file_name().unwrap_or_default().to_string_lossy();
            let link = format!("<a href=\"{}\">{}</a>", encoded(&file), escaped(&call.name));
            let numbers = numbers(summary.seconds(), summary.forwarded_s(), summary.openings, summary.trouble());
            cells(link, numbers, error)
        })
        .collect();
    let sum = cells("all".to_owned(), numbers(seconds, sent, openings, trouble), "");
    PAGE.replace("{rows}", &(rows + &sum)).replace("{count}", &calls.len().to_string())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A file name as a relative link.
fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escape = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    name.bytes().map(escape).collect()
}

const PAGE: &str = include_str!("folder_page.html");
/// Recordings in the terminal's list.
const MOST_LISTED: usize = 10;
