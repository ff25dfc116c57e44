"""Trains the echo net: train.py --features DIR[,DIR] --scenes DIR[,DIR] --out echo_v2.safetensors

FEATURES holds what `cargo run --release --example echo_features` wrote for the scenes of SCENES, which simulate.py made with
--parts. Same inputs, same weights, on one machine. README.md has the figures.
"""

import argparse
import csv
import functools
import json
import struct
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import soundfile

FEATURES = 61
UNITS = 64
CHUNK = 250  # frames between updates: 2.5 s, over which gradients flow back
LANES = 48  # scenes at a time
AVERAGE_KEPT = 0.9985  # of the average weights, per step: over the last 700 steps or so
DROPPED = 0.2  # of the features of a scene: no device shows all of them as the simulation does
HOP = 160


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", required=True)
    parser.add_argument("--scenes", required=True)
    parser.add_argument("--valid-features")
    parser.add_argument("--valid-scenes")
    parser.add_argument("--out", required=True)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    scenes = load(options.features, options.scenes)
    held = load(options.valid_features, options.valid_scenes) if options.valid_features else []
    weights = train(scenes, held, options.epochs, options.seed)
    write(options.out, weights)
    answers = answer(weights, held)
    report(answers, held)
    report_reliability(answers, held)


# --- Scenes ---

def load(features, scenes):
    """One dict a scene: what the detector measured, and the truth."""
    found = []
    for feature_folder, scene_folder in zip(features.split(","), scenes.split(",")):
        for path in sorted(Path(feature_folder).glob("*.f32")):
            family, name = path.stem.split("__")
            found.append(load_scene(path, Path(scene_folder) / family / name, family))
    return found


def load_scene(path, folder, family):
    records = np.fromfile(path, "<f4").reshape(-1, 2 + FEATURES)
    with open(folder / "truth.csv", encoding="utf-8") as file:
        truth = np.array([[float(row["near"]), float(row["echo"])] for row in csv.DictReader(file)], np.float32)
    n = min(len(records), len(truth))
    near, echo = truth[:n].T
    heard = records[:n, 0]
    return {"family": family, "x": records[:n, 2:], "heard": heard, "near": near, "echo": echo,
            "weight": frame_weights(near, echo, heard, audibility(folder, n))}


def frame_weights(near, echo, heard, audible):
    """How much a frame counts. Not: the first 30 ms of speech, which nobody can know; the 120 ms after it, which hangover covers;
    and speech that is drowned by the echo."""
    weight = np.where((near == 0) & (echo == 0), 0.4, 1.0).astype(np.float32)
    edges = np.diff(np.concatenate(([0], near)))
    for start in np.flatnonzero(edges > 0):
        weight[start:start + 3] = 0
    for end in np.flatnonzero(edges < 0):
        weight[end:end + 12] = 0
    return weight * np.where(near > 0, audible, 1.0) * heard


def audibility(folder, n):
    """0 where the user is 14 dB under the echo, 1 from 6 dB under it; 1 where the parts of the scene are not known."""
    if not (folder / "near.wav").exists():
        return np.ones(n, np.float32)
    levels = [hop_db(folder / name) for name in ("near.wav", "echo.wav")]
    n_levels = min(n, *map(len, levels))
    audible = np.ones(n, np.float32)
    audible[:n_levels] = np.clip((levels[0][:n_levels] - levels[1][:n_levels] + 14) / 8, 0, 1)
    return audible


