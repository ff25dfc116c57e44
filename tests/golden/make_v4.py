"""Writes tests/golden/v4.onnx: a graph of Silero v4's inputs and outputs that fails after ten windows.

    python3 tests/golden/make_v4.py   # needs onnx (pip install onnx)

Its score is 0.05 times the number of windows before this one, which it counts in h; the eleventh looks
up an index that does not exist, and ONNX Runtime fails at run time. The sum of c counts too, so that
both states must be carried for the score to be right.
"""

from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
STATE = [2, 1, 64]


def main():
    constants = {"table": np.zeros(10, np.float32), "one": np.ones(1, np.float32), "scale": np.float32([[0.025]])}
    nodes = [
        ("Add", ["h", "one"], "hn"), ("Add", ["c", "one"], "cn"),
        ("ReduceMax", ["h"], "windows"), ("Cast", ["windows"], "index"), ("Gather", ["table", "index"], "zero"),
        ("ReduceMax", ["c"], "more"), ("Add", ["windows", "more"], "both"), ("Mul", ["both", "scale"], "scaled"),
        ("ReduceMean", ["input"], "mean"), ("Sub", ["mean", "mean"], "nothing"), ("Cast", ["sr"], "rate"),
        ("Sub", ["rate", "rate"], "none"), ("Sum", ["scaled", "zero", "nothing", "none"], "output"),
    ]
    options = {"index": {"to": INT64}, "rate": {"to": FLOAT}, "windows": {"keepdims": 0}, "more": {"keepdims": 0},
               "mean": {"keepdims": 0}}
    graph = helper.make_graph(
        [helper.make_node(op, inputs, [out], **options.get(out, {})) for op, inputs, out in nodes], "v4",
        [info("input", FLOAT, [1, 512]), info("sr", INT64, []), info("h", FLOAT, STATE), info("c", FLOAT, STATE)],
        [info("output", FLOAT, [1, 1]), info("hn", FLOAT, STATE), info("cn", FLOAT, STATE)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)], producer_name="voxgate")
    checker.check_model(model)
    save(model, Path(__file__).with_name("v4.onnx"))


def info(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


if __name__ == "__main__":
    main()
