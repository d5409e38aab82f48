"""The organizations app, and the admin with our site in place of Django's."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.utils.translation import gettext_lazy as _


class OrganizationsConfig(AppConfig):
    name = "organizations"
    verbose_name = _("Organizations")
    default = True


class AdminConfig(admin.AdminConfig):
    default_site = "organizations.site.AssistantAdminSite"
    default = False
