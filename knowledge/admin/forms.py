"""Forms of knowledge: lists one a line, Markdown beside its preview, files by their content."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.forms.widgets import Script
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import INPUT_CLASSES, UnfoldAdminTextareaWidget

from knowledge import entries
from knowledge.models import FILE_TYPES, Article, Document, FAQEntry
from organizations.forms import LinesField

STYLES = {"all": ["admin/knowledge.css"]}
# What the buttons of the editor put around or before the words: name, words, icon, key.
MARKS = [
    ("bold", _("Bold"), "format_bold", "B"),
    ("italic", _("Italic"), "format_italic", "I"),
    ("heading", _("Heading"), "title", ""),
    ("list", _("List"), "format_list_bulleted", ""),
    ("numbers", _("Numbered list"), "format_list_numbered", ""),
    ("link", _("Link"), "link", "K"),
]


class MarkdownWidget(UnfoldAdminTextareaWidget):
    """Markdown with buttons, beside what visitors will see."""

    template_name = "knowledge/editor.html"

    class Media:
        css = STYLES
        js = [Script("admin/editor.js", type="module")]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """The field with its buttons and the address of the preview."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["widget"]["marks"] = MARKS
        context["widget"]["preview_url"] = reverse("admin:knowledge_article_preview")
        return context


class FileWidget(forms.ClearableFileInput):
    """A file to choose, and the one that is there, to be fetched."""

    template_name = "knowledge/file.html"

    class Media:
        css = STYLES

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """The field with the present file."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        document = getattr(value, "instance", None)
        if document is not None and document.pk:
            context["widget"]["document"] = document
        return context


class FAQEntryForm(forms.ModelForm):  # type: ignore[type-arg]
    """An entry with its lists one a line."""

    phrasings = LinesField(
        label=capfirst(FAQEntry._meta.get_field("phrasings").verbose_name),
        help_text=FAQEntry._meta.get_field("phrasings").help_text,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        longest=300,
    )
    keywords = LinesField(
        label=capfirst(FAQEntry._meta.get_field("keywords").verbose_name),
        help_text=FAQEntry._meta.get_field("keywords").help_text,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        longest=60,
    )

    class Meta:
        model = FAQEntry
        exclude = ["organization"]
        widgets = {"answer": MarkdownWidget(attrs={"rows": 10})}


class ArticleForm(forms.ModelForm):  # type: ignore[type-arg]
    """An article in the editor."""

    class Meta:
        model = Article
        fields = ["body"]
        widgets = {"body": MarkdownWidget(attrs={"rows": 22})}


class DocumentForm(forms.ModelForm):  # type: ignore[type-arg]
    """A file, refused at once where a look into it is enough."""

    title = forms.CharField(
        label=capfirst(Document._meta.get_field("title").verbose_name),
        max_length=200,
        required=False,
        help_text=_("Empty: the name of the file."),
        widget=forms.TextInput(attrs={"class": " ".join(INPUT_CLASSES)}),
    )

    class Meta:
        model = Document
        exclude = ["organization"]
        widgets = {
            "file": FileWidget(attrs={"accept": ",".join(f".{ending}" for ending in FILE_TYPES)})
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "file" not in self.fields:
            # Who may only look is shown texts, not fields.
            return
        self.fields["file"].help_text = _(
            "PDF, DOCX, TXT, MD, HTML, or a CSV with the columns question and answer; up to "
            "%(size)s MB. A new file takes the old one's place once it is indexed; if it cannot be "
            "read, neither of them is found."
        ) % {"size": settings.DOCUMENT_MAX_BYTES // (1024 * 1024)}

    def clean_file(self) -> Any:
        """Refuse what needs no worker to be refused."""
        file = self.cleaned_data["file"]
        if isinstance(file, UploadedFile):
            try:
                entries.check_file(file.file, file.name or "")
            except forms.ValidationError as refusal:
                # The verb names the field, which is this one.
                raise forms.ValidationError(refusal.error_dict["file"]) from refusal
        return file

    def clean(self) -> dict[str, Any]:
        """Name a document after its file."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if not data.get("title") and data.get("file"):
            data["title"] = PurePath(str(data["file"].name)).stem[:200]
        return data
