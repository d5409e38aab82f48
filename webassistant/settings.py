"""Every setting, and every reading of the environment; `README.md` describes each variable."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
# FileAwareEnv reads NAME_FILE where NAME is unset, which is how containers are given secrets.
env = environ.FileAwareEnv()
environ.Env.read_env(BASE_DIR / ".env")

# --- the basics -------------------------------------------------------------------------------

VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var"))).resolve()
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. `make run` makes one; elsewhere set it to a long random text."
    )
# What providers' keys are sealed with: the first seals, all open. `make run` makes one in the data
# folder, which is read here for commands that are started without it.
own_keys = VAR_DIR / "encryption_key"
ENCRYPTION_KEYS = env.list(
    "ENCRYPTION_KEYS", default=own_keys.read_text().split(",") if own_keys.exists() else []
)
ENCRYPTION_KEYS = [key.strip() for key in ENCRYPTION_KEYS if key.strip()] or [SECRET_KEY]
if any(len(key) < 16 for key in ENCRYPTION_KEYS if key != SECRET_KEY):
    raise ImproperlyConfigured("ENCRYPTION_KEYS are long random texts, with commas between them.")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
PUBLIC_URL = env.str("PUBLIC_URL", default="").rstrip("/")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[PUBLIC_URL] if PUBLIC_URL else [])
# Proxies whose X-Forwarded-For is believed; the address of the peer is used otherwise.
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", default=False) else None
)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
DEMO = env.bool("DEMO", default=False)
# The organization whose widgets `{% chat_widget %}` shows; needed where there is more than one.
ORGANIZATION = env.str("ORGANIZATION", default="")

INSTALLED_APPS = [
    # Its `runserver` serves development; production is uvicorn's, and saves 23 MB a process.
    *(["daphne"] if DEBUG else []),
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "organizations.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "organizations",
    "ai",
    "knowledge",
    "chat",
    "operators",
    *(["demo"] if DEMO else []),
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "webassistant.security.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "webassistant.urls"
ASGI_APPLICATION = "webassistant.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- people -----------------------------------------------------------------------------------

AUTH_USER_MODEL = "organizations.User"
AUTHENTICATION_BACKENDS = ["organizations.permissions.RoleBackend"]
# A one-time sign-in link is good for a day.
PASSWORD_RESET_TIMEOUT = 24 * 3600
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# --- PostgreSQL -------------------------------------------------------------------------------

DATABASES = {"default": env.db_url("DATABASE_URL", default="postgres:///webassistant")}
DATABASES["default"] |= {
    "ENGINE": "django.db.backends.postgresql",
    # Under ASGI every request runs in some thread; a pool shares connections between them, and
    # CONN_MAX_AGE must then be 0.
    "CONN_MAX_AGE": 0,
    "OPTIONS": {
        **DATABASES["default"].get("OPTIONS", {}),
        # From the first time on, for what asks for it (see `organizations.statements`).
        "prepare_threshold": 0 if env.bool("PREPARED_STATEMENTS", default=True) else None,
        "pool": {
            "min_size": 1,
            "max_size": env.int("DATABASE_POOL_SIZE", default=16),
            "timeout": 10,
        },
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis: channel layer, broker -------------------------------------------------------------

REDIS_URL = env.str("REDIS_URL", default="redis://localhost:6379")


def redis_url(database: int, *, celery: bool = False) -> str:
    """REDIS_URL with another database; Celery spells a Unix socket in its own way."""
    parts = urlsplit(REDIS_URL)
    query = {k: v for k, v in parse_qsl(parts.query) if k not in ("db", "virtual_host")}
    if parts.scheme == "unix":
        scheme, key = ("redis+socket", "virtual_host") if celery else ("unix", "db")
        return f"{scheme}://{parts.path}?{urlencode(query | {key: str(database)})}"
    return str(urlunsplit(parts._replace(path=f"/{database}", query=urlencode(query))))


EVENTS_REDIS_URL = redis_url(0)
EVENTS_PREFIX = "webassistant"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "chat.delivery.layer.EventsLayer",
        "CONFIG": {"hosts": [EVENTS_REDIS_URL], "prefix": EVENTS_PREFIX},
    }
}

CELERY_BROKER_URL = redis_url(1, celery=True)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "indexing"
CELERY_TASK_ROUTES = {
    # No visitor's answer waits for these, nor they for one. What is to be found in the knowledge is
    # not behind them either: a worker takes from its queues in turn.
    "chat.tasks.book": {"queue": "background"},
    "chat.tasks.gather_gaps": {"queue": "background"},
    "chat.tasks.learn": {"queue": "background"},
    "chat.tasks.read_graphs": {"queue": "background"},
    "chat.tasks.remember": {"queue": "background"},
    "chat.tasks.summarise": {"queue": "background"},
    "chat.tasks.run_tests": {"queue": "background"},
    "chat.*": {"queue": "reply"},
    "operators.*": {"queue": "reply"},
}
# A task is acked when it begins. What is lost with a worker is found in PostgreSQL (`dispatch`,
# `index_pending`), and a late ack adds nothing to that.
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# The send to the broker is a hint (the dispatcher repeats it), so it gives up at once.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
    "visibility_timeout": 3600,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "expire-waiting": {"task": "operators.tasks.expire_waiting", "schedule": 10.0},
    "end-idle-sessions": {"task": "chat.tasks.end_idle_sessions", "schedule": 300.0},
    "read-sites": {"task": "knowledge.tasks.read_sites", "schedule": 30.0},
    "index-pending": {"task": "knowledge.tasks.index_pending", "schedule": 30.0},
    "resume-imports": {"task": "knowledge.tasks.resume_imports", "schedule": 15.0},
    "learn": {"task": "chat.tasks.learn", "schedule": 20.0},
    "remember": {"task": "chat.tasks.remember", "schedule": 60.0},
    "resume-tests": {"task": "chat.tasks.resume_tests", "schedule": 15.0},
    "read-graphs": {"task": "chat.tasks.read_graphs", "schedule": 30.0},
    "gather-gaps": {"task": "chat.tasks.gather_gaps", "schedule": 30.0},
    "keep-graphs": {"task": "knowledge.tasks.keep_graphs", "schedule": 300.0},
}

# --- models -----------------------------------------------------------------------------------

OPENAI_API_KEY = env.str("OPENAI_API_KEY", default="")
OPENAI_BASE_URL = env.str("OPENAI_BASE_URL", default="")
OPENAI_MODEL = env.str("OPENAI_MODEL", default="gpt-4o-mini")
OPENAI_FALLBACK_MODEL = env.str("OPENAI_FALLBACK_MODEL", default="")
OPENAI_TIMEOUT = env.float("OPENAI_TIMEOUT", default=30.0)
AI_STREAM_TIMEOUT = env.float("AI_STREAM_TIMEOUT", default=20.0)
# Empty: the built-in embedder, which needs no network.
OPENAI_EMBEDDING_MODEL = env.str("OPENAI_EMBEDDING_MODEL", default="")
OPENAI_EMBEDDING_DIMENSIONS = env.bool("OPENAI_EMBEDDING_DIMENSIONS", default=True)
# What all organizations together may use of models in a day; 0: any. Money is counted where it is
# of this currency.
AI_DAILY_TOKENS = env.int("AI_DAILY_TOKENS", default=0)
AI_DAILY_COST = env.float("AI_DAILY_COST", default=0)
AI_CURRENCY = env.str("AI_CURRENCY", default="USD")
# Passages that a model reads for the knowledge graph in a day, for each organization.
GRAPH_PASSAGES_PER_DAY = env.int("GRAPH_PASSAGES_PER_DAY", default=2000)
KNOWLEDGE_STREAM_DELAY = env.float("KNOWLEDGE_STREAM_DELAY", default=0.02)

# --- requests that go out -------------------------------------------------------------------

# Local names, addresses and networks that may be asked all the same, perhaps with a port.
OUTGOING_ALLOWED = env.list("OUTGOING_ALLOWED", default=[])

# --- limits -----------------------------------------------------------------------------------

MESSAGES_PER_MINUTE = env.int("MESSAGES_PER_MINUTE", default=20)
SOCKETS_PER_VISITOR = env.int("SOCKETS_PER_VISITOR", default=5)
NEW_VISITORS_PER_HOUR = env.int("NEW_VISITORS_PER_HOUR", default=60)
VISITOR_TOKEN_DAYS = env.int("VISITOR_TOKEN_DAYS", default=30)
SESSION_IDLE_HOURS = env.int("SESSION_IDLE_HOURS", default=168)
PING_SECONDS = env.float("PING_SECONDS", default=15.0)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DOCUMENT_MAX_BYTES = env.int("DOCUMENT_MAX_BYTES", default=50 * 1024 * 1024)

# --- languages and time -----------------------------------------------------------------------

LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="ru")
LANGUAGES = [("ru", _("Russian")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")

# --- files ------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_URL = "media/"
MEDIA_ROOT = VAR_DIR / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG or env.bool("PLAIN_STATIC", default=False)
            else "webassistant.static.HashedStaticFiles"
        )
    },
}

# --- logs: ids, never texts -------------------------------------------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
    },
    "filters": {"refusals": {"()": "webassistant.logs.Refusals"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["refusals"],
        }
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "httpx2": {"level": "WARNING"},
        "openai": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}

# --- the admin's looks ------------------------------------------------------------------------

# Importing it makes ours the current app, which is what tasks are sent through.
from webassistant.celery import app as celery_app  # noqa: E402, F401
from webassistant.unfold import UNFOLD  # noqa: E402, F401  (its callbacks need the apps' names only)
