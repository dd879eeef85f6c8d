"""The entry point: answers --version before anything heavy is imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. Exit codes: 0 answered, 1 the answer is no, 2 could not run."""
    if sys.argv[1:] == ["--version"]:
        from kvcalc import __version__

        print(f"kvcalc {__version__}")
        return
    from kvcalc.cli import run

    run()


if __name__ == "__main__":
    main()
