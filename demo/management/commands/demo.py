"""`manage.py demo`: puts the demo in; `--remove` takes it out."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from demo import seed


class Command(BaseCommand):
    help = "Put the demo's tour operator in, or take it out again."

    def add_arguments(self, parser: CommandParser) -> None:
        group = parser.add_mutually_exclusive_group()
        group.add_argument(
            "--if-new", action="store_true", help="Only when there is no organization yet."
        )
        group.add_argument("--remove", action="store_true", help="Remove all of it.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["remove"]:
            gone = seed.take_out()
            self.stdout.write("The demo was removed." if gone else "There is no demo.")
        elif options["if_new"] and seed.exists():
            self.stdout.write("There is an organization already, so the demo was not put in.")
        else:
            try:
                organization = seed.put_in()
            except seed.NameTaken as error:
                raise CommandError(
                    f"The demo needs user names that others have: {error}. Rename them first."
                ) from error
            seed.index_now(organization)
            self.stdout.write(f"The demo is there: {organization.name}.")
