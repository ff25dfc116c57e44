//! The same on this machine.

fn main() {
    println!("{} {}", voxgate_wasm32::largest_difference(), voxgate_wasm32::verdicts());
}
