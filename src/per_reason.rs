//! A value for each reason, such as a count of frames.

use std::ops::{Index, IndexMut};

use serde::{Serialize, Serializer};

use crate::reason::Reason;

/// A value for each [`Reason`]. Serialized as a map from its word.
///
/// ```
/// use voxgate::{PerReason, Reason};
///
/// let mut frames = PerReason::<u64>::default();
/// frames[Reason::Echo] += 1;
/// assert_eq!(frames.iter().find(|(_, n)| **n > 0), Some((Reason::Echo, &1)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerReason<T>([T; Reason::ALL.len()]);

impl<T> PerReason<T> {
    /// Every reason with its value, in the order of [`Reason::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Reason, &T)> {
        Reason::ALL.iter().copied().zip(&self.0)
    }

    /// The same with `f` applied to each value.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> PerReason<U> {
        PerReason(self.0.map(f))
    }
}

impl<T> Index<Reason> for PerReason<T> {
    type Output = T;
    fn index(&self, reason: Reason) -> &T {
        &self.0[reason as usize]
    }
}

impl<T> IndexMut<Reason> for PerReason<T> {
    fn index_mut(&mut self, reason: Reason) -> &mut T {
        &mut self.0[reason as usize]
    }
}

impl<T: Serialize> Serialize for PerReason<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(reason, value)| (reason.as_str(), value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_value() {
        let mut values = PerReason::<usize>::default();
        for (n, reason) in Reason::ALL.iter().enumerate() {
            values[*reason] = n + 1;
        }
        let found: Vec<_> = values.map(|n| n * 10).iter().map(|(reason, n)| (reason, *n)).collect();
        let expected: Vec<_> = Reason::ALL.iter().enumerate().map(|(n, reason)| (*reason, 10 * n + 10)).collect();
        assert_eq!(found, expected);
    }
}
