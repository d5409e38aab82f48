"""The form of an agent: it shows and takes the draft."""

from __future__ import annotations

from typing import Any

from django import forms
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from organizations import agents
from organizations.forms.fields import ByLanguageField, FallbacksField
from organizations.models import Agent, Language, Provider, Tool
from organizations.models.agents import default_handoff_on

IN_MONEY = ("daily_cost_per_visitor", "daily_cost_per_ip", "daily_cost")


class AgentForm(forms.ModelForm):  # type: ignore[type-arg]
    """All settings of an agent; `stored` is the row as it is published."""

    languages = forms.MultipleChoiceField(
        label=_("Languages"),
        choices=Language.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=Agent._meta.get_field("languages").help_text,
    )
    handoff_on = forms.MultipleChoiceField(
        label=_("Give the chat to people when"),
        choices=Agent.HandoffOn.choices,
        # A field of our own does not take the column's default by itself.
        initial=default_handoff_on,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("The button for a person works in any case."),
    )
    greeting = ByLanguageField(
        label=_("Greeting"), help_text=_("For widgets without a welcome message of their own.")
    )
    suggested_questions = ByLanguageField(
        is_list=True,
        label=_("Suggested questions"),
        help_text=_("One in a line. An empty chat shows them as buttons; a click asks."),
    )
    fallbacks = FallbacksField(
        label=_("Fallback models"), help_text=_("Asked in this order when the model fails.")
    )
    categories = forms.ModelMultipleChoiceField(
        label=_("Knowledge categories"),
        queryset=Provider.unscoped.none(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("None chosen: everything."),
    )

    tools = forms.TypedMultipleChoiceField(
        label=_("Tools"),
        coerce=int,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=Agent._meta.get_field("tools").help_text,
    )

    class Meta:
        model = Agent
        fields = ["name", *agents.FIELDS]
        widgets = {
            "instructions": UnfoldAdminTextareaWidget(attrs={"rows": 10}),
            "model": UnfoldAdminTextInputWidget,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.stored: Agent | None = kwargs.get("instance")
        settings: agents.Settings = {}
        if self.stored is not None and self.stored.pk:
            settings = agents.drafted(self.stored)
            kwargs["instance"] = agents.with_settings(self.stored, settings)
        super().__init__(*args, **kwargs)
        self.initial["categories"] = settings.get(agents.CATEGORIES, [])

    def offer(self, organization: Any) -> None:
        """Offer rows of this organization, and no others."""
        fields: dict[str, Any] = self.fields
        fields["categories"].queryset = agents.categories_of(organization)
        models_url = reverse("admin:organizations_provider_models")
        fields["tools"].choices = [
            (tool.pk, f"{tool.label} ({tool.name})")
            for tool in Tool.objects.of(organization).order_by("label")
        ]
        if not fields["tools"].choices:
            fields["tools"].help_text = format_html(
                '{} <a class="row-link" href="{}">{}</a>',
                _("There are no tools yet: requests to your systems that the model may make."),
                reverse("admin:organizations_tool_add"),
                _("Add a tool"),
            )
        for name in IN_MONEY:
            fields[name].help_text = _("In %(currency)s. Empty: no limit.") % {
                "currency": organization.currency
            }
        rows = Provider.objects.of(organization).order_by("name").values_list("pk", "name")
        fields["fallbacks"].offer([("", _("The server's")), *rows], models_url)
        model = fields["model"].widget
        model.attrs |= {"data-models-url": models_url, "data-provider": "id_provider"}

    def clean_tools(self) -> list[int]:
        """In one order, so that equal choices are equal settings."""
        return sorted(self.cleaned_data["tools"])

    def settings(self) -> agents.Settings:
        """What was filled in, as drafts are kept. An uploaded picture is stored by this."""
        Agent._meta.get_field("avatar").pre_save(self.instance, add=False)
        return agents.settings_of(
            self.instance, [category.pk for category in self.cleaned_data["categories"]]
        )
