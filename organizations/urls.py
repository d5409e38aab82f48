"""Routes of the organizations app."""

from django.urls import path

from organizations import signin

urlpatterns = [path("sign-in/<str:uid>/<str:token>/", signin.sign_in, name="sign-in")]
