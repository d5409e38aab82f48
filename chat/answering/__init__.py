"""What goes into an answer, and what its words go through before a visitor sees them.

`chat.assistant` calls `planning`, which reads the rows once (`brief`), has the question made whole,
searches, and has the prompt built. Nothing here changes a chat; memories and minutes are its own.
"""
