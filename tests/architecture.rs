//! Layers: no file imports in a circle, and no layer imports the one above it.

#[path = "architecture/house.rs"]
mod house;

use house::House;

#[test]
fn no_file_imports_in_a_circle() {
    for root in ["src/lib.rs", "src/bin/voxgate/main.rs"] {
        let house = House::of(root);
        assert!(house.imports() > house.files() / 2, "{root}: the imports were not read");
        assert_eq!(house.circle(), None, "{root}: each file imports the next, and the last the first");
    }
}

#[test]
fn no_floor_imports_the_one_above() {
    let house = House::of("src/lib.rs");
    for (below, above) in NEVER {
        assert!(house.has(below) && house.has(above), "{below} or {above} is gone; mend the list");
        assert_eq!(house.import(below, above), None, "{below} may not import {above}");
    }
}

/// Modules, and what they may not import.
const NEVER: [(&str, &str); 34] = [
    // Basic types import nothing but each other.
    ("frame", "config"),
    ("probability", "frame"),
    ("reason", "turn_state"),
    ("turn_state", "config"),
    ("moment", "config"),
    ("duration_text", "config"),
    ("config", "decision"),
    ("config", "vad"),
    ("config", "gate"),
    // A decision is made of evidence; the detectors that make evidence do not import decisions.
    ("artefact", "decision"),
    ("level", "decision"),
    ("vad", "decision"),
    ("echo", "decision"),
    ("burst", "decision"),
    ("turn", "decision"),
    ("misfire", "decision"),
    ("feedback", "decision"),
    ("vad", "echo"),
    ("vad", "turn"),
    ("echo", "turn"),
    ("burst", "echo"),
    // The gate imports none of its users.
    ("gate", "guard"),
    ("gate", "budget"),
    ("gate", "forward"),
    ("gate", "stage"),
    ("gate", "pool"),
    ("burst", "guard"),
    ("turn", "guard"),
    ("feedback", "guard"),
    // Guards and budget handle no audio.
    ("guard", "gate"),
    ("guard", "config"),
    ("guard", "budget"),
    ("budget", "gate"),
    ("misfire", "guard"),
];
