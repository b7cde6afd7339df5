"""Plots as SVG, with nothing but text: they are small, and a difference of the data is a difference of the file."""
import math
from html import escape

COLOURS = {
    "raw_socket": "#9aa0a6",
    "libcurl": "#c9913d",
    "cetcd": "#a06fb5",
    "go": "#5f9e83",
    "go_wide": "#8cc3aa",
    "etcd_client": "#1f6feb",
    "etcd_client_polling": "#86b3f3",
    "etcd_client_async": "#86b3f3",
}
BAR, GAP, HEAD, LABELS, VALUE = 13, 3, 22, 150, 38
STYLE = "text{font:11px sans-serif;fill:#24292f}.small{font-size:9.5px;fill:#57606a}.head{font-weight:bold}"


def svg(width, height, parts):
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    background = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    return "\n".join([opening, f"<style>{STYLE}</style>", background, *parts, "</svg>", ""])


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(words)}</text>'


def bar(x, y, width, colour):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{BAR}" fill="{colour}"/>'


def whisker(low, high, y):
    middle = y + BAR / 2
    return f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 3}v6M{high:.1f} {middle - 3}v6" stroke="#24292f" fill="none"/>'


def ratios(title, rows, columns, names, cells, base):
    """Panels of bars to the right or left of 1, on a logarithmic scale. `cells` has (median, lowest, highest) by row, column
    and program; `names` the words for each program; a program that is not in a row has no place there."""
    # A measurement that was too short for a single call has no logarithm.
    cells = {key: tuple(max(value, 0.01) for value in cell) for key, cell in cells.items()}
    programs = {row: [name for name in names if any((row, column, name) in cells for column in columns)] for row in rows}
    everything = [value for cell in cells.values() for value in cell] + [0.5, 2]
    lowest, highest = math.log(min(everything)) - 0.1, math.log(max(everything)) + 0.1
    panel = max(120, 640 // len(columns))
    room = panel - VALUE - 12
    width = LABELS + panel * len(columns)

    def place(value, column):
        return LABELS + column * panel + (math.log(value) - lowest) / (highest - lowest) * room

    parts, y = [text(8, 16, title, "head")], 30
    for number, column in enumerate(columns):
        parts.append(text(place(1, number), y + 8, column, "head", "middle"))
    y += HEAD
    for row in rows:
        if not programs[row]:
            continue
        parts.append(text(8, y + 8, row, "head"))
        y += 14
        top = y
        for name in programs[row]:
            parts.append(text(LABELS - 6, y + BAR - 3, names[name], "small", "end"))
            for number, column in enumerate(columns):
                if (row, column, name) not in cells:
                    continue
                median, low, high = cells[(row, column, name)]
                begin, end = sorted((place(1, number), place(median, number)))
                parts.append(bar(begin, y, end - begin, COLOURS[name]))
                parts.append(whisker(place(low, number), place(high, number), y))
                right = max(place(high, number), place(1, number)) + 4
                parts.append(text(right, y + BAR - 3, f"{median:.2f}" if median < 10 else f"{median:.0f}", "small"))
            y += BAR + GAP
        for number in range(len(columns)):
            line = place(1, number)
            parts.append(f'<path d="M{line:.1f} {top - 3}V{y}" stroke="#57606a" stroke-dasharray="2 2"/>')
        y += 10
    parts.append(text(8, y + 8, f"1 = {base}; logarithmic; the thin lines: lowest and highest of the repeats", "small"))
    return svg(width, y + 18, parts)


def amounts(title, rows, names, cells, unit):
    """Bars from 0, a group for each row, each group on a scale of its own."""
    room, parts, y = 480, [text(8, 16, title, "head")], 30
    for row in rows:
        there = [name for name in names if (row, name) in cells]
        if not there:
            continue
        parts.append(text(8, y + 8, row, "head"))
        y += 14
        highest = max(cells[(row, name)][2] for name in there)
        for name in there:
            median, low, high = cells[(row, name)]
            parts.append(text(LABELS - 6, y + BAR - 3, names[name], "small", "end"))
            parts.append(bar(LABELS, y, median / highest * room, COLOURS[name]))
            parts.append(whisker(LABELS + low / highest * room, LABELS + high / highest * room, y))
            parts.append(text(LABELS + high / highest * room + 6, y + BAR - 3, f"{median:.3g} {unit}", "small"))
            y += BAR + GAP
        y += 10
    return svg(LABELS + room + 90, y + 6, parts)
