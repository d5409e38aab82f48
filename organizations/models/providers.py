"""Who runs the models: addresses and keys of an organization's own providers."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from organizations import sealing
from organizations.scoping import OrganizationOwned

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
# These are ours to send.
OUR_HEADERS = {
    *("authorization", "host", "content-length", "content-type", "transfer-encoding"),
    *("connection", "upgrade", "accept-encoding", "cookie", "te", "trailer"),
}


def validate_address(value: str) -> None:
    """Refuse an address that could never be asked; what a name leads to is seen when it is."""
    # It brings an HTTP client along, which most processes do without.
    from outgoing import Refused, addresses

    try:
        addresses.parse(value)
    except Refused as refused:
        raise ValidationError(refusal(refused.code), code=refused.code) from None


def refusal(code: str) -> str:
    """Why an address is not asked, and what helps where it is a local one."""
    from outgoing import sentence

    if code.startswith("address_") or code in ("port", "local_name"):
        hint = _("Who runs this server can allow it in OUTGOING_ALLOWED.")
        return f"{sentence(code)} {hint}"
    return sentence(code)


def validate_key(value: str) -> None:
    """Refuse a key that no header can carry."""
    if not re.fullmatch(r"[\x21-\x7e]{1,500}", value):
        raise ValidationError(
            _("A key has Latin letters, digits and signs, with no space in it."), code="key"
        )


def parse_headers(text: str, may_authorize: bool = False) -> tuple[tuple[str, str], ...]:
    """`Name: value` lines as pairs; raises ValidationError. A model's key has its own field."""
    ours = OUR_HEADERS - {"authorization"} if may_authorize else OUR_HEADERS
    pairs: dict[str, tuple[str, str]] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or not _HEADER.fullmatch(name) or not re.fullmatch(r"[\x20-\x7e]+", value):
            raise ValidationError(_("Write each header as Name: value."), code="header")
        if name.lower() in ours:
            raise ValidationError(
                _("The header %(name)s is sent by the product itself."),
                code="our_header",
                params={"name": name},
            )
        pairs[name.lower()] = (name, value)
    return tuple(pairs.values())


class Provider(OrganizationOwned):
    """An address that speaks the OpenAI protocol, and what opens it.

    The key and the extra headers are sealed; they are set, and used, and never shown.
    """

    class Kind(models.TextChoices):
        OPENAI = "openai", "OpenAI"
        OPENROUTER = "openrouter", "OpenRouter"
        DEEPSEEK = "deepseek", "DeepSeek"
        OLLAMA = "ollama", "Ollama"
        VLLM = "vllm", "vLLM"
        OTHER = "other", _("Another that speaks the OpenAI protocol")

    name = models.CharField(_("name"), max_length=60)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.OPENAI)
    base_url = models.CharField(
        _("address"),
        max_length=300,
        blank=True,
        validators=[validate_address],
        help_text=_("Empty: the usual one of OpenAI, OpenRouter, DeepSeek or a local Ollama."),
    )
    sealed_key = models.TextField(blank=True, editable=False)
    sealed_headers = models.TextField(blank=True, editable=False)
    site_url = models.URLField(
        _("your site's address"),
        blank=True,
        help_text=_("OpenRouter shows it in its statistics (HTTP-Referer)."),
    )
    site_title = models.CharField(
        _("your site's name"),
        max_length=100,
        blank=True,
        validators=[RegexValidator(r"^[\x20-\x7e]*$", _("Latin letters only."), code="latin")],
        help_text=_("In Latin letters. OpenRouter shows it in its statistics (X-Title)."),
    )
    timeout = models.FloatField(
        _("longest wait for an answer, seconds"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(300)],
    )
    silence = models.FloatField(
        _("longest silence within an answer, seconds"),
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(300)],
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Switched off, its models are not asked.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("model provider")
        verbose_name_plural = _("model providers")
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="provider_name_unique")
        ]

    def __str__(self) -> str:
        return self.name

    USUAL = {
        Kind.OPENAI: "https://api.openai.com/v1",
        Kind.OPENROUTER: "https://openrouter.ai/api/v1",
        Kind.DEEPSEEK: "https://api.deepseek.com/v1",
        Kind.OLLAMA: "http://localhost:11434/v1",
    }

    @property
    def address(self) -> str:
        """Where it is asked."""
        return (self.base_url or self.USUAL.get(self.Kind(self.kind), "")).rstrip("/")

    def clean(self) -> None:
        """Ask for the address of a kind that has no usual one."""
        super().clean()
        if not self.address:
            missing = _("Write the address, such as https://models.example.com/v1.")
            raise ValidationError({"base_url": ValidationError(missing, code="address")})
        if not self.base_url:
            try:
                validate_address(self.address)
            except ValidationError as error:
                raise ValidationError({"base_url": error}) from None

    @property
    def key(self) -> str:
        """The key itself; raises Unreadable."""
        return sealing.unseal(self.sealed_key)

    @key.setter
    def key(self, value: str) -> None:
        self.sealed_key = sealing.seal(value)

    @property
    def headers(self) -> str:
        """The extra headers, one in a line; raises Unreadable."""
        return sealing.unseal(self.sealed_headers)

    @headers.setter
    def headers(self, value: str) -> None:
        self.sealed_headers = sealing.seal(value)
