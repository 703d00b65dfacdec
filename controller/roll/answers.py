"""What the program coop-bbb of a node answers. An answer of another form is no answer.

Whoever opens a meeting chooses the meeting's name, and a host is not to be trusted with a terminal.
So each text is printable from here on.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.terminal import printable

LONGEST = 4 * 1024 * 1024
"""Characters of an answer that are read. A thousand meetings take less than a tenth of that."""

Text = Annotated[str, Field(max_length=20_000), AfterValidator(lambda it: printable(it, keep=""))]
Count = Annotated[int, Field(ge=0, lt=2**53)]


class Unreadable(ValueError):
    """Says why an answer counts for nothing."""


class Step(StrEnum):
    """The steps of a window, in their order."""

    PLAN = "plan"
    ASK = "ask"
    CORDON = "cordon"
    WAIT = "wait"
    GATE = "gate"
    LOOK = "look"
    CHANGE = "change"
    VERIFY = "verify"
    SECRET = "secret"
    OPEN = "open"
    RESTORE = "restore"


class Answer(BaseModel):
    """An answer, typed strictly. A field that is not known here comes from a newer program."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Meeting(Answer):
    """A live meeting: one that has not ended, also if nobody is in it yet.

    people: how many are in it
    breakout_of: the id of the meeting whose breakout room it is
    begun: whether anybody has joined it
    created: in seconds since 1970
    """

    id: Text
    name: Text
    people: Count
    breakout_of: Text | None
    begun: bool
    created: Count


class Meetings(Answer):
    """The node's own list of meetings; without a list, why there is none.

    There are four answers that are no list. None of them means that no meeting runs.

    making: how many recordings are being made now, of meetings before
    """

    answer: Literal["known", "refused", "unreachable", "slow", "strange"]
    meetings: tuple[Meeting, ...] | None = None
    why: Text = ""
    making: Count = 0

    @model_validator(mode="after")
    def _a_list_exactly_if_known(self) -> Self:
        if (self.answer == "known") != (self.meetings is not None):
            raise ValueError("the list does not fit the answer")
        return self


class Waiting(Answer):
    """What waits for a window, such as "3.0.34 -> 3.0.35". change: how much it disturbs"""

    what: Text
    change: Literal["B", "C"] = Field(alias="class")


class Unit(Answer):
    """A unit of BBB's. restarts: how often systemd has restarted it by itself"""

    active: Text
    restarts: Count


class Before(Answer):
    """What the balancer said of the node before the window, and says again after it."""

    state: Text
    weight: float | int | None = None


class Window(Answer):
    """An open window. since: when it opened, in seconds since 1970; reason: what waited then"""

    step: Step
    since: Count
    reason: tuple[Text, ...]
    balancer: Before | None = None


class Spool(Answer):
    """Recordings on the node. waiting: to be handed over; queue: still to be made

    oldest: since when the first has waited to be handed over, in seconds since 1970
    problem: why nobody knows that for certain, or what is wrong with them
    """

    waiting: Count = 0
    queue: Count = 0
    oldest: Count | None = None
    problem: Text | None = None


class Look(Answer):
    """What a node is.

    release: None if BBB is not installed
    wanted: the release that is staged; None if nothing is
    dpkg: the packages that are not whole
    places: for each place of the API secret, whether it has the wanted one
    spool: recordings that have still to leave the node; None if none ever does
    """

    release: Text | None
    wanted: Text | None = None
    dpkg: tuple[Text, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    meetings: Meetings
    units: dict[Text, Unit] = {}
    gate: Literal["open", "closed"]
    window: Window | None = None
    places: dict[Text, Literal["wanted", "other", "none"]] = {}
    drift: tuple[Text, ...] = ()
    spool: Spool | None = None


class Change(Answer):
    """How far a change is. log: the last lines of what the change has said"""

    state: Literal["done", "running", "failed"]
    step: Text = ""
    log: tuple[Text, ...] = ()


class Faults(Answer):
    """What is wrong after a change. remarks: what BigBlueButton's own check says, for a person"""

    faults: tuple[Text, ...]
    remarks: tuple[Text, ...] = ()


class Problem(Answer):
    """What the program could not do or know, with a remedy."""

    problem: Text


class Done(Answer):
    """An answer whose text does not matter, because the program said no problem."""


T = TypeVar("T", bound=Answer)


def read(kind: type[T], text: str) -> T:
    """The answer in the text. Raises Unreadable, which shows nothing of the text."""
    if len(text) > LONGEST:
        raise Unreadable(f"the answer has more than {LONGEST} characters")
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False, include_context=False)
        where = {".".join(map(str, it["loc"])) or "the answer" for it in wrong}
        named = printable(", ".join(sorted(where)), keep="")[:200]
        raise Unreadable(f"the answer is not as it should be: {named}") from None
