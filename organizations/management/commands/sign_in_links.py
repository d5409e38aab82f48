"""`manage.py sign_in_links`: prints a one-time link for each member."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from organizations import signin
from organizations.models import Member


class Command(BaseCommand):
    help = "Print a link for each member that signs them in once."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--base-url", default="http://127.0.0.1:8000")
        parser.add_argument("usernames", nargs="*", help="Only these users.")

    def handle(self, *args: Any, **options: Any) -> None:
        members = Member.unscoped.select_related("user", "organization").filter(
            user__is_active=True
        )
        if options["usernames"]:
            members = members.filter(user__username__in=options["usernames"])
        base = options["base_url"].rstrip("/")
        for member in members.order_by("organization_id", "role", "pk"):
            self.stdout.write(
                f"{member.role:9} {member.user.get_username():12} "
                f"{base}{signin.path_for(member.user)}"
            )
