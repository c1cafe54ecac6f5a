"""Flows that are composed in Python or loaded from a file, and served by the program `flowrun` as a child process."""

from __future__ import annotations

import asyncio as asyncio_module
import copy as copy_module
import json
import os
import shutil
import sys
import tempfile
import threading
from typing import (
    Any,
    AsyncIterator,
    Dict,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
    Union,
)

from . import class_source
from .client import AsyncClient, Callback, Client, SyncClient, close_connections_to
from .document import DocumentArray
from .errors import Diagnostic, FlowError, ServiceUnavailable
from .executor import Executor
from .flow_file import flow_text, plain_value
from .service import Service, parse_diagnostic, run_program

_Self = TypeVar("_Self", bound="Flow")

# Page with the parts of Jina's API that work, differ, or are missing.
GUIDE = "docs/python-api.md"

# Arguments of `Flow` that are not keys of the flow file.
_OPTIONS = ("lenient", "stand_in", "token", "insecure", "variables", "arguments")

# Keys whose values are paths: relative ones are relative to the working directory, as in Jina.
_PATHS = ("workspace", "ssl_certfile", "ssl_keyfile", "ca", "files", "input", "output")

_EXECUTOR_KEYS = ("uses", "uses_before", "uses_after")

_MISSING = {
    "to_docker_compose_yaml": "use docs/operating/Dockerfile",
    "to_kubernetes_yaml": "use docs/operating/kubernetes.yml",
    "to_k8s_yaml": "use docs/operating/kubernetes.yml",
    "expose_endpoint": "pass `expose_endpoints={'/foo': {'path': '/bar'}}` to Flow",
    "rolling_update": "save the flow and restart it",
    "scale": "set `replicas` and restart the flow",
    "dump": "copy the index with `flowrun index export`",
    "profiling": "read `/metrics` of the flow's address",
    "config_gateway": "pass the keys to Flow",
}


