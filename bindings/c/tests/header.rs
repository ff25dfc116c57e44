//! The header is what cbindgen makes of this crate.

use std::path::Path;

#[test]
fn the_header_is_that_of_this_crate() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).unwrap();
    let mut made = Vec::new();
    cbindgen::generate_with_config(folder, config).unwrap().write(&mut made);
    let path = folder.join("include/voxgate.h");
    if std::env::var_os("VOXGATE_WRITE_HEADER").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let shipped = std::fs::read(&path).unwrap_or_default();
    assert!(shipped == made, "include/voxgate.h is old; make it with VOXGATE_WRITE_HEADER=1 cargo test -p voxgate-c");
}
