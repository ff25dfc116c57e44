//! The ONNX detector from the command line: what it needs, and what it says when that is missing.

use tempfile::TempDir;

use crate::support::{Run, sample, text, voxgate};

/// The message and the exit code of a gate with these settings.
fn refused(settings: &[&str]) -> String {
    let mut command = voxgate();
    command.env("ORT_DYLIB_PATH", "/no/such/libonnxruntime.so");
    let output = command.arg("gate").arg(sample("keyboard")).args(settings).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{settings:?}");
    text(&output.stderr)
}

#[test]
fn what_is_missing_is_named_with_a_remedy() {
    let message = refused(&["--set", "vad=onnx"]);
    assert!(message.contains("onnx.model names no file"), "{message}");
    let message = refused(&["--set", "vad=onnx", "--set", "onnx.model=no-such.onnx"]);
    assert!(message.contains("cannot read the model no-such.onnx"), "{message}");
    let message = refused(&["--set", "vad=onnx", "--set", "onnx.model=Cargo.toml"]);
    for part in ["/no/such/libonnxruntime.so", "pip install onnxruntime", "ORT_DYLIB_PATH="] {
        assert!(message.contains(part), "`{part}` in {message}");
    }
}

#[test]
fn the_same_weights_decide_the_same_and_others_are_warned_of() {
    let Some(onnx) = std::env::var_os("SILERO_ONNX").filter(|_| std::env::var_os("ORT_DYLIB_PATH").is_some()) else {
        assert!(std::env::var_os("CI").is_none(), "ORT_DYLIB_PATH or SILERO_ONNX is not set; run tests/run");
        eprintln!("skipped: ORT_DYLIB_PATH or SILERO_ONNX is not set; tests/run sets them");
        return;
    };
    let run =
        |path: &str| Run::clean(&sample("clean_turn"), &["--set", "vad=onnx", "--set", &format!("onnx.model={path}")]);
    let ours = Run::clean(&sample("clean_turn"), &[]);
    let same = run(onnx.to_str().unwrap());
    assert_eq!(same.openings_ms(), ours.openings_ms());
    assert!(same.out == ours.out && !same.stderr.contains("thresholds"), "{}", same.stderr);
    assert_eq!(same.summary()["failed_windows"], 0);

    // A description (field 6 of ModelProto) changes the file and no score.
    let dir = TempDir::new().unwrap();
    let described = dir.path().join("described.onnx");
    std::fs::write(&described, [&std::fs::read(onnx).unwrap()[..], &[6 << 3 | 2, 1, b'x']].concat()).unwrap();
    let other = run(described.to_str().unwrap());
    assert!(other.stderr.contains("thresholds were chosen for silero v6.2"), "{}", other.stderr);
    assert_ne!(other.summary()["model"]["sha256"], same.summary()["model"]["sha256"]);
}