class Flow:
    """A flow of executors.

    Args:
        asyncio: `post` is an asynchronous iterator, as for an `AsyncFlow`, which is the type to name for mypy.
        lenient: Downgrades errors that Jina does not report to warnings.
        stand_in: Runs encoders whose model the flow does not name without one.
        token: Token that clients must send; `post` of this flow sends it.
        variables: Values of the variables of a loaded file.
        arguments: Further arguments of `flowrun serve`: `["-v"]`.
        **with_: Keys of the flow's `with:`: `name`, `port`, `workspace`, `prefetch`, … (docs/yaml.md).

    `add`, `needs` and `needs_all` return a changed copy, as in Jina.

    Example:
        >>> flow = Flow(name="shop").add(name="pass", uses="Pass").add(name="again", uses="Pass", replicas=2)
        >>> print(flow.to_yaml())
        jtype: Flow
        version: '1'
        with:
          name: shop
        executors:
        - name: pass
          uses: Pass
        - name: again
          uses: Pass
          replicas: 2
        <BLANKLINE>
        >>> with flow:  # doctest: +SKIP
        ...     docs = flow.post("/index", ["hello"])
    """

    def __new__(cls, *, asyncio: bool = False, **_: Any) -> Any:
        return super().__new__(AsyncFlow if asyncio and cls is Flow else cls)

    def __init__(self, *, asyncio: bool = False, **with_: Any) -> None:
        self._options = {name: with_.pop(name) for name in _OPTIONS if name in with_}
        self._with = with_
        self._pods: List[Dict[str, Any]] = []
        self._calls: List[str] = []
        self._call = _caller()
        # Text or path of a loaded file.
        self._text: Optional[str] = None
        self._path: Optional[str] = None
        self._service: Optional[Service] = None
        self._client: Any = None
        self._directory: Optional[str] = None

    # --- composition -------------------------------------------------------------------------------------------------

    def add(
        self: _Self,
        *,
        uses: Union[None, str, Type[Any], Dict[str, Any]] = None,
        name: Optional[str] = None,
        needs: Union[None, str, Sequence[str]] = None,
        replicas: Optional[int] = None,
        shards: Optional[int] = None,
        polling: Union[None, str, Dict[str, str]] = None,
        uses_with: Optional[Dict[str, Any]] = None,
        uses_metas: Optional[Dict[str, Any]] = None,
        uses_requests: Optional[Dict[str, str]] = None,
        copy_flow: bool = True,
        **keys: Any,
    ) -> _Self:
        """Adds an executor after the last one, or after those that `needs` names.

        Args:
            uses: A class of Python derived from `Executor`, also one of the script, the notebook or the function itself; a
                built-in executor; the path of an executor's YAML file; or a mapping as in a flow file.
            name: Name of the executor in the flow; default: `executor0`, `executor1`, …
            needs: Executors whose output it waits for; `gateway` is the input of the flow.
            replicas: Copies of each shard, which compete for requests.
            shards: Partitions of the data.
            polling: Shards that receive a request: `ANY`, `ALL`, or a mapping from endpoints to these.
            uses_with: Parameters of the executor.
            uses_metas: `metas` of the executor.
            uses_requests: Method by endpoint.
            copy_flow: `False` changes this flow instead of a copy.
            **keys: Other keys of an executor in a flow file: `when`, `timeout_ready`, `workspace`, … (docs/yaml.md).

        Returns:
            The changed copy.

        Example:
            >>> class Upper(Executor):
            ...     @requests(on="/upper")
            ...     def upper(self, docs, **kwargs):
            ...         for doc in docs:
            ...             doc.text = doc.text.upper()
            >>> flow = Flow().add(uses=Upper, name="upper", replicas=2)
        """
        given = {
            "uses": uses, "needs": needs, "replicas": replicas, "shards": shards, "polling": polling,
            "uses_with": uses_with, "uses_metas": uses_metas, "uses_requests": uses_requests, **keys,
        }  # fmt: skip
        return self._added(name, "executor", given, copy_flow)

    def needs(self: _Self, needs: Sequence[str], name: str = "", copy_flow: bool = True, **keys: Any) -> _Self:
        """Adds a join, which merges the output of several executors.

        Args:
            needs: Names of the executors.
            name: Name of the join; default: `joiner0`, …
            copy_flow: `False` changes this flow instead of a copy.
            **keys: Keys of the executor: a join may have `uses`.

        Example:
            >>> flow = Flow().add(name="a").add(name="b", needs="gateway").needs(["a", "b"])
        """
        if isinstance(needs, str) or len(needs) < 2:
            raise ValueError("a join needs at least two executors: `needs(['a', 'b'])`")
        return self._added(name or None, "joiner", {"needs": list(needs), **keys}, copy_flow)

    join = needs

    def needs_all(self: _Self, name: str = "", copy_flow: bool = True, **keys: Any) -> _Self:
        """Adds a join of all executors whose output no other one uses.

        Args:
            name: Name of the join; default: `joiner0`, …
            copy_flow: `False` changes this flow instead of a copy.
            **keys: Keys of the executor.
        """
        return self._added(name or None, "joiner", {"method": "needs_all", **keys}, copy_flow)

    def inspect(self: _Self, name: str = "", copy_flow: bool = True, **keys: Any) -> _Self:
        """Adds an executor that receives copies of the documents, outside of the path of the request."""
        return self._added(name or None, "inspect", {"method": "inspect", **keys}, copy_flow)

    def gather_inspect(self: _Self, name: str = "", copy_flow: bool = True, **keys: Any) -> _Self:
        """Adds a join of the inspecting executors."""
        return self._added(name or None, "gather_inspect", {"method": "gather_inspect", **keys}, copy_flow)

    def _added(self: _Self, name: Optional[str], kind: str, keys: Dict[str, Any], copy_flow: bool) -> _Self:
        self._refuse_if_running()
        if self._text is not None or self._path is not None:
            self._parse()
        flow = copy_module.copy(self) if copy_flow else self
        if copy_flow:
            flow._pods, flow._calls, flow._with = list(self._pods), list(self._calls), dict(self._with)
        count = len(self._pods) if kind == "executor" else sum(call.startswith(kind) for call in self._names(kind))
        pod = {"name": name or f"{kind}{count}", **{key: value for key, value in keys.items() if value is not None}}
        for key in _EXECUTOR_KEYS:
            if isinstance(pod.get(key), str):
                pod[key] = _resolved(pod[key])
        flow._pods.append(pod)
        flow._calls.append(_caller())
        return flow

    def _names(self, kind: str) -> List[str]:
        return [str(pod["name"]) for pod in self._pods]

    def _refuse_if_running(self) -> None:
        if self._service is not None:
            raise FlowError("the flow is running: change it before it is started")

    # --- files -------------------------------------------------------------------------------------------------------

    @classmethod
    def load_config(cls: Type[_Self], source: Any, **options: Any) -> _Self:
        """Loads a flow file of any version of Jina.

        Args:
            source: Path of a file, its text, or an open file.
            **options: `asyncio`, `lenient`, `stand_in`, `token` and `arguments` of `Flow`; `variables` or Jina's `context`,
                the values of variables.

        Raises:
            FileNotFoundError: There is no such file.

        Example:
            >>> flow = Flow.load_config("jtype: Flow\\nexecutors: [{name: a, uses: Pass}]")
        """
        context = options.pop("context", None)
        if context is not None:
            options["variables"] = {**context, **options.get("variables", {})}
        unknown = set(options) - set(_OPTIONS) - {"asyncio"}
        if unknown:
            raise TypeError(f"`load_config` has no option `{sorted(unknown)[0]}`; write the key into the flow file")
        flow = cls(**options)
        if hasattr(source, "read"):
            source = source.read()
        text = os.fspath(source)
        if "\n" in text or text.lstrip().startswith(("!Flow", "jtype:", "{")):
            flow._text = text
        else:
            if not os.path.isfile(text):
                raise FileNotFoundError(f"there is no flow file `{text}`")
            flow._path = os.path.abspath(text)
        return flow

    def _parse(self) -> None:
        """Reads a loaded file into the pods and settings, so that it can be changed."""
        try:
            import yaml
        except ImportError as error:
            raise FlowError(
                "a loaded flow is changed with the package PyYAML, which is not installed: `pip install pyyaml`, or edit the file"
            ) from error

        class Loader(yaml.SafeLoader):  # type: ignore[misc]
            pass

        Loader.add_constructor("!Flow", lambda loader, node: loader.construct_mapping(node, deep=True))
        content = yaml.load(self._yaml(), Loader) or {}
        pods = content.get("executors") or content.get("deployments") or content.get("pods") or []
        if isinstance(pods, dict):
            raise FlowError("a flow of Jina 0.x with `pods` as a mapping cannot be changed from Python: edit the file")
        self._with = {**(content.get("with") or {}), **(content.get("gateway") or {}), **self._with}
        origin = self._path or "text of load_config"
        self._pods, self._calls = list(pods), [origin] * len(pods)
        # Paths are relative to the file.
        if self._path is not None:
            base = os.path.dirname(self._path)
            for pod in self._pods:
                for key in (*_EXECUTOR_KEYS, *_PATHS, "py_modules"):
                    pod[key] = _relative_to(base, pod[key]) if key in pod else None
                    if pod[key] is None:
                        del pod[key]
        self._text = self._path = None

    def _yaml(self) -> str:
        if self._path is not None:
            with open(self._path, encoding="utf-8") as file:
                return file.read()
        return self._text or ""

    def to_yaml(self) -> str:
        """Returns the text of the flow file. Classes of scripts and notebooks are named by a module that `save_config` writes.

        Raises:
            TypeError: A parameter cannot be written.
        """
        if self._text is not None or self._path is not None:
            return self._yaml()
        return self._build("executors.py", None)[0]

    def save_config(self, filename: Optional[str] = None) -> str:
        """Saves the flow as a file, which `flowrun serve` and `load_config` read.

        Args:
            filename: Path; default: `NAME.yml`. Classes of scripts and notebooks are copied to `NAME_executors.py` next to it.

        Returns:
            The path.
        """
        path = os.path.abspath(filename or f"{self._with.get('name') or 'flow'}.yml")
        if self._text is not None or self._path is not None:
            text = self._yaml()
        else:
            module = f"{os.path.splitext(path)[0]}_executors.py"
            text, _, copied = self._build(module, None)
            if copied is not None:
                _write(module, copied)
        _write(path, text)
        return path

    def _build(self, module: str, python: Optional[str]) -> Tuple[str, List[int], Optional[str]]:
        """Returns the text of the flow file, the first line of each pod, and the text of the module with copied classes."""
        copier = class_source.ClassCopier()
        used = [False]

        def executor(value: Any, pod: Dict[str, Any]) -> Any:
            if not isinstance(value, type):
                return plain_value(value, f"{pod['name']}.uses")
            _check_executor(value)
            if python is not None:
                pod.setdefault("python", python)
            name = class_source.importable_module(value)
            if name is None:
                copier.add(value)
                used[0] = True
                file = module
            else:
                file = class_source.module_file(name)
            return {"jtype": value.__name__, "metas": {"py_modules": [plain_value(file, "py_modules")]}}

        pods = []
        for pod in self._pods:
            written: Dict[str, Any] = {"name": plain_value(pod["name"], "name")}
            for key, value in pod.items():
                if key in _EXECUTOR_KEYS:
                    written[key] = executor(value, written)
                elif key == "py_modules":
                    written[key] = plain_value(_absolute_modules(value), key)
                elif key in _PATHS:
                    written[key] = plain_value(_absolute(value), key)
                elif key != "name":
                    written[key] = plain_value(value, f"{pod['name']}.{key}")
            pods.append(written)
        settings = {
            key: plain_value(_absolute(value) if key in _PATHS else value, key)
            for key, value in self._with.items()
            if value is not None
        }
        text, starts = flow_text(settings, pods)
        return text, starts, copier.text() if used[0] else None

    def _prepare(self) -> Tuple[str, Any]:
        """Writes the flow file to a temporary directory. Returns its path, and a function that replaces locations in it by those
        of the Python calls."""
        if self._path is not None:
            return self._path, lambda diagnostic: diagnostic
        self._directory = tempfile.mkdtemp(prefix="flowrun-")
        name = str(self._with.get("name") or "flow")
        path = os.path.join(self._directory, f"{name if name.isidentifier() else 'flow'}.yml")
        if self._text is not None:
            _write(path, self._text)
            return path, lambda diagnostic: diagnostic
        text, starts, copied = self._build(os.path.join(self._directory, "executors.py"), sys.executable or None)
        _write(path, text)
        if copied is not None:
            _write(os.path.join(self._directory, "executors.py"), copied)

        def locate(diagnostic: Diagnostic) -> Diagnostic:
            file, _, rest = diagnostic.location.rpartition(".yml:")
            if f"{file}.yml" != path or not rest:
                return diagnostic
            line = int(rest.split(":")[0])
            pods = [number for number, start in enumerate(starts) if start <= line]
            if pods:
                diagnostic.location, diagnostic.pod = self._calls[pods[-1]], str(self._pods[pods[-1]]["name"])
            else:
                diagnostic.location = self._call
            return diagnostic

        return path, locate

    def _discard(self) -> None:
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def _read_arguments(self) -> List[str]:
        arguments = []
        for name, value in (self._options.get("variables") or {}).items():
            arguments.extend(["--set", f"{name}={value}"])
        if self._options.get("lenient"):
            arguments.append("--lenient")
        if self._options.get("stand_in"):
            arguments.append("--stand-in")
        return arguments

    # --- inspection --------------------------------------------------------------------------------------------------

    def check(self) -> List[Diagnostic]:
        """Checks the flow without starting it.

        Returns:
            Warnings and notes.

        Raises:
            FlowError: The flow has mistakes; `diagnostics` has their locations.

        Example:
            >>> try:  # doctest: +SKIP
            ...     Flow().add(name="a", uses="Pas").check()
            ... except FlowError as error:
            ...     print(error.diagnostics[0].help)
            ['did you mean `Pass`?']
        """
        path, locate = self._prepare()
        try:
            _, output, errors = run_program(
                "check", path, "--format", "json", *self._read_arguments(), environment=_environment()
            )
        finally:
            self._discard()
        found = []
        for line in output.splitlines():
            try:
                found.append(locate(parse_diagnostic(json.loads(line))))
            except (KeyError, ValueError):
                continue
        mistakes = [diagnostic for diagnostic in found if diagnostic.severity == "error"]
        if mistakes:
            raise FlowError("the flow has mistakes", mistakes)
        if not found and errors.strip():
            raise FlowError(errors.strip())
        return found

    def plot(self: _Self, output: Optional[str] = None, **_: Any) -> _Self:
        """Draws the flow. A notebook shows the drawing.

        Args:
            output: SVG file to write.

        Returns:
            The flow itself.
        """
        if output is not None:
            _write(output, self._repr_svg_())
        return self

    def _repr_svg_(self) -> str:
        return self._graph("svg")

    def to_mermaid(self) -> str:
        """Returns the drawing of the flow in Mermaid's language."""
        return self._graph("mermaid")

    def _graph(self, form: str) -> str:
        path, _ = self._prepare()
        try:
            status, output, errors = run_program(
                "graph", path, "--format", form, *self._read_arguments(), environment=_environment()
            )
        finally:
            self._discard()
        if status != 0:
            raise FlowError(errors.strip())
        return output

    # --- service -----------------------------------------------------------------------------------------------------

    def start(self: _Self) -> _Self:
        """Starts the flow and waits until it is ready. `with flow:` starts and closes it.

        Raises:
            FlowError: The flow has mistakes, or an executor could not be started.
            FileNotFoundError: The program `flowrun` is not installed.
        """
        self._refuse_if_running()
        _refuse_in_executor()
        try:
            path, locate = self._prepare()
            arguments = [*self._read_arguments(), *self._options.get("arguments", ())]
            if self._options.get("insecure"):
                arguments.append("--insecure")
            environment = _environment()
            if self._options.get("token"):
                environment["FLOWRUN_TOKEN"] = self._options["token"]
            service = Service(path, arguments, environment, locate)
            service.start()
        except BaseException:
            self._discard()
            raise
        # The files last as long as the process, also if the flow is never closed.
        self._service, service.directory, self._directory = service, self._directory, None
        try:
            self._client = self._new_client()
        except BaseException:
            self.close()
            raise
        return self

    def _new_client(self) -> Any:
        return Client(**self._client_options())

    def _client_options(self) -> Dict[str, Any]:
        host, port = self._address()
        options: Dict[str, Any] = {"host": host, "port": port, "token": self._options.get("token"), "protocol": "ws"}
        certificate = self._with.get("ssl_certfile")
        if certificate:
            import ssl

            # The certificate is that of this process's own child, whatever name it is for.
            context = ssl.create_default_context(cafile=certificate)
            context.check_hostname = False
            options.update(tls=True, ssl_context=context)
        return options

    def _address(self) -> Tuple[str, int]:
        if self._service is None:
            raise FlowError("the flow is not started: use `with flow:` or `flow.start()`")
        host, _, port = self._service.addresses[0].rpartition(":")
        host = host.strip("[]")
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), int(port)

    def close(self) -> None:
        """Drains the flow and ends its process."""
        service, self._service = self._service, None
        if service is None:
            return
        client, self._client = self._client, None
        if not service.is_own():
            # A forked process: the flow, its connections and its files are those of the parent.
            return
        if isinstance(client, SyncClient):
            client.close()
        elif isinstance(client, AsyncClient):
            # The program would wait for them.
            client.shut_down()
        if service.addresses:
            close_connections_to(int(service.addresses[0].rpartition(":")[2]))
        service.close()

    def __enter__(self: _Self) -> _Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self: _Self) -> _Self:
        loop = asyncio_module.get_running_loop()
        return await loop.run_in_executor(None, self.start)

    async def __aexit__(self, *_: object) -> None:
        if isinstance(self._client, AsyncClient):
            await self._client.close()
        await asyncio_module.get_running_loop().run_in_executor(None, self.close)

    def block(self, stop_event: Optional[threading.Event] = None) -> None:
        """Waits until the flow ends, `stop_event` is set, or Ctrl-C is pressed.

        Raises:
            ServiceUnavailable: The program ended by itself.
        """
        self._address()
        service = self._service
        assert service is not None
        try:
            while not service.wait(None if stop_event is None else 0.1):
                if stop_event is not None and stop_event.is_set():
                    return
            service.check_running()
        except KeyboardInterrupt:
            pass

    @property
    def is_running(self) -> bool:
        """True while the flow is served."""
        return self._service is not None and self._service.is_running()

    @property
    def port(self) -> int:
        """Port that the flow listens on, for all protocols."""
        return self._address()[1]

    @property
    def host(self) -> str:
        """Address that the flow listens on."""
        return self._address()[0]

    @property
    def client(self) -> Any:
        """Client of the running flow."""
        self._address()
        return self._client

    @property
    def num_deployments(self) -> int:
        """Number of executors, without the gateway."""
        return len(self._pods)

    def post(
        self,
        on: str,
        inputs: Any = None,
        on_done: Optional[Callback] = None,
        on_error: Optional[Callback] = None,
        on_always: Optional[Callback] = None,
        parameters: Optional[Dict[str, Any]] = None,
        target_executor: Optional[str] = None,
        request_size: int = 100,
        **options: Any,
    ) -> Any:
        """Sends documents to an endpoint of the running flow; the arguments are those of `SyncClient.post`.

        Returns:
            The documents of the replies, a `DocumentArray`.

        Raises:
            RequestError: A request failed, and `on_error` is not set.
            FlowError: The flow is not started.

        Example:
            >>> with Flow().add(uses="Pass") as flow:  # doctest: +SKIP
            ...     print(flow.post("/index", ["a", "b"]).texts)
            ['a', 'b']
        """
        self._address()
        try:
            return self._client.post(
                on, inputs, on_done, on_error, on_always, parameters, target_executor, request_size, **options
            )
        except ServiceUnavailable:
            if self._service is not None:
                # Its exit code explains more than a lost connection.
                self._service.wait(0.2)
                self._service.check_running()
            raise

    def stream(self, on: str, inputs: Any = None, **options: Any) -> Iterator[DocumentArray]:
        """Like `post`, but yields the documents of each reply as it arrives; see `SyncClient.stream`."""
        self._address()
        found: Iterator[DocumentArray] = self._client.stream(on, inputs, **options)
        return found

    def index(self, inputs: Any = None, **options: Any) -> Any:
        """Posts to `/index`; see `post`."""
        return self.post("/index", inputs, **options)

    def search(self, inputs: Any = None, **options: Any) -> Any:
        """Posts to `/search`; see `post`."""
        return self.post("/search", inputs, **options)

    def update(self, inputs: Any = None, **options: Any) -> Any:
        """Posts to `/update`; see `post`."""
        return self.post("/update", inputs, **options)

    def delete(self, inputs: Any = None, **options: Any) -> Any:
        """Posts to `/delete`; see `post`."""
        return self.post("/delete", inputs, **options)

    def is_flow_ready(self, **_: Any) -> bool:
        """Returns whether every executor of the running flow answers."""
        if not self.is_running:
            return False
        with Client(**{**self._client_options(), "protocol": "http"}) as client:
            ready: bool = client.is_flow_ready()
            return ready

    def __getattr__(self, name: str) -> Any:
        if name in _MISSING:
            raise AttributeError(f"flowrun's Flow has no `{name}`: {_MISSING[name]} ({GUIDE} lists Jina's API)")
        raise AttributeError(
            f"{type(self).__name__} has no attribute `{name}`; {GUIDE} lists the parts of Jina's API that it has"
        )

    def __getstate__(self) -> Dict[str, Any]:
        raise TypeError("a flow cannot be pickled; save it with `save_config`")

    def __copy__(self: _Self) -> _Self:
        flow = object.__new__(type(self))
        flow.__dict__.update(self.__dict__)
        return flow

    def __repr__(self) -> str:
        source = self._path or ("a text" if self._text is not None else f"{len(self._pods)} executors")
        return f"<{type(self).__name__} of {source}{', running' if self._service is not None else ''}>"


