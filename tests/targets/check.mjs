// Runs the module that is given, and compares with what `native` printed on this machine.
//     node check.mjs MODULE.wasm "DIFFERENCE VERDICTS"

import { readFile } from "node:fs/promises";

const TOLERANCE = 1e-4; // as between instruction sets, src/vad/silero/stream.rs

const [module, native] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(await readFile(module), {});
const difference = instance.exports.largest_difference();
const verdicts = instance.exports.verdicts() >>> 0;
const expected = Number(native.split(" ")[1]);
console.log(`scores differ from ONNX Runtime's by at most ${difference.toExponential(1)}`);
if (!(difference <= TOLERANCE)) throw new Error(`more than ${TOLERANCE}`);
if (verdicts !== expected) throw new Error(`verdicts hash to ${verdicts}, on this machine to ${expected}`);
console.log("every verdict in a call with echo is this machine's");
