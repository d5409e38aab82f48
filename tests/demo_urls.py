"""The product's routes with the demo's pages, as they are when DEMO is on."""

from django.urls import include, path

from webassistant import urls

urlpatterns = [path("", include("demo.urls")), *urls.urlpatterns]
