"""Admin pages of what was said: transcripts to read, people, open requests, today's figures.

And those on which agents are tried.
"""

from chat.admin import (
    experiments,
    figures,
    memory,
    people,
    playground,
    requests,
    results,
    test_runs,
    test_sets,
    tools,
    transcripts,
    trial,
    turns,
    usage,
    visits,
)

__all__ = [
    "experiments",
    "figures",
    "memory",
    "people",
    "playground",
    "requests",
    "results",
    "test_runs",
    "test_sets",
    "tools",
    "transcripts",
    "trial",
    "turns",
    "usage",
    "visits",
]
