"""Every command and event of the sockets, once: shapes, limits, and who may hear what.

To its users the protocol is one module, wherever a frame stands.
`static/shared/protocol.js` is generated from here by `manage.py export_protocol`.
"""

from chat.protocol.bodies import *
from chat.protocol.commands import *
from chat.protocol.events import *
from chat.protocol.shapes import *
