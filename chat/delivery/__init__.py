"""How events reach the sockets and frames come in: the channel layer, publishing, the socket.

Nothing here knows a rule of chats: verbs publish, consumers call verbs.
"""