def hop_db(path):
    samples = soundfile.read(path)[0]
    power = np.mean(np.square(samples[:len(samples) // HOP * HOP].reshape(-1, HOP)), axis=1)
    return np.convolve(10 * np.log10(power + 1e-10), np.ones(5) / 5, "same")


# --- The net, as src/echo/net.rs runs it ---

def first_weights(rng):
    def matrix(*shape):
        return (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)
    return {"dense.weight": matrix(FEATURES, UNITS), "dense.bias": np.zeros(UNITS, np.float32),
            "input.weight": matrix(UNITS, 3 * UNITS), "input.bias": np.zeros(3 * UNITS, np.float32),
            "memory.weight": matrix(UNITS, 3 * UNITS), "memory.bias": np.zeros(3 * UNITS, np.float32),
            "out.weight": matrix(UNITS, 1)[:, 0], "out.bias": np.zeros(1, np.float32)}


def run(net, state, x, heard):
    """Logits of frames x lanes; the state of a lane is empty wherever no playback is heard."""
    dense = jnp.tanh(x @ net["dense.weight"] + net["dense.bias"])
    of_input = dense @ net["input.weight"] + net["input.bias"]

    def step(state, frame):
        from_input, heard = frame
        state = state * heard[:, None]
        from_memory = state @ net["memory.weight"] + net["memory.bias"]
        (r, z, n), (hr, hz, hn) = jnp.split(from_input, 3, 1), jnp.split(from_memory, 3, 1)
        new = jnp.tanh(n + jax.nn.sigmoid(r + hr) * hn)
        keep = jax.nn.sigmoid(z + hz)
        state = (1 - keep) * new + keep * state
        return state, state @ net["out.weight"] + net["out.bias"][0]

    return jax.lax.scan(step, state, (of_input, heard))


def loss(net, state, x, near, weight, heard):
    state, logit = run(net, state, x, heard)
    surprise = jnp.maximum(logit, 0) - logit * near + jnp.log1p(jnp.exp(-jnp.abs(logit)))
    return jnp.sum(surprise * weight) / (jnp.sum(weight) + 1e-6), state


LOSS = jax.jit(loss)


# --- Training ---

@jax.jit
def update(net, means, squares, count, state, batch, rate):
    """A step of Adam, gradients limited to a norm of 1."""
    (value, state), slope = jax.value_and_grad(loss, has_aux=True)(net, state, *batch)
    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(slope)))
    slope = jax.tree.map(lambda g: g * jnp.minimum(1, 1 / norm), slope)
    means = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, means, slope)
    squares = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, squares, slope)
    scale = jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    net = jax.tree.map(lambda w, m, s: w - rate * (scale * m / (jnp.sqrt(s) + 1e-8) + 1e-2 * w), net, means, squares)
    return net, means, squares, value, state