class AsyncFlow(Flow):
    """A flow whose `post` is an asynchronous iterator; `Flow(asyncio=True)` creates one.

    Example:
        >>> async def main():
        ...     async with Flow(asyncio=True).add(uses="Pass") as flow:
        ...         async for docs in flow.post("/index", ["a", "b"]):
        ...             print(docs.texts)
    """

    def _new_client(self) -> Any:
        return Client(asyncio=True, **self._client_options())

    def post(self, on: str, inputs: Any = None, *arguments: Any, **options: Any) -> AsyncIterator[Any]:
        """Sends documents to an endpoint, and yields the documents of each reply; see `AsyncClient.post`."""
        self._address()
        found: AsyncIterator[Any] = self._client.post(on, inputs, *arguments, **options)
        return found


class Deployment(Flow):
    """A flow of one executor.

    Args:
        **keys: Keys of the flow (`port`, `host`, `protocol`, `cors`, `asyncio`, …) and of the executor (`uses`, `replicas`, …).

    Example:
        >>> with Deployment(uses="Pass", port=0) as service:  # doctest: +SKIP
        ...     service.post("/index", ["a"])
    """

    _FLOW_KEYS = (
        "port", "host", "protocol", "cors", "title", "description", "prefetch", "ssl_certfile", "ssl_keyfile", "tokens",
        "health_port", "tracing", *_OPTIONS, "asyncio",
    )  # fmt: skip

    def __init__(self, **keys: Any) -> None:
        super().__init__(**{key: value for key, value in keys.items() if key in self._FLOW_KEYS})
        self.add(copy_flow=False, **{key: value for key, value in keys.items() if key not in self._FLOW_KEYS})


