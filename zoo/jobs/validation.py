"""What is wrong with a dataset version, told without looking at a single picture again."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from zoo.catalog import Session, datasets, inputs, tallies
from zoo.catalog.records import Clash, DatasetVersionRecord, LabelCount, SplitCount
from zoo.imbalance import is_uneven

FEW = 10
"""Distinct contents below which a class is too small to be judged by."""
SHOWN = 5
VERSIONS_LOOKED_AT = 100
IN_TRAINING = frozenset({"class_not_in_split", "conflicting_labels", "similar_labels"})
"""What training warns of too; of the rest it tells by its own figures."""

Severity = Literal["error", "warning"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something to mend; with an error among them nothing can be trained."""

    kind: str
    severity: Severity
    detail: str  # what was found
    advice: str  # what to do
    count: int  # of what was found
    examples: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What was found and what to do."""
        return f"{self.detail}; {self.advice}"


@dataclass(frozen=True, kw_only=True)
class Tally:
    """All that findings come from."""

    labels: Sequence[LabelCount]
    splits: Sequence[SplitCount]
    two_labels: tuple[int, Sequence[Clash]]  # how many contents, and some
    two_splits: tuple[int, Sequence[Clash]]
    unreadable: Mapping[str, int] = field(default_factory=dict)  # by job


def look_through(
    session: Session, dataset_id: int, version: DatasetVersionRecord
) -> list[Finding]:
    """What is wrong with a version, errors first."""
    number = version.version
    sealed = datasets.list_versions(
        session, version.dataset, before=number + 1, limit=VERSIONS_LOOKED_AT
    )
    states = inputs.count_states_of(session, [one.job_id for one in sealed if one.job_id])
    tally = Tally(
        labels=tallies.count_by_label(session, dataset_id, version=number),
        splits=tallies.count_by_split(session, dataset_id, version=number),
        two_labels=tallies.conflicting_labels(session, dataset_id, version=number, limit=SHOWN),
        two_splits=tallies.conflicting_splits(session, dataset_id, version=number, limit=SHOWN),
        unreadable={
            job_id: counts["failed"] for job_id, counts in states.items() if counts.get("failed")
        },
    )
    return sorted(find_faults(tally), key=lambda one: one.severity)  # e before w


def training_warnings(
    session: Session, dataset_id: int, version: DatasetVersionRecord
) -> list[str]:
    """The sentences that belong to a job which trains on a version."""
    found = look_through(session, dataset_id, version)
    return [one.sentence for one in found if one.kind in IN_TRAINING]


def find_faults(tally: Tally) -> Iterator[Finding]:
    """Everything that a tally shows."""
    yield from _few_classes(tally.labels)
    yield from _small_classes(tally.labels)
    yield from _untrained(tally.splits)
    yield from _similar_labels(tally.labels)
    yield from _unequal(tally.labels)
    yield from _absent(tally.splits)
    yield from _clashing(tally)
    if tally.unreadable:
        yield Finding(
            kind="unreadable_files",
            severity="warning",
            detail=f"{sum(tally.unreadable.values())} files could not be used and are left out",
            advice="GET /v1/jobs/{id}/items?state=failed of the jobs named says why for each",
            count=sum(tally.unreadable.values()),
            examples=tuple(tally.unreadable)[:SHOWN],
        )


def _found(
    found: Sequence[str], *, kind: str, severity: Severity, detail: str, advice: str
) -> Finding:
    """A finding that names the first of what was found."""
    return Finding(
        kind=kind,
        severity=severity,
        detail=detail,
        advice=advice,
        count=len(found),
        examples=tuple(found[:SHOWN]),
    )


def _few_classes(labels: Sequence[LabelCount]) -> Iterator[Finding]:
    if len(labels) < 2:
        names = tuple(one.label for one in labels)
        yield _found(
            names,
            kind="too_few_classes",
            severity="error",
            detail=f"there is one label only, {names[0]!r}" if names else "there is no label",
            advice="a classifier needs at least two; of an archive the top folders are the "
            "labels, so pack what is in the folder that holds theirs, not that folder",
        )


def _small_classes(labels: Sequence[LabelCount]) -> Iterator[Finding]:
    single = [one.label for one in labels if one.contents < 2]
    if single:
        yield _found(
            single,
            kind="too_few_images",
            severity="error",
            detail=f"{_classes(single)} with 1 distinct example: {_shown(single)}",
            advice="each needs at least 2, one to train on and one to test on",
        )
    few = [f"{one.label} ({one.contents})" for one in labels if 2 <= one.contents < FEW]
    if few:
        yield _found(
            few,
            kind="few_images",
            severity="warning",
            detail=f"{_classes(few)} with fewer than {FEW} distinct examples: {_shown(few)}",
            advice="add more, or what is measured of them says little",
        )


def _untrained(splits: Sequence[SplitCount]) -> Iterator[Finding]:
    """Classes all of whose examples are given for another side than train."""
    usable = {one.label for one in splits if one.split in (None, "train")}
    idle = sorted({one.label for one in splits} - usable)
    if idle:
        yield _found(
            idle,
            kind="too_few_images",
            severity="error",
            detail=f"{_classes(idle)} with nothing to train on: {_shown(idle)}",
            advice="give some of each the split train, or none",
        )


def _similar_labels(labels: Sequence[LabelCount]) -> Iterator[Finding]:
    spelled: dict[str, list[str]] = defaultdict(list)
    for one in labels:
        spelled[_folded(one.label)].append(one.label)
    alike = [names for names in spelled.values() if len(names) > 1]
    if alike:
        shown = [" and ".join(map(repr, names)) for names in alike]
        yield _found(
            shown,
            kind="similar_labels",
            severity="warning",
            detail=f"labels that differ by case, spaces or accents' form only: {_shown(shown)}",
            advice="give those that mean the same one label",
        )


def _unequal(labels: Sequence[LabelCount]) -> Iterator[Finding]:
    if len(labels) < 2:
        return
    by_size = sorted(labels, key=lambda one: one.contents)
    least, most = by_size[0], by_size[-1]
    if is_uneven(most=most.contents, least=least.contents):
        yield Finding(
            kind="unequal_classes",
            severity="warning",
            detail=(
                f"{most.label!r} has {most.contents} distinct examples, "
                f"{least.label!r} {least.contents}"
            ),
            advice="add to the small classes, and look at their own figures",
            count=sum(is_uneven(most=most.contents, least=one.contents) for one in labels),
            examples=(most.label, least.label),
        )


def _absent(splits: Sequence[SplitCount]) -> Iterator[Finding]:
    """Classes that a given validation or test side knows nothing of."""
    labels = {one.label for one in splits}
    for side in ("validation", "test"):
        given = {one.label for one in splits if one.split == side}
        absent = sorted(labels - given) if given else []
        if absent:
            yield Finding(
                kind="class_not_in_split",
                severity="warning",
                detail=f"{_classes(absent)} that the {side} split lacks: {_shown(absent)}",
                advice=f"give some of each the split {side}, or none at all, so that it is made",
                count=len(absent),
                examples=tuple(absent[:SHOWN]),
            )


def _clashing(tally: Tally) -> Iterator[Finding]:
    count, some = tally.two_labels
    if count:
        yield Finding(
            kind="conflicting_labels",
            severity="warning",
            detail=f"{count} contents stand under several labels: {_shown(_told(some))}",
            advice="look at them, and delete or relabel those that are wrong",
            count=count,
            examples=tuple(_told(some)),
        )
    count, some = tally.two_splits
    if count:
        yield Finding(
            kind="duplicates_across_splits",
            severity="warning",
            detail=f"{count} contents are given for several splits: {_shown(_told(some))}",
            advice="give each one split; until then they count for the strictest",
            count=count,
            examples=tuple(_told(some)),
        )


def _told(clashes: Sequence[Clash]) -> list[str]:
    return [
        " = ".join(f"{name} ({value})" for name, value in clash.said[:SHOWN]) for clash in clashes
    ]


def _classes(names: Sequence[str]) -> str:
    return f"{len(names)} class" if len(names) == 1 else f"{len(names)} classes"


def _shown(names: Sequence[str]) -> str:
    listed = ", ".join(names[:SHOWN])
    return f"{listed}, ..." if len(names) > SHOWN else listed


def _folded(label: str) -> str:
    """The label without case, spaces around it and within, and ways to write a letter."""
    return " ".join(unicodedata.normalize("NFKC", label).casefold().replace("_", " ").split())
