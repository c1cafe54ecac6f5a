"""Packs the program, the Python package and the shared libraries that the program needs into a wheel.

    python make_wheel.py PROGRAM DIRECTORY

`make wheel` calls it. The program is installed on the search path, like those of ruff and uv; the libraries that not every
system has are installed to `lib/flowrun` next to it. The platform tag is that of the newest glibc symbol in them. The same inputs
give the same bytes.
"""

import base64
import csv
import glob
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

NAME = "flowrun_runtime"

# Libraries of every system that `manylinux` names: they are not packed.
SYSTEM = re.compile(r"(libc|libm|libdl|libpthread|librt|libgcc_s|libstdc\+\+|ld-linux-x86-64)\.so\.\d+|linux-vdso\.so\.1")

# Directory of the libraries, relative to the installation.
LIBRARIES = "lib/flowrun"


def run(*command):
    """Runs a command and returns its output."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout.decode("utf-8", "replace")


def version():
    """Returns the version of the workspace, from the one file that has it."""
    with open(os.path.join(ROOT, "Cargo.toml"), encoding="utf-8") as file:
        return re.search(r'^version = "([^"]+)"', file.read(), re.MULTILINE)[1]


def needed_libraries(program):
    """Returns the paths of the shared libraries to pack, by the name under which they are loaded."""
    found = {}
    for line in run("ldd", program).splitlines():
        name, arrow, path = line.strip().partition(" => ")
        path = path.split(" (")[0]
        if not arrow or SYSTEM.fullmatch(name):
            continue
        if not os.path.exists(path):
            raise SystemExit(f"error: {program} needs {name}, which is not installed")
        found[name] = os.path.realpath(path)
    return found


def newest_glibc(files):
    """Returns the newest version of glibc whose symbols the files use."""
    versions = {(2, 17)}
    for file in files:
        versions.update(tuple(map(int, found)) for found in re.findall(r"GLIBC_(\d+)\.(\d+)", run("objdump", "-T", file)))
    return max(versions)


def stripped(source, target, search_path):
    """Copies a program or a library without debugging information, with the path of the packed libraries."""
    shutil.copy(source, target)
    os.chmod(target, 0o755)
    subprocess.run(["strip", "--strip-debug", target], check=True)
    subprocess.run(["patchelf", "--force-rpath", "--set-rpath", search_path, target], check=True)


def licences(libraries):
    """Returns the texts of the licences of everything in the wheel: its crates, and the packed libraries."""
    texts = {}
    options = ("--edges", "normal", "--prefix", "none", "--format", "{p}|{l}", "--locked", "--package", "flowrun")
    tree = run("cargo", "tree", *options)
    crates = sorted({line.removesuffix(" (*)") for line in tree.splitlines() if "|" in line})
    cargo = os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo"))
    missing = []
    for crate in crates:
        package, _, licence = crate.partition("|")
        name, number = package.split(" ")[:2]
        if f"({ROOT}" in package:
            continue
        folders = glob.glob(os.path.join(cargo, "registry", "src", "*", f"{name}-{number.lstrip('v')}"))
        # FAISS is in a folder of its crate.
        patterns = ("LICEN[SC]E*", "COPYING*", "COPYRIGHT*", "NOTICE*", "*/LICEN[SC]E*")
        files = sorted({file for folder in folders for pattern in patterns for file in glob.glob(os.path.join(folder, pattern))})
        found = False
        for file in filter(os.path.isfile, files):
            with open(file, encoding="utf-8", errors="replace") as text:
                texts.setdefault(text.read().strip(), []).append(f"{name} {number.lstrip('v')} ({licence})")
            found = True
        if not found:
            missing.append(f"{name} {number.lstrip('v')}: {licence}")
    for name, path in sorted(libraries.items()):
        package = run("dpkg-query", "--search", path).split(":")[0]
        with open(f"/usr/share/doc/{package}/copyright", encoding="utf-8", errors="replace") as text:
            texts.setdefault(text.read().strip(), []).append(f"{name} of the Debian package {package}")
    parts = [f"{', '.join(dict.fromkeys(users))}\n\n{text}" for text, users in sorted(texts.items(), key=lambda item: item[1])]
    if missing:
        parts.append("Crates whose archives contain no text of their licence:\n\n" + "\n".join(missing))
    rule = "\n\n" + "-" * 80 + "\n\n"
    return "Licences of the parts of flowrun that other authors have written." + rule + rule.join(parts) + "\n"


METADATA = """Metadata-Version: 2.1
Name: flowrun-runtime
Version: {version}
Summary: Runs Jina-style flows as one fast process: the program `flowrun`, and its Python API
License: Apache-2.0
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Python :: 3
Classifier: Typing :: Typed
Requires-Python: >=3.8
Requires-Dist: numpy
Provides-Extra: grpc
Requires-Dist: grpcio; extra == "grpc"
Description-Content-Type: text/markdown

