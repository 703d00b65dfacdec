import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.reading.problems import Invalid
from fleet.values.sizes import LARGEST, UNITS, format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500M", 500 * 2**20),
        ("2G", 2**31),
        ("1.5T", 1649267441664),
        ("0.5K", 512),
        ("4096", 4096),
        (4096, 4096),
        ("1.1K", 1126),
    ],
)
def test_a_size_is_read(text: str | int, size: int) -> None:
    assert parse_size(text) == size


NO_SIZES = ["", "0", "0G", "-1G", "+2G", "12 apples", "2GB", "2GiB", "2g", " 2G", "2G\n", "1.5"]
NO_SIZES += [".5G", "1.G", "1e3", "٣G", "9999999P", "9" * 20]


@pytest.mark.parametrize(
    "value",
    [*NO_SIZES, 0, -1, True, None, 1.5, [], {}, b"2G"],
)
def test_anything_else_is_refused_with_a_remedy(value: object) -> None:
    with pytest.raises(Invalid) as caught:
        parse_size(value)
    assert "500M" in caught.value.remedy


@pytest.mark.parametrize("base", ["9", 10], ids=["text", "number"])
def test_thousands_of_digits_are_refused_in_a_short_message(base: str | int) -> None:
    with pytest.raises(Invalid) as caught:
        parse_size(base * 5000 if isinstance(base, str) else base**5000)
    assert len(caught.value.message) < 120


@given(st.integers(min_value=1, max_value=LARGEST))
def test_a_formatted_size_reads_back_the_same(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.integers(min_value=1, max_value=1023), st.sampled_from(list(UNITS)))
def test_a_whole_number_of_a_unit_is_formatted_as_it_was_written(number: int, unit: str) -> None:
    assert format_size(parse_size(f"{number}{unit}")) == f"{number}{unit}"


@given(st.integers(max_value=0))
def test_nothing_that_is_not_above_zero_is_formatted(size: int) -> None:
    with pytest.raises(ValueError, match="above zero"):
        format_size(size)
