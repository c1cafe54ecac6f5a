# Program of the Python child process. Receives the start message, which contains the sources of the package `flowrun`,
# from the socket that is its standard input; so nothing has to be installed.
import sys

# Removes the working directory, so that files in it cannot shadow modules of the standard library.
sys.path[:] = [path for path in sys.path if path]

import importlib.abc
import importlib.machinery
import json
import os
import socket
import struct


def _take_socket():
    """Takes over the socket and replaces standard input by the null device."""
    sock = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return sock


def _receive(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(min(count - len(data), 1 << 20))
        if not more:
            raise SystemExit("flowrun closed the socket")
        data += more
    return data


class _PackageImporter(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports the package from sources in memory."""

    def __init__(self, sources):
        self.sources = sources

    def find_spec(self, name, path=None, target=None):
        if name not in self.sources:
            return None
        spec = importlib.machinery.ModuleSpec(name, self, origin=self._file(name), is_package=self.is_package(name))
        spec.has_location = True
        return spec

    def _file(self, name):
        return f"<flowrun>/{name.replace('.', '/')}.py"

    def is_package(self, name):
        return name == "flowrun"

    def get_source(self, name):
        return self.sources[name]

    def get_code(self, name):
        return compile(self.sources[name], self._file(name), "exec", dont_inherit=True)


_sock = _take_socket()
# The head of a frame: length, kind and number.
_length, _, _ = struct.unpack("<IBQ", _receive(_sock, 13))
_start = json.loads(_receive(_sock, _length))
sys.meta_path.insert(0, _PackageImporter(_start.pop("package")))

from flowrun.child import exit_with_parent, main

exit_with_parent()
main(_sock, _start)
