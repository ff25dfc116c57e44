//! The examples of the README and of the book, compiled and run as documentation tests.

#[doc = include_str!("../README.md")]
struct Readme;

#[doc = include_str!("../docs/src/getting-started.md")]
struct GettingStarted;

#[doc = include_str!("../docs/src/gate.md")]
struct Gate;

#[doc = include_str!("../docs/src/echo.md")]
struct Echo;

#[doc = include_str!("../docs/src/misfires.md")]
struct Misfires;

#[doc = include_str!("../docs/src/forwarding.md")]
struct Forwarding;

#[cfg(feature = "recorder")]
#[doc = include_str!("../docs/src/stage.md")]
struct Stage;

#[cfg(all(feature = "metrics", feature = "stage", feature = "tokio"))]
#[doc = include_str!("../docs/src/metrics.md")]
struct Metrics;

#[cfg(feature = "serve")]
#[doc = include_str!("../docs/src/serve.md")]
struct Serve;

#[cfg(feature = "tokio")]
#[doc = include_str!("../docs/src/guards.md")]
struct Guards;

#[doc = include_str!("../docs/src/events.md")]
struct Events;
