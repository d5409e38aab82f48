"""Who may do what, by role; the one place that says so. Django asks it as its only backend."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model

from organizations import access

VIEW = ("view",)
EDIT = ("view", "change")
KEEP = ("view", "add", "change")
ALL = ("view", "add", "change", "delete")


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
    chat__turn=VIEW,
    chat__handoff=VIEW,
    chat__toolcall=VIEW,
    chat__chatresult=VIEW,
    chat__visitor=EDIT,
    chat__customer=KEEP,
    chat__contactrequest=EDIT,
    chat__memoryfact=("view", "change", "delete"),
    knowledge__faqentry=VIEW,
    knowledge__article=VIEW,
    knowledge__document=VIEW,
    knowledge__category=VIEW,
    knowledge__websource=VIEW,
    knowledge__webpage=VIEW,
    operators__availability=VIEW,
    operators__readyreply=KEEP,
) | {"operators.use_console"}

OWNER = OPERATOR | _grants(
    organizations__organization=EDIT,
    organizations__member=KEEP,
    organizations__widget=ALL,
    organizations__agent=ALL,
    organizations__agentversion=VIEW,
    organizations__provider=ALL,
    organizations__moderation=KEEP,
    organizations__tool=ALL,
    organizations__toolrevision=VIEW,
    organizations__contextprovider=ALL,
    organizations__modelprice=ALL,
    organizations__chattype=ALL,
    knowledge__faqentry=ALL,
    knowledge__article=ALL,
    knowledge__document=ALL,
    knowledge__category=ALL,
    knowledge__websource=ALL,
    knowledge__webpage=("view", "delete"),
    knowledge__revision=VIEW,
    knowledge__import=KEEP,
    knowledge__suggestion=EDIT,
    knowledge__askedquestion=VIEW,
    knowledge__contextentry=ALL,
    knowledge__passage=VIEW,
    chat__visitor=("view", "change", "delete"),
    chat__customer=ALL,
    chat__testset=ALL,
    chat__testcase=ALL,
    chat__testrun=("view", "delete"),
    chat__gate=ALL,
    chat__experiment=("view", "add"),
    operators__availability=EDIT,
    operators__readyreply=ALL,
    chat__modelcall=VIEW,
)

# Who runs the server but belongs to no organization sets organizations up, and sees nothing of
# what is said in them.
SUPERUSER = _grants(
    organizations__organization=KEEP, organizations__member=KEEP, organizations__user=KEEP
)


def permissions_of(user: AbstractBaseUser | AnonymousUser) -> set[str]:
    """Everything this user may do, by role."""
    member = access.member_of(user)
    if member:
        return OWNER if member.is_owner else OPERATOR
    if user.is_active and getattr(user, "is_superuser", False):
        return SUPERUSER
    return set()


class RoleBackend(ModelBackend):
    """Passwords as Django keeps them; permissions from the member's role, not from its tables."""

    def get_user_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        """Everything the role grants; rows are kept apart by ScopedAdmin."""
        if not hasattr(user_obj, "_role_permissions"):
            user_obj._role_permissions = permissions_of(user_obj)
        granted: set[str] = user_obj._role_permissions
        return granted

    def get_group_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        """There are no groups."""
        return set()

    def get_all_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        """Everything the role grants."""
        return self.get_user_permissions(user_obj, obj)
