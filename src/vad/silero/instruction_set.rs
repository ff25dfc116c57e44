//! The vector instructions that the kernel is compiled for, and which of them this machine has.

use fearless_simd::Level;

/// The vector instructions that score a window; the processor's best unless another is asked for.
#[derive(Clone, Copy)]
pub struct InstructionSet(Level);

impl InstructionSet {
    /// The widest that this processor has.
    pub fn best() -> Self {
        Self(Level::new())
    }

    /// All that this processor has, the widest first. Plain scalar code is among them only where
    /// there is nothing better.
    pub fn available() -> impl Iterator<Item = Self> {
        let best = Level::new();
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        let sets = [
            best.as_avx512().map(Level::Avx512),
            best.as_avx2().map(Level::Avx2),
            best.as_sse4_2().map(Level::Sse4_2),
            best.as_sse2().map(Level::Sse2),
        ];
        #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
        let sets = [Some(best)];
        sets.into_iter().flatten().map(Self)
    }

    /// No vectors. Other builds leave it out where every processor has some.
    #[cfg(test)]
    pub(super) fn scalar() -> Self {
        Self(Level::fallback())
    }

    pub(super) fn level(self) -> Level {
        self.0
    }
}

impl std::fmt::Debug for InstructionSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A level prints as `Avx2(Avx2)`.
        let level = format!("{:?}", self.0);
        f.write_str(level.split(['(', ' ']).next().unwrap_or(&level))
    }
}
