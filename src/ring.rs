//! A ring buffer addressed by absolute number.

use std::ops::{Index, IndexMut};

/// The last `N` elements of a numbered sequence: number `n` lies where number `n - N` lay. It does not know which
/// numbers it holds; its owner does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring<T, const N: usize>([T; N]);

impl<T: Copy, const N: usize> Ring<T, N> {
    pub(crate) const fn new(value: T) -> Self {
        Self([value; N])
    }

    pub(crate) fn fill(&mut self, value: T) {
        self.0.fill(value);
    }

    /// All `N`, in no order that means anything.
    pub(crate) fn slots(&self) -> &[T; N] {
        &self.0
    }

    pub(crate) fn slots_mut(&mut self) -> &mut [T; N] {
        &mut self.0
    }
}

impl<T, const N: usize> Index<u64> for Ring<T, N> {
    type Output = T;

    #[inline(always)]
    fn index(&self, number: u64) -> &T {
        &self.0[(number % N as u64) as usize]
    }
}

impl<T, const N: usize> IndexMut<u64> for Ring<T, N> {
    #[inline(always)]
    fn index_mut(&mut self, number: u64) -> &mut T {
        &mut self.0[(number % N as u64) as usize]
    }
}

/// Numbers before the first, which are negative.
impl<T, const N: usize> Index<i64> for Ring<T, N> {
    type Output = T;

    #[inline(always)]
    fn index(&self, number: i64) -> &T {
        &self.0[number.rem_euclid(N as i64) as usize]
    }
}

impl<T, const N: usize> IndexMut<i64> for Ring<T, N> {
    #[inline(always)]
    fn index_mut(&mut self, number: i64) -> &mut T {
        &mut self.0[number.rem_euclid(N as i64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_lies_where_the_one_a_round_before_lay() {
        let mut ring = Ring::<i64, 3>::new(0);
        (-5..=3).for_each(|n: i64| ring[n] = n);
        assert_eq!([1_u64, 2, 3].map(|n| ring[n]), [1, 2, 3]);
        assert_eq!(ring[4_u64], 1, "overwritten by nothing yet");
        ring[-1_i64] = 9;
        assert_eq!(ring[2_i64], 9);
    }
}
