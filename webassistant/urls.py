"""Every route: pages, the admin, and the two sockets."""

from __future__ import annotations

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from chat import views
from chat.consumers import VisitorConsumer
from operators.consumers import OperatorConsumer
from webassistant.security import SameOrigin

urlpatterns = [
    path("healthz", views.health, name="health"),
    path("embed.js", views.embed, name="embed"),
    path("widget/<str:key>/", views.frame, name="widget-frame"),
    path("widget/<str:key>/config.json", views.config, name="widget-config"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("organizations.urls")),
    path("admin/", admin.site.urls),
    path("media/avatars/<path:path>", views.avatar, name="avatar"),
]
if settings.DEMO:
    urlpatterns.append(path("", include("demo.urls")))
else:
    urlpatterns.append(path("", RedirectView.as_view(pattern_name="admin:index")))

websockets = SameOrigin(
    URLRouter(
        [
            # The stubs know of views only; Channels routes ASGI applications the same way.
            path("ws/chat/", VisitorConsumer.as_asgi()),  # type: ignore[arg-type]
            path("ws/operator/", AuthMiddlewareStack(OperatorConsumer.as_asgi())),
        ]
    )
)
