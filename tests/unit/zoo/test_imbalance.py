from zoo.imbalance import is_uneven


def test_five_times_as_much_is_uneven() -> None:
    assert is_uneven(most=50, least=10)
    assert not is_uneven(most=49, least=10)
