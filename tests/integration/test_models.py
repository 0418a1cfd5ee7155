"""What is offered: plugins, backbones, and the answers that OpenAI's client reads."""

import base64
import io

import httpx
import numpy as np
import pytest
from openai import NotFoundError, OpenAI
from PIL import Image

from tests.eager import LITE0, EagerService
from tests.pictures import corners, encode, turned


@pytest.fixture
def openai(service: EagerService) -> OpenAI:
    transport = httpx.WSGITransport(app=service.client.application)
    return OpenAI(
        base_url="http://localhost/v1",
        api_key="none",
        max_retries=0,
        http_client=httpx.Client(transport=transport),
    )


def data_uri(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def test_the_installed_plugin_was_described_and_is_ready(service: EagerService) -> None:
    plugins = {row["name"]: row for row in service.rows("/v1/plugins")}
    assert plugins["lite"]["state"] == "ready"


def test_every_size_is_listed_with_its_weights_and_an_untrained_variant(
    service: EagerService,
) -> None:
    page = service.get("/v1/models?kind=backbone")
    assert page["object"] == "list"
    models = {row["id"]: row for row in page["data"]}
    for size in range(3):
        assert models[f"lite.efficientnet_lite{size}.in1k"]["is_random"] is False
        assert models[f"lite.efficientnet_lite{size}.random"]["is_random"] is True
    assert models[LITE0]["owned_by"] == "lite"


def test_a_backbone_shows_its_detail_tier(service: EagerService) -> None:
    detail = service.get("/v1/models/lite.efficientnet_lite0")["detail"]
    assert detail["dim"] == 1280
    assert detail["parameters"] > 3_000_000
    assert len(detail["weights_hash"]) == 64
    assert len(detail["labels"]) == 1000
    assert detail["blocks"][0] == "stem"


def test_openais_client_lists_models_and_embeds_in_both_encodings(
    service: EagerService, openai: OpenAI
) -> None:
    with openai:
        names = {model.id for model in openai.models.list()}
        given = [data_uri(content) for _, content in service.pictures(2)]
        # The client asks for base64 by itself and decodes it.
        packed = openai.embeddings.create(model=LITE0, input=given)
        plain = openai.embeddings.create(model=LITE0, input=given, encoding_format="float")
        with pytest.raises(NotFoundError) as caught:
            openai.embeddings.create(model="lite.efficientnet_lite9", input=given)

    assert LITE0 in names
    assert [len(row.embedding) for row in packed.data] == [1280, 1280]
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == other.embedding
    assert caught.value.code == "unknown_model"
    assert "did you mean" in str(caught.value)


def test_turned_and_transparent_pictures_are_embedded_as_they_are_seen(
    service: EagerService,
) -> None:
    def embed(*pictures: bytes) -> np.ndarray:
        parts = [(io.BytesIO(content), "x", "application/octet-stream") for content in pictures]
        answer = service.client.post(
            "/v1/embeddings?model=lite.efficientnet_lite0", data={"files": parts}
        )
        vectors = np.array([row["embedding"] for row in answer.get_json()["data"]])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    clear = Image.new("RGBA", (48, 32), (0, 0, 0, 0))
    white = Image.new("RGB", (48, 32), "white")
    upright, rotated, hidden, blank = embed(
        encode(corners(), "PNG"),
        turned(6, kind="PNG"),
        encode(clear, "PNG"),
        encode(white, "PNG"),
    )
    assert upright @ rotated > 0.9999
    assert hidden @ blank > 0.9999
    assert upright @ blank < 0.99


@pytest.mark.parametrize(
    ("model", "dim"), [("timm.test_vit.random", 64), ("torchvision.mobilenet_v2.random", 1280)]
)
def test_an_untrained_network_of_another_plugin_is_listed_described_and_embeds(
    service: EagerService, model: str, dim: int
) -> None:
    listed = {row["id"]: row for row in service.get("/v1/models")["data"]}
    shown = service.get(f"/v1/models/{model}")
    response = service.client.post(
        "/v1/embeddings", json={"model": model, "input": data_uri(encode(corners(), "PNG"))}
    )

    assert listed[model]["is_random"] is True
    assert {key: shown[key] for key in listed[model]} == listed[model]
    assert shown["detail"]["dim"] == dim
    assert shown["detail"]["multiply_adds"] > 0
    assert shown["detail"]["head_output"] == [1, 1000]
    assert len(response.get_json()["data"][0]["embedding"]) == dim


def test_weights_that_are_not_on_this_machine_are_refused_with_what_to_do(
    service: EagerService,
) -> None:
    response = service.client.put(
        "/v1/collections/absent", json={"model": "torchvision.ResNet50_Weights.DEFAULT"}
    )

    assert response.status_code == 422
    assert response.get_json()["code"] == "weights_unavailable"
    assert "torchvision.resnet50.imagenet1k_v2" in response.get_json()["detail"]