"""


def write_wheel(path, entries):
    """Writes a wheel. `entries` are bytes and whether they are executable, by name."""
    record, folder = io.StringIO(), next(name for name in entries if name.endswith("/METADATA")).rpartition("/")[0]
    rows = csv.writer(record, lineterminator="\n")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:

        def add(name, data, is_executable=False):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o100755 if is_executable else 0o100644) << 16
            archive.writestr(info, data)

        for name in sorted(entries):
            data, is_executable = entries[name]
            add(name, data, is_executable)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.writerow([name, f"sha256={digest}", len(data)])
        rows.writerow([f"{folder}/RECORD", "", ""])
        add(f"{folder}/RECORD", record.getvalue().encode())


def main(program, directory):
    number = version()
    libraries = needed_libraries(program)
    entries = {}
    with tempfile.TemporaryDirectory() as temporary:
        packed = [os.path.join(temporary, "flowrun")]
        stripped(program, packed[0], f"$ORIGIN/../{LIBRARIES}")
        for name, path in libraries.items():
            packed.append(os.path.join(temporary, name))
            stripped(path, packed[-1], "$ORIGIN")
        glibc = newest_glibc(packed)
        for file in packed:
            name = os.path.basename(file)
            folder = "scripts" if name == "flowrun" else f"data/{LIBRARIES}"
            with open(file, "rb") as content:
                entries[f"{NAME}-{number}.data/{folder}/{name}"] = (content.read(), True)
    package = os.path.join(ROOT, "python", "flowrun")
    for name in sorted(os.listdir(package)):
        if name.endswith((".py", ".typed")):
            with open(os.path.join(package, name), "rb") as content:
                entries[f"flowrun/{name}"] = (content.read(), False)
    tag = f"py3-none-manylinux_{glibc[0]}_{glibc[1]}_x86_64"
    info = f"{NAME}-{number}.dist-info"
    with open(os.path.join(ROOT, "docs", "python-api.md"), encoding="utf-8") as file:
        description = file.read()
    with open(os.path.join(ROOT, "LICENSE"), "rb") as file:
        entries[f"{info}/licenses/LICENSE"] = (file.read(), False)
    entries[f"{info}/licenses/THIRD-PARTY.txt"] = (licences(libraries).encode(), False)
    entries[f"{info}/METADATA"] = ((METADATA.format(version=number) + description).encode(), False)
    wheel = f"Wheel-Version: 1.0\nGenerator: make_wheel.py\nRoot-Is-Purelib: false\nTag: {tag}\n"
    entries[f"{info}/WHEEL"] = (wheel.encode(), False)
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, f"{NAME}-{number}-{tag}.whl")
    write_wheel(path, entries)
    print(f"{path}: {os.path.getsize(path) >> 20} MiB; {', '.join(sorted(libraries)) or 'no libraries'} inside")


if __name__ == "__main__":
    main(*sys.argv[1:])
