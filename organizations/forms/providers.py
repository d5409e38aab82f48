"""The form of a model provider: its key goes in and never comes out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldAdminURLInputWidget

from ai.interface import Connection
from organizations import providers, sealing
from organizations.forms.fields import SecretChange, SecretField
from organizations.models import Provider
from organizations.models.providers import parse_headers, validate_key

SECRETS = ("key", "headers")


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]
    """A provider's settings. A stored secret is only ever used at the address it was given for."""

    key = SecretField(label=_("Key"))
    headers = SecretField(
        is_long=True,
        label=_("Extra headers"),
        help_text=_("Name: value, one in a line; sent with every request and kept as a secret."),
    )
    site_url = forms.URLField(
        label=_("Your site's address"),
        required=False,
        assume_scheme="https",
        widget=UnfoldAdminURLInputWidget,
        help_text=Provider._meta.get_field("site_url").help_text,
    )
    model_to_try = forms.CharField(
        label=_("Model to try"),
        required=False,
        max_length=120,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("For the test only; it is not saved."),
    )

    class Meta:
        model = Provider
        fields = [
            *("name", "kind", "base_url", "site_url", "site_title"),
            *("timeout", "silence", "is_active"),
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored_address = self.instance.address if self.instance.pk else ""
        for name in SECRETS:
            self.fields[name].widget.stored = _stored(self.instance, name)

    def clean_key(self) -> SecretChange:
        """Refuse what no header can carry."""
        change: SecretChange = self.cleaned_data["key"]
        if change.text:
            validate_key(change.text)
        return change

    def clean_headers(self) -> SecretChange:
        """Refuse what is no header."""
        change: SecretChange = self.cleaned_data["headers"]
        parse_headers(change.text)
        return change

    def _post_clean(self) -> None:
        """After the row has its new address: a stored secret does not go along to another one."""
        super()._post_clean()  # type: ignore[misc]
        if not self.stored_address or self.instance.address == self.stored_address:
            return
        for name in SECRETS:
            change = self.cleaned_data.get(name)
            if change and change.keeps and getattr(self.instance, f"sealed_{name}"):
                self.add_error(
                    name,
                    ValidationError(
                        _("The address has changed, so enter this again, or tick to remove it."),
                        code="another_address",
                    ),
                )

    def connection(self) -> Connection:
        """What the form describes, unsaved; raises Unreadable. The form is valid."""
        self._take_secrets()
        return providers.connection(self.instance)

    def save(self, commit: bool = True) -> Any:
        """Save the row with its secrets sealed."""
        self._take_secrets()
        return super().save(commit)

    def _take_secrets(self) -> None:
        for name in SECRETS:
            change = self.cleaned_data[name]
            if not change.keeps:
                setattr(self.instance, name, change.text)


def _stored(provider: Provider, name: str) -> str:
    """What may be known of a stored secret."""
    if not getattr(provider, f"sealed_{name}"):
        return ""
    try:
        text = getattr(provider, name)
    except sealing.Unreadable:
        return str(providers.SENTENCES["ai_key_unreadable"])
    if name == "headers":
        names = ", ".join(header for header, _value in parse_headers(text))
        return _("Set: %(names)s.") % {"names": names}
    # A short key would be half told by its end.
    if len(text) < 16:
        return str(_("Set."))
    return _("Set, ends in …%(end)s.") % {"end": text[-4:]}
