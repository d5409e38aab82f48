"""One-time sign-in links: for the first start, and for new members, instead of sent passwords."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import login
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from organizations import access, attempts
from organizations.models import User


class SignInToken(PasswordResetTokenGenerator):
    """A token is used up by the sign-in itself, as that changes `last_login`."""

    key_salt = "organizations.signin"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        # Django's own value forgets the microseconds: a second link made and used within the
        # second of the last sign-in would stay good.
        moment = user.last_login.isoformat() if user.last_login else ""
        return f"{user.pk}|{user.password}|{moment}|{user.email}|{timestamp}"


tokens = SignInToken()


def path_for(user: User) -> str:
    """The path of a fresh link that signs this user in once."""
    uid = urlsafe_base64_encode(str(user.pk).encode())
    return reverse("sign-in", args=[uid, tokens.make_token(user)])


@never_cache
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("token")
def sign_in(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Shows whose link it is; the button signs in. A mail scanner's GET uses nothing up."""
    with transaction.atomic():
        user = _user(uid, token)
        if user is None:
            return render(request, "organizations/sign_in_over.html", status=410)
        if request.method == "POST":
            login(request, user)
            there = HttpResponseRedirect(landing(user))
            attempts.know_browser(there, user.get_username())
            return there
    response = render(
        request,
        "organizations/sign_in.html",
        {"person": user, "member": access.member_of(user)},
    )
    # The token must not travel to wherever the page leads.
    response["Referrer-Policy"] = "same-origin"
    return response


@sensitive_variables("token")
def _user(uid: str, token: str) -> User | None:
    """Whose good link this is; locked, so that two clicks at once sign in once."""
    try:
        pk = int(urlsafe_base64_decode(uid).decode())
        user = User.objects.select_for_update().filter(pk=pk, is_active=True).first()
    except (ValueError, OverflowError):
        return None
    return user if user and tokens.check_token(user, token) else None


def landing(user: User) -> str:
    """Where somebody begins: an operator in the console, everyone else on the start page."""
    member = access.member_of(user)
    if member and not member.is_owner:
        return reverse("admin:console")
    return reverse("admin:index")
