//! The settings of the gateway: `serve.toml`.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::budget::Usd;
use crate::config::{GateConfig, Padding, Preset};
use crate::error::ConfigError;
use crate::guard::{Name, NameError};
use crate::stage::Mode;
use voxgate_base::duration_text;

/// What the gateway listens on, whom it lets in, and where calls go.
///
/// ```
/// let config = voxgate::serve::ServeConfig::from_toml(
///     r#"
///     [[route]]
///     path = "/twilio"
///     door = "twilio"
///     upstream = "ws://127.0.0.1:8765/ws"
///     "#,
/// )?;
/// assert_eq!(config.listen.port(), 8080);
/// # Ok::<(), voxgate::serve::ServeError>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "settings are written as literals")]
pub struct ServeConfig {
    /// Where calls come in. Default `127.0.0.1:8080`.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Certificate and key, to be reached by `wss://`.
    pub tls: Option<TlsFiles>,
    /// Where leases, limits and counts lie that all instances share, as `--store` names it. None is this process's
    /// memory.
    pub store: Option<String>,
    /// The part of the store that belongs to the project.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// This instance's name in the store. Default: host name and process id.
    pub worker: Option<String>,
    /// Who may see and change calls. None is nobody but this machine.
    pub admin_token: Option<Secret>,
    /// Threads that decide, each for a share of the calls. Default: one a core.
    pub gate_threads: Option<NonZeroUsize>,
    /// What one instance, one connection and one call may take.
    #[serde(default)]
    pub limits: ServeLimits,
    /// Where calls go, by the path that they come in on.
    #[serde(rename = "route", default)]
    pub routes: Vec<RouteConfig>,
}

/// What one instance, one connection and one call may take.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "settings are written as literals")]
pub struct ServeLimits {
    /// Calls at once. More are refused with status 503.
    pub calls: NonZeroU32,
    /// Connections at once, calls or not. More wait to be accepted.
    pub connections: NonZeroU32,
    /// The longest message, in bytes.
    pub message_bytes: usize,
    /// What may wait to be sent to one side, in bytes. A side that lets more pile up is closed.
    pub unsent_bytes: usize,
    /// From a connection to its whole request, and from there to the upstream's answer.
    #[serde(with = "duration_text")]
    pub handshake: Duration,
    /// A side that takes nothing for this long is closed.
    #[serde(with = "duration_text")]
    pub write: Duration,
    /// A call whose client sends nothing for this long is closed.
    #[serde(with = "duration_text")]
    pub idle: Duration,
    /// The longest call.
    #[serde(with = "duration_text")]
    pub call: Duration,
    /// Audio that waits for a gate for this long passes around it (fail open).
    #[serde(with = "duration_text")]
    pub late: Duration,
    /// How long the places of a call last in the store if its instance dies: 1 s to a minute.
    #[serde(with = "duration_text")]
    pub lease: Duration,
    /// On SIGTERM no call is taken, and those that are there may go on for this long.
    #[serde(with = "duration_text")]
    pub drain: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            calls: NonZeroU32::new(500).unwrap_or(NonZeroU32::MIN),
            connections: NonZeroU32::new(2_000).unwrap_or(NonZeroU32::MIN),
            message_bytes: 1 << 20,
            unsent_bytes: 1 << 20,
            handshake: Duration::from_secs(10),
            write: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            call: Duration::from_secs(4 * 3_600),
            late: Duration::from_millis(500),
            lease: Duration::from_secs(30),
            drain: Duration::from_secs(60),
        }
    }
}

