"""`make bench`: every bench, or the ones that are named (`make bench ONLY=echo`)."""

from __future__ import annotations

import argparse
import importlib

from bench import measure
from bench.place import place

# In the order in which they run; `boot` starts the product anew and takes no place.
BENCHES = (
    *(
        "echo",
        "fanout",
        "idle",
        "first_token",
        "streams",
        "ack",
        "search",
        "growth",
        "widget",
        "retrieval",
    ),
    *("imports", "documents", "graph"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("only", nargs="*", choices=[*BENCHES, "boot", []], help="which to run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="prove that they work, measure nothing")
    options = parser.parse_args()
    wanted = options.only or [*BENCHES, "boot"]
    print(f"before: {measure.load()}", flush=True)
    benches = [name for name in BENCHES if name in wanted]
    if benches:
        with place(rounds=options.rounds, is_tiny=options.tiny) as where:
            for name in benches:
                for table in importlib.import_module(f"bench.{name}").run(where):
                    table.print()
    if "boot" in wanted:
        importlib.import_module("bench.boot").main()
    print(f"\nafter: {measure.load()}", flush=True)


if __name__ == "__main__":
    main()
