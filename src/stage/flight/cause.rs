//! Why a recording is written.

/// Why a recording is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DumpCause {
    /// Somebody asked for it.
    Asked,
    /// Misfires raised the storm to its upper levels.
    Storm,
    /// Speech-to-text heard the agent's own words.
    EchoLeak,
}

impl DumpCause {
    /// The word used in names of folders.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Storm => "storm",
            Self::EchoLeak => "echo-leak",
        }
    }
}
