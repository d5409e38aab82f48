"""What a tool is and was: each saving that changes it is kept with who and when. For the admin.

A call of a tool names the revision it was made by, a test run those that it was made with. No
revision holds a secret: of the headers it keeps the names, and since which revision they are set.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from organizations import sealing
from organizations.agents import Difference
from organizations.models import Member, Organization, Tool, ToolRevision
from organizations.models.providers import parse_headers
from organizations.models.tools import origin_of

# What makes a definition, in the order of the form.
FIELDS = (
    *("label", "name", "description", "is_changing", "is_active", "parameters"),
    *("method", "url", "body", "timeout", "keep", "max_kept"),
)
HEADERS = "headers"

Content = dict[str, Any]


@transaction.atomic
def save(tool: Tool, by: Member | None = None) -> Tool:
    """Store a tool; a definition that differs from the one before becomes a revision."""
    stored = (
        Tool.unscoped.select_for_update(of=("self",)).filter(pk=tool.pk).first()
        if tool.pk
        else None
    )
    if stored is None:
        tool.revision = 1
        tool.save()
        _keep(tool, {**_plain(tool), HEADERS: _headers(tool)}, by)
        return tool
    before = _current(stored)
    content = {**_plain(tool), HEADERS: before.content[HEADERS]}
    tool.revision = stored.revision
    if not _has_same_headers(stored, tool):
        tool.revision += 1
        content[HEADERS] = _headers(tool)
    elif content != before.content:
        tool.revision += 1
    tool.save()
    if tool.revision > stored.revision:
        _keep(tool, content, by)
    return tool


@transaction.atomic
def restore(tool: Tool, revision: ToolRevision, by: Member | None = None) -> Tool:
    """Bring an older definition back, as a new revision, with the headers as they are now.

    Refuses what is not right by the rules of now, and headers that would go to another host.
    """
    restored = copy(Tool.unscoped.select_for_update(of=("self",)).get(pk=tool.pk))
    for name in FIELDS:
        if name in revision.content:
            setattr(restored, name, revision.content[name])
    if restored.sealed_headers and origin_of(restored.url) != origin_of(tool.url):
        raise ValidationError(
            _(
                "That definition asks another host, and the stored headers are not sent there. "
                "Change the address in the form, and enter the headers again."
            ),
            code="another_address",
        )
    restored.full_clean()
    return save(restored, by)


def noted(organization: Organization, tools: Iterable[int]) -> dict[str, int]:
    """The revisions of these tools as they are now, as JSON has them."""
    rows = Tool.objects.of(organization).filter(pk__in=tools).order_by("pk")
    return {str(pk): number for pk, number in rows.values_list("pk", "revision")}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What differs between two definitions."""
    return [
        Difference(name, _label(name), _in_words(name, before), _in_words(name, after))
        for name in (*FIELDS, HEADERS)
        if before.get(name) != after.get(name)
    ]


def against_now(revision: ToolRevision) -> list[Difference]:
    """What going back to a revision would change; the headers stay as they are."""
    now = current(revision.tool)
    return differences(now, {**revision.content, HEADERS: now[HEADERS]})


def current(tool: Tool) -> Content:
    """The definition as it stands."""
    kept = tool.revisions.filter(number=tool.revision).first()
    return kept.content if kept else {**_plain(tool), HEADERS: _headers(tool)}


def _current(stored: Tool) -> ToolRevision:
    """The revision of what stands in the table; what was there before any was kept is the first."""
    kept = ToolRevision.unscoped.filter(tool=stored, number=stored.revision).first()
    if kept is None:
        kept = _keep(stored, current(stored), None)
        ToolRevision.unscoped.filter(pk=kept.pk).update(created_at=stored.updated_at)
    return kept


def _keep(tool: Tool, content: Content, by: Member | None) -> ToolRevision:
    return ToolRevision.unscoped.create(
        organization_id=tool.organization_id,
        tool=tool,
        number=tool.revision,
        content=content,
        author=by,
    )


def _plain(tool: Tool) -> Content:
    return {name: getattr(tool, name) for name in FIELDS}


def _headers(tool: Tool) -> dict[str, Any]:
    """What may be known of the headers of a tool that has just been given them."""
    try:
        pairs = parse_headers(tool.headers, may_authorize=True)
    except sealing.Unreadable:
        pairs = ()
    return {"names": [name for name, _value in pairs], "since": tool.revision}


def _has_same_headers(one: Tool, other: Tool) -> bool:
    if one.sealed_headers == other.sealed_headers:
        return True
    try:
        return one.headers == other.headers
    except sealing.Unreadable:
        return False


def _label(name: str) -> str:
    if name == HEADERS:
        return _("Headers")
    field: Any = Tool._meta.get_field(name)
    label = str(field.verbose_name)
    return label[:1].upper() + label[1:]


def _in_words(name: str, content: Mapping[str, Any]) -> str:
    """A kept value as a person reads it; empty for none."""
    value = content.get(name)
    if value in (None, "", [], {}):
        return ""
    if name == HEADERS:
        if not value["names"]:
            return ""
        return _("%(names)s, set in revision %(number)s") % {
            "names": ", ".join(value["names"]),
            "number": value["since"],
        }
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, indent=2)
    return str(value)
