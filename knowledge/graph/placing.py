"""What was found in passages, written as entities, mentions and relations; many in one go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from knowledge.graph.rules import LINKS_TO, Found, key_of
from knowledge.models import Article, Entity, Mention, Relation, WebPage


def place(organization_id: int, taken: Mapping[int, Found]) -> None:
    """Write what passages say, by their ids; what was known of them before goes.

    Inside the caller's transaction, which holds the passages.
    """
    Mention.unscoped.filter(passage__in=taken).delete()
    Relation.unscoped.filter(passage__in=taken).delete()
    titles = _titles(organization_id, taken.values())
    named = {passage: _named(found, titles) for passage, found in taken.items()}
    ids = _entities(organization_id, named.values())
    Mention.unscoped.bulk_create(
        [
            Mention(organization_id=organization_id, passage_id=passage, entity_id=ids[key])
            for passage, found in named.items()
            for key in dict.fromkeys(key_of(name) for name, _kind in found.entities)
        ],
        ignore_conflicts=True,
        batch_size=2000,
    )
    Relation.unscoped.bulk_create(
        [
            Relation(
                organization_id=organization_id,
                passage_id=passage,
                source_id=ids[key_of(source)],
                target_id=ids[key_of(target)],
                label=label,
            )
            for passage, found in named.items()
            for source, label, target in found.relations
            if key_of(source) != key_of(target) and {key_of(source), key_of(target)} <= ids.keys()
        ],
        ignore_conflicts=True,
        batch_size=2000,
    )


def _named(found: Found, titles: Mapping[str, str]) -> Found:
    """The same with links to own pieces as mentions of their titles."""
    linked = [titles[link] for link in found.links if link in titles]
    if not linked:
        return found
    entities = (*found.entities, *((title, str(Entity.Kind.TOPIC)) for title in linked))
    if not found.entities:
        return Found(entities)
    first = found.entities[0][0]
    relations = (*found.relations, *((first, LINKS_TO, title) for title in linked))
    return Found(entities, relations)


def _titles(organization_id: int, taken: Iterable[Found]) -> dict[str, str]:
    """The titles of own pieces by the links that lead to them."""
    links = {link for found in taken for link in found.links}
    if not links:
        return {}
    titles: dict[str, str] = {}
    paths: dict[str, str] = {}
    for model in (Article, WebPage):
        rows = model.unscoped.filter(organization=organization_id, is_active=True)
        for title, url in rows.exclude(url="").exclude(title="").values_list("title", "url"):
            titles[url] = title
            paths[urlsplit(url).path.rstrip("/")] = title
    found = {link: titles[link] for link in links & titles.keys()}
    for link in links - titles.keys():
        # A link without a host leads to one's own site.
        path = link.partition("#")[0].partition("?")[0].rstrip("/")
        if link.startswith("/") and path in paths:
            found[link] = paths[path]
    return found


def _entities(organization_id: int, taken: Iterable[Found]) -> dict[str, int]:
    """The entities by their keys; those that were not known are made."""
    wanted: dict[str, tuple[str, str]] = {}
    for found in taken:
        for name, kind in found.entities:
            if key := key_of(name):
                wanted.setdefault(key, (name, kind))
    rows = Entity.unscoped.filter(organization=organization_id, key__in=wanted)
    ids = dict(rows.values_list("key", "pk"))
    Entity.unscoped.bulk_create(
        [
            Entity(
                organization_id=organization_id, key=key, name=wanted[key][0], kind=wanted[key][1]
            )
            for key in sorted(wanted.keys() - ids.keys())
        ],
        ignore_conflicts=True,
        batch_size=2000,
    )
    return dict(rows.values_list("key", "pk"))
