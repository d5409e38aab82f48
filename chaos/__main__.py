"""`python -m chaos`: the command line; `make chaos` and `make soak` come here."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from chaos import harness, soak
from chaos.harness import Run

COUNTS = {"kills": 750, "network": 2000}


def main() -> int:
    """Parse, perform, say how it went."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    breaking = commands.add_parser("break", help="break things under people's hands")
    breaking.add_argument("--faults", choices=COUNTS, default="kills", help="what is broken")
    breaking.add_argument("--count", type=int, help="how many kills (750) or cuts (2000)")
    breaking.add_argument("--seconds", type=float, default=0, help="end the killing after this")
    breaking.add_argument("--untimed", action="store_true", help="tell the times, judge them not")
    soaking = commands.add_parser("soak", help="live long, with a deploy every five minutes")
    soaking.add_argument("--minutes", type=float, default=30)
    soaking.add_argument("--deploy-every", type=float, default=soak.DEPLOY_SECONDS, metavar="S")
    for command, visitors in ((breaking, 50), (soaking, 200)):
        command.add_argument("--seed", default="", help="the same seed, the same schedule")
        command.add_argument("--visitors", type=int, default=visitors)
        command.add_argument("--operators", type=int, default=5)
        command.add_argument("--keep", type=Path, help="keep data, logs and journal here")
    options = parser.parse_args()
    seed = options.seed or os.urandom(4).hex()
    if options.command == "soak":
        return soak.perform(
            options.minutes,
            seed,
            options.visitors,
            options.operators,
            options.keep,
            options.deploy_every,
        )
    count = COUNTS[options.faults] if options.count is None else options.count
    return harness.perform(
        Run(
            seed=seed,
            visitors=options.visitors,
            operators=options.operators,
            kills=count if options.faults == "kills" else 0,
            cuts=count if options.faults == "network" else 0,
            seconds=options.seconds,
            is_timed=not options.untimed,
            keep=options.keep,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
