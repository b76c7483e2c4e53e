"""`python -m edgekit.cli`: the command where its script is not on the PATH."""

from __future__ import annotations

from edgekit.cli.main import main

if __name__ == "__main__":
    main(prog_name="edgekit")
