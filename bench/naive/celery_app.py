"""A worker as one would write it first: the SDK in a thread, and a group_send for every token."""

from __future__ import annotations

import os

import django

django.setup()

from asgiref.sync import async_to_sync  # noqa: E402
from celery import Celery  # noqa: E402
from channels.layers import get_channel_layer  # noqa: E402
from django.conf import settings  # noqa: E402
from openai import OpenAI  # noqa: E402

app = Celery("naive", broker=settings.CELERY_BROKER_URL)
app.conf.task_ignore_result = True
app.conf.task_default_queue = "naive"
client = OpenAI(
    api_key="any", base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1"), max_retries=0
)


@app.task(name="naive.reply")
def reply(group: str, model: str, question: str) -> None:
    """Stream the answer to the group."""
    stream = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}], stream=True
    )
    layer = get_channel_layer()
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            event = {"type": "deliver", "frame": chunk.choices[0].delta.content}
            async_to_sync(layer.group_send)(group, event)
