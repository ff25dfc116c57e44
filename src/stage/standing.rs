//! How a stream stands.

use crate::burst::StormLevel;
use crate::echo::EchoEvidence;
use crate::totals::Totals;

/// How a stream stands, when its worker looked last.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Standing {
    /// Where its audio goes.
    pub way: Way,
    /// The level of its misfire storm.
    pub storm: StormLevel,
    /// The evidence of the agent's echo in the newest frame; `None` while no playback can be heard, or no gate listens.
    pub echo: Option<EchoEvidence>,
    /// The number of the next frame: what came and is not decided on waits.
    pub(super) next: u64,
}

/// Where a stream's audio goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Way {
    /// To its gate.
    #[default]
    Gated,
    /// Around it, by the mode.
    Bypassed,
    /// Around it, because the gate has failed open.
    Passing,
}

impl Way {
    /// Every way.
    pub const ALL: &[Self] = &[Self::Gated, Self::Bypassed, Self::Passing];

    /// The word used in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gated => "gated",
            Self::Bypassed => "bypassed",
            Self::Passing => "passing",
        }
    }
}

/// What the worker tells of a stream as it goes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Published {
    pub(super) totals: Totals,
    pub(super) standing: Standing,
}
