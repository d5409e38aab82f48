"""Who may do what, by role; the one place that says so."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model

from organizations import access

CHANGE = ("view", "add", "change", "delete")
EDIT = ("view", "change")
VIEW = ("view",)


def _grants(**models: tuple[str, ...]) -> set[str]:
    """`app__model=("view", …)` as Django's permission names."""
    return {
        f"{app}.{verb}_{model}"
        for path, verbs in models.items()
        for app, model in [path.split("__")]
        for verb in verbs
    }


OPERATOR = _grants(
    chat__chat=VIEW,
    chat__session=VIEW,
    chat__message=VIEW,
    chat__turn=VIEW,
    chat__handoff=VIEW,
    chat__note=VIEW,
    chat__visitor=EDIT,
    chat__customer=("view", "add", "change"),
    chat__contactrequest=EDIT,
    knowledge__faqentry=VIEW,
    knowledge__article=VIEW,
    knowledge__document=VIEW,
    knowledge__category=VIEW,
    operators__availability=VIEW,
) | {"operators.use_console"}

OWNER = OPERATOR | _grants(
    organizations__organization=EDIT,
    organizations__member=CHANGE,
    organizations__widget=CHANGE,
    organizations__agent=CHANGE,
    knowledge__faqentry=CHANGE,
    knowledge__article=CHANGE,
    knowledge__document=CHANGE,
    knowledge__category=CHANGE,
    knowledge__contextentry=CHANGE,
    knowledge__passage=VIEW,
    chat__customer=CHANGE,
    operators__availability=EDIT,
)

# Someone who runs the server but belongs to no organization sets organizations up and sees nothing
# of what is said in them.
SUPERUSER = _grants(
    organizations__organization=CHANGE, organizations__member=CHANGE, organizations__user=CHANGE
)


def permissions_of(user: AbstractBaseUser | AnonymousUser) -> set[str]:
    """Everything this user may do, by role."""
    member = access.member_of(user)
    if member:
        return OWNER if member.is_owner else OPERATOR
    if user.is_active and getattr(user, "is_superuser", False):
        return SUPERUSER
    return set()


class RoleBackend:
    """Answers Django's questions about permissions from the member's role."""

    def authenticate(self, request: Any, **credentials: Any) -> None:
        """Passwords are not checked here."""

    def get_user(self, user_id: Any) -> None:
        """Users are not loaded here."""

    def has_perm(
        self, user: AbstractBaseUser | AnonymousUser, permission: str, row: Model | None = None
    ) -> bool:
        """Whether the role grants it; rows are kept apart by ScopedAdmin."""
        return permission in self._cached(user)

    def has_module_perms(self, user: AbstractBaseUser | AnonymousUser, app: str) -> bool:
        """Whether the role grants anything of an app."""
        return any(name.startswith(f"{app}.") for name in self._cached(user))

    def _cached(self, user: Any) -> set[str]:
        if not hasattr(user, "_role_permissions"):
            user._role_permissions = permissions_of(user)
        return user._role_permissions  # type: ignore[no-any-return]
