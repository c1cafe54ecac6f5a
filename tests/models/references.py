"""Writes the tokens and embeddings that reference implementations compute for texts, for the tests to compare with. `make models`
runs it.

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


# Pre-tokenization pattern of Llama 3. That of GPT-2 is built into the library.
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def word_cutters():
    """Yields tokenizers that merge any two bytes of a word into one token, so that their tokens show the word boundaries."""
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
    """Writes the word boundaries of difficult strings, found by regular expressions with lookahead."""
    cutters = dict(word_cutters())
    for name, tokenizer in cutters.items():
        tokenizer.save(str(directory / f"{name}.json"), pretty=False)
    with (directory / "words.jsonl").open("w") as file:
        for text in strings(1200):
            ids = {name: tokenizer.encode(text).ids for name, tokenizer in cutters.items()}
            print(json.dumps({"text": text, **ids}), file=file)


def clip_tokenizer(wheel, directory):
    """Returns the SimpleTokenizer of open_clip with the special tokens of OpenAI and CLIP-as-service. A stub replaces torch, which
    it imports only for type annotations."""
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
    """Returns the token ids of a text as CLIP-as-service computes them, at most 77, without the padding zeros."""
    ids = [tokenizer.sot_token_id, *tokenizer.encode(text), tokenizer.eot_token_id]
    return ids if len(ids) <= 77 else [*ids[:76], tokenizer.eot_token_id]


def token_ids(minilm, clip, path):
    """Writes the token ids of difficult strings, without ftfy's repairs of wrongly decoded texts. `repaired` marks texts that these
    repairs would change."""
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
    """Writes the embeddings that sentence-transformers computes (tokens, model, pooling, unit length), one text at a time."""
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
    """Writes the embeddings that CLIP-as-service computes for texts."""
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
