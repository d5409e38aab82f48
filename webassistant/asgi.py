"""The ASGI application: HTTP to Django, sockets to their consumers."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webassistant.settings")
django_application = get_asgi_application()

# Only after the apps are loaded: consumers import models.
from channels.routing import ProtocolTypeRouter  # noqa: E402

from webassistant.urls import websockets  # noqa: E402

application = ProtocolTypeRouter({"http": django_application, "websocket": websockets})
