"""The form of a member, with the account behind it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from organizations.models import Member, User


class MemberForm(forms.ModelForm):  # type: ignore[type-arg]
    """A member with the account behind it; a new one has no password and is given a link."""

    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        validators=[User.username_validator],
        widget=UnfoldAdminTextInputWidget,
    )
    email = forms.EmailField(label=_("E-mail"), required=False, widget=UnfoldAdminEmailInputWidget)
    is_active = forms.BooleanField(
        label=_("May sign in"),
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Switch it off for somebody who has left; what they wrote stays."),
    )

    class Meta:
        model = Member
        fields = ["organization", "role", "display_name"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            user = self.instance.user
            for name in ("username", "email", "is_active"):
                self.initial[name] = getattr(user, name)

    def clean_username(self) -> str:
        """Refuse a name that somebody else has."""
        name: str = User.normalize_username(self.cleaned_data["username"])
        if User.objects.filter(username__iexact=name).exclude(pk=self.instance.user_id).exists():
            raise ValidationError(_("This user name is taken."), code="taken")
        return name

    def clean(self) -> dict[str, Any]:
        """Refuse to leave an organization without an owner."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        stays = data.get("role") == Member.Role.OWNER and data.get("is_active")
        if self.instance.pk and not stays and self._was_last_owner():
            raise ValidationError(
                _("This is the last owner. Make somebody else an owner first."), code="last_owner"
            )
        return data

    def _was_last_owner(self) -> bool:
        # Locked until the save is committed: two owners cannot dismiss one another at once.
        owners = (
            Member.objects.of(self.instance.organization)
            .filter(role=Member.Role.OWNER)
            .order_by("pk")
            .select_for_update(of=("self",))
        )
        able = [owner.pk for owner in owners.select_related("user") if owner.user.is_active]
        return able == [self.instance.pk]

    def save_user(self) -> User:
        """Save the account; the member is saved by who calls."""
        user = self.instance.user if self.instance.pk else User()
        user.username = self.cleaned_data["username"]
        user.email = self.cleaned_data["email"]
        user.is_active = self.cleaned_data["is_active"]
        if not user.pk:
            user.set_unusable_password()
        user.save()
        return user
