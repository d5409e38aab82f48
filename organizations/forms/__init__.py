"""Forms of the admin pages."""

from organizations.forms.agents import AgentForm
from organizations.forms.kinds import KindForm
from organizations.forms.members import MemberForm
from organizations.forms.moderation import ModerationForm
from organizations.forms.providers import ProviderForm
from organizations.forms.tools import ContextProviderForm, ToolForm, TryForm
from organizations.forms.widgets import HoursField, LinesField, TranslationsField, WidgetForm

__all__ = [
    "AgentForm",
    "ContextProviderForm",
    "HoursField",
    "KindForm",
    "LinesField",
    "MemberForm",
    "ModerationForm",
    "ProviderForm",
    "ToolForm",
    "TranslationsField",
    "TryForm",
    "WidgetForm",
]
