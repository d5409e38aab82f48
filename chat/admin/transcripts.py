"""The admin page of chats: transcripts to read, with the receipt of every answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from chat import lessons, snapshots
from chat.admin import receipt
from chat.admin.cards import cards_of
from chat.admin.links import stars, title_of
from chat.models import Chat, Message, Note, Turn
from organizations import access
from organizations.admin import ReadOnlyAdmin


@admin.register(Chat)
class ChatAdmin(ReadOnlyAdmin):
    """Transcripts, with internal notes and the receipt of every answer."""

    class Media:
        css = {"all": ["admin/findings.css", "admin/usage.css", "admin/results.css"]}

    list_display = ["title", "person", "widget", "mode", "operator", "seq", "rating", "updated_at"]
    list_filter = [
        "mode",
        "kind",
        "type",
        "session__widget",
        "operator",
        "session__satisfaction_rating",
        "updated_at",
    ]
    search_fields = ["name", "chat_id", "session__title"]
    search_help_text = _("Words of the dialogue, or the visitor's e-mail")
    date_hierarchy = "created_at"
    ordering = ["-updated_at"]
    list_select_related = [
        "session__widget",
        "session__visitor",
        "session__customer",
        "operator__user",
    ]
    fieldsets = [
        (None, {"fields": ["transcript"]}),
        (
            _("Facts"),
            {
                "fields": [
                    "mode",
                    "operator",
                    "person",
                    "visit",
                    "widget",
                    "rating",
                    "rating_comment",
                    "page",
                    "kind",
                    "type",
                    "created_at",
                    "updated_at",
                    "closed_at",
                ]
            },
        ),
        (_("Results"), {"fields": ["results"]}),
        (_("Summary of what was said before"), {"fields": ["summary", "summary_upto_seq"]}),
        (_("Receipts of the answers"), {"fields": ["receipts"]}),
        (
            _("For support"),
            {"classes": ["collapse"], "fields": ["chat_id", "epoch", "seq", "ai_context"]},
        ),
    ]

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """A chat by its number, or by the public id under which other apps know it."""
        try:
            rows = self.get_queryset(request).filter(chat_id=UUID(str(object_id)))
        except ValueError:
            return super().get_object(request, object_id, from_field)
        return rows.first()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By title, by the words of the dialogue, and by the person's e-mail."""
        found, _repeats = super().get_search_results(request, queryset, search_term)
        organization = self.organization_of(request)
        if not search_term or organization is None:
            return found, False
        # Apart, so that a chat with many matching lines is found once.
        said = Message.objects.of(organization).filter(content__icontains=search_term)
        match = Q(pk__in=said.values("chat_id"))
        for person in ("session__customer", "session__visitor__customer"):
            match |= Q(**{f"{person}__email__icontains": search_term})
            match |= Q(**{f"{person}__name__icontains": search_term})
        match |= Q(contact_requests__email__icontains=search_term)
        return queryset.filter(Q(pk__in=found.values("pk")) | match).distinct(), False

    @admin.display(description=_("title"), ordering="session__title")
    def title(self, chat: Chat) -> str:
        """The chat's name, or the first words."""
        return title_of(chat)

    @admin.display(description=_("visitor"))
    def person(self, chat: Chat) -> SafeString:
        """The customer, or the anonymous visitor."""
        someone = chat.session.customer or chat.session.visitor
        if someone is None:
            return SafeString("—")
        address = reverse(f"admin:chat_{someone._meta.model_name}_change", args=[someone.pk])
        return format_html('<a class="row-link" href="{}">{}</a>', address, someone)

    @admin.display(description=_("widget"), ordering="session__widget__name")
    def widget(self, chat: Chat) -> str:
        """The widget it came through."""
        return chat.session.widget.name

    @admin.display(description=_("visit"))
    def visit(self, chat: Chat) -> SafeString:
        """The session it belongs to."""
        address = reverse("admin:chat_session_change", args=[chat.session_id])
        return format_html('<a class="row-link" href="{}">{}</a>', address, chat.session)

    @admin.display(description=_("page"))
    def page(self, chat: Chat) -> str:
        """Where the visitor was last."""
        return chat.session.page_url

    @admin.display(description=_("rating"), ordering="session__satisfaction_rating")
    def rating(self, chat: Chat) -> str:
        """The visit's rating in stars."""
        return stars(chat.session.satisfaction_rating)

    @admin.display(description=_("comment"))
    def rating_comment(self, chat: Chat) -> str:
        """What the visitor said to the rating."""
        return chat.session.rating_comment

    @admin.display(description=_("dialogue"))
    def transcript(self, chat: Chat) -> SafeString:
        """The dialogue, its notes where they were written."""
        people = "author__user"
        lines = Message.objects.of(chat.organization).filter(chat=chat).select_related(people)
        notes = Note.objects.of(chat.organization).filter(chat=chat).select_related(people)
        places: list[tuple[int, int, dict[str, Any]]] = []
        learnt, is_asked = set(lessons.kept_of(chat)), False
        for line in lines:
            is_asked = is_asked or line.role == Message.Role.USER
            body = snapshots.message_body(line, chat.session.widget)
            # `knowledge.markdown` has sanitised it for the visitor already.
            html = mark_safe(body.html)  # noqa: S308
            learning = {
                "may_learn": is_asked and line.role == Message.Role.OPERATOR,
                "is_learnt": line.seq in learnt,
            }
            places.append((line.seq, 0, {"line": line, "body": body, "html": html, **learning}))
        places += [(note.after_seq, note.pk, {"note": note}) for note in notes]
        entries = [entry for _seq, _order, entry in sorted(places, key=lambda place: place[:2])]
        address = reverse("admin:chat_chat_learn", args=[chat.pk])
        return render_to_string(
            "chat/transcript.html", {"entries": entries, "learn_address": address}
        )

    def get_urls(self) -> list[Any]:
        """The page's own, and what its "Learn from this" buttons send to."""
        learn = self.admin_site.admin_view(self.learn)
        return [
            path("<path:object_id>/learn/", learn, name="chat_chat_learn"),
            *super().get_urls(),
        ]

    def learn(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Propose the operator's answer whose seq was sent, as the console does."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        chat = self.own_row(request, object_id)
        back = reverse("admin:chat_chat_change", args=[chat.pk])
        seq = request.POST.get("seq", "")
        if request.method != "POST" or not seq.isdecimal():
            return redirect(back)
        try:
            lessons.keep(chat, int(seq[:9]), access.require_member(request.user))
        except lessons.NothingToKeep as refused:
            messages.error(request, str(refused.sentence))
        else:
            messages.success(
                request, _("The answer was kept: an owner finds it among the suggestions.")
            )
        return redirect(f"{back}#line-{seq[:9]}")

    @admin.display(description=_("results"))
    def results(self, chat: Chat) -> SafeString:
        """What the dialogue was turned into."""
        return cards_of(chat)

    @admin.display(description=_("answers"))
    def receipts(self, chat: Chat) -> SafeString:
        """What each answer rested on, took and cost."""
        turns = (
            Turn.objects.of(chat.organization)
            .filter(chat=chat)
            .select_related("agent_version__agent")
            .prefetch_related("tool_calls__decided_by__user")
            .order_by("pk")
        )
        shown = receipt.attempts([turn.pk for turn in turns], chat.organization)
        receipts = [
            {
                "turn": turn,
                "parts": receipt.parts_of(turn),
                "flags": receipt.flags_of(turn),
                "requests": shown(turn.pk),
            }
            for turn in turns
        ]
        return render_to_string(
            "chat/receipts.html", {"receipts": receipts, "currency": chat.organization.currency}
        )
