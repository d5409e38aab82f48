"""Trying an agent before visitors meet it: rehearsals, test sets, replay, gates, experiments.

Nothing here is called while a visitor waits. What is rehearsed is stored as no chat and no turn, so
it counts in none of the visitors' figures, gaps or popular questions.
"""
