//! Values within their range.

use std::time::Duration;

use crate::error::ConfigError;
use voxgate_base::Probability;
use voxgate_base::duration_text;

pub(crate) fn refuse_outside(
    key: &'static str,
    given: Duration,
    least: Duration,
    most: Duration,
) -> Result<(), ConfigError> {
    if (least..=most).contains(&given) {
        return Ok(());
    }
    let expected = format!("from {} to {}", duration_text::text(least), duration_text::text(most));
    Err(ConfigError::Range { key, given: duration_text::text(given), expected })
}

/// For constants of the defaults, which are all in range.
pub(super) const fn probability(value: f32) -> Probability {
    match Probability::new(value) {
        Some(p) => p,
        None => panic!("a constant outside [0, 1]"),
    }
}
