"""Every setting of every process, read once from the environment (`ZOO_*`) and passed on."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import sys
import tempfile
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, urlsplit

from platformdirs import user_data_path

from zoo.errors import StartError
from zoo.faults import parse_fault

DEFAULT_PORT = 8700
MAX_SOCKET_PATH = 103  # bytes: macOS's limit; Linux takes 107
LONGEST_SOCKET_NAME = 24
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - what stands there is unlinked at once
CPU_QUEUE, GPU_QUEUE = "cpu", "gpu"


def default_home() -> Path:
    """The folder used when nobody names one."""
    return user_data_path("featurezoo", appauthor=False)


class EngineChoice(StrEnum):
    """What forwards: whatever is fastest here, an engine for exports, or torch as it is."""

    AUTO = "auto"
    ONNXRUNTIME = "onnxruntime"
    OPENVINO = "openvino"
    EAGER = "eager"


class DeviceChoice(StrEnum):
    """What pictures are forwarded on: an NVIDIA GPU if there is one, or one of the two."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class LogFormat(StrEnum):
    """How a line of the log looks: for a person at a terminal, else for machines; or always so."""

    AUTO = "auto"
    JSON = "json"
    PLAIN = "plain"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings; each field is read from `ZOO_<FIELD IN CAPITALS>`. Times are in seconds."""

    home: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    allowed_hosts: str = ""  # host names it answers to beside its own, with commas between
    database_url: str = ""  # default: SQLite in the home
    broker_url: str = ""  # default: the embedded Valkey's socket in the home
    predictor_url: str = ""  # default: a unix socket in the home
    storage_url: str = ""  # files of record; default: the folder `blobs` in the home
    cache_bytes: int = 20_000_000_000  # of copies of files that stand in a remote store
    allowed_roots: str = ""  # folders that sources may name, with colons between; empty: none
    allowed_urls: str = ""  # beginnings of URLs that sources may name, with commas between
    worker_processes: int = 0  # batch children of one worker; 0: one a core
    api_threads: int = 32  # streams and waits may hold 24 of them
    shard_items: int = 256  # contents that a shard embeds at most; 1-2 s of them, once measured
    forward_batch: int = 2  # images a forward; what more take no longer fits a core's cache
    device: DeviceChoice = DeviceChoice.AUTO
    gpu_shard_items: int = 4096  # as shard_items, where a GPU forwards
    gpu_batch: int = 256  # images a forward of a GPU; the last are padded to as many
    gpu_decoders: int = 0  # sandboxes that decode for one GPU; 0: the cores, shared out among GPUs
    beat_every_s: float = 3.0
    beat_lost_s: float = 9.0  # a worker whose beat stands still for so long has lost its claims
    relay_every_s: float = 0.03
    reconcile_every_s: float = 1.0
    wake_again_s: float = 10.0  # a queued shard whose message may be lost is announced again
    attempts: int = 3
    stalled_s: float = 600.0  # a process that does nothing for so long hangs, and is ended
    unavailable_wait_s: float = 300.0  # of a shard, for a disk, store or database out of order
    decode_timeout_s: float = 10.0
    describe_timeout_s: float = 120.0
    engine: EngineChoice = EngineChoice.AUTO
    export_timeout_s: float = 300.0
    model_memory_mb: int = 2048  # of the parameters that one process keeps loaded
    pinned_models: str = ""  # full names of models that stay loaded, comma-separated
    predict_timeout_s: float = 60.0
    plugin_wait_s: float = 30.0
    disabled_plugins: str = ""  # names of installed plugins to leave alone, comma-separated
    queue_limit_s: float = 3600.0
    rate_limit: str = ""  # requests of one caller, as 600/minute; empty: as many as it likes
    seconds_per_item: float = 0.03  # what an item is reckoned to cost until one has been measured
    worker_memory_mb: int = 4096  # a batch child is recycled above this
    max_image_bytes: int = 25_000_000
    max_image_pixels: int = 64_000_000
    max_request_bytes: int = 2_000_000_000
    max_json_bytes: int = 32_000_000
    max_parts: int = 10_000
    max_features_bytes: int = 512_000_000  # of one answer of features
    pack_bytes: int = 256_000_000
    log_format: LogFormat = LogFormat.AUTO
    checkpoint_every_s: float = (
        30.0  # of training; what a process that dies had done is done again
    )
    scratch_bytes: int = 8_000_000_000  # of pixels that one training keeps decoded on disk
    gc_grace_s: float = 3600.0  # a younger file without a row may be about to get one
    keep_jobs_days: float = 0.0  # after its end; 0: for ever
    keep_events_days: float = 90.0  # after the end of their job; 0: for ever
    fault: str = ""  # for tests: what is to go wrong, and where; zoo.faults knows

    @property
    def resolved_database_url(self) -> str:
        """The database in use."""
        # quoted: a `?` or `%41` in a folder's name would mean something in a URL
        return self.database_url or f"sqlite:///{quote(str(self.home / 'catalog.sqlite3'))}"

    @cached_property  # asked for with every request, as is the next
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address that is listened on."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @cached_property
    def allowed_host_names(self) -> frozenset[str]:
        """The host names in `allowed_hosts`, in small letters."""
        return _names(self.allowed_hosts.lower())

    @property
    def allowed_root_folders(self) -> tuple[Path, ...]:
        """The folders in `allowed_roots`; files are read by reference only below these."""
        return tuple(Path(root).expanduser() for root in self.allowed_roots.split(":") if root)

    @property
    def allowed_url_prefixes(self) -> tuple[str, ...]:
        """The URLs in `allowed_urls`, each ending in a slash: nothing beside a folder is in it."""
        urls = (url.strip() for url in self.allowed_urls.split(","))
        return tuple(f"{url.rstrip('/')}/" for url in urls if url)

    @property
    def left_alone(self) -> frozenset[str]:
        """The names in `disabled_plugins`."""
        return _names(self.disabled_plugins)

    @property
    def pinned(self) -> frozenset[str]:
        """The names in `pinned_models`."""
        return _names(self.pinned_models)

    @property
    def touched_dir(self) -> Path:
        """Where servers touch a file at every turn: in memory, where there is such a place."""
        return IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else self.runtime_dir

    @property
    def runtime_dir(self) -> Path:
        """Where this home's sockets live: in it, unless its path is too long for a socket's."""
        inside = self.home / "run"
        if len(os.fsencode(inside)) + LONGEST_SOCKET_NAME <= MAX_SOCKET_PATH:
            return inside
        key = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"zoo-{os.getuid()}-{key}"

    @property
    def resolved_broker_url(self) -> str:
        """The broker in use."""
        return self.broker_url or f"redis+socket://{self.runtime_dir / 'broker.sock'}"

    @property
    def resolved_predictor_url(self) -> str:
        """The predictor in use: `unix:///path` or `tcp://host:port`."""
        return self.predictor_url or f"unix://{self.runtime_dir / 'predictor.sock'}"

    @property
    def cores(self) -> int:
        """How many batch children a worker starts."""
        if self.worker_processes:
            return self.worker_processes
        if sys.platform == "linux":  # a container may be given fewer than the machine has
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1

    @property
    def forward_queue(self) -> str:
        """The queue of shards that forward; on GPUs only where `device` says so outright."""
        return GPU_QUEUE if self.device == DeviceChoice.CUDA else CPU_QUEUE

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, for a child process."""
        return {f"ZOO_{f.name.upper()}": str(getattr(self, f.name)) for f in fields(self)}


