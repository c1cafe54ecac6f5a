"""Draws ordinary and unusual pictures, and encodes them with Pillow, numpy and ONNX Runtime, for the tests to compare with.

    python reference_pictures.py MODELS DIRECTORY

MODELS is the directory that `make models` builds. Writes DIRECTORY/pictures/*, DIRECTORY/inputs/*.jsonl (the preprocessed
inputs of a model), and DIRECTORY/expected.json: for each case the parameters of flowrun's encoder, the model, and the embedding
of every picture.
"""

import json
import pathlib
import struct
import sys
import zlib

import numpy
import onnxruntime
from PIL import Image, ImageDraw, ImageFilter

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def photograph(seed, width, height):
    """Draws a picture with the properties of a photograph: gradients, shapes with edges, and sensor noise."""
    random = numpy.random.default_rng(seed)
    rough = random.uniform(0, 255, (6, 8, 3)).astype(numpy.uint8)
    image = Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = random.uniform(0, width), random.uniform(0, height)
        side = random.uniform(0.03, 0.3) * min(width, height)
        colour = tuple(int(part) for part in random.integers(0, 256, 3))
        draw.ellipse((x - side, y - side * 0.7, x + side, y + side * 0.7), fill=colour)
        draw.line((x, y, x + 2 * side, y - side), fill=colour[::-1], width=max(1, int(side / 12)))
    image = image.filter(ImageFilter.GaussianBlur(0.8))
    grain = random.normal(0, 5, (height, width, 3))
    return Image.fromarray(numpy.clip(numpy.asarray(image) + grain, 0, 255).astype(numpy.uint8))


def png_of_sixteen_bits(path, pixels):
    """Writes an RGB PNG with 16 bits per sample, which Pillow does not write."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def draw_all(directory):
    directory.mkdir(parents=True)
    photograph(1, 640, 480).save(directory / "photo.jpg", quality=90)
    photograph(2, 480, 640).save(directory / "portrait.jpg", quality=75, subsampling=0)
    photograph(3, 1280, 853).save(directory / "large.jpg", quality=85, progressive=True)
    photograph(4, 333, 517).save(directory / "photo.png")
    photograph(5, 400, 300).save(directory / "photo.webp", quality=80)
    photograph(6, 400, 300).convert("L").save(directory / "grey.jpg", quality=90)
    photograph(7, 200, 100).save(directory / "small.bmp")
    Image.new("RGB", (1, 1), (200, 30, 90)).save(directory / "one.png")
    photograph(8, 4000, 3000).save(directory / "huge.jpg", quality=80)
    photograph(9, 400, 300).convert("CMYK").save(directory / "cmyk.jpg", quality=90)
    wide = numpy.asarray(photograph(10, 300, 200)).astype(numpy.uint16) * 257 + 31
    png_of_sixteen_bits(directory / "sixteen.png", wide)
    photograph(11, 300, 200).quantize(64).save(directory / "palette.png")
    photograph(12, 300, 200).convert("RGBA").save(directory / "alpha.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    photograph(13, 400, 300).save(directory / "turned.jpg", quality=90, exif=turned)
    frames = [photograph(seed, 160, 120) for seed in (14, 15, 16)]
    frames[0].save(directory / "animated.gif", save_all=True, append_images=frames[1:], duration=100)
    photograph(17, 700, 9).save(directory / "thin.png")


def scaled(image, shorter, resample):
    """Scales the shorter side to this length, like torchvision's `resize`."""
    width, height = image.size
    longer = int(shorter * max(width, height) / min(width, height))
    return image.resize((shorter, longer) if width <= height else (longer, shorter), resample)


def middle(image, side):
    """Crops the centre to a square, like torchvision's `center_crop`."""
    width, height = image.size
    left, top = int(round((width - side) / 2.0)), int(round((height - side) / 2.0))
    return image.crop((left, top, left + side, top + side))


def normalised(image, mean, std):
    numbers = numpy.asarray(image).astype(numpy.float32) / numpy.float32(255)
    numbers = (numbers - numpy.float32(mean)) / numpy.float32(std)
    return numbers.transpose(2, 0, 1)


def torchvision(image):
    return normalised(middle(scaled(image, 256, Image.Resampling.BILINEAR), 224), *IMAGENET)


def clip(side):
    return lambda image: normalised(middle(scaled(image, side, Image.Resampling.BICUBIC), side), *CLIP)


def keras(image):
    image = image.resize((32, 32), Image.Resampling.NEAREST)
    return numpy.asarray(image).astype(numpy.float32) / numpy.float32(127.5) - 1


def stretched(resample):
    def make(image):
        return (numpy.asarray(image.resize((32, 32), resample)).astype(numpy.float32) / numpy.float32(255)).transpose(2, 0, 1)

    return make


def as_bytes(image):
    return numpy.asarray(image.resize((32, 32), Image.Resampling.BILINEAR)).transpose(2, 0, 1)


# Cases: the name of the model and a word that distinguishes its cases; the parameters of flowrun's encoder, which name the output
# with the embedding; and the same preprocessing in Python.
CASES = {
    "mobilenet_v2": ({"preset": "mobilenet_v2", "output": "features"}, torchvision),
    "clip/visual": ({"preset": "clip"}, clip),
    "small": ({"output": "features"}, stretched(Image.Resampling.BILINEAR)),
    "small lanczos": ({"output": "features", "filter": "lanczos"}, stretched(Image.Resampling.LANCZOS)),
    "small maps": ({"output": "maps", "pooling": "max"}, stretched(Image.Resampling.BILINEAR)),
    "small_nhwc": ({"output": "1", "preset": "keras"}, keras),
    "small_uint8": ({"output": "features"}, as_bytes),
    "small_batch1": ({"output": "features"}, stretched(Image.Resampling.BILINEAR)),
    "small_fp16": ({"output": "features"}, stretched(Image.Resampling.BILINEAR)),
    "small_int8": ({"output": "features"}, stretched(Image.Resampling.BILINEAR)),
    "small_any_size": ({"output": "features", "size": 32}, stretched(Image.Resampling.BILINEAR)),
}


def main(models, directory):
    draw_all(directory / "pictures")
    (directory / "inputs").mkdir()
    pictures = {path.name: Image.open(path).convert("RGB") for path in sorted((directory / "pictures").iterdir())}
    expected = {}
    for name, (parameters, make) in CASES.items():
        path = models / f"{name.split()[0]}.onnx"
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (taken,) = session.get_inputs()
        if make is clip:
            make = clip(taken.shape[2])
        outputs = [output.name for output in session.get_outputs()]
        wanted = parameters.get("output", outputs[0])
        wanted = outputs[int(wanted)] if wanted.isdigit() else wanted
        kind = {"tensor(float)": numpy.float32, "tensor(float16)": numpy.float16, "tensor(uint8)": numpy.uint8}[taken.type]
        embeddings = {}
        inputs = []
        for picture, image in pictures.items():
            ready = make(image).astype(kind)
            inputs.append({"id": picture, "tensor": ready.tolist()})
            (found,) = session.run([wanted], {taken.name: ready[None]})
            found = found[0].max(axis=(1, 2)) if parameters.get("pooling") == "max" else found[0]
            embeddings[picture] = found.astype(numpy.float32).tolist()
        expected[name] = {"model": str(path), "with": parameters, "embeddings": embeddings}
        if kind is not numpy.uint8 and ready.size < 10_000:
            lines = "".join(json.dumps(line) + "\n" for line in inputs)
            (directory / "inputs" / f"{name}.jsonl").write_text(lines)
    (directory / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
