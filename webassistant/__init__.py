"""Wiring only: settings, routes, servers. Nobody imports it but Django and Celery.

`services` and `boot` run before and beside Django and must stay small, so nothing is imported here.
"""
