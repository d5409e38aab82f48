"""Why a connection ends: the codes that clients know, and what they are told before."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from chat.refusals import Refused

# Close codes. From 4400 on a client does not come back by itself.
BROKEN = 1011
RESTART = 1012
AWAY = 1013
SLOW = 4008
GONE = 4010
NOBODY = 4403
NOT_FOUND = 4404
LATE = 4408
FLOOD = 4429
# What a client is told before a close that it would not understand otherwise.
FAREWELLS = {
    BROKEN: ("internal", _("Something went wrong here. Try again.")),
    AWAY: ("unavailable", _("The server is busy. Trying again.")),
    NOBODY: ("not_a_member", _("You are not signed in as a member of the organization.")),
    NOT_FOUND: ("unknown_widget", _("There is no such widget.")),
    LATE: ("not_registered", _("Nothing was said on this connection, so it was closed.")),
    FLOOD: ("too_many_frames", _("Too much at once. Wait a little.")),
}


class Closed(Exception):
    """The socket ends, with a close code, and for a reason that the code alone may not tell."""

    def __init__(self, code: int, refused: Refused | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.refused = refused
