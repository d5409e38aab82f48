"""A long, ordinary life: many sockets that come and go, and a deploy every few minutes.

It measures what grows: the memory of every process and the connections of PostgreSQL.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from chaos import harness
from chaos.harness import Interrupted, Speaker
from chaos.stack import Stack
from webassistant.boot.child import BootError

# Each side is half of everything; a deploy changes one side, so that a process lives two periods.
SIDES = (("web1", "reply1", "dispatcher1"), ("web2", "reply2", "dispatcher2"))
DEPLOY_SECONDS = 300.0
SAMPLE_SECONDS = 5.0
RECONNECT_SECONDS = 60
# Two hundred people ask as much together as fifty do in a kill run.
SLOWNESS = 6.0
# Caches fill at first; what grows after that is a leak.
WARM_SECONDS = 120.0
# As DATABASE_POOL_SIZE says for each process that has a pool.
POOL = 16


@dataclass
class Sample:
    """What a process held at a moment."""

    at: float
    megabytes: float


@dataclass
class Watch:
    """Samples by part and life."""

    samples: dict[tuple[str, int], list[Sample]] = field(default_factory=lambda: defaultdict(list))
    most_connections: int = 0

    def look(self, stack: Stack) -> None:
        """Take one sample of everything."""
        alive = stack.running | {name: s.child for name, s in stack.servers.items()}
        for name, part in alive.items():
            if (found := memory(part.process.pid)) and name not in ("people", "model"):
                self.samples[name, part.process.pid].append(Sample(time.monotonic(), found))
        with psycopg.connect(stack.url) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
        self.most_connections = max(self.most_connections, row[0] if row else 0)


def memory(pid: int) -> float:
    """Resident megabytes; 0 for a process that has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except OSError:
        return 0.0
    return 0.0


def slope(samples: list[Sample]) -> float:
    """Megabytes an hour, by least squares."""
    count = len(samples)
    at = sum(sample.at for sample in samples) / count
    mean = sum(sample.megabytes for sample in samples) / count
    spread = sum((sample.at - at) ** 2 for sample in samples)
    rise = sum((sample.at - at) * (sample.megabytes - mean) for sample in samples)
    return 3600 * rise / spread if spread else 0.0


def deploy(stack: Stack, side: tuple[str, ...]) -> None:
    """Restart half of the product, a part at a time, as a deploy does."""
    for name in side:
        took = stack.ask_to_stop(name)
        stack.revive(name)
        if name.startswith("web"):
            port = stack.port_of(name)
            harness.wait(lambda port=port: stack.answers(port), 60, stack)  # type: ignore[misc]
        stack.say(f"{name} has ended in {took:.1f} s and is started again")


def perform(
    minutes: float,
    seed: str,
    visitors: int,
    operators: int,
    keep: Path | None,
    deploy_every: float = DEPLOY_SECONDS,
) -> int:
    """Run it; 0 when nothing was lost and the connections stayed within their bounds."""
    say = Speaker()
    harness.listen()
    watch = Watch()
    with harness.scratch(keep) as folder:
        stack = Stack(folder, say)
        try:
            say(f"seed {seed}: {minutes:g} minutes, {visitors} visitors")
            stack.start(operators)
            options = ("--slowness", str(SLOWNESS), "--reconnect", str(RECONNECT_SECONDS))
            harness.launch_people(stack, visitors, seed, *options)
            end, rounds = time.monotonic() + 60 * minutes, 0
            next_deploy = time.monotonic() + deploy_every
            while time.monotonic() < end:
                harness.pause(SAMPLE_SECONDS, stack)
                watch.look(stack)
                if time.monotonic() > next_deploy:
                    deploy(stack, SIDES[rounds % 2])
                    rounds += 1
                    next_deploy = time.monotonic() + deploy_every
            harness.settle(stack)
            report = harness.judge(stack)
        except (Interrupted, BootError) as error:
            say(f"broken off: {error}")
            return 2
        finally:
            stack.stop()
    report.counts |= {"deploys": rounds, "most connections of PostgreSQL": watch.most_connections}
    bound = POOL * sum(map(len, SIDES))
    if watch.most_connections > bound:
        report.wrong(f"PostgreSQL had {watch.most_connections} connections, the bound is {bound}")
    print(table(watch))
    return harness.verdict(
        report, f"python -m chaos soak --minutes {minutes:g} --seed {seed} --visitors {visitors}"
    )


def table(watch: Watch) -> str:
    """The longest life of each part, after its warm-up."""
    lives: dict[str, list[Sample]] = {}
    for (name, _pid), samples in watch.samples.items():
        warm = [s for s in samples if s.at - samples[0].at >= WARM_SECONDS]
        if len(warm) > len(lives.get(name, [])):
            lives[name] = warm
    out = ["  memory, MB      first    last   slope an hour   over"]
    for name, samples in sorted(lives.items()):
        minutes = (samples[-1].at - samples[0].at) / 60
        out.append(
            f"  {name:<12} {samples[0].megabytes:>8.1f} {samples[-1].megabytes:>7.1f}"
            f" {slope(samples):>+15.1f}   {minutes:.1f} min"
        )
    return "\n".join(out)
