import base64
import io

import httpx
import numpy as np
import pytest
from flask.testing import FlaskClient
from openai import OpenAI, UnprocessableEntityError

from tests.serving import data_uri, picture, register_pets
from tests.stock import Stock

URL = "/v1/embeddings"


def test_data_uris_come_back_as_vectors_in_their_order(client: FlaskClient) -> None:
    pictures = [picture(1, 2, 3, 4), picture(5, 6, 7, 8)]
    answer = client.post(
        URL, json={"model": "lite.tiny", "input": [data_uri(one) for one in pictures]}
    )

    assert answer.status_code == 200
    body = answer.get_json()
    assert body["object"] == "list"
    assert body["model"] == "lite.tiny.in1k"
    assert body["dim"] == 4
    assert len(body["space_id"]) == 64
    assert body["usage"] == {"prompt_tokens": 0, "total_tokens": 0}
    assert body["data"] == [
        {"object": "embedding", "index": 0, "embedding": [1, 2, 3, 4]},
        {"object": "embedding", "index": 1, "embedding": [5, 6, 7, 8]},
    ]


def test_what_openais_client_sends_is_understood(client: FlaskClient) -> None:
    answer = client.post(
        URL,
        json={
            "model": "lite.tiny.in1k",
            "input": data_uri(picture(1, 0, 0, 0.5)),
            "encoding_format": "base64",
            "user": "me",
            "dimensions": None,
        },
    )
    [row] = answer.get_json()["data"]
    decoded = np.frombuffer(base64.b64decode(row["embedding"]), "<f4")
    assert decoded.tolist() == [1, 0, 0, 0.5]


def test_openais_own_client_reads_the_answer_and_the_refusal(client: FlaskClient) -> None:
    transport = httpx.WSGITransport(app=client.application)
    with OpenAI(
        base_url="http://localhost/v1",
        api_key="none",
        max_retries=0,
        http_client=httpx.Client(transport=transport),
    ) as openai:
        answer = openai.embeddings.create(
            model="lite.tiny", input=[data_uri(picture(1, 2, 3, 0.5))]
        )
        with pytest.raises(UnprocessableEntityError) as caught:
            openai.embeddings.create(model="lite.tiny", input="a cat")

    assert answer.data[0].embedding == [1, 2, 3, 0.5]
    assert answer.model == "lite.tiny.in1k"
    assert caught.value.code == "text_not_supported"


def test_form_parts_are_read_by_their_bytes_alone(client: FlaskClient) -> None:
    answer = client.post(
        URL,
        data={
            "model": "lite.tiny",
            "files": [
                (io.BytesIO(picture(1, 1, 1, 1)), "a.txt", "application/octet-stream"),
                (io.BytesIO(picture(2, 2, 2, 2)), "b.png", "image/png"),
            ],
        },
    )
    assert [row["embedding"][0] for row in answer.get_json()["data"]] == [1, 2]


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("multipart/form-data", b"--b--", "Missing boundary"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="caf\xe9"\r\n\r\nx\r\n--b--\r\n',
            "'utf-8' codec can't decode byte 0xe9 in position 41: invalid continuation byte",
        ),
    ],
    ids=["no boundary named", "not UTF-8"],
)
def test_a_broken_form_is_not_taken_for_an_empty_one(
    client: FlaskClient, kind: str, body: bytes, said: str
) -> None:
    answer = client.post("/v1/embeddings?model=lite.a", data=body, content_type=kind)

    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (400, "malformed_multipart")
    assert problem["detail"] == f"the multipart body is malformed: {said}"


@pytest.mark.parametrize("media_type", ["image/jpeg", "application/octet-stream"])
def test_a_bare_body_is_one_picture(client: FlaskClient, media_type: str) -> None:
    answer = client.post(
        f"{URL}?model=lite.tiny", data=picture(1, 2, 3, 4), content_type=media_type
    )
    assert [row["embedding"] for row in answer.get_json()["data"]] == [[1, 2, 3, 4]]


