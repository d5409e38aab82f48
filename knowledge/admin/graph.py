"""The admin page of the knowledge graph: a picture, the same as lists, and how it is read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods

from ai.interface import AIError
from knowledge.admin.links import link_to
from knowledge.graph import picture, reading, rules
from knowledge.models import Entity, Reading
from organizations import access, providers
from organizations.admin import may_be_id
from organizations.models import Member, Organization

LONGEST = 100
# What the rules call a relation; a model uses words of its own.
LABELS: dict[str, Promise] = {
    rules.PART_OF: _("is part of"),
    rules.LINKS_TO: _("links to"),
}


class GraphForm(forms.Form):
    """How passages are read, and whether answers follow the graph."""

    graph = forms.ChoiceField(
        label=_("Entities are read from passages"), choices=Organization.Graph
    )
    brings_related = forms.BooleanField(
        label=_("Give the model passages related to those that were found"), required=False
    )


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """The whole graph, what a search finds in it, or one entity; by POST the settings."""
    member = _member(request)
    organization = member.organization
    if request.method == "POST":
        return _save(request, member)
    words = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST]
    entity = _entity(organization, request.GET.get("entity", ""))
    nodes = picture.listed(organization, words)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Knowledge graph"),
        "words": words,
        "entity": entity,
        "nodes": nodes,
        "is_off": organization.graph == Organization.Graph.OFF,
        "form": GraphForm(
            initial={
                "graph": organization.graph,
                "brings_related": organization.brings_related,
            },
            label_suffix="",
        ),
        "may_change": request.user.has_perm("organizations.change_organization"),
        **_state(organization),
    }
    if entity:
        near = picture.around(organization, entity)
        passages, count = picture.passages_of(organization, entity)
        context |= {
            "near": near,
            "mentions": [(passage, *link_to(passage)) for passage in passages],
            "mentions_count": count,
            "relations": [
                (source, LABELS.get(label, label), target)
                for source, label, target in picture.relations_of(organization, entity)
            ],
        }
        nodes = [picture.Node(entity, count), *near]
    context["data"] = _data(picture.drawn(organization, nodes[: picture.NODES]), entity)
    return TemplateResponse(request, "knowledge/graph.html", context)


@require_GET
def state(request: HttpRequest) -> HttpResponse:
    """The piece of the page that tells how far the reading came."""
    organization = _member(request).organization
    return TemplateResponse(request, "knowledge/graph_state.html", _state(organization))


def _member(request: HttpRequest) -> Member:
    member = access.member_of(request.user)
    if member is None or not request.user.has_perm("knowledge.view_passage"):
        raise PermissionDenied
    return member


def _save(request: HttpRequest, member: Member) -> HttpResponse:
    if not request.user.has_perm("organizations.change_organization"):
        raise PermissionDenied
    form = GraphForm(request.POST)
    if form.is_valid():
        reading.choose(member.organization, **form.cleaned_data)
        messages.success(request, _("Saved."))
    else:
        messages.error(request, _("Choose one of the ways to read passages."))
    return redirect("admin:knowledge_graph")


def _entity(organization: Organization, number: str) -> Entity | None:
    """The entity of the address; 404 for another's, and for what no passage names any more."""
    if not number:
        return None
    rows = Entity.objects.of(organization)
    found = rows.filter(pk=number).first() if may_be_id(number) else None
    if found is None or not picture.passages_of(organization, found)[1]:
        raise Http404
    return found


def _state(organization: Organization) -> dict[str, Any]:
    """How far the reading came, and what is wrong with it."""
    counts = picture.state(organization)
    is_on = organization.graph != Organization.Graph.OFF
    troubled = Reading.objects.of(organization).filter(passage__isnull=False).exclude(error="")
    return {
        **counts,
        "is_reading": is_on and counts["read"] < counts["passages"],
        "has_model": is_on and reading.reader_of(organization) is not None,
        "troubles": [
            providers.sentence(AIError("", code=code, retryable=False))
            for code in troubled.values_list("error", flat=True).distinct().order_by("error")
        ],
        "state_url": reverse("admin:knowledge_graph_state"),
    }


def _data(drawn: picture.Picture, entity: Entity | None) -> dict[str, Any]:
    """The picture as the script draws it; a category's id is its number below nought."""
    address = reverse("admin:knowledge_graph")
    nodes = [
        {
            "id": node.entity.pk,
            "name": node.entity.name,
            "kind": node.entity.kind,
            "label": str(node.entity.get_kind_display()),
            "size": node.passages,
            "url": f"{address}?entity={node.entity.pk}",
            "isChosen": bool(entity) and node.entity == entity,
        }
        for node in drawn.nodes
    ]
    nodes += [
        {
            "id": -shelf.category.pk,
            "name": str(shelf.category),
            "kind": "category",
            "label": capfirst(str(shelf.category._meta.verbose_name)),
            "size": len(shelf.entities),
            "url": reverse("admin:knowledge_category_change", args=[shelf.category.pk]),
            "isChosen": False,
        }
        for shelf in drawn.shelves
    ]
    edges = [[source, target, many] for source, target, many in drawn.edges]
    edges += [[-shelf.category.pk, pk, 1] for shelf in drawn.shelves for pk in shelf.entities]
    return {"nodes": nodes, "edges": edges}


admin.site.add_page(  # type: ignore[attr-defined]
    path("knowledge/graph/", admin.site.admin_view(page), name="knowledge_graph")
)
admin.site.add_page(  # type: ignore[attr-defined]
    path("knowledge/graph/state/", admin.site.admin_view(state), name="knowledge_graph_state")
)
