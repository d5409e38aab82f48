"""The ASGI application: HTTP to Django, sockets to their consumers."""

import os
from typing import cast

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webassistant.settings")
django_application = get_asgi_application()

# Only after the apps are loaded: consumers import models.
from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.urls import reverse  # noqa: E402

from webassistant.bodies import BoundedBodies  # noqa: E402
from webassistant.security import Application  # noqa: E402
from webassistant.urls import websockets  # noqa: E402

web = BoundedBodies(cast(Application, django_application), files_below=reverse("admin:index"))
application = ProtocolTypeRouter({"http": web, "websocket": websockets})
