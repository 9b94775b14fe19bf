"""A bar for each queue, on a scale of powers of ten, as SVG. Written out by hand: it is a dozen
rectangles, for which no plotting program need be there."""

import math
from html import escape

WIDTH, LEFT, RIGHT, TOP, BAR, GAP = 720, 190, 90, 40, 16, 8
COLOURS = {"push": "#9db4c8", "drain": "#2f5d8a"}
TEXT = 'font-family="sans-serif" font-size="12" fill="#222"'


def bars(rows):
    """The best drain of each queue, and its push."""
    best = {}
    for row in rows:
        if row["name"] not in best or row["drain"] > best[row["name"]]["drain"]:
            best[row["name"]] = row
    chosen = sorted(best.values(), key=lambda row: -row["drain"])
    most = max((max(row["push"], row["drain"]) for row in chosen), default=10)
    decades = max(1, math.ceil(math.log10(most)))
    lowest = 1  # a tenth of what the slowest of them do would only waste room

    def x(value):
        part = (math.log10(max(value, 10**lowest)) - lowest) / (decades - lowest)
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    height = TOP + len(chosen) * (2 * BAR + GAP) + 30
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="18" {TEXT}>items a second, two worker processes, empty handler; '
        "each step is a factor of ten</text>",
    ]
    for power in range(lowest, decades + 1):
        at = x(10**power)
        out.append(
            f'<line x1="{at:.1f}" y1="{TOP - 8}" x2="{at:.1f}" y2="{height - 24}" stroke="#ddd"/>'
            f'<text x="{at:.1f}" y="{height - 8}" text-anchor="middle" {TEXT}>{10**power:,}</text>'
        )
    y = TOP
    for row in chosen:
        label = escape(f"{row['name']}, {row['in_hand']} in hand")
        out.append(f'<text x="{LEFT - 8}" y="{y + BAR + 4}" text-anchor="end" {TEXT}>{label}</text>')
        for what in ("push", "drain"):
            end = x(row[what])
            out.append(
                f'<rect x="{LEFT}" y="{y}" width="{max(end - LEFT, 1):.1f}" height="{BAR - 1}" '
                f'fill="{COLOURS[what]}"/>'
                f'<text x="{end + 4:.1f}" y="{y + 12}" {TEXT}>{what} {row[what]:,.0f}</text>'
            )
            y += BAR
        y += GAP
    return "\n".join([*out, "</svg>", ""])
