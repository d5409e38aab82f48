"""Visitors, sessions, chats, messages, turns and handoffs: the truth about every dialogue."""

from chat.models.accounts import ModelCall, Reservation
from chat.models.chats import Chat, Mode
from chat.models.experiments import Experiment
from chat.models.handoffs import ContactRequest, Handoff
from chat.models.memory import MemoryFact
from chat.models.messages import Message, Note
from chat.models.people import Customer, Session, Visitor, validate_phone
from chat.models.results import ChatResult
from chat.models.tools import ToolCall
from chat.models.trials import Gate, TestCase, TestResult, TestRun, TestSet
from chat.models.turns import Turn

__all__ = [
    "Chat",
    "ChatResult",
    "ContactRequest",
    "Customer",
    "Experiment",
    "Gate",
    "Handoff",
    "MemoryFact",
    "Message",
    "Mode",
    "ModelCall",
    "Note",
    "Reservation",
    "Session",
    "TestCase",
    "TestResult",
    "TestRun",
    "TestSet",
    "ToolCall",
    "Turn",
    "Visitor",
    "validate_phone",
]
