"""Writes TIFF files in a matrix of encodings to a directory, with the pixels that Pillow reads from them.

For each NAME.tif there is NAME.rgb, the pixels of `Image.convert("RGB")`, three bytes each; `index.json` maps names to width and
height. Grey of 16 bits is the upper byte, since Pillow's conversion saturates. A file that Pillow does not read is left out.
"""

import itertools
import json
import pathlib
import struct
import sys
import zlib

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 37, 29
TILE = 16
NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS = 1, 5, 8, 32946, 32773
COMPRESSIONS = {"none": NONE, "lzw": LZW, "deflate": DEFLATE, "olddeflate": OLD_DEFLATE, "packbits": PACKBITS}
# Photometric interpretation, bits, samples, kind of extra samples.
KINDS = {
    "bilevel": (1, 1, 1, None),
    "bilevelwhite": (0, 1, 1, None),
    "grey4": (1, 4, 1, None),
    "grey8": (1, 8, 1, None),
    "grey8white": (0, 8, 1, None),
    "grey16": (1, 16, 1, None),
    "greyalpha8": (1, 8, 2, 2),
    "rgb8": (2, 8, 3, None),
    "rgb16": (2, 16, 3, None),
    "rgba8": (2, 8, 4, 2),
    "rgba8associated": (2, 8, 4, 1),
    "rgba8unspecified": (2, 8, 4, 0),
    "rgba16": (2, 16, 4, 2),
    "palette4": (3, 4, 1, None),
    "palette8": (3, 8, 1, None),
    "cmyk8": (5, 8, 4, None),
}
LAYOUTS = ("strip", "strips", "tiles")


def samples(bits, count):
    """Smooth and rough samples, all values among them."""
    rows, columns, channels = np.mgrid[0:HEIGHT, 0:WIDTH, 0:count]
    noise = np.random.default_rng(7).integers(0, 1 << bits, (HEIGHT, WIDTH, count))
    smooth = (rows * 5 + columns * 3 + channels * 41) % (1 << min(bits, 8)) << max(0, bits - 8)
    return np.where((rows + columns) % 3 == 0, noise, smooth).astype("u2" if bits == 16 else "u1")


def packbits(row):
    """Literal runs only, and one repeated run where a row begins with equal bytes."""
    return b"".join(bytes([len(part) - 1]) + part for part in (row[at:at + 128] for at in range(0, len(row), 128)))


