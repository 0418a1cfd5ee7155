import pytest

from zoo.registry.markdown import MOST_ROWS, bullets, escape, pairs, shown, table


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b*c", r"a\_b\*c"),
        ("<script>", r"\<script\>"),
        ("[x](y)", r"\[x\]\(y\)"),
        ("a|b\\", r"a\|b\\"),
        ("a\nb\t\u202ec", "a b c"),
        ("see https://x.y and www.x.y", r"see https\://x.y and www\.x.y"),
        ("a@b.c", r"a\@b.c"),
        ("- no list", r"\- no list"),
        ("12. neither", r"12\. neither"),
        ("0.5 [0.1 to 0.9]", r"0.5 \[0.1 to 0.9\]"),
        ("head-only 0.5", "head-only 0.5"),
        (7, "7"),
    ],
)
def test_nothing_in_a_text_is_markup(text: object, escaped: str) -> None:
    assert escape(text) == escaped


def test_a_table_is_escaped_and_a_long_one_cut() -> None:
    assert table(["label", "n"], [["a|b", 1]]) == ["| label | n |\n| --- | --- |\n| a\\|b | 1 |"]
    cut, left = table(["n"], [[n] for n in range(MOST_ROWS + 5)])
    assert cut.count("\n") == MOST_ROWS + 1
    assert left == "5 more stand in the report."
    assert table(["n"], []) == []


def test_lists_are_one_paragraph_or_none() -> None:
    assert bullets(["a", "b*"]) == ["* a\n* b\\*"]
    assert pairs({"l2": 0.31622, "splits": {"train": 3}}) == ["* l2: 0.316\n* splits: train 3"]
    assert bullets([]) == []


def test_values_are_shown_as_people_read_them() -> None:
    assert shown([0.25, 0.75]) == "0.250 to 0.750"
    assert shown(["a", 2]) == "a, 2"
    assert (shown(0.00024), shown(0.0), shown(0.001)) == ("0.00024", "0.000", "0.001")
    assert shown([]) == "none"
    assert shown(None) == "None"
