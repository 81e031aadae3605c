#!/usr/bin/env python3
"""Draws what a terminal showed, colours and all, as an SVG.

    tmux capture-pane -p -e -S -500 | tools/ansi_to_svg.py > docs/pictures/drill.svg

Reads text with SGR colours (other escape sequences are an error), drops empty lines at the end.
"""

import argparse
import html
import re
import sys

FONT, LINE, CELL, MARGIN = 14, 19, 8.43, 16  # pixels
PAPER, INK = "#101418", "#d4d9df"
COLOURS = {30: "#3b4252", 31: "#ff6b68", 32: "#7bd88f", 33: "#f0c674", 34: "#7aa2f7", 35: "#c792ea", 36: "#6fd3e0", 37: INK,
           90: "#7b8794", 91: "#ff8f8c", 92: "#a5e6b3", 93: "#ffdd99", 94: "#a3bffa", 95: "#dab6f5", 96: "#a2e9f2", 97: "#ffffff"}
SEQUENCE = re.compile(r"\x1b\[([0-9;]*)m")


class Pen:
    def __init__(self):
        self.reset()

    def reset(self):
        self.colour, self.bold, self.faint = None, False, False

    def apply(self, codes):
        for code in [int(one) if one else 0 for one in codes.split(";")]:
            if code == 0:
                self.reset()
            elif code == 1:
                self.bold = True
            elif code == 2:
                self.faint = True
            elif code == 22:
                self.bold = self.faint = False
            elif code == 49:  # the background, which nothing here paints
                pass
            elif code == 39:
                self.colour = None
            elif code in COLOURS:
                self.colour = COLOURS[code]
            else:
                raise SystemExit("ansi_to_svg: SGR %d is not known here" % code)

    def style(self):
        return ((' fill="%s"' % self.colour if self.colour else "") + (' font-weight="bold"' if self.bold else "") +
                (' opacity="0.62"' if self.faint else ""))


def runs(line, pen):
    """(column, text, style) of each stretch in one colour."""
    column, found, at = 0, [], 0
    while at <= len(line):
        match = SEQUENCE.search(line, at)
        text = line[at:match.start() if match else len(line)]
        if "\x1b" in text:
            raise SystemExit("ansi_to_svg: an escape sequence that is no colour: %r" % text)
        # Stretches of blanks are left out, so that columns hold whatever the font's own widths are.
        for part in re.finditer(r"\S+(?: \S+)*", text):
            found.append((column + part.start(), part.group(), pen.style()))
        column += len(text)
        if not match:
            return found, column
        pen.apply(match.group(1))
        at = match.end()
    return found, column


def draw(lines, title):
    pen, body, widest = Pen(), [], 0
    for number, line in enumerate(lines):
        found, columns = runs(line, pen)
        widest = max(widest, columns)
        y = MARGIN + LINE * number + FONT
        body += ['<text x="%.1f" y="%d" textLength="%.1f"%s>%s</text>' %
                 (MARGIN + CELL * column, y, CELL * len(text), style, html.escape(text)) for column, text, style in found]
    width, height = MARGIN * 2 + CELL * widest, MARGIN * 2 + LINE * len(lines)
    head = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">' %
            (width, height, width, height))
    return "\n".join([
        head, "<title>%s</title>" % html.escape(title),
        '<rect width="100%%" height="100%%" rx="8" fill="%s"/>' % PAPER,
        '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="%d" '
        'fill="%s" style="white-space: pre">' % (FONT, INK), *body, "</g>", "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--title", default="a terminal")
    arguments = parser.parse_args()
    lines = [line.rstrip() for line in sys.stdin.read().split("\n")]
    while lines and not SEQUENCE.sub("", lines[-1]).strip():
        lines.pop()
    if not lines:
        raise SystemExit("ansi_to_svg: there was nothing to draw")
    sys.stdout.write(draw(lines, arguments.title))


if __name__ == "__main__":
    main()
