# What a person does daily. Needs `just`; each recipe is one line that can be typed without it.

# List the recipes.
default:
    @just --list

# All tests, and what they need; arguments go to `cargo test`.
test *arguments:
    tests/run {{arguments}}

# Formatting and lints, as CI wants them.
lint:
    cargo fmt --all --check && cargo clippy --workspace --all-targets --all-features -- -D warnings

# Everything that has to pass before a change lands.
ci:
    .ci/run

# Run the gate on a recording.
gate recording="samples/keyboard.wav" *arguments:
    cargo run --release --quiet -- gate {{recording}} {{arguments}}

# One benchmark, such as frame, silero, guards, streams, stage or stores.
bench name="frame" *arguments:
    cargo bench --workspace --all-features --bench {{name}} -- {{arguments}}

# Other detectors beside voxgate, in one run.
peers:
    benches/peers/run

# The evaluation, where it lies beside the repository, and the figures that must not get worse.
evaluate:
    benches/evaluate

# Build the book into target/book.
docs:
    mdbook build docs

# Make the shipped recordings again.
samples:
    python3 samples/make.py

# Draw the pictures of the book again.
screenshots:
    cargo build --release --quiet && python3 docs/pictures.py

# Look at changed snapshots of what the command prints.
review:
    cargo insta review