/// One path, and what happens to the calls on it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "settings are written as literals")]
pub struct RouteConfig {
    /// It begins with a slash. What a client adds to it is added to the upstream's address.
    pub path: String,
    /// The protocol.
    pub door: DoorKind,
    /// `ws://` or `wss://` addresses; each is tried if those before it refuse or cannot be reached.
    pub upstream: Upstreams,
    /// Whether the gate's decisions apply. The header `x-voxgate-mode` of a request overrides it.
    #[serde(default, with = "mode_word")]
    pub mode: Mode,
    /// What becomes of a second stream for a call that has one.
    #[serde(default)]
    pub second_stream: SecondStream,
    /// Keys that are let in, as a bearer token or `Token`; `"env:NAME"` reads a variable. None: whatever the client sends
    /// is for the upstream to judge.
    #[serde(default)]
    pub keys: Vec<Secret>,
    /// Origins of web pages that are let in. None: requests of web pages are refused.
    #[serde(default)]
    pub origins: Vec<String>,
    /// Headers for the upstream beside the client's, and instead of them; `"env:NAME"` reads a variable.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Calls at once over all instances, such as the provider's limit.
    pub calls: Option<NonZeroU32>,
    /// Calls at once for one key, over all instances.
    pub calls_per_key: Option<NonZeroU32>,
    /// New calls a minute for one key, over all instances.
    pub calls_per_minute_per_key: Option<NonZeroU32>,
    /// What a second of audio costs behind this route, as `voxgate cost prices` names it.
    pub price: Option<String>,
    /// Where spending stops.
    #[serde(default)]
    pub ceilings: RouteCeilings,
    /// The share of each of the provider's quotas that is kept for the calls that are there: a new one goes to the next
    /// upstream, or is refused, once no more than this is left by what the provider says. Default 0.02.
    #[serde(default = "default_quota_reserve")]
    pub quota_reserve: f64,
    /// The gate's settings over those of the door.
    #[serde(default)]
    pub gate: toml::Table,
}

/// Where spending on the audio of a route stops. Each needs the route's `price`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "settings are written as literals")]
pub struct RouteCeilings {
    /// For one call.
    pub per_call_usd: Option<Usd>,
    /// For all calls of a day (UTC), over all instances.
    pub per_day_usd: Option<Usd>,
    /// For the calls of one key in a day (UTC), over all instances.
    pub per_key_and_day_usd: Option<Usd>,
}

/// A protocol that the gateway speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DoorKind {
    /// Asterisk's `chan_websocket`.
    Asterisk,
    /// Deepgram's `/v1/listen`. What the gate does not forward is dropped, because seconds of audio are billed.
    Deepgram,
    /// LiveKit Inference: its speech-to-text, and its text-to-speech as the reference for echo.
    LivekitInference,
    /// OpenAI's Realtime API over WebSocket.
    #[serde(rename = "openai_realtime")]
    OpenAiRealtime,
    /// Twilio Media Streams, and what Telnyx, Plivo and Exotel make of them.
    Twilio,
    /// Vonage's Voice API over WebSocket, and the Audio Connector of its Video API.
    Vonage,
}

impl DoorKind {
    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asterisk => "asterisk",
            Self::Deepgram => "deepgram",
            Self::LivekitInference => "livekit_inference",
            Self::OpenAiRealtime => "openai_realtime",
            Self::Twilio => "twilio",
            Self::Vonage => "vonage",
        }
    }
}

/// What becomes of a second stream for a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "callers handle each")]
pub enum SecondStream {
    /// It is refused.
    #[default]
    Refuse,
    /// It takes the place of the first, if that is on the same instance.
    Replace,
}

/// One address or several.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
#[expect(clippy::exhaustive_enums, reason = "settings are written as literals")]
pub enum Upstreams {
    /// One address.
    One(String),
    /// In the order in which they are tried.
    InOrder(Vec<String>),
}

impl Upstreams {
    /// The addresses, in order.
    pub fn addresses(&self) -> &[String] {
        match self {
            Self::One(address) => std::slice::from_ref(address),
            Self::InOrder(addresses) => addresses,
        }
    }
}

