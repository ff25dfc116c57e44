//! Which weights a score comes from.

use std::fmt;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// The weights of a model, named by the sha256 of their file. A score means little without it:
/// thresholds that suit one model do not suit another.
///
/// ```
/// use voxgate::vad::{Silero, SileroModel, Vad};
/// use voxgate::SileroConfig;
///
/// let model = Silero::new(SileroModel::bundled()?, SileroConfig::default()).model().unwrap();
/// assert_eq!(model.name(), Some("silero v6.2"));
/// assert_eq!(format!("{model:.16}"), "b2184d43e5f031ab"); // `{model}` has all 64 digits
/// # Ok::<(), voxgate::ModelError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModelId([u8; 32]);

impl ModelId {
    /// The model whose file holds `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The sha256 of the file.
    pub const fn sha256(self) -> [u8; 32] {
        self.0
    }

    /// What the model is called, if it is one that voxgate knows. Files that hold the same weights
    /// share a name.
    pub fn name(self) -> Option<&'static str> {
        let sum = self.to_string();
        KNOWN.iter().find(|(known, _)| *known == sum).map(|(_, name)| *name)
    }

    /// Whether these are the weights that voxgate's default thresholds were chosen for.
    pub fn suits_default_thresholds(self) -> bool {
        self.name() == Some(SILERO_V6_2)
    }
}

/// The sha256 in hexadecimal; a precision cuts it short.
impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        f.pad(&digits)
    }
}

/// As text: the sha256 in hexadecimal.
impl Serialize for ModelId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelId({self:.16})")
    }
}

/// From the model card, `models/silero_vad_v6.2.md`: the bundled file, and the ONNX file that its
/// weights were taken from.
const KNOWN: [(&str, &str); 2] = [
    ("b2184d43e5f031ab690818c0aea646a662dfbaebb4994d6273b2c30dad1cdd63", SILERO_V6_2),
    ("1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3", SILERO_V6_2),
];
const SILERO_V6_2: &str = "silero v6.2";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vad::SileroModel;

    #[test]
    fn the_bundled_model_is_the_one_on_the_card() {
        let card = include_str!("../models/silero_vad_v6.2.md");
        let id = SileroModel::bundled().unwrap().id();
        assert_eq!(id.to_string(), KNOWN[0].0);
        for (sum, _) in KNOWN {
            assert!(card.contains(sum), "{sum} is not on the card");
        }
    }

    #[test]
    fn other_bytes_are_another_model() {
        // sha256 of "abc": FIPS 180-2, appendix B.1.
        let id = ModelId::of(b"abc");
        assert_eq!(id.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((id.name(), id.suits_default_thresholds()), (None, false));
    }
}
