import pytest

from fleet.reading.problems import Invalid
from fleet.values.durations import parse_duration


@pytest.mark.parametrize(("value", "seconds"), [("30s", 30), ("20m", 1200), ("4h", 14400)])
def test_a_number_with_its_unit(value: str, seconds: int) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value", ["", "30", 30, True, None, "0s", "-1s", "1.5h", "1d", "1h30m", "169h", " 1s", "9" * 99]
)
def test_what_is_none_names_the_remedy(value: object) -> None:
    with pytest.raises(Invalid) as error:
        parse_duration(value)
    assert "such as 30s, 20m or 4h" in error.value.remedy
