"""Benchmarks image encoding with flowrun and with a straightforward Python pipeline, one after the other.

    FLOWRUN=… TIME_MODEL=… LIBRARY=… python pictures.py MODELS

prints the cost per image: of the model alone, and from a JPEG file to its embedding, as wall time and as CPU time, which
other programs on the machine affect less. FLOWRUN is the program, TIME_MODEL the example `time_model`, LIBRARY the shared
library of ONNX Runtime, and MODELS a directory that contains `mobilenet_v2.onnx`.
"""

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy
import onnxruntime
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests/reference"))
from reference_pictures import photograph, torchvision  # noqa: E402

FLOWRUN = pathlib.Path(os.environ["FLOWRUN"]).resolve()
PICTURES = int(os.environ.get("PICTURES", "240"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
BATCH = 8


def session(model, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def cpu_seconds(who):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def median(values):
    return sorted(values)[len(values) // 2]


def python_model(model, batch, threads, runs):
    model_session = session(model, threads)
    (model_input,) = model_session.get_inputs()
    output = model_session.get_outputs()[0].name
    numbers = numpy.full((batch, 3, 224, 224), 0.5, numpy.float32)
    model_session.run([output], {model_input.name: numbers})
    before, seconds = cpu_seconds(resource.RUSAGE_SELF), []
    for _ in range(runs):
        started = time.perf_counter()
        model_session.run([output], {model_input.name: numbers})
        seconds.append(time.perf_counter() - started)
    return median(seconds), (cpu_seconds(resource.RUSAGE_SELF) - before) / runs


def flowrun_model(model, batch, threads, runs):
    command = [os.environ["TIME_MODEL"], str(model), str(batch), str(threads), str(runs)]
    wall, processor = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(wall), float(processor)


def python_pipeline(model, files, threads):
    model_session = session(model, threads)
    (model_input,) = model_session.get_inputs()
    model_session.run(["features"], {model_input.name: numpy.zeros((BATCH, 3, 224, 224), numpy.float32)})
    before, started = cpu_seconds(resource.RUSAGE_SELF), time.perf_counter()
    for start in range(0, len(files), BATCH):
        batch = [torchvision(Image.open(file).convert("RGB")) for file in files[start : start + BATCH]]
        model_session.run(["features"], {model_input.name: numpy.stack(batch)})
    return (time.perf_counter() - started) / len(files), (cpu_seconds(resource.RUSAGE_SELF) - before) / len(files)


def flowrun_pipeline(directory, files, parameters):
    """Returns the cost per image as the difference of a long and a short run, which leaves out the startup."""
    flow = {
        "jtype": "Flow",
        "with": {"endpoint": "/encode"},
        "executors": [{"name": "encoder", "uses": "OnnxImageEncoder", "uses_with": parameters}],
    }
    (directory / "flow.yml").write_text(json.dumps(flow))
    costs = []
    for count in (BATCH, len(files)):
        (directory / "files.jsonl").write_text("".join(json.dumps({"id": file, "uri": file}) + "\n" for file in files[:count]))
        before, started = cpu_seconds(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [FLOWRUN, "run", "flow.yml", "-i", "files.jsonl", "-o", "out.jsonl", "--request-size", "64"]
        subprocess.run(command, cwd=directory, check=True, capture_output=True)
        costs.append((time.perf_counter() - started, cpu_seconds(resource.RUSAGE_CHILDREN) - before))
    difference = len(files) - BATCH
    return tuple((costs[1][part] - costs[0][part]) / difference for part in (0, 1))


def show(label, *columns):
    print(f"{label:44}" + "".join(f"{wall * 1000:9.2f} ms {processor * 1000:9.2f} ms" for wall, processor in columns), flush=True)


def main(models):
    model = models / "mobilenet_v2.onnx"
    os.environ["ORT_DYLIB_PATH"] = os.environ["LIBRARY"]
    cores = os.cpu_count()
    print(f"{'cost per image (wall, CPU)':44}{'Python':>24}{'flowrun':>24}")
    for batch, threads in ((1, 1), (BATCH, 1), (BATCH, cores)):
        rounds = [
            (python_model(model, batch, threads, 160 // batch), flowrun_model(model, batch, threads, 160 // batch))
            for _ in range(ROUNDS)
        ]
        each = [tuple(median([one[side][part] for one in rounds]) / batch for part in (0, 1)) for side in (0, 1)]
        show(f"MobileNetV2, batch {batch}, threads {threads}", *each)
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        files = []
        for seed in range(PICTURES):
            file = directory / f"{seed}.jpg"
            photograph(seed % 40, 640, 480).save(file, quality=90)
            files.append(str(file))
        parameters = {"model_path": str(model), "preset": "mobilenet_v2", "output": "features", "minibatch_size": BATCH}
        for label, more in (("in turns", {}), ("in parallel", {"num_worker_preprocess": 1})):
            rounds = [
                (python_pipeline(model, files, cores), flowrun_pipeline(directory, files, parameters | more))
                for _ in range(ROUNDS)
            ]
            each = [tuple(median([one[side][part] for one in rounds]) for part in (0, 1)) for side in (0, 1)]
            show(f"JPEG to embedding, decoding {label}", *each)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
