"""A large table of FAQ entries: how long the worker takes for each step, and the most it needs.

Each file is worked on by a process of its own, so that the peak of its memory is that of one file.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench import measure
from bench.measure import Table
from bench.place import MEASURED, Place
from webassistant.boot.installation import ROOT

GOAL_MB = 300.0
# Of an answer, as long as people write them.
ANSWER = "It leaves at nine from the river station, and takes four hours with lunch on board. " * 6


def run(place: Place) -> list[Table]:
    """The same rows as each kind of file: looked through, brought in, brought in once more."""
    count = place.size(10_000, 20)
    table = Table(
        f"An import of {count} rows",
        (
            "file",
            "MB",
            "check s",
            "bring in s",
            "as changes s",
            "index s",
            "CPU s",
            "peak MB",
            "at most 300",
        ),
    )
    for kind in ("csv", "xlsx", "json"):
        path = place.var / f"bench-{kind}.json"
        done = subprocess.run(
            [sys.executable, "-m", "bench.imports", kind, str(count), str(path)],
            cwd=ROOT,
            env=place.environment,
            preexec_fn=measure.pin(MEASURED),
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"the import of {kind} failed")
        figures: dict[str, float] = json.loads(path.read_text())
        peak = figures["peak"]
        table.add(
            f"{count} rows of {kind}",
            *(
                figures[name]
                for name in ("size", "check", "apply", "change", "index", "cpu", "peak")
            ),
            "reached" if peak <= GOAL_MB else "not reached",
        )
    table.note(
        "CPU: of the process through all steps and the making of its files, without PostgreSQL's"
    )
    table.note("the process that checks and brings in also embeds, as the indexing worker does")
    return [table]


def work(kind: str, count: int) -> dict[str, float]:
    """All steps of one file in this process, with their seconds."""
    import django

    django.setup()
    from django.core.files.base import ContentFile

    from knowledge import exports, imports, indexing
    from knowledge.models import FAQEntry, Import
    from organizations.models import Organization

    organization = Organization.objects.create(name=kind, slug=f"bench-imports-{kind}")
    figures: dict[str, float] = {}

    def timed(name: str, step: Any, *arguments: Any) -> None:
        began = time.perf_counter()
        step(*arguments)
        figures[name] = time.perf_counter() - began

    def file(price: int) -> bytes:
        entries = (
            FAQEntry(
                organization=organization,
                key=f"bench-{number}",
                question=f"How much is tour number {number}, and when does it leave?",
                phrasings=[f"Price of tour {number}"],
                answer=f"{price + number} roubles. {ANSWER}",
                keywords=["price", f"tour {number}"],
                language="en",
            )
            for number in range(count)
        )
        return b"".join(exports.make(kind, entries))

    def bring_in(data: bytes, names: tuple[str, str]) -> None:
        batch = imports.upload(organization, ContentFile(data, f"bench.{kind}"))
        timed(names[0], imports.check, batch.pk)
        batch.refresh_from_db()
        wanted = batch.created_count + batch.changed_count
        if wanted != count or not imports.bring_in(batch):
            raise RuntimeError(f"{batch.status} {batch.error}: {wanted} rows of {count}")
        timed(names[1], imports.apply, batch.pk)
        batch.refresh_from_db()
        if batch.status != Import.Status.DONE or batch.left_count:
            raise RuntimeError(f"{batch.status}: {batch.left_count} rows were left out")

    def index() -> None:
        pending = FAQEntry.objects.of(organization).filter(status="pending")
        while pairs := list(pending.values_list("pk", "content_hash")[:100]):
            indexing.index_many("faq", pairs)

    data = file(1000)
    figures["size"] = len(data) / 1e6
    bring_in(data, ("check", "apply"))
    timed("index", index)
    bring_in(file(2000), ("check again", "change"))
    figures["cpu"] = time.process_time()
    figures["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


if __name__ == "__main__":
    Path(sys.argv[3]).write_text(json.dumps(work(sys.argv[1], int(sys.argv[2]))))