def _caller() -> str:
    """Returns the location of the call into this package: `FILE:LINE`."""
    frame: Any = sys._getframe(1)
    directory = os.path.dirname(os.path.abspath(__file__))
    while frame is not None and os.path.abspath(frame.f_code.co_filename).startswith(directory + os.sep):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else ""


def _resolved(uses: str) -> Any:
    """Returns the executor that a text names: a class of this process, an existing file, or the text itself."""
    if uses.isidentifier():
        return _find_class(Executor, uses) or uses
    if os.path.isfile(uses) and uses.endswith((".yml", ".yaml", ".so")):
        return os.path.abspath(uses)
    return uses


def _find_class(base: type, name: str) -> Optional[type]:
    """Returns the last class of a name that is derived from a class and is defined outside of this package."""
    subclasses: List[type] = base.__subclasses__()
    for cls in reversed(subclasses):
        if cls.__name__ == name and not cls.__module__.startswith("flowrun."):
            return cls
        found = _find_class(cls, name)
        if found is not None:
            return found
    return None


def _check_executor(cls: type) -> None:
    bases = [f"{base.__module__}.{base.__name__}" for base in cls.__mro__]
    is_jinas = any(base.startswith("jina.") and base.endswith("Executor") for base in bases)
    if not issubclass(cls, Executor) and not is_jinas:
        raise TypeError(f"`{cls.__name__}` is no executor: derive it from `flowrun.Executor`")


