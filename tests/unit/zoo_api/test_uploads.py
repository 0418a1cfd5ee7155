"""What comes in over `POST .../items`; datasets take it, as they need no model."""

import hashlib
import io
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.live import multipart
from tests.pictures import striped, tarred, zipped
from zoo.catalog import Catalog, contents, shards
from zoo.settings import Settings
from zoo.storage.blobs import BlobStore, open_blobs
from zoo.storage.packs import read_content
from zoo_api.uploads import CHUNK_BYTES

URL = "/v1/datasets/pets/items"
BOUNDARY = "multipart/form-data; boundary=b"


@pytest.fixture(autouse=True)
def pets(client: FlaskClient) -> None:
    client.put("/v1/datasets/pets", json={})


@pytest.fixture
def blobs(settings: Settings) -> BlobStore:
    return open_blobs(settings)


def send(client: FlaskClient, *files: tuple[str, bytes], label: str = "cat") -> TestResponse:
    parts = [(io.BytesIO(content), name) for name, content in files]
    return client.post(URL, data={"files": parts, "label": label})


def inputs(client: FlaskClient, answer: TestResponse) -> dict[str, tuple[str, str | None]]:
    """State and code of each input of the accepted job, by name."""
    assert answer.status_code == 202, answer.get_json()
    page = client.get(f"{answer.headers['Location']}/items").get_json()
    return {row["name"]: (row["state"], (row["error"] or {}).get("code")) for row in page["data"]}


def archive_of(catalog: Catalog, blobs: BlobStore, answer: TestResponse) -> tuple[str, bytes]:
    """Name and bytes of the one archive that the accepted job is to expand."""
    assert answer.status_code == 202, answer.get_json()
    with catalog.read() as session:
        [(_, found)] = shards.unfinished(session, answer.get_json()["id"], kinds=["expand"])
    return str(found["name"]), blobs.local_path(str(found["archive"])).read_bytes()


def spooled(settings: Settings) -> list[Path]:
    return list((settings.home / "tmp").iterdir())


def test_files_of_every_size_are_stored_as_they_came(
    client: FlaskClient, catalog: Catalog, blobs: BlobStore
) -> None:
    sizes = (1, 511, 512, 513, 4999, 5000)
    given = {f"{size}.jpg": bytes([size % 251]) * size for size in sizes}
    found = inputs(client, send(client, *given.items()))

    assert found == dict.fromkeys(given, ("queued", None))
    with catalog.read() as session:
        sha256s = {hashlib.sha256(content).hexdigest() for content in given.values()}
        stored = contents.get_contents(session, sha256s)
    assert sorted(read_content(blobs, one) for one in stored.values()) == sorted(given.values())


def test_a_file_too_large_or_empty_fails_alone(client: FlaskClient, settings: Settings) -> None:
    answer = send(client, ("big", b"x" * 5001), ("good", b"x"), ("none", b""), ("after", b"y"))
    assert inputs(client, answer) == {
        "big": ("failed", "file_too_large"),
        "good": ("queued", None),
        "none": ("failed", "empty_file"),
        "after": ("queued", None),
    }
    assert spooled(settings) == []


def test_a_form_is_larger_than_what_is_read_of_it_at_once(client: FlaskClient) -> None:
    files = [("first", b"x"), ("large", bytes(3 * CHUNK_BYTES)), ("last", b"y")]
    kind, body = multipart(files)  # Flask's own client would put so much into a file
    found = inputs(client, client.post(f"{URL}?label=cat", data=body, content_type=kind))
    assert found["large"] == ("failed", "file_too_large")
    assert found["first"] == found["last"] == ("queued", None)


def test_names_stay_as_they_were_given(client: FlaskClient) -> None:
    names = {"a/b/ü.jpg", "../x.png", " spaced .gif", "😀"}
    assert set(inputs(client, send(client, *[(name, b"x") for name in names]))) == names


def test_a_picture_is_one_whatever_table_it_is_named_for(client: FlaskClient) -> None:
    found = inputs(client, send(client, ("cats.csv", striped("cat", 0))))
    assert found == {"cats.csv": ("queued", None)}


def test_a_bare_body_is_one_file_named_by_the_query(client: FlaskClient) -> None:
    def post(query: str, kind: str) -> set[str]:
        answer = client.post(f"{URL}?label=cat{query}", data=b"pixels", content_type=kind)
        return set(inputs(client, answer))

    assert post("", "image/jpeg") == {"upload"}
    assert post("&name=cat.jpg", "application/octet-stream") == {"cat.jpg"}


@pytest.mark.parametrize(
    ("kind", "query", "form", "name"),
    [
        ("text/csv", "", "csv", "upload.csv"),
        ("text/csv; charset=utf-8", "?name=reviews", "csv", "reviews"),
        ("application/x-ndjson", "", "jsonl", "upload.jsonl"),
    ],
)
def test_a_bare_table_is_kept_whole_and_read_as_its_type_says(
    client: FlaskClient, catalog: Catalog, kind: str, query: str, form: str, name: str
) -> None:
    answer = client.post(f"{URL}{query}", data=b"text,label\ngood,yes\n", content_type=kind)
    assert answer.status_code == 202, answer.get_json()
    with catalog.read() as session:
        [arguments] = shards.arguments_of(session, answer.get_json()["id"], "expand")
    assert (arguments["form"], arguments["name"]) == (form, name)


