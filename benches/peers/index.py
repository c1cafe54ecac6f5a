"""Benchmarks vector search in Python on the data of `bench_index data`: the newest version of FAISS, and the sharding scheme
of FAISS guides. Each variant runs in a process of its own, so that its memory can be measured.

    python index.py DIRECTORY [FACTORY] [PROBES RERANK]

FACTORY is an `index_factory` string. PROBES is `nprobe`, 0 for an index without inverted lists. RERANK is the number of
candidates that are compared by exact distance, 0 for none.

The scheme of the guides: vectors are distributed round-robin over ten files, each an `IDMap` around a flat index. A search
queries every file and merges the results: files are loaded one at a time (`one`), by four threads (`four`), or by four
threads with five of ten files cached (`five`).
"""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy

SHARDS = 10
THREADS = 4
CACHED = 5
K = 10
# Number of searches per variant; few for variants that take seconds.
QUERIES = {"one": 10, "four": 10, "five": 20, "faiss": 1000}


def resident_mib() -> int:
    with open("/proc/self/status", encoding="ascii") as lines:
        fields = dict(line.split(":", 1) for line in lines)
    return int(fields["RssAnon"].split()[0]) // 1024


def recall(found, nearest) -> float:
    hits = sum(len(set(map(int, one)) & set(map(int, other))) for one, other in zip(found, nearest))
    return hits / (len(found) * nearest.shape[1])


def report(name: str, times, found, nearest, **more) -> None:
    times = numpy.array(times) * 1e3
    p50, p99 = numpy.percentile(times, 50), numpy.percentile(times, 99)
    details = ", ".join(f"{key} {value}" for key, value in more.items())
    print(f"{name}: recall@{K} {recall(found, nearest):.4f}, p50 {p50:.2f} p99 {p99:.2f} ms, {resident_mib()} MiB of anonymous memory, {details}")


def timed(action, queries):
    times, found = [], []
    for query in queries:
        start = time.perf_counter()
        found.append(action(query.reshape(1, -1)))
        times.append(time.perf_counter() - start)
    return times, found


def two_threads(action, queries):
    """Describes the latencies of two threads that search at the same time."""
    times = [None, None]

    def work(part):
        faiss.omp_set_num_threads(1)
        times[part] = timed(action, queries[part::2])[0]

    threads = [threading.Thread(target=work, args=(part,)) for part in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    both = numpy.array(times[0] + times[1]) * 1e3
    return f"2 threads p50 {numpy.percentile(both, 50):.2f} p99 {numpy.percentile(both, 99):.2f} ms"


def shard_path(directory: Path, shard: int) -> str:
    return str(directory / "guide" / f"shard-{shard}.index")


def write_shards(directory: Path) -> None:
    (directory / "guide").mkdir(exist_ok=True)
    vectors = numpy.load(directory / "vectors.npy", mmap_mode="r")
    start = time.perf_counter()
    for shard in range(SHARDS):
        ids = numpy.arange(shard, len(vectors), SHARDS)
        index = faiss.IndexIDMap(faiss.IndexFlatL2(vectors.shape[1]))
        index.add_with_ids(numpy.ascontiguousarray(vectors[ids]), ids)
        faiss.write_index(index, shard_path(directory, shard))
    print(f"guide: {SHARDS} shards written in {time.perf_counter() - start:.1f} s, {disk_mib(directory / 'guide')} MiB on disk")


def disk_mib(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir()) >> 20


def merged(parts):
    values = numpy.concatenate([values[0] for values, _ in parts])
    labels = numpy.concatenate([labels[0] for _, labels in parts])
    return labels[numpy.argsort(values)[:K]]


def guide(directory: Path, scheme: str) -> None:
    cache = {}
    if scheme == "five":
        for shard in range(CACHED):
            cache[shard] = faiss.read_index(shard_path(directory, shard))

    def search_shard(shard, query):
        index = cache.get(shard) or faiss.read_index(shard_path(directory, shard))
        return index.search(query, K)

    pool = ThreadPoolExecutor(THREADS, initializer=lambda: faiss.omp_set_num_threads(1))

    def search(query):
        if scheme == "one":
            return merged([search_shard(shard, query) for shard in range(SHARDS)])
        return merged(list(pool.map(lambda shard: search_shard(shard, query), range(SHARDS))))

    queries, nearest = load_queries(directory, scheme)
    timed(search, queries[:2])
    times, found = timed(search, queries)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    report(f"guide, {scheme}", times, found, nearest, peak_mib=peak)


def load_queries(directory: Path, scheme: str):
    count = QUERIES[scheme]
    return numpy.load(directory / "queries.npy")[:count], numpy.load(directory / "nearest.npy")[:count]


def newest(directory: Path, factory: str, probes: int, rerank: int) -> None:
    faiss.omp_set_num_threads(1)
    vectors = numpy.load(directory / "vectors.npy", mmap_mode="r")
    index = faiss.index_factory(vectors.shape[1], factory)
    start = time.perf_counter()
    processor = time.process_time()
    index.train(numpy.ascontiguousarray(vectors[:: max(1, len(vectors) // 163_840)]))
    trained = time.perf_counter() - start
    for first in range(0, len(vectors), 10_000):
        index.add(numpy.ascontiguousarray(vectors[first : first + 10_000]))
    built = time.perf_counter() - start
    processor = time.process_time() - processor
    print(f"Python FAISS {faiss.__version__} {factory}: trained in {trained:.1f} s, built in {built:.1f} s ({processor:.0f} s of CPU time)")
    if probes:
        faiss.extract_index_ivf(index).nprobe = probes

    def search(query):
        _, labels = index.search(query, rerank or K)
        labels = labels[0][labels[0] >= 0]
        if not rerank:
            return labels
        # Candidates of the compressed codes are compared exactly, with the vectors of the file.
        distances = ((vectors[numpy.sort(labels)] - query) ** 2).sum(axis=1)
        return numpy.sort(labels)[numpy.argsort(distances)[:K]]

    queries, nearest = load_queries(directory, "faiss")
    timed(search, queries)
    times, found = timed(search, queries)
    report(f"Python FAISS {factory}", times, found, nearest, probes=probes, rerank=rerank, concurrent=two_threads(search, queries))


def main() -> None:
    directory = Path(sys.argv[1])
    if os.environ.get("PEER"):
        peer = json.loads(os.environ["PEER"])
        if peer[0] == "guide":
            guide(directory, peer[1])
        elif peer[0] == "shards":
            write_shards(directory)
        else:
            newest(directory, *peer[1:])
        return
    factory = sys.argv[2] if len(sys.argv) > 2 else "IVF4096_HNSW32,PQ384x4fs"
    probes, rerank = (int(text) for text in (sys.argv[3:5] or ("64", "100")))
    peers = [("faiss", factory, probes, rerank), ("shards",)] + [("guide", scheme) for scheme in ("one", "four", "five")]
    for peer in peers:
        subprocess.run([sys.executable, __file__, str(directory)], env=os.environ | {"PEER": json.dumps(peer)}, check=True)


if __name__ == "__main__":
    main()
