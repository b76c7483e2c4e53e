"""The table of known differences as the README has it: `python -m tests.bridge.table` writes it there."""

from __future__ import annotations

from pathlib import Path

from tests.bridge.differences import KNOWN_DIFFERENCES

README = Path(__file__).parent.parent.parent / "README.md"
_BEGIN = "`python -m tests.bridge.table` writes it. -->\n\n"
_NAMES = {
    "CACHE": "Cache API",
    "CALLEE": "Services",
    "DB": "D1",
    "QUEUE": "Queues",
    "RATELIMIT": "Rate limit",
}


def table() -> str:
    """The rows, in the order of the list."""
    lines = ["| binding | what | why |", "|---|---|---|"]
    for known in KNOWN_DIFFERENCES:
        cells = (_NAMES.get(known.binding, known.binding), known.what, known.reason)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def shown() -> str:
    """What the README has."""
    return README.read_text().partition(_BEGIN)[2].partition("\n\n")[0] + "\n"


if __name__ == "__main__":
    before, begin, rest = README.read_text().partition(_BEGIN)
    after = rest[rest.index("\n\n") :] if rest.startswith("|") else "\n\n" + rest
    README.write_text(before + begin + table().rstrip("\n") + after)
