//! The kinds of evidence that tell the user from the agent.

/// A kind of evidence that tells the user from the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cue {
    /// By how much the microphone and the residual are louder than the playback explains, band by band.
    Unexplained,
    /// By how much the canceller lowered the microphone, and how like the echo the microphone is.
    Cancelled,
    /// The scores of microphone and residual as speech.
    Speech,
    /// By how much both lie over the noise.
    Level,
    /// How loud the agent is, and since when it speaks.
    Playback,
    /// How well the delay is known, and since when.
    Delay,
    /// What was heard more than half a second ago.
    Before,
}

impl Cue {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Unexplained, Self::Cancelled, Self::Speech, Self::Level, Self::Playback, Self::Delay, Self::Before];

    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unexplained => "unexplained",
            Self::Cancelled => "cancelled",
            Self::Speech => "speech",
            Self::Level => "level",
            Self::Playback => "playback",
            Self::Delay => "delay",
            Self::Before => "before",
        }
    }
}
