//! What is fuzzed: each takes any bytes, and may not panic, hang, or take more memory than it may.

mod c_border;
mod door;
mod files;
mod gate;
mod intake;

/// Each target and its name.
pub(crate) const ALL: [(&str, fn(&[u8])); 10] = [
    ("audio", files::audio),
    ("c_border", c_border::calls),
    ("door", door::call),
    ("frames", files::frames),
    ("gate", gate::calls),
    ("intake", intake::chunks),
    ("labels", files::labels),
    ("prices", files::prices),
    ("settings", files::settings),
    ("weights", files::weights),
];
