//! A number from 0 to 1.

/// A number in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(f32);

impl Probability {
    /// `value`, if it is a number in [0, 1].
    pub const fn new(value: f32) -> Option<Self> {
        if value >= 0.0 && value <= 1.0 { Some(Self(value)) } else { None }
    }

    /// Probability 1.
    pub const ONE: Self = Self(1.0);

    /// The smaller of two.
    #[doc(hidden)]
    pub fn least(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    /// The probability nearest to `value`; 0 for NaN. For results of arithmetic, never for input.
    #[doc(hidden)]
    pub fn nearest(value: f32) -> Self {
        Self(value.clamp(0.0, 1.0).max(0.0))
    }

    /// Its log-odds (logit), within ±9.2: the probability is limited to 1e-4 to 1 - 1e-4.
    pub fn log_odds(self) -> f32 {
        let p = self.0.clamp(1e-4, 1.0 - 1e-4);
        (p / (1.0 - p)).ln()
    }

    /// Its value.
    pub const fn get(self) -> f32 {
        self.0
    }
}

impl TryFrom<f64> for Probability {
    type Error = NotAProbability;
    fn try_from(given: f64) -> Result<Self, NotAProbability> {
        Self::new(given as f32).ok_or(NotAProbability { given })
    }
}

/// A number outside [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{given} is not a probability; expected a number from 0 to 1")]
#[non_exhaustive]
pub struct NotAProbability {
    /// The number.
    pub given: f64,
}

impl From<Probability> for f64 {
    /// The shortest decimal that reads back as the same `f32`: 0.35, not 0.3499999940395355.
    fn from(p: Probability) -> Self {
        p.0.to_string().parse().unwrap_or(f64::from(p.0))
    }
}
