"""What the reference implementations make of texts, for the tests to compare with. `make models` runs it.

    python references.py MODELS MINILM OPEN_CLIP_WHEEL
"""

import importlib.util
import json
import pathlib
import sys
import types
import zipfile

import ftfy
import numpy
import onnxruntime
import regex
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from strings import strings

SENTENCES = """A cat sleeps on the warm roof.|The weather in Oslo is cold and clear today.|How do I delete a directory?
Remove a folder and everything in it with rm -r.|rust|two words|Neural search finds what is meant, not what is written.|…
Ein Satz auf Deutsch, mit Umlauten: äöü.|ALL CAPITALS!|東京は日本の首都です。|red ring|square picture of a blue ring|a|1 2 3"""


# How Llama 3 cuts words; GPT-2's way is the library's own.
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def word_cutters():
    """Tokenizers for which any two bytes of a word are one token, so that tokens tell where words were cut."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = [(first, second) for first in alphabet for second in alphabet]
    vocabulary = {token: number for number, token in enumerate(alphabet + ["".join(pair) for pair in pairs])}
    whole = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    cutters = {
        "gpt2": pre_tokenizers.ByteLevel(add_prefix_space=False),
        "llama3": pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"), whole]),
    }
    for name, cutter in cutters.items():
        tokenizer = Tokenizer(models.BPE(vocabulary, pairs))
        tokenizer.pre_tokenizer = cutter
        yield name, tokenizer


def words(directory):
    """Where hard strings are cut into words, by regular expressions that look ahead."""
    cutters = dict(word_cutters())
    for name, tokenizer in cutters.items():
        tokenizer.save(str(directory / f"{name}.json"), pretty=False)
    with (directory / "words.jsonl").open("w") as file:
        for text in strings(1200):
            ids = {name: tokenizer.encode(text).ids for name, tokenizer in cutters.items()}
            print(json.dumps({"text": text, **ids}), file=file)


def clip_tokenizer(wheel, directory):
    """The SimpleTokenizer of open_clip, which needs torch for its types alone, with the special tokens that OpenAI and
    CLIP-as-service write."""
    with zipfile.ZipFile(wheel) as archive:
        for name in ["open_clip/tokenizer.py", "open_clip/bpe_simple_vocab_16e6.txt.gz"]:
            archive.extract(name, directory)
    sys.modules["torch"] = types.SimpleNamespace(Tensor=None, LongTensor=None)
    spec = importlib.util.spec_from_file_location("clip_tokenizer", directory / "open_clip/tokenizer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tokenizer = module.SimpleTokenizer()
    for theirs, ours in [("<start_of_text>", "<|startoftext|>"), ("<end_of_text>", "<|endoftext|>")]:
        tokenizer.encoder[ours] = tokenizer.encoder.pop(theirs)
        tokenizer.cache[ours] = ours
    special = r"<\|startoftext\|>|<\|endoftext\|>"
    pattern = tokenizer.pat.pattern.replace("<start_of_text>|<end_of_text>", special)
    tokenizer.pat = regex.compile(pattern, regex.IGNORECASE)
    return tokenizer


def clip_ids(tokenizer, text):
    """As CLIP-as-service puts them into its 77 places, without the zeros behind them."""
    ids = [tokenizer.sot_token_id, *tokenizer.encode(text), tokenizer.eot_token_id]
    return ids if len(ids) <= 77 else [*ids[:76], tokenizer.eot_token_id]


def token_ids(minilm, clip, path):
    """The ids of hard strings. Texts that ftfy takes for wrongly decoded are marked, and given as if it did not."""
    fix_text = ftfy.fix_text
    with path.open("w") as file:
        for text in strings(1200):
            repaired = clip_ids(clip, text)
            ftfy.fix_text = lambda text: fix_text(text, fix_encoding=False)
            left = clip_ids(clip, text)
            ftfy.fix_text = fix_text
            line = {"text": text, "minilm": minilm.encode(text).ids, "clip": left, "repaired": repaired != left}
            print(json.dumps(line), file=file)


def embeddings(directory, model, pooling, length, path):
    """What sentence-transformers does: tokens, model, pooling under the mask, unit length; one text at a time."""
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(length)
    session = onnxruntime.InferenceSession(directory / model)
    types_of = {"tensor(int64)": numpy.int64, "tensor(int32)": numpy.int32}
    kinds = {port.name: types_of[port.type] for port in session.get_inputs()}
    with path.open("w") as file:
        for text in SENTENCES.replace("\n", "|").split("|"):
            encoded = tokenizer.encode(text)
            feeds = {"input_ids": encoded.ids, "attention_mask": encoded.attention_mask, "token_type_ids": encoded.type_ids}
            feeds = {name: numpy.array([feeds[name]], kind) for name, kind in kinds.items()}
            hidden = session.run(None, feeds)[0][0].astype(numpy.float32)
            vector = {"mean": hidden.mean(0), "max": hidden.max(0), "cls": hidden[0]}[pooling]
            vector = (vector / numpy.linalg.norm(vector)).astype(float).tolist()
            print(json.dumps({"text": text, "embedding": vector}), file=file)


def clip_embeddings(made, tokenizer, path):
    """What CLIP-as-service makes of texts."""
    session = onnxruntime.InferenceSession(made / "clip/textual.onnx")
    with path.open("w") as file:
        for text in SENTENCES.replace("\n", "|").split("|"):
            ids = clip_ids(tokenizer, text)
            feeds = {"input_ids": ids + [0] * (77 - len(ids)), "attention_mask": [1] * len(ids) + [0] * (77 - len(ids))}
            feeds = {name: numpy.array([feed], numpy.int32) for name, feed in feeds.items()}
            vector = session.run(None, feeds)[0][0].astype(float).tolist()
            print(json.dumps({"text": text, "embedding": vector}), file=file)


def main(made, minilm, wheel):
    directory = made / "references"
    directory.mkdir(exist_ok=True)
    tokenizer = Tokenizer.from_file(str(minilm / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    clip = clip_tokenizer(wheel, directory)
    token_ids(tokenizer, clip, directory / "tokens.jsonl")
    words(directory)
    clip_embeddings(made, clip, directory / "clip.jsonl")
    embeddings(minilm, "model.onnx", "mean", 256, directory / "minilm.jsonl")
    for model in ["model", "model_fp16", "model_int32", "model_int8"]:
        for pooling in ["mean", "max", "cls"]:
            embeddings(made / "sentences", f"{model}.onnx", pooling, 16, directory / f"{model}_{pooling}.jsonl")


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:4]))