def train(scenes, held, epochs, seed):
    rng = np.random.default_rng(seed)
    x, near, weight, heard = (stack(scenes, key) for key in ("x", "near", "weight", "heard"))
    mean, deviation = x[heard > 0].mean(0), x[heard > 0].std(0) + 1e-3
    x = (x - mean) / deviation
    net = first_weights(rng)
    average = net
    means, squares, count = jax.tree.map(np.zeros_like, net), jax.tree.map(np.zeros_like, net), 0
    for epoch in range(epochs):
        rate = 1.5e-3 * (1 + np.cos(np.pi * epoch / epochs)) + 1e-5
        values = []
        for lanes in np.array_split(rng.permutation(x.shape[1]), max(1, x.shape[1] // LANES)):
            lanes = np.resize(lanes, LANES)
            spread, offset = 1 + 0.05 * normal(rng, 1, LANES, FEATURES), 0.3 * normal(rng, 1, LANES, FEATURES)
            kept = (rng.random((1, LANES, FEATURES)) > DROPPED).astype(np.float32)
            state = np.zeros((LANES, UNITS), np.float32)
            for start in range(0, x.shape[0] - CHUNK + 1, CHUNK):
                part = slice(start, start + CHUNK)
                noise = 0.15 * normal(rng, CHUNK, LANES, FEATURES)
                varied = (x[part, lanes] * spread + offset + noise) * kept
                batch = (varied, near[part, lanes], weight[part, lanes], heard[part, lanes])
                count += 1
                net, means, squares, value, state = update(net, means, squares, count, state, batch, rate)
                average = follow(average, net, AVERAGE_KEPT if epoch else 0.0)
                values.append(float(value))
        print(f"epoch {epoch + 1} of {epochs}: loss {np.mean(values):.4f}", held_loss(average, held, mean, deviation), flush=True)
    return {"mean": mean, "deviation": deviation} | {key: np.asarray(value) for key, value in average.items()}


@jax.jit
def follow(average, net, kept):
    """The average of the weights over the last steps (Polyak): steadier than the weights of any one."""
    return jax.tree.map(lambda a, w: kept * a + (1 - kept) * w, average, net)


def held_loss(net, held, mean, deviation):
    """The loss of the average weights on scenes of other speakers: it stops falling long before that of the training scenes."""
    if not held:
        return ""
    x, near, weight, heard = (stack(held, key) for key in ("x", "near", "weight", "heard"))
    state = np.zeros((x.shape[1], UNITS), np.float32)
    return f"and held {float(LOSS(net, state, (x - mean) / deviation, near, weight, heard)[0]):.4f}"


def normal(rng, *shape):
    return rng.standard_normal(shape, np.float32)


def stack(scenes, key):
    """Frames x scenes (x features), padded with zeros."""
    longest = max(len(scene["near"]) for scene in scenes)
    stacked = np.zeros((longest, len(scenes)) + scenes[0][key].shape[1:], np.float32)
    for lane, scene in enumerate(scenes):
        stacked[:len(scene[key]), lane] = scene[key]
    return stacked


# --- Results ---

def answer(weights, scenes):
    """For each scene the probability of its frames."""
    net = {key: value for key, value in weights.items() if key not in ("mean", "deviation")}
    infer = jax.jit(functools.partial(run, net))
    answers = []
    for scene in scenes:
        x = ((scene["x"] - weights["mean"]) / weights["deviation"])[:, None]
        logit = np.asarray(infer(np.zeros((1, UNITS), np.float32), x, scene["heard"][:, None])[1])[:, 0]
        answers.append(1 / (1 + np.exp(-logit)))
    return answers


def report(answers, scenes):
    """Share of frames over a threshold: the agent alone (at least 200 ms from the user), and the user."""
    families = {}
    for likely, scene in zip(answers, scenes):
        user = np.convolve(scene["near"], np.ones(41), "same") > 0
        heard = scene["heard"] > 0
        alone, near = families.setdefault(scene["family"], ([], []))
        alone.append(likely[(scene["echo"] > 0) & ~user & heard])
        near.append(likely[(scene["near"] > 0) & heard])
    for family, (alone, near) in sorted(families.items()):
        alone, near = np.concatenate(alone), np.concatenate(near)
        shares = [f"{t}: {share(alone, t)} / {share(near, t)}" for t in (0.3, 0.5, 0.7)]
        print(f"{family:11s} agent alone / user over", ", ".join(shares))


def report_reliability(answers, scenes):
    """For ten ranges of the probability: its mean, and how often it was the user."""
    frames = [np.stack([likely, scene["near"], scene["weight"]]) for likely, scene in zip(answers, scenes)]
    likely, near, weight = np.concatenate([part[:, part[2] > 0] for part in frames] or [np.empty((3, 0))], axis=1)
    for low in np.arange(10) / 10:
        part = (likely >= low) & (likely < low + 0.1)
        if part.any():
            told, true = (np.average(values[part], weights=weight[part]) for values in (likely, near))
            print(f"reliability: told {told:.3f}, true {true:.3f}, {100 * part.mean():.1f} % of the frames")


def share(values, threshold):
    return f"{100 * np.mean(values > threshold):.1f} %" if len(values) else "-"


def write(path, tensors):
    """The safetensors format, by hand: a length, a JSON header, the bytes."""
    header, blobs, offset = {}, [], 0
    for name, tensor in tensors.items():
        blob = np.ascontiguousarray(tensor, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(np.shape(tensor)), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


if __name__ == "__main__":
    main()