def _absolute(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_absolute(item) for item in value]
    return os.path.abspath(value) if isinstance(value, (str, os.PathLike)) and value != "-" else value


def _absolute_modules(value: Any) -> List[Any]:
    items = [value] if isinstance(value, (str, os.PathLike)) else list(value)
    return [os.path.abspath(item) if os.path.exists(item) else item for item in items]


def _relative_to(base: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_relative_to(base, item) for item in value]
    if isinstance(value, str) and os.path.exists(os.path.join(base, value)):
        return os.path.join(base, value)
    return value


def _environment() -> Dict[str, str]:
    """Returns variables for the child process: executors find the modules of this process, and run in its interpreter unless the
    flow names another one."""
    paths = class_source.search_path()
    inherited = os.environ.get("PYTHONPATH")
    variables = {"PYTHONPATH": os.pathsep.join([*paths, *([inherited] if inherited else [])])}
    if sys.prefix != sys.base_prefix:
        variables["VIRTUAL_ENV"] = sys.prefix
    elif sys.executable and "VIRTUAL_ENV" not in os.environ:
        variables["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])
    return variables


def _refuse_in_executor() -> None:
    from . import loader

    if loader.IMPORTING:
        raise FlowError(
            "the module of an executor starts a flow while it is imported; put the start under `if __name__ == '__main__':`"
        )


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
