//! `voxgate serve`: the gateway.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use voxgate::guard::Name;
use voxgate::guard::store::{AnyStore, MemoryStore};
use voxgate::metrics::{ObservedStore, Prometheus};
use voxgate::serve::{CallRecord, ServeConfig, Server};

use crate::command::paint::UsageError;
use crate::command::stdout::say;
use crate::command::store_source::Store;
use crate::command::text_file;

/// The gateway's options.
#[derive(Args)]
pub(crate) struct ServeArgs {
    /// The settings: what to listen on, and where calls go. `voxgate serve --example` prints some.
    #[arg(long, value_name = "FILE.toml", required_unless_present_any = ["example", "demo"])]
    config: Option<PathBuf>,
    /// Print settings with a comment for each, and end.
    #[arg(long, conflicts_with = "config")]
    example: bool,
    /// Serve a demonstration without a key: an agent that reads aloud, and a page to call it with your microphone.
    #[arg(long, conflicts_with_all = ["config", "example"])]
    demo: bool,
    /// Where the demonstration listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", requires = "demo")]
    listen: SocketAddr,
}

/// Serves until ctrl-c or SIGTERM, then lets calls end.
pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    if args.example {
        return say(EXAMPLE);
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(args))
}

async fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let named = args.config.as_ref().map_or("--demo".into(), |path| path.display().to_string());
    let wrong = |error: &dyn std::fmt::Display| UsageError(format!("{named}: {error}"));
    let config = match &args.config {
        Some(path) => {
            let text = text_file::text(path).with_context(|| format!("cannot read {named}"))?;
            ServeConfig::from_toml(&text)
        }
        None => voxgate::serve::demo(args.listen).await,
    };
    let config = config.map_err(|error| wrong(&error))?;
    let store = match &config.store {
        None => AnyStore::new(MemoryStore::new()),
        Some(url) => Store::at(url, &config.namespace).open_for_work()?,
    };
    let routes: Vec<String> = config.routes.iter().map(|route| route.path.clone()).collect();
    let (web, scheme) = if config.tls.is_some() { ("https", "wss") } else { ("http", "ws") };
    // The limits that all calls of a route share become labels; those of keys and calls do not.
    let limited = config.routes.iter().filter(|route| route.calls.is_some());
    let limited: Vec<Name> = limited.map(voxgate::serve::RouteConfig::resource).collect::<Result<_, _>>()?;
    let store = AnyStore::new(ObservedStore::new(store, limited));
    let server = Server::bind(config, store, tell).await.map_err(|error| wrong(&error))?;
    let server = server.with_metrics(Prometheus::install()?);
    let address = server.local_addr()?;
    match &args.config {
        Some(_) => routes.iter().for_each(|route| hint(&format!("listening on {scheme}://{address}{route}"))),
        None => hint(&format!("open {web}://{address}/demo.html (ctrl-c ends it)")),
    }
    server.run(asked_to_end()?).await;
    Ok(())
}

/// One line for each call that is over.
fn tell(record: &CallRecord) {
    if let Ok(line) = serde_json::to_string(record) {
        // A reader of the log that is gone does not end calls.
        _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}

/// A line for whoever has started it. Nobody need read it.
fn hint(line: &str) {
    _ = writeln!(std::io::stderr(), "{line}");
}

/// Ready at the first signal; the second one ends the process at once.
fn asked_to_end() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        hint("no new calls; those that are there may end (once more: stop at once)");
        tokio::spawn(async move {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            std::process::exit(130);
        });
    })
}

/// Settings with comments.
const EXAMPLE: &str = include_str!("../serve/example.toml");
