"""The admin page of models' prices: typed, or taken from a provider's own list."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget

from ai.interface import AIError
from organizations import pricing, providers
from organizations.admin.scoped import ScopedAdmin
from organizations.models import ModelPrice, Organization, Provider
from organizations.templatetags.money import money

SERVERS = "server"


class ProviderForm(forms.Form):
    """Whose list is asked for."""

    provider = forms.ChoiceField(label=_("Provider"), widget=UnfoldAdminSelectWidget)

    def __init__(self, organization: Organization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Provider.objects.of(organization).filter(is_active=True).order_by("name")
        field: Any = self.fields["provider"]
        field.choices = [*rows.values_list("pk", "name"), (SERVERS, _("The server's"))]


@admin.register(ModelPrice)
class ModelPriceAdmin(ScopedAdmin):
    """What tokens cost, by model; without a price an answer's cost is not known."""

    list_display = ["model", "whose", "prompt", "cached", "answer", "origin"]
    list_filter = ["provider", "origin"]
    list_select_related = ["provider", "organization"]
    search_fields = ["model"]
    ordering = ["model"]
    fields = ["provider", "model", "input_price", "cached_price", "output_price"]
    actions_list = ["take_from_provider"]

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """A form that says whose money it is about."""
        form = super().get_form(request, *args, **kwargs)
        organization = self.organization_of(request)
        for name in ("input_price", "output_price"):
            if organization and name in form.base_fields:
                form.base_fields[name].help_text = _("In %(currency)s.") % {
                    "currency": organization.currency
                }
        return form

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Own rows with their providers."""
        return super().get_queryset(request).select_related("provider", "organization")

    @admin.display(description=_("provider"), ordering="provider__name")
    def whose(self, price: ModelPrice) -> str:
        """The provider's name."""
        return price.provider.name if price.provider else str(_("The server's"))

    @admin.display(description=_("prompt, a million"), ordering="input_price")
    def prompt(self, price: ModelPrice) -> str:
        """The price of the prompt."""
        return money(price.input_price, price.organization.currency)

    @admin.display(description=_("cached"), ordering="cached_price")
    def cached(self, price: ModelPrice) -> str:
        """The price of what the provider had in its cache."""
        return money(price.cached_price, price.organization.currency)

    @admin.display(description=_("answer"), ordering="output_price")
    def answer(self, price: ModelPrice) -> str:
        """The price of the answer."""
        return money(price.output_price, price.organization.currency)

    def store(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """What was typed is the owner's word."""
        if form.changed_data:
            obj.origin = ModelPrice.Origin.TYPED
        super().store(request, obj, form, change)

    def has_take_from_provider_permission(self, request: HttpRequest) -> bool:
        """Who may add prices may fetch them."""
        return bool(self.has_add_permission(request))

    @action(
        description=_("Take from a provider's list"),
        permissions=["take_from_provider"],
        icon="cloud_download",
    )
    def take_from_provider(self, request: HttpRequest) -> HttpResponse:
        """Ask a provider what the agents' models cost; typed prices of those are replaced."""
        organization = self.organization_of(request)
        if organization is None:
            raise PermissionDenied
        form = ProviderForm(organization, request.POST or None)
        if request.method != "POST" or not form.is_valid():
            return self.ask(
                request,
                None,
                title=_("Take prices from a provider's list"),
                text=_(
                    "Prices of the models that your agents use, as far as the provider names them: "
                    "OpenRouter does, most others do not. They are in US dollars, and take the "
                    "place of prices that you have typed for the same models."
                ),
                button=_("Take the prices"),
                form=form,
            )
        self._take(request, organization, form.cleaned_data["provider"])
        return redirect("admin:organizations_modelprice_changelist")

    def _take(self, request: HttpRequest, organization: Organization, chosen: str) -> None:
        provider = (
            None if chosen == SERVERS else Provider.objects.of(organization).get(pk=int(chosen))
        )
        try:
            taken = pricing.take(organization, provider)
        except AIError as error:
            messages.error(request, providers.sentence(error))
        except pricing.OtherCurrency:
            messages.error(
                request,
                _(
                    "The provider names its prices in US dollars, and yours are in %(currency)s: "
                    "type them by hand, or change the currency of the organization."
                )
                % {"currency": organization.currency},
            )
        else:
            if taken:
                text = ngettext(
                    "The price of %(count)s model was taken.",
                    "The prices of %(count)s models were taken.",
                    taken,
                )
                messages.success(request, text % {"count": taken})
            else:
                messages.warning(
                    request, _("The provider names no price of a model that your agents use.")
                )
