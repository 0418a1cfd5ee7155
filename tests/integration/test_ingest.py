"""Taking files in: every form, every fault, and what is counted."""

import pytest

from tests.eager import EagerService
from tests.pictures import huge_png, picture, tarred, truncated, zip_with_link, zipped


def test_a_multipart_of_pictures_becomes_items_named_as_given(service: EagerService) -> None:
    url = service.collection()
    job = service.send(url, [("a/b/cat.jpg", picture(1, width=80)), ("dog.png", picture(2))])

    assert job["state"] == "succeeded"
    assert sum(job["result"].values()) == 2
    assert [step["phase"] for step in job["steps"]] == ["embed", "index"]
    assert job["progress"]["completed"] == job["progress"]["total"] == 2
    cat, dog = service.rows(f"{url}/items")
    assert (cat["name"], cat["width"], cat["height"]) == ("a/b/cat.jpg", 80, 48)
    assert (dog["name"], dog["label"], dog["metadata"]) == ("dog.png", None, {})
    assert len(cat["sha256"]) == 64
    assert service.get(f"{url}/items/{cat['id']}") == cat
    assert service.get(url)["items"] == 2


@pytest.mark.parametrize(
    ("pack", "media_type"),
    [
        (zipped, "application/zip"),
        (zipped, "application/octet-stream"),
        (tarred, "application/x-tar"),
        (lambda files: tarred(files, mode="w:gz"), "application/octet-stream"),
    ],
    ids=["zip", "zip as octets", "tar", "tar.gz as octets"],
)
def test_an_archive_as_the_body_is_expanded(service: EagerService, pack, media_type: str) -> None:
    url = service.collection()
    files = dict(service.pictures(5))
    answer = service.client.post(
        f"{url}/items", data=pack({f"x/{k}": v for k, v in files.items()}), content_type=media_type
    )

    assert answer.status_code == 202
    assert answer.get_json()["extraction"]["engine"] == "eager"
    assert answer.get_json()["extraction"]["forward_ms_per_image"] > 0
    assert answer.get_json()["result"] == {"embedded": 5, "reused": 0, "failed": 0}
    assert {row["name"] for row in service.rows(f"{url}/items")} == {f"x/{name}" for name in files}


def test_an_archive_among_the_parts_is_expanded_beside_plain_files(service: EagerService) -> None:
    url = service.collection()
    inside, alone = service.pictures(2), service.pictures(1)
    job = service.send(url, [("bundle.bin", zipped(dict(inside))), *alone])

    assert job["result"] == {"embedded": 3, "reused": 0, "failed": 0}
    names = {row["name"] for row in service.rows(f"{url}/items")}
    assert names == {name for name, _ in [*inside, *alone]}


def test_bad_files_fail_alone_each_with_its_code_and_the_rest_is_done(
    service: EagerService,
) -> None:
    url = service.collection()
    good = service.pictures(2)
    escape = zipped({"../out.png": picture(3)})
    bad = [
        ("notes.txt", b"these are no pixels"),
        ("cut.jpg", truncated()),
        ("nothing.png", b""),
        ("huge.png", huge_png()),
        ("escape.zip", escape),
        ("link.zip", zip_with_link("link.png", "/etc/passwd")),
    ]
    job = service.send(url, [good[0], *bad, good[1]])

    assert job["state"] == "succeeded"
    assert job["result"] == {"embedded": 2, "reused": 0, "failed": 6}
    failures = service.failures(job)
    assert {name: code for name, (code, _) in failures.items()} == {
        "notes.txt": "not_an_image",
        "cut.jpg": "truncated_image",
        "nothing.png": "empty_file",
        "huge.png": "too_many_pixels",
        "../out.png": "unsafe_path",
        "link.png": "not_a_file",
    }
    for name, (_, sentence) in failures.items():
        assert len(sentence.split()) > 3, name
        assert not sentence.endswith("."), name
    assert {row["name"] for row in service.rows(f"{url}/items")} == {name for name, _ in good}
    states = [row["state"] for row in service.rows(f"/v1/jobs/{job['id']}/items")]
    assert sorted(states) == ["embedded"] * 2 + ["failed"] * 6


def test_a_job_of_which_nothing_worked_has_failed_and_says_where_to_look(
    service: EagerService,
) -> None:
    job = service.send(service.collection(), [("a.txt", b"text"), ("b.txt", b"more")])

    assert job["state"] == "failed"
    assert job["result"] == {"embedded": 0, "reused": 0, "failed": 2}
    assert job["error"]["code"] == "no_item_succeeded"
    assert job["error"]["detail"] == (
        "none of the 2 files given could be used; "
        f"GET /v1/jobs/{job['id']}/items?state=failed says why for each"
    )


def test_a_damaged_archive_is_one_failed_input(service: EagerService) -> None:
    good = service.pictures(1)
    broken = zipped(dict(service.pictures(3)))[:-80]
    job = service.send(service.collection(), [("bundle.zip", broken), *good])

    assert job["state"] == "succeeded"
    assert job["result"] == {"embedded": 1, "reused": 0, "failed": 1}
    assert service.failures(job)["bundle.zip"][0] == "damaged_archive"


def test_the_same_bytes_are_never_forwarded_twice(service: EagerService) -> None:
    given = service.pictures(6)
    first = service.send(service.collection(), given)
    before = service.n_embeddings()
    other = service.collection()
    again = service.send(other, given)

    assert first["result"] == {"embedded": 6, "reused": 0, "failed": 0}
    assert again["result"] == {"embedded": 0, "reused": 6, "failed": 0}
    assert service.n_embeddings() == before
    assert service.get(other)["items"] == 6


def test_the_same_bytes_twice_in_one_upload_are_two_items_and_one_forward(
    service: EagerService,
) -> None:
    url = service.collection()
    [(_, content), (_, other)] = service.pictures(2)
    before = service.n_embeddings()
    copies = [(f"copy-{number}.jpg", content) for number in range(9)]
    job = service.send(url, [*copies, ("other.jpg", other), ("text", b"x"), ("text", b"x")])

    assert job["result"] == {"embedded": 2, "reused": 8, "failed": 2}
    assert service.n_embeddings() == before + 2
    rows = service.rows(f"{url}/items")
    assert len({row["id"] for row in rows}) == 10
    assert len({row["sha256"] for row in rows}) == 2


def test_the_bytes_decide_what_a_part_is_not_its_name(service: EagerService) -> None:
    [(_, content)] = service.pictures(1)
    url = service.collection()
    assert service.send(url, [("really.txt", content)])["result"]["embedded"] == 1
    [row] = service.rows(f"{url}/items")
    image = service.client.get(f"{url}/items/{row['id']}/image")
    assert image.content_type == "image/jpeg"
    assert image.get_data() == content
    small = service.client.get(f"{url}/items/{row['id']}/image?size=16")
    assert small.content_type == "image/jpeg"
    assert small.get_data()[:3] == b"\xff\xd8\xff"


@pytest.mark.parametrize("target", ["collections", "datasets"])
def test_a_request_without_a_file_is_refused(service: EagerService, target: str) -> None:
    url = service.collection() if target == "collections" else f"/v1/datasets/{service.dataset()}"
    answer = service.client.post(
        f"{url}/items", data={"colour": "red"}, content_type="multipart/form-data"
    )
    assert answer.status_code == 422
    assert answer.get_json()["code"] == "no_files"
    nothing = service.client.post(f"{url}/items", json={})
    assert (nothing.status_code, nothing.get_json()["code"]) == (422, "invalid")
