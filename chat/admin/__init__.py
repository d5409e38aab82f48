"""Admin pages of what was said: transcripts to read, people, open requests, today's figures."""

from chat.admin import figures, memory, people, requests, results, tools, transcripts, trial, usage

__all__ = [
    "figures",
    "memory",
    "people",
    "requests",
    "results",
    "tools",
    "transcripts",
    "trial",
    "usage",
]
