"""Health checks."""

from shlex import quote

from engine.fact import Fact, whole


class Health(Fact[str | None]):
    """What the health check (a program) complains about; None if the check succeeds."""

    def command(self, check: str) -> str:
        program = quote(check)
        return whole(
            f"[ -x {program} ] || {{ echo 'unwell not installed yet'; exit 0; }}; "
            f'why=$({program} 2>&1) && echo well || echo "unwell $why"'
        )

    @staticmethod
    def default() -> str | None:
        return "no answer"

    def parse(self, output: list[str]) -> str | None:
        text = "\n".join(output)
        return None if text == "well" else text.removeprefix("unwell ")
