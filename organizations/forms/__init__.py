"""Forms of the admin pages."""

from organizations.forms.members import MemberForm
from organizations.forms.widgets import HoursField, LinesField, TranslationsField, WidgetForm

__all__ = ["HoursField", "LinesField", "MemberForm", "TranslationsField", "WidgetForm"]