def lzw(data):
    """Codes of nine bits: a clear code comes before the width would have to grow."""
    codes = []
    for at in range(0, len(data), 250):
        codes += [256, *data[at:at + 250]]
    codes.append(257)
    number = 0
    for code in codes:
        number = number << 9 | code
    padding = -9 * len(codes) % 8
    return (number << padding).to_bytes((9 * len(codes) + padding) // 8, "big")


def block_bytes(block, bits, order, predictor, compression):
    """Encodes a block of rows × columns × samples."""
    if predictor == 2:
        block = block.copy()
        block[:, 1:] -= block[:, :-1].copy()
    rows = block.reshape(len(block), -1)
    if bits < 8:
        powers = np.arange(8 // bits - 1, -1, -1) * bits
        rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % (8 // bits))))
        rows = (rows.reshape(len(rows), -1, 8 // bits) << powers).sum(2).astype("u1")
    elif bits == 16:
        rows = rows.astype(order + "u2")
    rows = [row.tobytes() for row in rows]
    if compression == PACKBITS:
        return b"".join(map(packbits, rows))
    data = b"".join(rows)
    return {NONE: bytes, LZW: lzw}.get(compression, zlib.compress)(data)


def blocks(plane, layout):
    """The strips or tiles of a plane."""
    if layout == "tiles":
        padded = np.pad(plane, ((0, -HEIGHT % TILE), (0, -WIDTH % TILE), (0, 0)), mode="edge")
        for top, left in itertools.product(range(0, HEIGHT, TILE), range(0, WIDTH, TILE)):
            yield padded[top:top + TILE, left:left + TILE]
    else:
        rows = HEIGHT if layout == "strip" else 7
        yield from (plane[top:top + rows] for top in range(0, HEIGHT, rows))


def tiff(kind, compression, predictor=1, planar=1, layout="strip", order="<", orientation=1, fill_order=1):
    photometric, bits, count, extra = KINDS[kind]
    pixels = samples(bits, count)
    if extra == 1:
        pixels[..., :3] = (pixels[..., :3].astype("u2") * pixels[..., 3:] // 255).astype("u1")
    planes = [pixels] if planar == 1 else [pixels[..., at:at + 1] for at in range(count)]
    data = [
        block_bytes(block, bits, order, predictor, compression) for plane in planes for block in blocks(plane, layout)
    ]
    if fill_order == 2:
        data = [bytes(int(f"{byte:08b}"[::-1], 2) for byte in block) for block in data]
    offsets = [8 + sum(map(len, data[:number])) for number in range(len(data))]
    tags = {
        256: ("H", [WIDTH]),
        257: ("H", [HEIGHT]),
        258: ("H", [bits] * count),
        259: ("H", [compression]),
        262: ("H", [photometric]),
        266: ("H", [fill_order]),
        274: ("H", [orientation]),
        277: ("H", [count]),
        284: ("H", [planar]),
    }
    if predictor != 1:
        tags[317] = ("H", [predictor])
    if extra is not None:
        tags[338] = ("H", [extra])
    if photometric == 3:
        colours = np.random.default_rng(3).integers(0, 65536, 3 << bits)
        tags[320] = ("H", [int(colour) for colour in colours])
    if layout == "tiles":
        tags |= {322: ("H", [TILE]), 323: ("H", [TILE]), 324: ("I", offsets), 325: ("I", list(map(len, data)))}
    else:
        rows = HEIGHT if layout == "strip" else 7
        tags |= {273: ("I", offsets), 278: ("H", [rows]), 279: ("I", list(map(len, data)))}
    body = b"".join(data)
    body += b"\0" * (len(body) % 2)
    directory_at = 8 + len(body)
    spill_at = directory_at + 2 + 12 * len(tags) + 4
    entries, spill = b"", b""
    for tag in sorted(tags):
        form, values = tags[tag]
        raw = struct.pack(order + form * len(values), *values)
        if len(raw) > 4:
            place = struct.pack(order + "I", spill_at + len(spill))
            spill += raw + b"\0" * (len(raw) % 2)
        else:
            place = raw.ljust(4, b"\0")
        entries += struct.pack(order + "HHI", tag, 3 if form == "H" else 4, len(values)) + place
    mark = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(order + "H", len(tags)) + entries + b"\0\0\0\0"
    return mark + struct.pack(order + "I", directory_at) + body + directory + spill


def matrix():
    for kind, (_, bits, count, _) in KINDS.items():
        for (name, compression), predictor, planar, layout, order in itertools.product(
            COMPRESSIONS.items(), (1, 2), (1, 2), LAYOUTS, "<>"
        ):
            if planar == 2 and count == 1 or predictor == 2 and (bits < 8 or compression in (NONE, PACKBITS)):
                continue
            # Pillow misreads planes of 16 bits without compression; with compression it reads them by libtiff.
            if planar == 2 and bits == 16 and compression == NONE:
                continue
            title = f"{kind}-{name}-{predictor}-{planar}-{layout}-{'le' if order == '<' else 'be'}"
            yield title, tiff(kind, compression, predictor, planar, layout, order)
        for orientation in range(2, 9):
            # Pillow maps some uncompressed images into memory and then misreads those that lie on their side.
            yield f"{kind}-orientation{orientation}", tiff(kind, LZW, orientation=orientation)
    for kind in ("bilevel", "grey8"):
        for name, compression in COMPRESSIONS.items():
            yield f"{kind}reversed-{name}", tiff(kind, compression, fill_order=2)


def read_by_pillow(path):
    with Image.open(path) as image:
        if image.mode.startswith("I;16"):
            image = Image.fromarray((np.asarray(image) >> 8).astype("u1"))
        return np.asarray(image.convert("RGB"))


def main():
    directory = pathlib.Path(sys.argv[1])
    index = {}
    for name, data in matrix():
        path = directory / f"{name}.tif"
        path.write_bytes(data)
        try:
            pixels = read_by_pillow(path)
        except Exception:
            path.unlink()
            continue
        (directory / f"{name}.rgb").write_bytes(pixels.tobytes())
        index[name] = [pixels.shape[1], pixels.shape[0]]
    (directory / "index.json").write_text(json.dumps(index))


main()
