"""What a train shard has come to durably: files of record that its arguments name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog

from zoo.catalog import jobs, shards
from zoo.errors import DamagedError, UnavailableError
from zoo.faults import Point, reach
from zoo.jobs.ledger import Claim, fence
from zoo.names import new_id
from zoo.storage.blobs import file_sha256
from zoo_workers.context import Context
from zoo_workers.tuned import StoredFile

Event = tuple[str, Mapping[str, Any]]
Write = Callable[[Path], None]

log = structlog.get_logger()


WITH_ALL = ("checkpoint", "network_", "vectors_", "tuned_", "diverged_", "found_")
"""How the names of what training came to begin."""


class Kept:
    """The arguments of a train shard: the checkpoint of what goes on, the files of what is done.

    Each file is a member with its `key`, by which a collection of garbage knows that it is needed.
    Each write is one fenced transaction. What brings the training on begins the shard's attempts
    anew; what is only noted does not, or a shard that never comes on would be tried for ever.
    """

    def __init__(self, context: Context, claim: Claim) -> None:
        self._context = context
        self._claim = claim
        self._arguments: dict[str, Any] = dict(claim.arguments)

    def begin(self, ground: str) -> None:
        """Forget all if it was come to on other ground: examples, their labels and sides.

        Where a job goes on from another, what could not be embedded then may be by now.
        """
        if self._arguments.get("ground", ground) != ground:
            log.warning("training_begins_anew", job_id=self._claim.job.id)
            self._forget(tuple(self._arguments))
        self._arguments["ground"] = ground

    @property
    def has_flips(self) -> bool | None:
        """Whether pictures are flipped, once that is known."""
        found: bool | None = self._arguments.get("has_flips")
        return found

    def keep_flips(self, has_flips: bool) -> None:
        """Note whether pictures are flipped."""
        self._arguments["has_flips"] = has_flips
        self._note()

    def checkpoint(self, strategy: str) -> Path | None:
        """Where a strategy's training stood last; None if it begins."""
        found = self._arguments.get("checkpoint")
        return self._sound(found) if found and found["strategy"] == strategy else None

    def tuned(self, strategy: str) -> Path | None:
        """What a strategy came to; None if it is not done, or its network is not as it was."""
        found = self._arguments.get(f"tuned_{strategy}")
        network = self._arguments.get(f"network_{strategy}")
        if not found or not network or self._sound(network) is None:
            return None
        return self._sound(found)

    def keep_checkpoint(self, strategy: str, write: Write, *, events: Sequence[Event]) -> None:
        """Take the place of the checkpoint before; the events happen with it or not at all."""
        stored = self.store("checkpoints", write)
        reach(self._context.settings, Point.TRAIN_KEPT)
        before = self._arguments.get("checkpoint")
        self._arguments["checkpoint"] = {"strategy": strategy, **_named(stored)}
        self._record(events)
        if before:
            self._drop(before["key"])

    def vectors(self, strategy: str) -> list[Path]:
        """The embeddings that a strategy's network has made so far, part after part."""
        parts = self._parts(strategy)
        paths = [self._sound(self._arguments[name]) for name in parts]
        sound = [path for path in paths if path is not None]
        if len(sound) == len(paths):
            return sound
        self._forget(parts)  # what follows a part that is gone is of no use
        return []

    def keep_vectors(self, strategy: str, write: Write) -> None:
        """Keep some more of the embeddings, after those before."""
        stored = self.store("checkpoints", write)
        n_parts = len(self._parts(strategy))
        self._arguments[f"vectors_{strategy}_{n_parts:06}"] = _named(stored)
        self._record([])

    def _parts(self, strategy: str) -> list[str]:
        return self._named_like(f"vectors_{strategy}_")

    def _named_like(self, beginning: str) -> list[str]:
        return sorted(one for one in self._arguments if one.startswith(beginning))

    def found(self, strategy: str, name: str) -> Path | None:
        """A result that fitting a strategy's head came to, by its name; None if it has not."""
        found = self._arguments.get(f"found_{strategy}_{name}")
        return self._sound(found) if found else None

    def keep_found(self, strategy: str, name: str, write: Write) -> None:
        """Keep a result that fitting a strategy's head came to."""
        self._arguments[f"found_{strategy}_{name}"] = _named(self.store("checkpoints", write))
        self._record([])

    def keep_network(self, strategy: str, network: StoredFile) -> None:
        """Name a trained network, which embedding all examples may need for hours.

        Only the first is progress: an attempt that comes as far as one before gets no further.
        What came of another one, as of steps that were done again with smaller batches, goes.
        """
        before = self._arguments.get(f"network_{strategy}")
        self._arguments[f"network_{strategy}"] = _named(network)
        if before is None:
            return self._record([])
        is_other = before["sha256"] != network.sha256
        found = self._named_like(f"found_{strategy}_")
        self._forget([*self._parts(strategy), *found] if is_other else ())
        return self._drop(before["key"])

    def keep_tuned(self, strategy: str, stored: StoredFile) -> None:
        """Note that a strategy is done, and what it came to with the network that is kept."""
        self._arguments[f"tuned_{strategy}"] = _named(stored)
        self._leave_behind(("checkpoint", *self._parts(strategy)))

    def micro_batch(self, strategy: str) -> int | None:
        """How many pictures a strategy forwards at once, if not whole batches."""
        found: int | None = self._arguments.get(f"micro_batch_{strategy}")
        return found

    def keep_micro_batch(self, strategy: str, most: int) -> None:
        """Note that memory was short: what comes after an attempt goes on with as few."""
        self._arguments[f"micro_batch_{strategy}"] = most
        self._record([])

    def oom_kills(self, boot: str) -> int | None:
        """How many processes a machine had killed for memory when it was last looked."""
        found: int | None = self._arguments.get(f"oom_kills_{boot}")
        return found

    def keep_oom_kills(self, boot: str, n: int) -> None:
        """Note how many there were, since that start of the machine."""
        self._arguments[f"oom_kills_{boot}"] = n
        self._note()

    @property
    def lost(self) -> frozenset[str]:
        """Contents that turned out to be gone, or changed, while a network was trained."""
        return frozenset(self._arguments.get("lost", ()))

    def keep_lost(self, sha256s: Iterable[str]) -> None:
        """Note that contents are lost: all that was come to with them is come to anew."""
        self._arguments["lost"] = sorted(self.lost.union(sha256s))
        self._leave_behind(name for name in tuple(self._arguments) if name.startswith(WITH_ALL))

    def diverged(self, strategy: str) -> str | None:
        """Why a strategy came to nothing; None if that is not known of it."""
        found: str | None = self._arguments.get(f"diverged_{strategy}")
        return found

    def keep_diverged(self, strategy: str, reason: str) -> None:
        """Note that a strategy came to nothing: it would again."""
        self._arguments[f"diverged_{strategy}"] = reason
        self._record([])

    def tell(self, events: Sequence[Event]) -> None:
        """Have events happen, while the claim stands."""
        with self._context.catalog.write() as session:
            fence(session, self._claim)
            for kind, payload in events:
                jobs.add_event(session, self._claim.job.id, kind, payload)

    def store(self, folder: str, write: Write) -> StoredFile:
        """A durable file of record that no row names yet."""
        with self.spool() as spool:
            path = spool / "file.safetensors"
            write(path)
            sha256, size_bytes = file_sha256(path), path.stat().st_size
            # The token is in the key: what another attempt writes never takes this one's place.
            shard = self._claim.shard
            key = f"{folder}/{new_id(f'{shard.id}-{shard.token}')}.safetensors"
            self._context.blobs.put(key, path)
        return StoredFile(key=key, sha256=sha256, size_bytes=size_bytes)

    @contextmanager
    def spool(self) -> Iterator[Path]:
        """A folder for files that nobody needs later."""
        root = self._context.settings.home / "tmp"
        root.mkdir(exist_ok=True)
        with TemporaryDirectory(dir=root) as folder:
            yield Path(folder)

    def clear(self, *, but: str | None = None) -> None:
        """Delete what is of no use once the job has ended; `but` the network that is registered.

        What cannot be deleted now is garbage, and collected as such.
        """
        self._drop_files(self._arguments.values(), but=but)

    def _leave_behind(self, names: Iterable[str]) -> None:
        """Go on without these."""
        past = [self._arguments.pop(name, None) for name in names]
        self._record([])
        self._drop_files(past)

    def _forget(self, names: Iterable[str]) -> None:
        """Come to these anew."""
        past = [self._arguments.pop(name, None) for name in names]
        self._note()
        self._drop_files(past)

    def _drop_files(self, members: Iterable[object], *, but: str | None = None) -> None:
        for member in members:
            if isinstance(member, Mapping) and member["key"] != but:
                self._drop(member["key"])

    def _record(self, events: Sequence[Event]) -> None:
        with self._context.catalog.write() as session:
            fence(session, self._claim)
            shards.set_arguments(session, self._claim.shard.id, self._arguments)
            for kind, payload in events:
                jobs.add_event(session, self._claim.job.id, kind, payload)

    def _note(self) -> None:
        with self._context.catalog.write() as session:
            fence(session, self._claim)
            shards.note_arguments(session, self._claim.shard.id, self._arguments)

    def _sound(self, found: Mapping[str, Any]) -> Path | None:
        """The file if it is as it was written: else what made it makes it again, bit by bit."""
        try:
            path = self._context.blobs.local_path(found["key"])
            if file_sha256(path) == found["sha256"]:
                return path
        except (DamagedError, FileNotFoundError) as error:
            log.warning("kept_file_missing", key=found["key"], detail=str(error))
            return None
        log.warning("kept_file_damaged", key=found["key"])
        return None

    def _drop(self, key: str) -> None:
        with suppress(UnavailableError, OSError):
            self._context.blobs.delete(key)


def _named(stored: StoredFile) -> dict[str, str]:
    return {"key": stored.key, "sha256": stored.sha256}
