"""Fills an empty database for a run and says who is who; `stack` runs it as a process."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import django


def main() -> None:
    """`python -m chaos.scene <folder> <operators> <model>`: writes scene.json."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webassistant.settings")
    django.setup()
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from organizations.models import Agent, Member, Organization, User, Widget

    folder, operators, model = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    organization = Organization.objects.create(name="Chaos", slug="chaos")
    agent = Agent.unscoped.create(
        organization=organization,
        name="main",
        model=model,
        only_from_sources=False,
        daily_turns_per_visitor=100_000,
        # Its visitors ask the same again and again, and shall go on being answered.
        handoff_on=["asked", "error"],
    )
    widget = Widget.unscoped.create(
        organization=organization, name="default", agent=agent, support_timeout=2
    )
    people = []
    for number in range(operators):
        user = User.objects.create_user(f"operator{number}")
        member = Member.unscoped.create(organization=organization, user=user)
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.create()
        cookie = f"{settings.SESSION_COOKIE_NAME}={session.session_key}"
        people.append({"member_id": member.pk, "cookie": cookie})
    scene = {"widget": widget.key, "operators": people}
    (folder / "scene.json").write_text(json.dumps(scene))


if __name__ == "__main__":
    main()
