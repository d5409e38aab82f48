"""Insults, spam and the owner's words in a text, seen through disguises; pure and quick.

A disguised word is undressed before it is looked at: letters of one alphabet that stand for those
of the other, digits and signs that look like letters, letters drawn out or set apart, and what
nobody sees. Words are matched by their roots at the places where roots stand, so that harmless ones
that contain the same letters ("застрахуй", "Scunthorpe") stay what they are. Every pattern is
linear, and a word is looked at once and then known, so that an ordinary message costs next to
nothing.
"""

from chat.moderation.rules import SETTINGS, Rules, rules_of
from chat.moderation.verdicts import Verdict, judge, mask, meets

__all__ = ["SETTINGS", "Rules", "Verdict", "judge", "mask", "meets", "rules_of"]
