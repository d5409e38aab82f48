"""Whether an answer is what a case expects, and if not, why; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chat.models import Handoff, TestCase
from chat.trials import receipts
from chat.trials.receipts import Receipt

Expected = Mapping[str, Any]
Outcome = TestCase.Outcome


def expectations(case: TestCase) -> dict[str, Any]:
    """What a case expects, as a result keeps it."""
    return {
        "outcome": case.outcome,
        "handoff_reason": case.handoff_reason,
        "all_of": case.all_of,
        "any_of": case.any_of,
        "none_of": case.none_of,
        "sources": [list(source) for source in case.sources()],
    }


def problems(expected: Expected, receipt: Receipt) -> list[dict[str, str]]:
    """What is not as expected: a code and the words it is about; nothing where all is well."""
    if receipt.outcome == receipts.FAILED:
        return [_problem("failed", receipt.error)]
    if receipt.outcome != expected["outcome"]:
        return [_problem(f"not_{expected['outcome']}", receipt.outcome)]
    if receipt.outcome == receipts.HANDOFF:
        wanted = expected["handoff_reason"]
        return (
            [_problem("other_reason", receipt.reason)] if wanted not in ("", receipt.reason) else []
        )
    said = plain(receipt.text)
    found = [_problem("not_said", one) for one in expected["all_of"] if plain(one) not in said]
    any_of = expected["any_of"]
    if any_of and not any(plain(one) in said for one in any_of):
        found.append(_problem("none_said", " / ".join(any_of)))
    found += [_problem("said", one) for one in expected["none_of"] if plain(one) in said]
    cited = {(source.get("kind"), source.get("item")) for source in receipt.cited}
    found += [
        _problem("not_cited", f"{kind}:{item}")
        for kind, item in expected["sources"]
        if (kind, item) not in cited
    ]
    has_expectation = any(expected[name] for name in ("all_of", "any_of", "none_of", "sources"))
    if not has_expectation and expected["outcome"] == Outcome.ANSWER:
        # The piece of knowledge that was expected has been deleted since.
        found.append(_problem("nothing_expected", ""))
    return found


def _problem(code: str, about: str) -> dict[str, str]:
    return {"code": code, "about": about}


# What Markdown adds to words, and the spaces inside of numbers ("3 800").
_MARKS = re.compile(r"[*_`#>~]+")
_GROUPS = re.compile(r"(?<=\d)[\s\u00a0\u202f](?=\d{3}(?!\d))")


def plain(text: str) -> str:
    """A text as phrases are compared: without marks, capitals, ё, and with single spaces."""
    words = " ".join(_MARKS.sub("", text).split())
    return _GROUPS.sub("", words).casefold().replace("ё", "е")


SENTENCES: dict[str, Promise] = {
    "failed": _("There was no answer: %(about)s"),
    "not_answer": _("An answer was expected; instead: %(about)s"),
    "not_unknown": _("It should say that it does not know; instead: %(about)s"),
    "not_handoff": _("The chat should be given to people; instead: %(about)s"),
    "other_reason": _("Another reason of the handoff: %(about)s"),
    "not_said": _("Not said: %(about)s"),
    "none_said": _("None of these was said: %(about)s"),
    "said": _("Must not be said: %(about)s"),
    "not_cited": _("Not among the sources: %(about)s"),
    "nothing_expected": _("Nothing is expected any more; perhaps a piece of knowledge is gone."),
}
OUTCOMES: dict[str, Promise] = {
    receipts.ANSWER: _("an answer"),
    receipts.UNKNOWN: _("it does not know"),
    receipts.HANDOFF: _("a handoff"),
    receipts.FAILED: _("a failure"),
}


def sentence(problem: Mapping[str, str], titles: Mapping[str, str]) -> str:
    """A problem in words; `titles` are those of the pieces that were expected."""
    code, about = problem["code"], problem["about"]
    if code.startswith("not_") and about in OUTCOMES:
        about = str(OUTCOMES[about])
    elif code == "other_reason":
        about = str(dict(Handoff.Reason.choices).get(about, about))
    elif code == "not_cited":
        about = titles.get(about, about)
    return str(SENTENCES.get(code, _("%(about)s"))) % {"about": about}
