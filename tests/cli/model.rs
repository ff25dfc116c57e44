//! What the bundled model is, and its self-test.

use sha2::{Digest, Sha256};

use crate::support::{text, voxgate};

#[test]
fn the_model_names_itself_and_passes_its_self_test() {
    let output = voxgate().arg("model").output().unwrap();
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}{}", text(&output.stderr));
    let weights = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/models/silero_vad_v6.2.safetensors")).unwrap();
    let sum: String = Sha256::digest(weights).iter().map(|byte| format!("{byte:02x}")).collect();
    for part in ["silero v6.2\n", "PyPI silero-vad", "MIT", "16000 Hz", "512 samples", &sum, "passed (62 windows"] {
        assert!(told.contains(part), "`{part}` in\n{told}");
    }
    let (_, difference) = told.split_once("ONNX Runtime ").unwrap();
    let difference: f32 = difference.trim_end().trim_end_matches(')').parse().unwrap();
    assert!(difference <= 5e-5, "{told}");
}
