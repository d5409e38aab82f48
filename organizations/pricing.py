"""Prices from a provider's own list of models, and which models need one."""

from __future__ import annotations

from django.conf import settings

import ai
from ai.interface import AIError, Connection
from organizations import agents, providers, sealing
from organizations.models import Agent, ModelPrice, Organization, Provider

LISTED_CURRENCY = "USD"

Key = tuple[int | None, str]


class OtherCurrency(Exception):
    """The list is in dollars, and the organization's prices are not."""


def in_use(organization: Organization) -> set[Key]:
    """Every model that an agent may ask, published or in a draft."""
    found: set[Key] = set()
    for agent in Agent.objects.of(organization):
        for version in (agents.published(agent), agents.drafted(agent)):
            if version["provider"] is not None or ai.has_model():
                found.add((version["provider"], version["model"] or settings.OPENAI_MODEL))
            found |= {(entry["provider"], entry["model"]) for entry in version["fallbacks"]}
    if settings.OPENAI_FALLBACK_MODEL and any(provider is None for provider, _model in found):
        found.add((None, settings.OPENAI_FALLBACK_MODEL))
    return found


def missing(organization: Organization) -> list[Key]:
    """Models in use whose price is not known."""
    known = set(ModelPrice.objects.of(organization).values_list("provider_id", "model"))
    return sorted(in_use(organization) - known, key=lambda key: (key[0] or 0, key[1]))


def take(organization: Organization, provider: Provider | None) -> int:
    """Keep the prices that the provider's list has of the models in use; how many.

    Raises AIError, and OtherCurrency.
    """
    # It brings an HTTP client along, which a web process does without until it is asked to.
    from ai import probing

    if organization.currency != LISTED_CURRENCY:
        raise OtherCurrency
    listed = probing.prices(_connection(provider))
    wanted = {model for whose, model in in_use(organization) if whose == (provider and provider.pk)}
    for model in wanted & listed.keys():
        price = listed[model]
        ModelPrice.objects.of(organization).update_or_create(
            organization=organization,
            provider=provider,
            model=model,
            defaults={
                "input_price": price.input,
                "cached_price": price.cached,
                "output_price": price.output,
                "origin": ModelPrice.Origin.PROVIDER,
            },
        )
    return len(wanted & listed.keys())


def _connection(provider: Provider | None) -> Connection:
    if provider is None:
        if not ai.has_model():
            raise AIError("There is none.", code="ai_no_server_model", retryable=False)
        return ai.servers_connection()
    try:
        return providers.connection(provider)
    except sealing.Unreadable:
        raise AIError("The key is sealed.", code="ai_key_unreadable", retryable=False) from None
