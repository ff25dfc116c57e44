//! Why audio is held or suppressed.

/// Why a frame is held or suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Too many openings in a row were in vain: only clear speech passes.
    Breaker,
    /// Speech may be starting, or it may be a click: too short to tell, or it was too short.
    Burst,
    /// It is the agent that is heard, or it may be.
    Echo,
    /// Nobody speaks.
    Silence,
    /// Openings of late were in vain: it takes more to open.
    Storm,
}

impl Reason {
    /// Every reason, in the order of reports.
    pub const ALL: [Self; 5] = [Self::Silence, Self::Burst, Self::Storm, Self::Breaker, Self::Echo];

    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breaker => "breaker",
            Self::Burst => "burst",
            Self::Echo => "echo",
            Self::Silence => "silence",
            Self::Storm => "storm",
        }
    }
}

/// What speaks against a candidate whose score would open the gate. It has to last, or to convince
/// once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Doubt {
    /// A transient: the level rose faster than speech can, as in a knock or a shard of a lost packet, and the sound is
    /// still short.
    Abrupt,
    /// Too many openings in a row were in vain, and it is not clear speech.
    Breaker,
    /// The agent speaks, and it is not known yet how late its echo comes: it may be the agent's voice.
    Echo,
    /// The sound was there long before the score rose.
    Late,
    /// The sound was short and is over.
    Over,
    /// Openings of late were in vain, and the score is not sure enough for that.
    Storm,
}

impl Doubt {
    /// The word used in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Abrupt => "abrupt",
            Self::Breaker => "breaker",
            Self::Echo => "echo",
            Self::Late => "late",
            Self::Over => "over",
            Self::Storm => "storm",
        }
    }

    /// What a frame is held or suppressed for.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Abrupt | Self::Late | Self::Over => Reason::Burst,
            Self::Breaker => Reason::Breaker,
            Self::Echo => Reason::Echo,
            Self::Storm => Reason::Storm,
        }
    }
}
