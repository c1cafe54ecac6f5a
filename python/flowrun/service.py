"""The program `flowrun` as a child process that serves a flow.

The process announces its addresses once the flow is ready, so that nothing is polled. Its log is passed on line by line. It ends
with this process, however this process ends: on Linux the kernel sends it SIGTERM.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import logging
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
import weakref
from datetime import datetime, timezone
from typing import IO, Any, Callable, Dict, List, Optional, Sequence, Tuple

from .errors import Diagnostic, FlowError, ServiceUnavailable
from .program import find_program

_log = logging.getLogger("flowrun")

# Log target of lines that executors in Python print.
_OUTPUT = "flowrun_process::parent::output"

# Warnings and the lines that executors print; FLOWRUN_LOG overrides it.
_LOG_FILTER = f"warn,{_OUTPUT}=info"

_LEVELS = {"ERROR": logging.ERROR, "WARN": logging.WARNING, "INFO": logging.INFO, "DEBUG": logging.DEBUG}

# Lines of the log that an error quotes if the program failed without a diagnostic.
_LINES_KEPT = 20

# Seconds that draining may take: longer than the program's own limit of 30 seconds.
_CLOSE_TIMEOUT = 40.0

_PR_SET_PDEATHSIG = 1

_running: weakref.WeakSet[Service] = weakref.WeakSet()


def parse_diagnostic(entry: Dict[str, Any]) -> Diagnostic:
    """Creates a diagnostic from an object of `--format json`."""
    label = (entry.get("labels") or [{}])[0]
    location = f"{label['file']}:{label['line']}:{label['column']}" if label.get("file") else ""
    return Diagnostic(entry["code"], entry["severity"], entry["message"], entry.get("help") or (), location)


def _end_with(parent: int) -> Callable[[], None]:
    """Returns a function for the child process that requests SIGTERM at the end of its parent."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)

    def prepare() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            # The parent has ended in the meantime.
            os._exit(1)

    return prepare


