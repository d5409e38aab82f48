"""Routes of the demo's pages."""

from django.urls import path

from demo import views

app_name = "demo"
urlpatterns = [
    path("", views.home, name="home"),
    path("tours/<slug:slug>/", views.tour, name="tour"),
    path("about/", views.about, name="about"),
    path("embed/", views.embed, name="embed"),
]
