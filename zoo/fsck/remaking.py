"""Making anew what was lost with damaged files of record, where what it was made from is whole.

Indexes are made from embeddings, embeddings from originals; originals are found again where a
source still has the same bytes. What is nowhere else is marked as lost, so that whoever brings it
again restores it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from zoo.catalog import Session, collections, contents, features, items, soundness
from zoo.catalog.records import ContentRecord, ItemRecord, SegmentRecord
from zoo.fsck.problems import OpenHome
from zoo.jobs.intake import Arrival, Delivery, submit_ingest
from zoo.jobs.specs import IngestSpec
from zoo.storage.references import lost_key


def forget_snapshot(home: OpenHome, key: str) -> str:
    """Drop the note of a damaged snapshot."""
    with home.catalog.write() as session:
        collections.forget_snapshot_file(session, key)
    return "forgotten; the index is built anew when the collection is searched"


def forget_segment(home: OpenHome, segment: SegmentRecord) -> str:
    """Drop a damaged segment with its embeddings, and have those of items made again."""
    with home.catalog.write() as session:
        count = features.forget_segment(session, segment.id)
    return f"forgotten with the {count} embeddings in it; {embed_missing(home)}"


def embed_missing(home: OpenHome) -> str:
    """Make a job a collection that embeds those of its items that have no embedding."""
    missing: dict[str, list[str]] = defaultdict(list)
    with home.catalog.read() as session:
        for name, item_id in soundness.items_without_vector(session):
            missing[name].append(item_id)
    with home.catalog.write() as session:
        made = [_embed(session, home, name, item_ids) for name, item_ids in missing.items()]
    return "; ".join(made) or "what items need of it, a job that waits embeds anew"


def _embed(session: Session, home: OpenHome, name: str, item_ids: Sequence[str]) -> str:
    collection = collections.get_collection(session, name)
    if collection is None:
        return f"collection {name!r} is gone"
    known = (items.get_item(session, collection.id, item_id) for item_id in item_ids)
    given = [one for one in known if one is not None]
    job = submit_ingest(
        session,
        IngestSpec(collection=name),
        Delivery(arrivals=[_arrival(one) for one in given]),
        work={
            "collection_id": collection.id,
            "model": collection.model,
            "space_id": collection.space_id,
            "dim": collection.dim,
        },
        settings=home.settings,
    )
    return f"{job.id} embeds {len(given)} items of collection {name!r} anew once the service runs"


def _arrival(item: ItemRecord) -> Arrival:
    return Arrival(
        name=item.name,
        sha256=item.sha256,
        item_id=item.item_id,
        label=item.label,
        metadata=item.metadata,
    )


def mark_lost(home: OpenHome, content: ContentRecord) -> str:
    """Find a damaged original in a source's file, or let it be stored again by who sends it."""
    nowhere = lost_key(content.pack_key)
    with home.catalog.write() as session:
        contents.set_lost(session, [content.sha256], pack_key=nowhere)
        found = contents.get_contents(session, [content.sha256])[content.sha256]
    if found.pack_key == nowhere:
        return "marked as lost; it is stored again once the same file is sent"
    return "found in a file that a source still has"
