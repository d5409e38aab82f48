"""What a verb says no with: a stable code and a sentence for a person."""

from __future__ import annotations

from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Refused(Exception):
    """A verb's no. Edges translate it once: an error frame, an HTTP status, a form error."""

    code = "refused"

    def __init__(
        self,
        sentence: str | Promise,
        *,
        code: str | None = None,
        retry_after: float | None = None,
        client_id: UUID | None = None,
    ) -> None:
        super().__init__(code or self.code)
        self.code = code or self.code
        self.sentence = sentence
        self.retry_after = retry_after
        self.client_id = client_id


class ChatClosed(Refused):
    code = "chat_closed"

    def __init__(self) -> None:
        super().__init__(_("This chat is closed."))
