//! The `voxgate` command, as a function: for the program of that name, and for packages that bring it along. It uses the
//! library by its public names only.

mod channels;
mod claims_command;
mod compare_command;
mod comparison;
mod config_command;
mod cost_command;
mod deployment;
mod doctor_command;
mod events;
mod explain;
mod files;
mod first_try;
mod folder;
mod folder_page;
mod frames_table;
mod gate_command;
mod gating;
mod inputs;
mod interrupt;
mod labels;
#[cfg(feature = "mic")]
mod mic;
mod model_command;
mod named;
mod outputs;
mod paint;
mod playback;
mod plot;
mod plot_command;
mod release_command;
mod report;
mod score;
mod score_command;
#[cfg(feature = "serve")]
mod serve_command;
mod slot;
mod source;
mod speech_edge;
mod stdout;
mod store_source;
mod summary;
mod target;
mod text_file;
mod truth;
mod tune;
#[doc(hidden)]
pub mod untrusted;
mod usage_command;
mod usage_explained;
mod why_command;
mod words;
mod workers;
mod write_error;
mod writers;

use std::ffi::OsString;

use anyhow::bail;
use clap::{CommandFactory, Parser, Subcommand};
use voxgate::ConfigError;

use crate::command::stdout::say;

/// A real-time gatekeeper between a microphone and paid speech-to-text: only the user's speech
/// goes through, and every decision says why.
#[derive(Parser)]
#[command(name = "voxgate", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gate on a recording and see what speech-to-text would get.
    Gate(Box<gate_command::GateArgs>),
    /// Compare what the gate sends of a recording with labels of what was said.
    Score(Box<score_command::ScoreArgs>),
    /// Compare two runs on the same recording: what each sent, when, and why not.
    Compare(compare_command::CompareArgs),
    /// Draw a run as a still picture.
    Plot(plot_command::PlotArgs),
    /// Search better settings on labelled recordings, and tell what they are worth on others.
    Tune(Box<tune::TuneArgs>),
    /// Gate a live microphone and watch it decide.
    #[cfg(feature = "mic")]
    Mic(Box<mic::MicArgs>),
    /// Serve calls: the gate on the WebSocket between a telephone network and an agent.
    #[cfg(feature = "serve")]
    Serve(serve_command::ServeArgs),
    /// Print the settings as TOML, with a comment for each.
    Config(config_command::ConfigArgs),
    /// What calls cost, and what gate and guards save of it.
    Cost(cost_command::CostArgs),
    /// Print what the built-in model is, and test that it scores here as it should.
    Model,
    /// Print how much of each limit is used, now and at its peak of seven days.
    Usage(usage_command::UsageArgs),
    /// Check the store that the workers share: its server, and what lies in it.
    Doctor(doctor_command::DoctorArgs),
    /// Print who holds which room, and for how long.
    Claims(claims_command::ClaimsArgs),
    /// Give back what a dead worker still holds.
    Release(release_command::ReleaseArgs),
    /// Print what keeps an agent out of a room.
    Why(why_command::WhyArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print a manual page, in roff.
    Man {
        /// Of this command; of voxgate itself if not given.
        command: Option<String>,
    },
}

/// Runs the command, whose name is the first of `args`, and returns its exit status. It prints, catches signals, and may
/// end the process: a second ctrl-c does.
///
/// ```
/// assert_eq!(voxgate::command::run(["voxgate", "--version"]), 0);
/// assert_eq!(voxgate::command::run(["voxgate", "gait"]), 2);
/// ```
pub fn run(args: impl IntoIterator<Item = impl Into<OsString>>) -> u8 {
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let done = match Cli::try_parse_from(&args) {
        Ok(cli) => obey(cli),
        Err(error) => match first_try::print(error, args.get(1)) {
            Ok(status) => return status,
            Err(error) => Err(error),
        },
    };
    done.map_or_else(|error| fail(&error), |()| 0)
}

fn obey(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Gate(args) => gate_command::run(&args),
        Command::Score(args) => score_command::run(&args),
        Command::Compare(args) => compare_command::run(&args),
        Command::Plot(args) => plot_command::run(&args),
        Command::Tune(args) => tune::run(&args),
        #[cfg(feature = "mic")]
        Command::Mic(args) => mic::run(&args),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve_command::run(&args),
        Command::Config(args) => config_command::run(&args),
        Command::Cost(args) => cost_command::run(&args),
        Command::Model => model_command::run(),
        Command::Usage(args) => usage_command::run(&args),
        Command::Doctor(args) => doctor_command::run(&args),
        Command::Claims(args) => claims_command::run(&args),
        Command::Release(args) => release_command::run(&args),
        Command::Why(args) => why_command::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "voxgate", &mut script);
            say(String::from_utf8_lossy(&script))
        }
        Command::Man { command } => man(command.as_deref()),
    }
}

fn man(command: Option<&str>) -> anyhow::Result<()> {
    let mut page = Cli::command();
    page.build();
    if let Some(name) = command {
        let Some(found) = page.find_subcommand(name) else {
            bail!(paint::UsageError(format!("there is no command `{name}`; voxgate --help lists them")));
        };
        page = found.clone();
    }
    let mut roff = Vec::new();
    clap_mangen::Man::new(page).render(&mut roff)?;
    say(String::from_utf8_lossy(&roff))
}

/// Prints the error with its causes; the exit code tells settings from audio and files.
fn fail(error: &anyhow::Error) -> u8 {
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(broken_pipe) {
        return 0;
    }
    let told: Vec<String> = format!("{error:#}").lines().map(paint::printable).collect();
    paint::tell(format_args!("{} {}", paint::paint(paint::BAD, "error:"), told.join("\n")));
    if let Some(signal) = error.downcast_ref::<interrupt::Signal>() {
        return signal.exit_code();
    }
    let usage = error.is::<paint::UsageError>() || error.chain().any(|cause| cause.is::<ConfigError>());
    if usage { 2 } else { 1 }
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 audio or files could not be read or written (what was read is still gated and written); \
2 wrong arguments or settings; 130 and 143 ended by ctrl-c and SIGTERM (all files are whole).";
