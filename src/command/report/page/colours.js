"use strict";
// Colours of Okabe and Ito, which colour-blind eyes tell apart, and a pattern for each fate besides.

const PATTERNS = { forward: "solid", silence: "none", burst: "rising", echo: "upright", storm: "crossed", breaker: "dotted", undecided: "falling" };

// Asking for computed styles is slow: each is asked for once, until the scheme changes.
function colour(name) {
  if (!colours.has(name)) {
    colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  }
  return colours.get(name);
}

// What fills an area of that fate.
function fillOf(context, fate) {
  if (!fills.has(fate)) fills.set(fate, context.createPattern(tile(fate), "repeat"));
  return fills.get(fate);
}

function forgetColours() {
  colours.clear();
  fills.clear();
}

function tile(fate) {
  const size = 8 * Math.ceil(devicePixelRatio);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  context.fillStyle = context.strokeStyle = colour(fate);
  context.lineWidth = size / 5;
  const kind = PATTERNS[fate] ?? "none";
  context.globalAlpha = kind === "solid" ? 1 : kind === "none" ? 0.28 : 0.35;
  context.fillRect(0, 0, size, size);
  context.globalAlpha = 1;
  const line = (x, y, to, end) => {
    context.beginPath();
    context.moveTo(x * size, y * size);
    context.lineTo(to * size, end * size);
    context.stroke();
  };
  const rising = () => [-1, 0, 1].forEach((n) => line(n - 0.1, 1.1, n + 1.1, -0.1));
  const falling = () => [-1, 0, 1].forEach((n) => line(n - 0.1, -0.1, n + 1.1, 1.1));
  if (kind === "rising" || kind === "crossed") rising();
  if (kind === "falling" || kind === "crossed") falling();
  if (kind === "upright") line(0.5, 0, 0.5, 1);
  if (kind === "dotted") {
    context.beginPath();
    context.arc(size / 2, size / 2, size / 4, 0, 7);
    context.fill();
  }
  return canvas;
}

const colours = new Map();
const fills = new Map();
