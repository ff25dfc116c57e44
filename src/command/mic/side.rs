//! The two devices of a run.

/// Which of the two devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Mic,
    Speaker,
}

impl Side {
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Mic => "microphone",
            Self::Speaker => "loudspeaker",
        }
    }

    /// The argument that names one.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::Mic => "--device",
            Self::Speaker => "--output-device",
        }
    }
}
