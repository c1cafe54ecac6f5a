"""Strings that are difficult for tokenizers, generated from a seed: many scripts, combining marks, emoji, control characters, HTML
entities and wrongly decoded texts."""

import random
import sys
import unicodedata

WORDS = """a the cat dog photo of red naïve café Straße ΟΔΟΣ ΣΊΣΥΦΟΣ İstanbul ışık can't I'LL we've he'd DON'T o'clock x's
don’t ‘quoted’ “double” ﬁne ﬂuﬃest ＦＵＬＬ ﾊﾝｶｸ 東京タワー 北京欢迎你 안녕하세요 مرحبا بالعالم שלום नमस्ते สวัสดี Привет Ελλάδα
hello_world foo-bar user@example.org https://example.org/a?b=c&d=e C++ #hashtag $9.99 50% 3.14159 1,000,000 ½ ² Ⅻ ٣٤٥ १२३
<|startoftext|> <|endoftext|> [CLS] [SEP] [MASK] [PAD] [UNK] ##ing </w> supercalifragilisticexpialidocious""".split()

EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "❤️", "1️⃣", "🧑🏿‍🚀", "☺", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]

ENTITIES = ["&amp;", "&lt;b&gt;", "&nbsp;", "&quot;x&quot;", "&#39;", "&#x1F600;", "&eacute;", "&EACUTE;", "&amp;amp;lt;",
            "&notit;", "&not", "&ampx", "&copy 2020", "&unknown;", "&#0;", "&#128;", "&#xD800;", "&#1114112;", "&;", "&#;",
            "&NotEqualTilde;", "&fjlig;", "AT&T", "&amp", "&#65", "&#x41", "&hearts;&rarr;", "&SZLIG;", "&#13;&#10;", "&Tab;"]

CONTROLS = ["\0", "\x07", "\x1b[31mred\x1b[0m", "\x7f", "\ufeff", "\u200b", "\u200d", "\u202e", "\u2028", "\u2029", "\r\n", "\t",
            "\x0b", "\x0c", "\x1c", "\x1f", "\u3000", "\u00a0", "\ufffc", "\u2069", "\u206a", "\ufffd", "\x85", "\x93", "\u180e"]

MARKS = "\u0301\u0308\u0327\u0323\u0336\u20dd\u0e49\u05b0\u064e\u093f\u3099"

# Texts in UTF-8 that were decoded with another encoding; ftfy repairs them.
MOJIBAKE = ["schÃ¶n", "âœ” No problems", "l’humanitÃ©", "ã\x83\x84", "ÐŸÑ€Ð¸Ð²ÐµÑ‚", "donâ€™t", "voilÃ le travail"]

EDGES = ["", " ", "\n\n\t ", "a", "A" * 300, "ab" * 2000, "word " * 200, "\u0301", "e\u0301" * 120, "é" * 99, "é" * 101, "漢" * 90,
         "x" * 99, "x" * 100, "x" * 101, "😀" * 60, "\u200d" * 9, "'" * 50, "'s't're've'm'll'd", "'ſ 'ſt", "\u212a\u212b", "\u1e9e",
         "a\u030a", "ǅ ǆ Ǆ", "ΑΣ", "ΑΣ.", "ΑΣΑ", "<b>&lt;</b>", "&lt;\n<i>&lt;", "0" * 80, "。".join(WORDS), "👨" * 3, "1st 2nd 3rd"]


def assigned(generator):
    """Returns a random character that is assigned in the Unicode version of this Python, of any script."""
    while True:
        letter = chr(generator.choice([generator.randrange(0x250), generator.randrange(0x3000), generator.randrange(0x20000)]))
        if unicodedata.category(letter) not in ("Cn", "Cs", "Co"):
            return letter


def one(generator):
    """Returns a random string: a few pieces of different kinds with different separators."""
    kinds = [
        lambda: generator.choice(WORDS),
        lambda: generator.choice(WORDS).swapcase(),
        lambda: generator.choice(EMOJI),
        lambda: generator.choice(ENTITIES),
        lambda: generator.choice(CONTROLS),
        lambda: generator.choice(WORDS)[:3] + "".join(generator.choices(MARKS, k=generator.randint(1, 4))),
        lambda: "".join(assigned(generator) for _ in range(generator.randint(1, 12))),
        lambda: "".join(chr(generator.randrange(32, 127)) for _ in range(generator.randint(1, 16))),
        lambda: generator.choice(WORDS) * generator.randint(2, 30),
        lambda: str(generator.randrange(10**9)),
    ]
    pieces = [generator.choice(kinds)() for _ in range(generator.randint(1, 12))]
    return "".join(piece + generator.choice(["", " ", " ", "  ", "\n", ", "]) for piece in pieces)


def strings(count, seed=6):
    """Returns `count` strings: the fixed edge cases, then random strings."""
    assert sys.version_info >= (3, 11), "Python 3.11 or later is required: older versions assign fewer characters"
    generator = random.Random(seed)
    known = EDGES + WORDS + EMOJI + ENTITIES + CONTROLS + MOJIBAKE
    return known + [one(generator) for _ in range(count - len(known))]
