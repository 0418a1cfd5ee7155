import json

import numpy as np
import pytest
from flask import Flask

from zoo_api.json_answers import FastJson


@pytest.fixture
def provider() -> FastJson:
    return FastJson(Flask("test"))


def test_fields_stay_in_their_order_and_no_space_is_sent(provider: FastJson) -> None:
    assert provider.dumps({"b": [1, 2.5, None], "a": "ü"}) == '{"b":[1,2.5,null],"a":"ü"}'


@pytest.mark.parametrize("value", ["\ud800", 1 << 70, {1: "a"}], ids=["half", "large", "key"])
def test_what_is_too_much_for_the_fast_way_is_written_the_slow_way(
    provider: FastJson, value: object
) -> None:
    assert provider.dumps({"value": value}) == json.dumps({"value": value})


def test_a_vector_is_written_with_the_digits_that_tell_its_numbers_from_others(
    provider: FastJson,
) -> None:
    vector = np.array([0.1, -1 / 3, 1e-20, 3.0], np.float32)

    assert provider.dumps(vector) == "[0.1,-0.33333334,1e-20,3.0]"
    assert np.array(json.loads(provider.dumps(vector)), np.float32).tobytes() == vector.tobytes()
    assert provider.dumps([vector[::2], "\ud800"]) == "[[0.10000000149011612, " + (
        '9.999999682655225e-21], "\\ud800"]'
    )


def test_what_is_no_json_is_an_error(provider: FastJson) -> None:
    with pytest.raises(TypeError, match="Object of type set is not JSON serializable"):
        provider.dumps({"value": {1}})
