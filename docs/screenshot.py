"""A terminal's screen as an SVG: tmux capture-pane -e -p | python3 docs/screenshot.py > docs/src/pictures/mic.svg"""

import re
import sys
from html import escape

CELL, ROW, SIZE, PAD = 8.4, 18, 14, 14
BACK, FRONT = "#16181d", "#d7dae0"
COLOURS = ["#3b4048", "#ef596f", "#89ca78", "#e5c07b", "#61afef", "#c678dd", "#2bbac5", "#c8ccd4",
           "#737b88", "#ef596f", "#89ca78", "#e5c07b", "#61afef", "#c678dd", "#2bbac5", "#ffffff"]
BLOCKS = "▁▂▃▄▅▆▇█"
# Where a rounded corner's strokes go to: right or left, down or up.
CORNERS = {"╭": (1, 1), "╮": (-1, 1), "╰": (1, -1), "╯": (-1, -1)}
# How thick lines are.
LINES = {"─": 1, "━": 3, "│": 1, "┃": 3, "┈": 1}


def main():
    rows = cells(sys.stdin.read().rstrip("\n"))
    width = max(map(len, rows)) * CELL + 2 * PAD
    height = len(rows) * ROW + 2 * PAD
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" font-size="{SIZE}" '
          f'font-family="ui-monospace,SFMono-Regular,Menlo,DejaVu Sans Mono,Consolas,monospace" xml:space="preserve">')
    print(f'<rect width="100%" height="100%" rx="8" fill="{BACK}"/>')
    for y, row in enumerate(rows):
        for x, text, style in runs(row):
            draw(PAD + x * CELL, PAD + y * ROW, text, style)
    print("</svg>")


def cells(text):
    """Rows of characters, each with its style: (front, back, bold). A style lasts beyond the end of a line."""
    front, back, bold = FRONT, None, False
    rows = [[]]
    for escape_code, character in re.findall(r"\x1b\[([\d;]*)m|(.|\n)", text):
        if character == "\n":
            rows.append([])
        elif character:
            rows[-1].append((character, (front, back, bold)))
        codes = [] if character else [int(code or 0) for code in escape_code.split(";")]
        while codes:
            code = codes.pop(0)
            if code == 0:
                front, back, bold = FRONT, None, False
            elif code in (1, 22):
                bold = code == 1
            elif code == 38 and codes[0] == 5:
                front, codes = COLOURS[codes[1]], codes[2:]
            elif code == 48 and codes[0] == 5:
                back, codes = COLOURS[codes[1]], codes[2:]
            elif 30 <= code <= 37 or 90 <= code <= 97:
                front = COLOURS[code % 10 + (8 if code >= 90 else 0)]
            elif 40 <= code <= 47 or 100 <= code <= 107:
                back = COLOURS[code % 10 + (8 if code >= 100 else 0)]
            elif code == 39:
                front = FRONT
            elif code == 49:
                back = None
    return rows


def runs(row):
    """Neighbours of one style; blocks apart, because they are drawn and not written."""
    start = 0
    kind = lambda cell: (cell[1], cell[0] if cell[0] in BLOCKS or cell[0] in LINES or cell[0] in CORNERS else "")
    for x in range(1, len(row) + 1):
        if x == len(row) or kind(row[x]) != kind(row[start]):
            yield start, "".join(character for character, _ in row[start:x]), row[start][1]
            start = x


def draw(x, y, text, style):
    front, back, bold = style
    width = len(text) * CELL
    if back:
        print(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW}" fill="{back}"/>')
    if text[0] in BLOCKS:
        high = ROW * (BLOCKS.index(text[0]) + 1) / 8
        print(f'<rect x="{x:.1f}" y="{y + ROW - high:.1f}" width="{width + 0.2:.1f}" height="{high + 0.2:.1f}" fill="{front}"/>')
    elif text[0] in CORNERS:
        right, down = CORNERS[text[0]]
        print(f'<path d="M{x + CELL / 2:.1f} {y + ROW / 2 + down * ROW / 2}v{-down * 5}q0 {-down * 4} {right * 4.2} {-down * 4}" '
              f'fill="none" stroke="{front}"/>')
    elif text[0] in "─━┈":
        dashes = ' stroke-dasharray="2 2"' if text[0] == "┈" else ""
        print(f'<path d="M{x:.1f} {y + ROW / 2}h{width:.1f}" stroke="{front}" stroke-width="{LINES[text[0]]}"{dashes}/>')
    elif text[0] in LINES:
        for middle in (x + CELL * (i + 0.5) for i in range(len(text))):
            print(f'<path d="M{middle:.1f} {y}v{ROW}" stroke="{front}" stroke-width="{LINES[text[0]]}"/>')
    elif text.strip():
        lead = len(text) - len(text.lstrip())
        text = text.strip()
        weight = ' font-weight="bold"' if bold else ""
        print(f'<text x="{x + lead * CELL:.1f}" y="{y + 13.5}" textLength="{len(text) * CELL:.1f}" '
              f'lengthAdjust="spacingAndGlyphs" fill="{front}"{weight}>{escape(text)}</text>')


if __name__ == "__main__":
    main()
