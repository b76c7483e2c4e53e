"""Part (f): the peak of resident memory while 100 MiB are uploaded and read as they come. Linux only."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.apps import FRAMEWORKS, RAW, serve
from benchmarks.cases import STREAMS
from benchmarks.figures import Goal, Report, Spread

MIB = 1024 * 1024
MOST = 2.0  # MiB over start


async def run(frameworks: Sequence[str], smoke: bool) -> Report:
    """One upload to each framework; with `smoke` a small one to raw and edgekit."""
    size = 2 * MIB if smoke else 100 * MIB
    rows: list[list[str]] = []
    goals: list[Goal] = []
    broken: list[str] = []
    for name in FRAMEWORKS:
        if name not in (RAW, *frameworks) or (smoke and name not in (RAW, "edgekit")):
            continue
        server = serve(name, "upload")
        with server:
            pass  # compiles: what that leaves free in the heap would hide the peak
        with server:
            # What is loaded with the first upload is not part of the peak.
            server.ask([STREAMS[1].request(0)])
            server.reset_peak()
            start = server.memory()
            answer = server.upload("/upload", size)
            over = (server.peak() - start) / 1024
        if answer != str(size).encode():
            broken.append(f"{FRAMEWORKS[name]}: {size} bytes uploaded, answered {answer!r:.200}")
        rows.append([FRAMEWORKS[name], f"{start / 1024:.1f}", f"{over:.1f}"])
        if name == "edgekit" and not smoke:
            text = f"upload peak at most {MOST:.0f} MiB over start"
            goals.append(Goal(text, Spread(over, 0), MOST, about="MiB"))
    note = f"Resident memory in MiB around one upload of {size // MIB} MiB."
    return Report("Upload", note, ["app", "at start", "peak over start"], rows, goals, broken)
