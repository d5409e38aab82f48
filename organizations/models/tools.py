"""What an agent may ask of other systems: tools for its model, and facts for its prompt."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from organizations import sealing
from organizations.calls import filling, keeping, schemas
from organizations.models.agents import Agent
from organizations.models.people import Member
from organizations.models.providers import validate_address
from organizations.scoping import OrganizationOwned

LONGEST_KEPT = 20_000
# What a context provider may be told; `page_…` besides names a fact that the page tells of itself.
TOLD = ("question", "language", "page_url", "page_title", "visitor", "customer")


def validate_parameters(value: Any) -> None:
    """Accept the JSON schema of a tool's arguments."""
    schemas.check(value)


def validate_template(value: str) -> None:
    """Accept an address with placeholders that could be asked."""
    filling.check_address(value)
    validate_address(filling.PLACEHOLDER.sub("1", value))


def validate_body(value: Any) -> None:
    """Accept a body with placeholders."""
    filling.check_body(value)


def validate_paths(value: str) -> None:
    """Accept paths into an answer, one in a line."""
    keeping.parse_paths(value)


def no_arguments() -> dict[str, Any]:
    """The schema of a tool that takes none."""
    return {**schemas.NOTHING, "properties": {}}


def origin_of(url: str) -> str:
    """Whom an address asks: what stored headers may be sent to."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


class Method(models.TextChoices):
    """How an address is asked."""

    GET = "GET", "GET"
    POST = "POST", "POST"
    PUT = "PUT", "PUT"
    PATCH = "PATCH", "PATCH"
    DELETE = "DELETE", "DELETE"


WITH_BODY = {Method.POST, Method.PUT, Method.PATCH}


class HTTPCall(OrganizationOwned):
    """A request that an owner has described: where, how, and what is kept of the answer.

    The headers are sealed; they are set, and sent, and never shown.
    """

    method = models.CharField(_("method"), max_length=6, choices=Method, default=Method.GET)
    url = models.CharField(
        _("address"),
        max_length=1000,
        validators=[validate_template],
        help_text=_("{arguments} may stand in the path and after = in the query."),
    )
    body = models.JSONField(
        _("body"),
        null=True,
        blank=True,
        validators=[validate_body],
        help_text=_('JSON such as {"name": "{name}"}. Empty: all arguments that are not above.'),
    )
    sealed_headers = models.TextField(blank=True, editable=False)
    keep = models.TextField(
        _("what to keep of the answer"),
        max_length=4000,
        blank=True,
        validators=[validate_paths],
        help_text=_(
            "Paths, one in a line: order.status, items.*.name or /items/0/name. Empty: everything."
        ),
    )
    max_kept = models.PositiveIntegerField(
        _("most characters kept"),
        default=4000,
        validators=[MinValueValidator(100), MaxValueValidator(LONGEST_KEPT)],
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    # Each kind has a limit of its own.
    timeout: Any

    class Meta:
        abstract = True

    @property
    def headers(self) -> str:
        """The headers, one in a line; raises Unreadable."""
        return sealing.unseal(self.sealed_headers)

    @headers.setter
    def headers(self, value: str) -> None:
        self.sealed_headers = sealing.seal(value)

    @property
    def placeholders(self) -> set[str]:
        """The arguments that its templates ask for."""
        return filling.names_in(self.url) | filling.names_in(self.body)

    def clean(self) -> None:
        """Refuse a body where there is none to send."""
        super().clean()
        if self.body is not None and self.method not in WITH_BODY:
            raise ValidationError(
                {"body": ValidationError(_("This method sends no body."), code="no_body")}
            )

    def refuse_unknown(self, known: set[str]) -> None:
        """Raise ValidationError for a placeholder that no argument will fill."""
        for field in ("url", "body"):
            unknown = sorted(filling.names_in(getattr(self, field)) - known)
            if unknown:
                raise ValidationError(
                    {
                        field: ValidationError(
                            _("There is no argument {%(name)s}."),
                            code="unknown_argument",
                            params={"name": unknown[0]},
                        )
                    }
                )


class Tool(HTTPCall):
    """A request that an agent's model may make; one that changes something, once confirmed."""

    name = models.CharField(
        _("name for the model"),
        max_length=64,
        validators=[
            RegexValidator(
                r"^[A-Za-z_][A-Za-z0-9_-]*$",
                _("Latin letters, digits, _ and -, beginning with a letter."),
                code="name",
            )
        ],
        help_text=_("As functions are named: order_status."),
    )
    label = models.CharField(
        _("name for people"),
        max_length=80,
        help_text=_("Visitors and operators see it when something is to be confirmed."),
    )
    description = models.TextField(
        _("what it does"),
        max_length=1000,
        help_text=_("For the model: what it finds or does, and when it is of use."),
    )
    parameters = models.JSONField(
        _("arguments"),
        default=no_arguments,
        validators=[validate_parameters],
        help_text=_("A JSON schema of an object. Describe each argument for the model."),
    )
    is_changing = models.BooleanField(
        _("changes something"),
        default=False,
        help_text=_("Such a call waits until an operator has confirmed it."),
    )
    timeout = models.FloatField(
        _("longest wait, seconds"),
        default=5,
        validators=[MinValueValidator(0.2), MaxValueValidator(20)],
    )

    # The number of the definition that stands here, see `organizations.definitions`.
    revision = models.PositiveIntegerField(_("revision"), default=1, db_default=1, editable=False)

    class Meta:
        verbose_name = _("tool")
        verbose_name_plural = _("tools")
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="tool_name_unique")
        ]

    def __str__(self) -> str:
        return self.label

    def clean(self) -> None:
        """Refuse templates and arguments that do not fit, and a change that is not called one."""
        super().clean()
        try:
            schemas.check(self.parameters)
        except ValidationError:
            # It is said at its own field; what is compared with it would only confuse.
            return
        self.refuse_unknown(set(schemas.properties(self.parameters)))
        optional = filling.names_in_path(self.url) - schemas.required(self.parameters)
        if optional:
            raise ValidationError(
                {
                    "url": ValidationError(
                        _("{%(name)s} stands in the path, so the schema must require it."),
                        code="optional_in_path",
                        params={"name": sorted(optional)[0]},
                    )
                }
            )
        if self.method in (Method.PUT, Method.PATCH, Method.DELETE) and not self.is_changing:
            raise ValidationError(
                {
                    "is_changing": ValidationError(
                        _("%(method)s changes something: say so."),
                        code="is_changing",
                        params={"method": self.method},
                    )
                }
            )


