#!/usr/bin/python3
"""Renders pages of known texts: several fonts and sizes, a little askew, with specks.

    render.py FOLDER PAGES

writes FOLDER/page-000.png with its text in page-000.txt, and so on; the same pages each time.
Needs Debian's python3-pil and one of fonts-dejavu-core, fonts-liberation, fonts-freefont-ttf.
"""

import pathlib
import random
import sys

from PIL import Image, ImageDraw, ImageFont

FONTS = ["dejavu/DejaVuSans.ttf", "dejavu/DejaVuSerif.ttf", "liberation/LiberationSerif-Regular.ttf",
         "liberation/LiberationSans-Regular.ttf", "liberation/LiberationMono-Regular.ttf",
         "freefont/FreeSerif.ttf"]
SIZES = [26, 30, 36]
WIDTH, MARGIN, LINES = 1000, 50, 8

SENTENCES = """A queue holds what is still to be done and forgets nothing that it was told.
The worker takes a page from the pile and reads it line by line.
When the power fails at night the letters wait until the morning.
Seven ships left the harbour in 1843 and only five of them came home.
She counted the steps to the tower twice and wrote down both numbers.
Rain fell on the roof for three days before the river began to rise.
Nobody remembers who planted the old walnut tree behind the mill.
The train to the coast leaves at 6:45 and stops in every village.
An honest clock shows the wrong time only while somebody is looking.
He folded the map, put out the lamp and walked down to the lake.
Large numbers of small errors add up to a result that looks right.
The library lends books, maps and 12 pairs of reading glasses.
Every machine in the hall stopped at once, and then it was quiet.
Whoever finds the key may keep the box but not what is inside.
They painted the door green because there was no other colour left.
The baker opens before dawn, and the street smells of warm bread.""".split("\n")


def fonts():
    root = pathlib.Path("/usr/share/fonts/truetype")
    found = [str(root / name) for name in FONTS if (root / name).exists()]
    if not found:
        sys.exit("render.py: no font; install fonts-dejavu-core, fonts-liberation or fonts-freefont-ttf")
    return found


def wrapped(words, font):
    lines = [""]
    for word in words:
        longer = (lines[-1] + " " + word).strip()
        if font.getlength(longer) > WIDTH - 2 * MARGIN:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines[:LINES]


def render(number, names):
    chance = random.Random(number)
    size = SIZES[number // len(names) % len(SIZES)]
    font = ImageFont.truetype(names[number % len(names)], size)
    lines = wrapped(" ".join(chance.sample(SENTENCES, 6)).split(), font)
    page = Image.new("L", (WIDTH, 2 * MARGIN + int(1.5 * size * len(lines))), 255)
    draw = ImageDraw.Draw(page)
    for i, line in enumerate(lines):
        draw.text((MARGIN, MARGIN + int(1.5 * size * i)), line, font=font, fill=20)
    page = page.rotate(chance.uniform(-0.7, 0.7), resample=Image.BICUBIC, fillcolor=255)
    pixels = page.load()
    for _ in range(page.width * page.height // 400):
        pixels[chance.randrange(page.width), chance.randrange(page.height)] = chance.randrange(256)
    return page, "\n".join(lines) + "\n"


def main():
    folder, pages = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    names = fonts()
    for number in range(pages):
        page, text = render(number, names)
        page.save(folder / f"page-{number:03}.png")
        (folder / f"page-{number:03}.txt").write_text(text)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main()
