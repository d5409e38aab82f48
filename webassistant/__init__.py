"""Wiring only: settings, routes, servers. Nobody imports it but Django and Celery.

`services` and `child` use the standard library alone, as they run before anything is installed, so
nothing is imported here.
"""
