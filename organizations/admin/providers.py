"""The admin page of model providers, with its test of the connection and the lists of models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

import ai
from ai.interface import AIError, Connection
from organizations import agents, health, providers, sealing
from organizations.admin.scoped import ScopedAdmin
from organizations.forms import ProviderForm
from organizations.models import Agent, ModelHealth, Provider

CACHED_SECONDS = 600
TROUBLE = (gettext_lazy("Trouble of late"), {"fields": ["trouble"]})
hides_secrets = method_decorator(sensitive_post_parameters())


@admin.register(Provider)
class ProviderAdmin(ScopedAdmin):
    """Whose models may be asked, and with which key."""

    form = ProviderForm
    list_display = ["name", "kind", "address", "has_key", "is_active", "updated_at"]
    list_filter = ["kind", "is_active"]
    search_fields = ["name", "base_url"]
    ordering = ["name"]
    change_form_after_template = "organizations/test_connection.html"
    fieldsets = [
        (None, {"fields": ["name", "kind", "base_url", "key", "is_active"]}),
        (gettext_lazy("OpenRouter"), {"fields": ["site_url", "site_title"]}),
        (gettext_lazy("More"), {"fields": ["headers", "timeout", "silence"]}),
        TROUBLE,
        # The last, for its button stands below the form.
        (gettext_lazy("Test connection"), {"fields": ["model_to_try"]}),
    ]
    readonly_fields = ["trouble"]

    @admin.display(description=gettext_lazy("key"), boolean=True)
    def has_key(self, provider: Provider) -> bool:
        """Whether a key is stored."""
        return bool(provider.sealed_key)

    @admin.display(description=gettext_lazy("models that failed"))
    def trouble(self, provider: Provider) -> SafeString:
        """Which models of it are left alone, or failed of late, and why."""
        rows = ModelHealth.objects.of(provider.organization).filter(provider=provider)
        return states(rows) if provider.pk else SafeString("—")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A provider that is not there yet has had no trouble."""
        shown = super().get_fieldsets(request, obj)
        return shown if obj else [one for one in shown if one is not TROUBLE]

    def store(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """With other settings its models are asked at once again."""
        super().store(request, obj, form, change)
        if form.changed_data:
            health.forget(obj)

    def get_urls(self) -> list[URLPattern]:
        """The pages, and what their script asks."""
        return [
            path(
                "test/",
                self.admin_site.admin_view(self.test_view),
                name="organizations_provider_test",
            ),
            path(
                "models/",
                self.admin_site.admin_view(self.models_view),
                name="organizations_provider_models",
            ),
            *super().get_urls(),
        ]

    @hides_secrets
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The form, whose fields no report of an error may show."""
        return super().changeform_view(request, *args, **kwargs)

    def held_by(self, request: HttpRequest, rows: Any) -> Iterable[Agent]:
        """Agents that name the provider in a list or a draft."""
        wanted = {provider.pk for provider in rows}
        own = self.own_rows(request, Agent).order_by("name")
        return [agent for agent in own if wanted & agents.providers_in(agent)]

    # --- what the script asks -----------------------------------------------------------------

    @hides_secrets
    @method_decorator(sensitive_variables())
    def test_view(self, request: HttpRequest) -> HttpResponse:
        """Whether the form's values work, as a sentence; nothing is saved."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self.own_row(request, request.POST["row"]) if request.POST.get("row") else None
        form: Any = self.get_form(request, row, change=row is not None)(request.POST, instance=row)
        # The name is of no matter to the provider.
        form.fields["name"].required = False
        if not form.is_valid():
            sentences = [str(text) for errors in form.errors.values() for text in errors]
            return answer(False, "invalid", " ".join(sentences))
        try:
            return tried(form.connection(), form.cleaned_data["model_to_try"])
        except sealing.Unreadable:
            problem = "ai_key_unreadable"
            return answer(False, problem, str(providers.SENTENCES[problem]))

    def models_view(self, request: HttpRequest) -> HttpResponse:
        """The names of a provider's models, kept for some minutes; `refresh` asks anew."""
        if not request.user.has_perm("organizations.change_agent"):
            raise PermissionDenied
        wanted = request.GET.get("provider", "")
        row: Provider | None = self.own_row(request, wanted) if wanted else None
        place = f"models:{row.pk}:{row.updated_at.timestamp()}" if row else "models:server"
        known = None if request.GET.get("refresh") else cache.get(place)
        if known is None:
            try:
                known = names_of(row)
            except AIError as error:
                return answer(False, error.code, providers.sentence(error), models=[])
            cache.set(place, known, CACHED_SECONDS)
        return answer(True, "", counted(len(known)), models=known)


def states(rows: QuerySet[ModelHealth]) -> SafeString:
    """How models behave, as a table with a sentence for each last error."""
    shown = [
        (row, providers.sentence(AIError("", code=row.error, retryable=False)))
        for row in rows.select_related("provider").order_by("-failed_at")
    ]
    return render_to_string("organizations/health.html", {"rows": shown})


@sensitive_variables()
def tried(connection: Connection, model: str) -> JsonResponse:
    """Ask the provider for its models, and one of them for a word."""
    # It brings an HTTP client along, which a web process does without until it is asked to.
    from ai import probing

    found: list[str] | None = None
    try:
        try:
            found = probing.models(connection)
        except AIError as error:
            # Some have no list; then the model alone tells.
            if not model or error.code not in ("ai_not_compatible", "ai_refused"):
                raise
        if model:
            probing.try_model(connection, model)
    except AIError as error:
        return answer(False, error.code, providers.sentence(error))
    if model:
        return answer(True, "", _("The model “%(model)s” answers.") % {"model": model})
    sentence = _("Name a model to see it answer, too: some providers check the key only then.")
    return answer(True, "", f"{counted(len(found or []))} {sentence}")


def names_of(provider: Provider | None) -> list[str]:
    """The models of a provider, or of the server's own; raises AIError."""
    from ai import probing

    if provider is None:
        if not ai.has_model():
            raise AIError("There is none.", code="ai_no_server_model", retryable=False)
        return probing.models(ai.servers_connection())
    try:
        return probing.models(providers.connection(provider))
    except sealing.Unreadable:
        raise AIError("The key is sealed.", code="ai_key_unreadable", retryable=False) from None


def counted(count: int) -> str:
    """How many models there are, in words."""
    return ngettext(
        "The provider answers: %(count)s model.", "The provider answers: %(count)s models.", count
    ) % {"count": count}


def answer(ok: bool, code: str, message: str, **more: Any) -> JsonResponse:
    """What the script shows."""
    return JsonResponse({"ok": ok, "code": code, "message": message, **more})