/// Where the certificate is, as PEM files.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "settings are written as literals")]
pub struct TlsFiles {
    /// The certificate, followed by those that sign it.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A key or token. It is never shown.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself, or of the variable that it names with `env:`.
    ///
    /// # Errors
    /// [`ServeError::Variable`].
    pub fn reveal(&self) -> Result<String, ServeError> {
        match self.0.strip_prefix("env:") {
            Some(name) => std::env::var(name).map_err(|_| ServeError::Variable { name: name.to_owned() }),
            None => Ok(self.0.clone()),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The settings cannot be read.
    #[error("{0}")]
    Toml(String),
    /// No calls could come in.
    #[error("there is no route; add a [[route]] with path, door and upstream")]
    NoRoute,
    /// A route that cannot be served.
    #[error("the route {path:?}: {problem}")]
    Route {
        /// Its path.
        path: String,
        /// What is wrong, and what is expected.
        problem: String,
    },
    /// The gate's settings of a route.
    #[error("the gate of the route {path:?}: {error}")]
    Gate {
        /// The route's path.
        path: String,
        /// What is wrong with them.
        error: ConfigError,
    },
    /// An environment variable that is not set.
    #[error("the settings name the environment variable {name}, which is not set")]
    Variable {
        /// Its name.
        name: String,
    },
    /// The certificate or key.
    #[error("cannot use the certificate: {0}")]
    Certificate(String),
    /// The port, or threads.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// No thread could be started.
    #[error("cannot start a thread for the gates: {0}")]
    Threads(std::io::Error),
}

impl ServeConfig {
    /// Reads TOML.
    ///
    /// # Errors
    /// [`ServeError`] says where and what is expected.
    pub fn from_toml(text: &str) -> Result<Self, ServeError> {
        let config: Self =
            toml::from_str(text).map_err(|error| ServeError::Toml(error.to_string().trim_end().to_owned()))?;
        config.refuse_contradictions()?;
        Ok(config)
    }

    fn refuse_contradictions(&self) -> Result<(), ServeError> {
        if self.routes.is_empty() {
            return Err(ServeError::NoRoute);
        }
        for (index, route) in self.routes.iter().enumerate() {
            let refuse = |problem: String| Err(ServeError::Route { path: route.path.clone(), problem });
            if !route.path.starts_with('/') || route.path.len() < 2 || route.path.contains(['?', '#']) {
                return refuse("expected a path such as \"/twilio\"".to_owned());
            }
            if OURS.iter().any(|ours| route.path == *ours || route.path.starts_with("/v1/calls")) {
                return refuse("voxgate answers on it itself; choose another".to_owned());
            }
            if self.routes[..index].iter().any(|earlier| earlier.path == route.path) {
                return refuse("there are two routes with this path".to_owned());
            }
            let addresses = route.upstream.addresses();
            if addresses.is_empty() {
                return refuse("it has no upstream".to_owned());
            }
            if let Some(wrong) = addresses.iter().find(|to| !(to.starts_with("ws://") || to.starts_with("wss://"))) {
                return refuse(format!("the upstream {wrong:?} is not an address; expected ws://… or wss://…"));
            }
            if !(0.0..=0.5).contains(&route.quota_reserve) {
                return refuse(format!("quota_reserve is {}; expected a share from 0 to 0.5", route.quota_reserve));
            }
            route.gate_config()?;
        }
        Ok(())
    }
}

impl RouteConfig {
    /// The name by which the store knows the route, and counts its calls.
    ///
    /// # Errors
    /// A path that is too long for a name.
    pub fn resource(&self) -> Result<Name, NameError> {
        Name::new(format!("serve {}", self.path))
    }

    /// The gate's settings: the door's, with those of the route over them.
    ///
    /// # Errors
    /// [`ServeError::Gate`].
    pub fn gate_config(&self) -> Result<GateConfig, ServeError> {
        let mut config = GateConfig::preset(Preset::Telephony);
        config.turn.padding = Padding::Fixed;
        // Within a turn nothing is held back, so that the agent hears its end without delay.
        config.turn.hangover_duration = config.turn.min_silence_duration;
        let text = self.gate.to_string();
        config.with_toml(&text).map_err(|error| ServeError::Gate { path: self.path.clone(), error })
    }
}

/// Modes by their words.
mod mode_word {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer};

    use crate::stage::Mode;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Mode, D::Error> {
        let word = String::deserialize(deserializer)?;
        super::mode_named(&word)
            .ok_or_else(|| D::Error::custom(format!("{word:?} is no mode; expected {}", super::MODES)))
    }
}

pub(super) fn mode_named(word: &str) -> Option<Mode> {
    [Mode::Gate, Mode::Shadow, Mode::Bypass].into_iter().find(|mode| mode.as_str() == word)
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8_080))
}

fn default_quota_reserve() -> f64 {
    0.02
}

fn default_namespace() -> String {
    "default".to_owned()
}

/// The words for the modes.
pub(super) const MODES: &str = "\"gate\", \"shadow\" or \"bypass\"";
/// Paths of the gateway's own.
const OURS: [&str; 5] = ["/", "/demo.html", "/healthz", "/readyz", "/metrics"];
