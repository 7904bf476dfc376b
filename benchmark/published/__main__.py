"""`python -m benchmark.published COLLECTION.csv`: make results/published/numbers.csv anew."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.published.mapping import map_collection
from benchmark.published.numbers import NUMBERS, write_numbers
from datasets.files import write_whole


def main(arguments: list[str]) -> int:
    """Return the exit code."""
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        sys.stderr.write(f"{__doc__}\nGive one CSV file, got {arguments or 'nothing'}.\n")
        return 1
    try:
        numbers = map_collection(Path(arguments[0]))
    except BenchmarkError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    write_whole(NUMBERS, write_numbers(numbers))
    sys.stdout.write(f"{len(numbers)} numbers written to {NUMBERS}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
