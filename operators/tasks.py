"""Celery tasks of the desk."""

from celery import shared_task

from operators import desk


@shared_task(name="operators.tasks.expire_waiting")
def expire_waiting() -> int:
    """See `desk.expire_waiting`."""
    return desk.expire_waiting()
