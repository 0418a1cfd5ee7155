from datetime import UTC, datetime, timedelta, timezone

from sqlalchemy import text

from zoo.catalog import Catalog
from zoo.catalog.tables import Pack


def test_an_instant_is_stored_in_utc_and_comes_back_with_its_offset(catalog: Catalog) -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    with catalog.write() as session:
        session.add(Pack(key="packs/a", size_bytes=1, created_at=noon))

    with catalog.read() as session:
        stored = session.execute(text("SELECT created_at FROM packs")).scalar()
        read = session.query(Pack).one().created_at

    assert str(stored).removesuffix(".000000") == "2026-07-01 10:00:00"
    assert (read, read.tzinfo) == (noon, UTC)


def test_sizes_beyond_four_gigabytes_fit(catalog: Catalog) -> None:
    with catalog.write() as session:
        session.add(Pack(key="packs/a", size_bytes=2**40))
    with catalog.read() as session:
        assert session.query(Pack).one().size_bytes == 2**40