class Service:
    """A child process that serves a flow.

    Attributes:
        addresses: Addresses that it listens on, `HOST:PORT`, once `start` has returned.
        warnings: Diagnostics of the flow that are not errors.
        directory: Directory of temporary files that is deleted by `close`.
    """

    def __init__(
        self,
        flow_file: str,
        arguments: Sequence[str] = (),
        environment: Optional[Dict[str, str]] = None,
        locate: Callable[[Diagnostic], Diagnostic] = lambda diagnostic: diagnostic,
    ) -> None:
        self._command = [find_program(), "serve", flow_file, "--log-format", "json", *arguments]
        self._environment = {**os.environ, **(environment or {})}
        self._environment.setdefault("FLOWRUN_LOG", _LOG_FILTER)
        self._locate = locate
        self.addresses: List[str] = []
        self.directory: Optional[str] = None
        self.warnings: List[Diagnostic] = []
        self._errors: List[Diagnostic] = []
        self._lines: List[str] = []
        self._closing = False
        self._closing_since: Optional[float] = None
        self._events: queue.Queue[Tuple[str, Any]] = queue.Queue()
        self._ended = threading.Event()
        self._owner = os.getpid()

    def start(self) -> None:
        """Starts the process and waits until the flow is ready.

        Raises:
            FlowError: The flow has mistakes, or an executor could not be started.
        """
        # The kernel sends the signal when the thread ends that has started the child; so this thread lives as long as the child.
        threading.Thread(target=self._run, name="flowrun", daemon=True).start()
        try:
            kind, value = self._events.get()
        except BaseException:
            # Interrupted from the keyboard.
            self.close()
            raise
        if kind == "error":
            raise value
        if kind == "ended":
            raise self._failure(value)
        self.addresses = value
        _running.add(self)

    def _run(self) -> None:
        try:
            self._process: Any = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environment,
                # Ctrl-C reaches this process only, which then closes the service.
                start_new_session=True,
                preexec_fn=_end_with(os.getpid()),
            )
        except BaseException as error:
            self._ended.set()
            self._events.put(("error", error))
            return
        if self._closing:
            self._process.terminate()
        errors = threading.Thread(target=self._read_log, args=(self._process.stderr,), name="flowrun log", daemon=True)
        errors.start()
        for line in self._process.stdout or ():
            try:
                self._events.put(("ready", json.loads(line)["listening"]))
            except (ValueError, KeyError, TypeError):
                _log.info("%s", line.decode("utf-8", "replace").rstrip())
        status = self._process.wait()
        errors.join()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        self._ended.set()
        self._events.put(("ended", status))

    def _read_log(self, stream: IO[bytes]) -> None:
        for line in stream:
            try:
                self._pass_on(line.decode("utf-8", "replace").rstrip("\n"))
            except Exception:
                # A handler of the user's that fails must not stop the program, which would block on a full pipe.
                pass

    def _pass_on(self, line: str) -> None:
        try:
            entry = json.loads(line)
        except ValueError:
            entry = {}
        if not isinstance(entry, dict) or "message" not in entry:
            self._lines = [*self._lines[1 - _LINES_KEPT :], line]
            _log.warning("%s", line)
        elif "code" in entry:
            diagnostic = self._locate(parse_diagnostic(entry))
            if diagnostic.severity == "error":
                self._errors.append(diagnostic)
            else:
                self.warnings.append(diagnostic)
                _log.log(logging.WARNING if diagnostic.severity == "warning" else logging.INFO, "%s", diagnostic)
        elif entry.get("target") == _OUTPUT:
            # Lines that an executor prints appear where its own process would print them.
            print(entry["message"], file=sys.stdout if entry.get("level") == "INFO" else sys.stderr, flush=True)
            self._lines = [*self._lines[1 - _LINES_KEPT :], entry["message"]]
        else:
            level = _LEVELS.get(entry.get("level", ""), logging.INFO)
            self._lines = [*self._lines[1 - _LINES_KEPT :], entry["message"]]
            # Messages about the end that the user asked for; earlier ones may be read after it.
            if level <= logging.WARNING and self._closed_before(entry.get("timestamp")):
                level = logging.DEBUG
            fields = {
                name: value for name, value in entry.items() if name not in ("timestamp", "level", "message", "target")
            }
            details = "".join(f" {name}={value}" for name, value in fields.items())
            _log.log(level, "%s%s", entry["message"], details)

    def _closed_before(self, timestamp: Any) -> bool:
        """Returns whether the service was closed before an entry of the log was written."""
        if self._closing_since is None:
            return False
        try:
            # Written with nanoseconds, which `%f` does not accept.
            written = datetime.strptime(timestamp.rstrip("Z")[:26], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=timezone.utc)
        except (AttributeError, ValueError):
            return True
        return written.timestamp() >= self._closing_since

    def _failure(self, status: int) -> FlowError:
        if self._errors:
            count = len(self._errors)
            return FlowError("the flow cannot be started" if count == 1 else f"the flow has {count} errors", self._errors)
        lines = "".join(f"\n  {line}" for line in self._lines)
        return FlowError(f"flowrun ended with exit code {status} before the flow was ready{lines}")

    def is_own(self) -> bool:
        """Returns whether this process has started it, and is not a fork of that process."""
        return self._owner == os.getpid()

    def is_running(self) -> bool:
        """Returns whether the process runs."""
        return bool(self.addresses) and not self._ended.is_set()

    def check_running(self) -> None:
        """Raises an exception if the process has ended.

        Raises:
            ServiceUnavailable: It has ended.
        """
        if self._ended.is_set() and not self._closing:
            lines = "".join(f"\n  {line}" for line in self._lines)
            raise ServiceUnavailable(f"flowrun has ended with exit code {self._process.returncode}{lines}")

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Waits for the end of the process; returns whether it has ended."""
        return self._ended.wait(timeout)

    def close(self) -> None:
        """Drains the service and waits for the end of the process."""
        _running.discard(self)
        if not self.is_own():
            return
        self._closing_since = time.time()
        self._closing = True
        try:
            self._end()
        finally:
            if self.directory is not None:
                shutil.rmtree(self.directory, ignore_errors=True)

    def _end(self) -> None:
        process = getattr(self, "_process", None)
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
        if not self._ended.wait(_CLOSE_TIMEOUT):
            process.kill()
            self._ended.wait()


@atexit.register
def _close_all() -> None:
    for service in list(_running):
        service.close()


def run_program(*arguments: str, environment: Optional[Dict[str, str]] = None) -> Tuple[int, str, str]:
    """Runs the program to its end. Returns its exit code, standard output and standard error."""
    done = subprocess.run(
        [find_program(), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
