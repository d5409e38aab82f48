"""Never more than twenty accepted in any minute: many sockets, tabs, reconnects, and no Redis.

`DELIVERY_TRIES=10000` makes so many attempts; `make test` fewer.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers
from django.conf import settings
from django.db import connection
from django.test import override_settings

from chat import events, visitor
from chat.consumers import VisitorConsumer
from chat.models import Message, Visitor
from tests.conftest import House
from tests.test_delivery_resends import age
from tests.wire import Client, run
from webassistant.boot import redis as own_redis

pytestmark = pytest.mark.django_db(transaction=True)

TRIES = int(os.environ.get("DELIVERY_TRIES", "1200"))
SOCKETS = 50
TABS = 3
LIMIT = 20
WINDOW = timedelta(seconds=60)
