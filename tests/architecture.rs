//! Layers: no file imports in a circle, and no layer imports the one above it.

#[path = "architecture/house.rs"]
mod house;

#[path = "architecture/unsafe_code.rs"]
mod unsafe_code;

use house::House;

#[test]
fn no_file_imports_in_a_circle() {
    let crates = ["crates/voxgate-base/src/lib.rs", "crates/voxgate-guard/src/lib.rs"];
    for root in ["src/lib.rs"].into_iter().chain(crates) {
        let house = House::of(root);
        assert!(house.imports() > house.files() / 2, "{root}: the imports were not read");
        assert_eq!(house.circle(), None, "{root}: each file imports the next, and the last the first");
    }
}

#[test]
fn no_floor_imports_the_one_above() {
    for (root, never) in [("src/lib.rs", &NEVER[..]), ("crates/voxgate-guard/src/lib.rs", &NEVER_IN_GUARD[..])] {
        let house = House::of(root);
        for (below, above) in never {
            assert!(house.has(below) && house.has(above), "{below} or {above} is gone; mend the list");
            assert_eq!(house.import(below, above), None, "{below} may not import {above}");
        }
    }
}

/// Only the provider's price, their metrics, and what is handed on, name the guards. They cannot name the gate: their crate does not
/// depend on its crate.
#[test]
fn the_audio_path_does_not_name_the_guards() {
    let naming = House::of("src/lib.rs").naming("voxgate_guard");
    let metrics = ["metrics/answers.rs", "metrics/catalogue.rs", "metrics/money.rs", "metrics/store.rs"];
    assert_eq!(naming, [&["lib.rs", "forward/profile.rs"][..], &metrics].concat());
}

/// It names what it uses as `voxgate::…`, and of that only what is handed on to everybody.
#[test]
fn the_command_is_a_user_of_the_library() {
    let house = House::of("src/lib.rs");
    assert!(house.has("command"), "the command is gone; mend this test");
    assert_eq!(house.import_out_of("command"), None, "use the public name, `voxgate::…`");
    assert_eq!(house.import_into("command"), None, "the library does not need its command");
    for private in house.private_children() {
        assert_eq!(house.naming(&format!("voxgate::{private}::")), [""; 0], "{private} is private");
    }
}

/// Each `unsafe` says why it may be, and none comes or goes without the list:
/// `VOXGATE_WRITE_UNSAFE=1 cargo test --test architecture` writes it, and the difference is reviewed.
#[test]
fn every_unsafe_is_in_the_inventory_and_says_why() {
    let found = unsafe_code::inventory();
    for place in &found {
        let is_implementation = place.file != "src/vad/webrtc.rs" && place.code.starts_with("unsafe fn ");
        assert!(!place.why.is_empty() || is_implementation, "say why, with `// SAFETY: …`: {}", place.row());
        let may = ["bindings/c/", "src/vad/webrtc.rs", "tests/", "fuzz/src/"];
        assert!(may.iter().any(|at| place.file.starts_with(at)), "unsafe stands at borders only: {}", place.row());
    }
    let rows: Vec<String> = found.iter().map(unsafe_code::Place::row).collect();
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/architecture/unsafe.txt");
    if std::env::var_os("VOXGATE_WRITE_UNSAFE").is_some() {
        std::fs::write(list, rows.join("\n") + "\n").unwrap();
    }
    let text = std::fs::read_to_string(list).unwrap();
    let listed: Vec<&str> = text.lines().collect();
    assert!(rows.len() > 50, "the sources were not read");
    assert_eq!(rows, listed, "the inventory of unsafe is another: see the doc of this test");
}

/// The oldest Rust that is promised is the one that CI compiles with.
#[test]
fn the_promised_rust_is_the_one_that_is_tested() {
    let read = |path: &str| std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let manifest = read("Cargo.toml");
    let promised =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")).unwrap().trim_end_matches('"');
    assert_eq!(promised, "1.95");
    let listed = read("tests/public-api/rustc-version.txt");
    assert!(listed.starts_with(&format!("rustc {promised}.")), "the public API is listed with {listed}");
    for path in ["README.md", "bindings/python/pyproject.toml"] {
        let said = read(path);
        let wrong = said.lines().find(|line| line.contains("Rust 1.") && !line.contains(promised));
        assert_eq!(wrong, None, "{path} promises another Rust than Cargo.toml");
    }
}

/// Modules, and what they may not import.
const NEVER: [(&str, &str); 22] = [
    // Basic types import nothing but each other.
    ("frame", "config"),
    ("reason", "turn_state"),
    ("turn_state", "config"),
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
    ("feedback", "decision"),
    ("vad", "echo"),
    ("vad", "turn"),
    ("echo", "turn"),
    ("burst", "echo"),
    // The gate imports none of its users.
    ("gate", "forward"),
    ("gate", "stage"),
    ("gate", "pool"),
    ("gate", "metrics"),
    ("metrics", "stage"),
];

/// The same for the guards' crate: guards stop spending, and know no prices.
const NEVER_IN_GUARD: [(&str, &str); 7] = [
    ("name", "store"),
    ("store", "dispatch"),
    ("store", "answer"),
    ("store", "budget"),
    ("lease", "budget"),
    ("dispatch", "budget"),
    ("reconnect", "store"),
];
