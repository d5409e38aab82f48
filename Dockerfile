# The product without its servers: PostgreSQL and Redis are other containers (docker-compose.yml).
FROM python:3.12-slim

# Models are reached over TLS, checked against the system's certificates.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 \
    DJANGO_SETTINGS_MODULE=webassistant.settings VAR_DIR=/data HOST=0.0.0.0 PORT=8000

WORKDIR /app
COPY requirements.lock ./
RUN pip install --require-hashes --requirement requirements.lock

COPY . .
RUN useradd --system --home-dir /app --shell /usr/sbin/nologin webassistant \
    && mkdir --mode=700 /data \
    && chown webassistant:webassistant /data
USER webassistant
VOLUME /data
EXPOSE 8000

CMD ["python", "-m", "webassistant.server", "--host", "0.0.0.0", "--port", "8000"]