class ToolRevision(OrganizationOwned):
    """A tool's definition as it was after one saving; never changed, only added."""

    tool = models.ForeignKey(Tool, models.CASCADE, related_name="revisions", verbose_name=_("tool"))
    number = models.PositiveIntegerField(_("number"))
    # The fields that the owner fills in, by name; no secret is among them.
    content = models.JSONField(_("content"))
    author = models.ForeignKey(
        Member,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("author"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("revision of a tool")
        verbose_name_plural = _("revisions of tools")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["tool", "number"], name="tool_revision_number_unique")
        ]

    def __str__(self) -> str:
        return f"{self.tool.label} · {self.number}"


class ContextProvider(HTTPCall):
    """A request whose answer is a fact in the prompt; made by code, not by the model."""

    name = models.CharField(
        _("name"), max_length=60, help_text=_("The title of the facts: Today's weather.")
    )
    agent = models.ForeignKey(
        Agent,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="context_providers",
        verbose_name=_("agent"),
        help_text=_("Empty: for all."),
    )
    words = ArrayField(
        models.CharField(max_length=60),
        verbose_name=_("when the question has"),
        default=list,
        blank=True,
        help_text=_(
            "Beginnings of words, one in a line: weather, погод. Empty: with every question."
        ),
    )
    cache_seconds = models.PositiveIntegerField(
        _("keep the answer for, seconds"),
        default=60,
        validators=[MaxValueValidator(86_400)],
        help_text=_("0: ask every time."),
    )
    timeout = models.FloatField(
        _("longest wait, seconds"),
        default=1,
        validators=[MinValueValidator(0.1), MaxValueValidator(3)],
        help_text=_("The visitor waits for it; after that the answer goes on without."),
    )
    # Its last failure, by its code; `chat.answering.provided` writes it.
    error = models.CharField(
        _("last error"), max_length=60, blank=True, default="", db_default="", editable=False
    )
    failed_at = models.DateTimeField(_("failed"), null=True, blank=True, editable=False)
    # Whether it has not answered since.
    is_failing = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        verbose_name = _("context provider")
        verbose_name_plural = _("context providers")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="context_provider_name_unique"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse what would change something, and arguments that nobody gives."""
        super().clean()
        if self.method not in (Method.GET, Method.POST):
            raise ValidationError(
                {"method": ValidationError(_("Facts are read: GET or POST."), code="method")}
            )
        of_page = {name for name in self.placeholders if name.startswith("page_")}
        self.refuse_unknown({*TOLD, *of_page})