def test_a_users_model_embeds_with_its_backbone(client: FlaskClient, stock: Stock) -> None:
    register_pets(stock.catalog, job_id="job_1")
    body = {"model": "pets:1", "input": data_uri(picture(1, 2, 3, 4))}
    assert client.post(URL, json=body).get_json()["model"] == "lite.tiny.bare"


def test_a_model_whose_space_has_moved_is_refused(client: FlaskClient, stock: Stock) -> None:
    register_pets(stock.catalog, job_id="job_1", space_id="0" * 64)
    answer = client.post(URL, json={"model": "pets", "input": data_uri(picture(1, 2, 3, 4))})
    assert answer.status_code == 409
    assert answer.get_json()["code"] == "incompatible_space"


def test_an_unreadable_picture_is_named_by_its_index(client: FlaskClient) -> None:
    given = [data_uri(picture(1, 2, 3, 4)), data_uri(b"GIF8nonsense")]
    answer = client.post(URL, json={"model": "lite.tiny", "input": given})

    assert answer.status_code == 422
    problem = answer.get_json()
    assert problem["code"] == "not_an_image"
    assert problem["detail"] == "input[1]: the bytes are no picture"
    assert [error["field"] for error in problem["errors"]] == ["input[1]"]
    assert problem["error"]["code"] == "not_an_image"


@pytest.mark.parametrize(
    ("given", "code", "detail"),
    [
        (
            "a cat",
            "text_not_supported",
            "input is text, and the model takes images; send 'data:image/...;base64,...'",
        ),
        ("data:image/png,abc", "invalid_data_uri", "input is a data: URI without ';base64'"),
        ("data:image/png;base64,", "empty_file", "input: the file is empty"),
        (
            [],
            "no_files",
            "the request holds no image; send one as 'image' or several as 'files'",
        ),
        (
            [data_uri(picture(1))] * 65,
            "too_many_images",
            "the request holds 65 images, at most 64 are allowed; ingest more into a collection",
        ),
    ],
)
def test_input_that_is_no_picture_is_refused(
    client: FlaskClient, given: object, code: str, detail: str
) -> None:
    answer = client.post(URL, json={"model": "lite.tiny", "input": given})
    assert answer.status_code == 422
    assert (answer.get_json()["code"], answer.get_json()["detail"]) == (code, detail)


def test_base64_that_is_none_is_refused(client: FlaskClient) -> None:
    body = {"model": "lite.tiny", "input": ["data:image/png;base64,%%%%"]}
    answer = client.post(URL, json=body)
    assert answer.status_code == 422
    assert answer.get_json()["code"] == "invalid_data_uri"
    assert answer.get_json()["detail"].startswith("input[0] is not valid base64: ")


def test_a_picture_larger_than_the_limit_is_not_forwarded(
    client: FlaskClient, max_image_bytes: int
) -> None:
    answer = client.post(
        f"{URL}?model=lite.tiny", data=b"x" * (max_image_bytes + 1), content_type="image/png"
    )
    assert answer.get_json()["code"] == "file_too_large"


def test_an_unknown_model_is_not_found_with_the_nearest(client: FlaskClient) -> None:
    answer = client.post(URL, json={"model": "lite.tinny", "input": data_uri(picture(1, 2, 3, 4))})
    assert answer.status_code == 404
    assert answer.get_json()["code"] == "unknown_model"
    assert "lite.tiny.in1k" in answer.get_json()["nearest"]


def test_an_unknown_field_and_another_media_type_are_refused(client: FlaskClient) -> None:
    body = {"model": "lite.tiny", "input": data_uri(picture(1)), "colour": "red"}
    assert client.post(URL, json=body).status_code == 422
    answer = client.post(f"{URL}?colour=red&model=lite.tiny", data=b"x", content_type="image/png")
    assert answer.status_code == 422
    assert client.post(URL, data="x", content_type="text/plain").status_code == 415
    odd = {"model": "lite.tiny", "photo": (io.BytesIO(b"x"), "a.png")}
    assert client.post(URL, data=odd).get_json()["code"] == "unknown_field"