def _names(text: str) -> frozenset[str]:
    """Names with commas between them."""
    return frozenset(name.strip() for name in text.split(",")) - {""}


def load_settings(environ: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    """Settings from the environment, with the given ones (where not None) on top.

    Raises `StartError` for a value that does not parse, naming the variable.
    """
    env = os.environ if environ is None else environ
    home = Path(env.get("ZOO_HOME") or default_home())
    types = typing.get_type_hints(Settings)
    read = {
        f.name: _parse(f"ZOO_{f.name.upper()}", env[f"ZOO_{f.name.upper()}"], types[f.name])
        for f in fields(Settings)
        if f.name != "home" and f"ZOO_{f.name.upper()}" in env
    }
    read["home"] = home
    given = {name: value for name, value in overrides.items() if value is not None}
    settings = Settings(**{**read, **given})  # type: ignore[arg-type]  # checked field by field
    if not all(root.is_absolute() for root in settings.allowed_root_folders):
        raise StartError(
            f"ZOO_ALLOWED_ROOTS is {settings.allowed_roots!r}; "
            "it should be absolute paths of folders, with colons between"
        )
    _check_predictor_url(settings.predictor_url)
    if settings.fault:
        parse_fault(settings.fault)
    return replace(settings, home=Path(settings.home).expanduser().absolute())


def _check_predictor_url(url: str) -> None:
    if url and not url.startswith("unix:///") and not _is_tcp(url):
        raise StartError(
            f"ZOO_PREDICTOR_URL is {url!r}; it should be unix:///path/of/socket or tcp://host:port"
        )


def _is_tcp(url: str) -> bool:
    parts = urlsplit(url)
    try:
        return parts.scheme == "tcp" and bool(parts.hostname and parts.port)
    except ValueError:  # a port that is no number
        return False


def _parse(name: str, text: str, kind: type) -> object:
    try:
        return kind(text)
    except ValueError as error:
        raise StartError(f"{name} is {text!r}; it should be {_expected(kind)}") from error


def _expected(kind: type) -> str:
    if issubclass(kind, StrEnum):
        return " or ".join(repr(str(choice)) for choice in kind)
    return f"a{'n' if kind is int else ''} {kind.__name__}"
