"""From rows to what the models' port is given: connections, and which model an agent asks first."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.encoding import iri_to_uri
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ai.interface import AIError, Choice, Connection
from organizations import sealing
from organizations.models import Agent, Organization, Provider
from organizations.models.providers import parse_headers, refusal

# What is wrong with a provider, for whoever sets it up.
SENTENCES: dict[str, Promise] = {
    "limit": _("A limit is used up, so no model was asked."),
    "ai_auth": _("The key is refused. Check that it is whole and belongs to this provider."),
    "ai_model_not_found": _("The provider has no model of this name."),
    "ai_quota": _("The key is right, but the account has no money or quota left."),
    "ai_rate_limited": _("The provider is busy or limits this key just now. Try again later."),
    "ai_unavailable": _("The provider is out of order just now."),
    "ai_timeout": _("The provider did not answer in time."),
    "ai_unreachable": _("Nobody answers at this address. Check its name and port."),
    "ai_tls": _("The certificate of this address is not to be trusted (TLS)."),
    "ai_not_compatible": _(
        "Somebody answers, but not by the OpenAI protocol. The address often ends in /v1."
    ),
    "ai_broken": _("The provider's answer broke off or makes no sense."),
    "ai_refused": _("The provider refuses the request; perhaps the model is not one for chats."),
    "ai_declined": _("The model declines to answer this."),
    "ai_key_unreadable": _(
        "The stored key cannot be read: ENCRYPTION_KEYS is not what it was sealed with. "
        "Bring that key back, or enter the provider's key again."
    ),
    "stopped": _("It was stopped before its end."),
    "ai_empty": _("The model said nothing."),
    "ai_cut": _("The answer has reached its most tokens and was cut off."),
    "ai_filtered": _("The provider's filter has cut the answer off."),
    "ai_too_long": _("The model did not come to an end and was cut off."),
    "ai_circuit_open": _("The model has failed too often of late and is left alone for a while."),
    "ai_provider_off": _("The provider is switched off."),
    "ai_provider_gone": _("The provider has been deleted."),
    "ai_no_server_model": _("The server has no model of its own (OPENAI_API_KEY is not set)."),
}


def sentence(error: AIError) -> str:
    """What is wrong, in words for the owner."""
    if error.code == "ai_address":
        return refusal(error.reason)
    return str(SENTENCES.get(error.code, SENTENCES["ai_broken"]))


def connection(provider: Provider) -> Connection:
    """How the provider is reached; raises Unreadable."""
    headers = parse_headers(provider.headers)
    if provider.site_url:
        headers = (("HTTP-Referer", iri_to_uri(provider.site_url)), *headers)
    if provider.site_title:
        headers = (("X-Title", provider.site_title), *headers)
    return Connection(
        base_url=provider.address,
        api_key=provider.key,
        headers=headers,
        timeout=provider.timeout,
        silence=provider.silence,
    )


def models_of(agent: Agent, known: Mapping[int, Provider]) -> tuple[Choice, list[Choice]]:
    """The agent's model, and its fallbacks in order, at the known providers."""
    return (
        choice(agent.provider_id, agent.model, known),
        [choice(entry["provider"], entry["model"], known) for entry in agent.fallbacks],
    )


def are_there() -> bool:
    """Whether any organization has a provider that may be asked."""
    return Provider.unscoped.filter(is_active=True).exists()


def of(organization: Organization) -> dict[int, Provider]:
    """An organization's providers by their ids."""
    return {row.pk: row for row in Provider.objects.of(organization)}


def choice(provider_id: int | None, model: str, known: Mapping[int, Provider]) -> Choice:
    """A model of one of the known providers, or why it cannot be asked."""
    if provider_id is None:
        return Choice(model)
    provider = known.get(provider_id)
    if provider is None:
        return Choice(model, problem="ai_provider_gone")
    if not provider.is_active:
        return Choice(model, problem="ai_provider_off", provider=provider_id)
    try:
        return Choice(model, connection(provider), provider=provider_id)
    except sealing.Unreadable:
        return Choice(model, problem="ai_key_unreadable", provider=provider_id)
