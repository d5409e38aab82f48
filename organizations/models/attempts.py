"""Passwords that were tried, kept for as long as they count."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class SignInAttempt(models.Model):
    """One try counts for its account and for its network; nobody is named, not even in a dump."""

    # A keyed hash: see `organizations.attempts`.
    key = models.CharField(max_length=64)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["key", "made_at"], name="attempt_key")]

    def __str__(self) -> str:
        return f"{self.key[:8]} {self.made_at}"
