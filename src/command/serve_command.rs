//! `voxgate serve`: the gateway.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use voxgate::guard::store::{AnyStore, MemoryStore};
use voxgate::serve::{CallRecord, ServeConfig, Server};

use crate::command::paint::UsageError;
use crate::command::store_source::Store;

/// The gateway's options.
#[derive(Args)]
pub(crate) struct ServeArgs {
    /// The settings: what to listen on, and where calls go. `voxgate serve --example` prints some.
    #[arg(long, value_name = "FILE.toml", required_unless_present = "example")]
    config: Option<PathBuf>,
    /// Print settings with a comment for each, and end.
    #[arg(long, conflicts_with = "config")]
    example: bool,
}

/// Serves until ctrl-c or SIGTERM, then lets calls end.
pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let Some(path) = &args.config else {
        return Ok(std::io::stdout().write_all(EXAMPLE.as_bytes())?);
    };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let wrong = |error: &dyn std::fmt::Display| UsageError(format!("{}: {error}", path.display()));
    let config = ServeConfig::from_toml(&text).map_err(|error| wrong(&error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = match &config.store {
            None => AnyStore::new(MemoryStore::new()),
            Some(url) => Store::at(url, &config.namespace).open_for_work()?,
        };
        let routes: Vec<String> = config.routes.iter().map(|route| route.path.clone()).collect();
        let scheme = if config.tls.is_some() { "wss" } else { "ws" };
        let server = Server::bind(config, store, tell).await.map_err(|error| wrong(&error))?;
        let address = server.local_addr()?;
        for route in routes {
            eprintln!("listening on {scheme}://{address}{route}");
        }
        server.run(asked_to_end()?).await;
        Ok(())
    })
}

/// One line for each call that is over.
fn tell(record: &CallRecord) {
    if let Ok(line) = serde_json::to_string(record) {
        // A reader of the log that is gone does not end calls.
        _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}

/// Ready at the first signal; the second one ends the process at once.
fn asked_to_end() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        eprintln!("no new calls; those that are there may end (once more: stop at once)");
        tokio::spawn(async move {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            std::process::exit(130);
        });
    })
}

/// Settings with comments.
const EXAMPLE: &str = include_str!("../serve/example.toml");