def test_a_picture_is_one_whatever_type_it_is_said_to_be_of(client: FlaskClient) -> None:
    answer = client.post(f"{URL}?label=cat", data=striped("cat", 0), content_type="text/csv")
    assert inputs(client, answer) == {"upload.csv": ("queued", None)}


@pytest.mark.parametrize("kind", ["application/zip", "application/x-tar", "image/png"])
@pytest.mark.parametrize("pack", [zipped, tarred], ids=["zip", "tar"])
def test_the_bytes_decide_what_is_an_archive_not_the_type(
    client: FlaskClient, catalog: Catalog, blobs: BlobStore, pack, kind: str
) -> None:
    content = pack({"cat/1.jpg": b"x" * 6000})
    answer = client.post(f"{URL}?name=pets.any", data=content, content_type=kind)
    assert archive_of(catalog, blobs, answer) == ("pets.any", content)


def test_an_archive_among_the_parts_is_kept_whole_beside_the_files(
    client: FlaskClient, catalog: Catalog, blobs: BlobStore, settings: Settings
) -> None:
    content = zipped({"cat/1.jpg": b"x" * 9000}, compression=0)
    answer = send(client, ("one.jpg", b"x"), ("pets.jpg", content), ("two.jpg", b"y"))

    assert archive_of(catalog, blobs, answer) == ("pets.jpg", content)
    assert inputs(client, answer) == {"one.jpg": ("queued", None), "two.jpg": ("queued", None)}
    assert spooled(settings) == []


def test_a_request_without_a_file_says_what_to_send(client: FlaskClient) -> None:
    answer = client.post(URL, data={"label": "cat"}, content_type="multipart/form-data")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "no_files")
    assert answer.get_json()["detail"] == (
        "the request holds no file; send parts named 'files', or an archive"
    )


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"--b--", 400),
        (BOUNDARY, b"no boundary in it", 400),
        (
            BOUNDARY,
            b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nx',
            400,
        ),
        ("application/xml", b"<label/>", 415),
        ("application/json", b"{}", 422),
    ],
    ids=["no boundary named", "no part", "cut off", "xml", "json"],
)
def test_a_body_that_cannot_be_read_makes_no_job_and_leaves_nothing(
    client: FlaskClient, settings: Settings, blobs: BlobStore, kind: str, body: bytes, status: int
) -> None:
    answer = client.post(f"{URL}?label=cat", data=body, content_type=kind)
    assert answer.status_code == status
    assert client.get("/v1/jobs").get_json()["data"] == []
    assert [*blobs.keys("packs/"), *blobs.keys("archives/")] == []
    assert not (settings.home / "tmp").exists() or spooled(settings) == []


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("?label=cat&label=dog", "label: given more than once"),
        ("?lable=cat", "lable: unknown field"),
    ],
)
def test_a_query_that_is_wrong_is_refused_before_the_files_are_taken_in(
    client: FlaskClient, blobs: BlobStore, query: str, detail: str
) -> None:
    answer = client.post(f"{URL}{query}", data=b"pixels", content_type="image/jpeg")

    assert (answer.status_code, answer.get_json()["detail"]) == (422, detail)
    assert list(blobs.keys("packs/")) == []


def test_form_fields_have_a_limit_of_their_own(client: FlaskClient) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="label"\r\n\r\n'
    body = head + b"x" * ((1 << 20) + 1) + b"\r\n--b--\r\n"
    answer = client.post(URL, data=body, content_type=BOUNDARY)
    assert (answer.status_code, answer.get_json()["code"]) == (413, "request_too_large")


def test_a_part_without_a_name_is_malformed(client: FlaskClient, settings: Settings) -> None:
    file = b'Content-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\nx\r\n'
    label = b'Content-Disposition: form-data; name="label"\r\n\r\ncat\r\n'
    nameless = b"Content-Disposition: form-data\r\n\r\ncat\r\n"
    body = b"--b\r\n" + b"--b\r\n".join([file, label, nameless]) + b"--b--\r\n"
    answer = client.post(URL, data=body, content_type=BOUNDARY)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "malformed_multipart")
    assert answer.get_json()["detail"] == ("the multipart body is malformed: a part has no name")
    assert spooled(settings) == []


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"caf\xe9.png", "caf\N{REPLACEMENT CHARACTER}.png"),
        (b"a\0b.png", "a\N{REPLACEMENT CHARACTER}b.png"),
        (b"n" * 900_000, "n" * 1000),
    ],
    ids=["not UTF-8", "NUL", "endless"],
)
def test_a_name_that_nobody_can_keep_costs_no_file(
    client: FlaskClient, sent: bytes, kept: str
) -> None:
    head = b'Content-Disposition: form-data; name="files"; filename="%s"\r\n\r\nx\r\n'
    body = b"--b\r\n" + head % sent + b"--b\r\n" + head % b"plain.png" + b"--b--\r\n"

    answer = client.post(f"{URL}?label=cat", data=body, content_type=BOUNDARY)

    queued = ("queued", None)
    assert inputs(client, answer) == {kept: queued, "plain.png": queued}


def test_the_label_is_part_of_what_a_key_was_used_for(client: FlaskClient) -> None:
    def post(label: str) -> TestResponse:
        form = {"files": (io.BytesIO(b"x"), "a.jpg"), "label": label}
        return client.post(URL, data=form, headers={"Idempotency-Key": "k"})

    assert post("cat").get_json()["id"] == post("cat").get_json()["id"]
    assert post("dog").get_json()["code"] == "idempotency_key_reused"
