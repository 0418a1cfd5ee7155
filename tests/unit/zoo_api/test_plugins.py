import io

from flask.testing import FlaskClient

from zoo.catalog import Catalog, plugins


def test_a_broken_plugin_is_listed_with_its_reason_beside_the_others(
    client: FlaskClient, catalog: Catalog
) -> None:
    with catalog.write() as session:
        plugins.expect_plugin(
            session, "bad", distribution="b", version="2", state="broken", reason="no such thing"
        )

    page = client.get("/v1/plugins").get_json()

    assert page["next_cursor"] is None
    rows = {row["name"]: row for row in page["data"]}
    assert rows["bad"] == {
        "name": "bad",
        "distribution": "b",
        "version": "2",
        "state": "broken",
        "reason": "no such thing",
        "described_at": None,
    }
    assert (rows["lite"]["state"], rows["lite"]["reason"]) == ("ready", None)
    assert rows["lite"]["described_at"].endswith("+00:00")


def test_a_refresh_without_a_body_is_one_of_all_and_a_body_in_chunks_is_read(
    client: FlaskClient,
) -> None:
    assert client.post("/v1/plugins/refresh").get_json()["spec"] == {"plugins": []}
    chunked = client.post(
        "/v1/plugins/refresh",
        input_stream=io.BytesIO(b'{"plugins": ["lite"]}'),
        content_type="application/json",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert chunked.get_json()["spec"] == {"plugins": ["lite"]}
