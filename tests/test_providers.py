"""Model providers of an organization: sealed keys, the test of a connection, lists of models."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection as database
from django.urls import reverse
from pytest_django import Settings

from organizations import agents, providers, sealing
from organizations.models import Agent, AgentVersion, Provider
from tests.conftest import House, client_of
from tests.hostile_site import certificate
from tests.openai_server import OpenAIServer

KEY = "sk-test-0123456789-abcd"
TEST = "admin:organizations_provider_test"
MODELS = "admin:organizations_provider_models"


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture(autouse=True)
def allowed(server: OpenAIServer, settings: Settings) -> Iterator[None]:
    """The local server may be asked, and takes one key."""
    settings.OUTGOING_ALLOWED = [f"127.0.0.1:{server.port}"]
    server.key = KEY
    yield
    server.key = ""
    cache.clear()


def values(server: OpenAIServer, **fields: Any) -> dict[str, Any]:
    """What the form sends."""
    return {
        "name": "Local",
        "kind": "other",
        "base_url": server.base_url,
        "key_new": KEY,
        "timeout": "5",
        "silence": "5",
        "is_active": "on",
        **fields,
    }


def made(house: House, server: OpenAIServer, key: str = KEY) -> Provider:
    """A stored provider."""
    provider = Provider(
        organization=house.organization, name="Local", kind="other", base_url=server.base_url
    )
    provider.key = key
    provider.timeout = 5
    provider.save()
    return provider


def saved(house: House, provider: Provider | None, fields: dict[str, Any]) -> Any:
    """Send the form; the errors, none of them when it was taken."""
    address = (
        reverse("admin:organizations_provider_change", args=[provider.pk])
        if provider
        else reverse("admin:organizations_provider_add")
    )
    response = client_of(house.owner).post(address, fields)
    return {} if response.status_code == 302 else response.context["adminform"].form.errors


# --- secrets ----------------------------------------------------------------------------------


def test_key_is_sealed_in_the_database(acme: House, server: OpenAIServer) -> None:
    headers = "X-Team: hidden-team-value"
    assert saved(acme, None, values(server, headers_new=headers)) == {}
    provider = Provider.objects.of(acme.organization).get()
    assert provider.key == KEY
    assert provider.headers == headers
    with database.cursor() as cursor:
        cursor.execute("SELECT p::text FROM organizations_provider p")
        row = cursor.fetchone()[0]
        cursor.execute("SELECT string_agg(l::text, '') FROM django_admin_log l")
        log = cursor.fetchone()[0]
    for secret in (KEY, KEY[-4:], "hidden-team-value"):
        assert secret not in row
        assert secret not in log


def test_key_is_never_shown_again(acme: House, server: OpenAIServer) -> None:
    provider = made(acme, server)
    client = client_of(acme.owner)
    page = client.get(reverse("admin:organizations_provider_change", args=[provider.pk]))
    assert KEY not in page.content.decode()
    assert "Set, ends in …abcd." in page.content.decode()
    # Nor by a form that is sent back for another mistake.
    wrong = client.post(reverse("admin:organizations_provider_add"), values(server, timeout="0"))
    assert wrong.status_code == 200
    assert KEY not in wrong.content.decode()


def test_end_of_a_short_key_is_not_told(acme: House, server: OpenAIServer) -> None:
    provider = made(acme, server, key="short-key")
    address = reverse("admin:organizations_provider_change", args=[provider.pk])
    page = client_of(acme.owner).get(address).content.decode()
    assert "Set." in page
    assert "ends in" not in page


def test_empty_field_keeps_the_key_and_the_box_removes_it(
    acme: House, server: OpenAIServer
) -> None:
    provider = made(acme, server)
    assert saved(acme, provider, values(server, key_new="", name="Renamed")) == {}
    provider.refresh_from_db()
    assert (provider.name, provider.key) == ("Renamed", KEY)
    assert saved(acme, provider, values(server, key_new="", key_clear="on")) == {}
    provider.refresh_from_db()
    assert provider.sealed_key == ""


def test_stored_key_does_not_go_to_another_address(acme: House, server: OpenAIServer) -> None:
    provider = made(acme, server)
    moved = values(server, base_url="https://elsewhere.example/v1", key_new="")
    assert "key" in saved(acme, provider, moved)
    provider.refresh_from_db()
    assert provider.base_url == server.base_url
    server.headers.clear()
    for address in (f"http://127.0.0.1:{server.port}/page", f"{server.base_url}/deeper"):
        fields = values(server, base_url=address, key_new="", row=provider.pk)
        answer = client_of(acme.owner).post(reverse(TEST), fields).json()
        assert (answer["ok"], answer["code"]) == (False, "invalid")
    assert server.headers == []


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("key_new", "two words", "key"),
        ("key_new", "ключ-из-букв", "key"),
        ("headers_new", "no colon", "header"),
        ("headers_new", "Authorization: Bearer x", "our_header"),
        ("headers_new", "X-A: я", "header"),
        ("base_url", "file:///etc/passwd", "scheme"),
        ("base_url", "http://169.254.169.254/v1", "address_link_local"),
        ("base_url", "http://10.0.0.1/v1", "address_private"),
        ("base_url", "", "address"),
        ("site_title", "Сайт", "latin"),
    ],
)
def test_bad_value_is_refused_with_its_code(
    acme: House, server: OpenAIServer, field: str, text: str, code: str
) -> None:
    errors = saved(acme, None, values(server, **{field: text}))
    name = field.removesuffix("_new")
    assert [error.code for error in errors[name].as_data()] == [code]
    assert not Provider.objects.of(acme.organization).exists()


def test_keys_rotate(acme: House, server: OpenAIServer, settings: Settings) -> None:
    old, new = "the first long random text", "the second long random text"
    settings.ENCRYPTION_KEYS = [old]
    provider = made(acme, server)
    settings.ENCRYPTION_KEYS = [new, old]
    assert Provider.objects.of(acme.organization).get().key == KEY
    call_command("reseal")
    settings.ENCRYPTION_KEYS = [new]
    provider.refresh_from_db()
    assert provider.key == KEY
    settings.ENCRYPTION_KEYS = [old]
    with pytest.raises(sealing.Unreadable):
        _ = provider.key
    with pytest.raises(SystemExit):
        call_command("reseal")
    settings.ENCRYPTION_KEYS = [new]
    provider.refresh_from_db()
    assert provider.key == KEY


def test_wrong_encryption_key_is_said_plainly(
    acme: House, server: OpenAIServer, settings: Settings
) -> None:
    provider = made(acme, server)
    settings.ENCRYPTION_KEYS = ["another long random text"]
    client = client_of(acme.owner)
    address = reverse("admin:organizations_provider_change", args=[provider.pk])
    assert "ENCRYPTION_KEYS is not what it was sealed with" in client.get(address).content.decode()
    fields = values(server, key_new="", row=provider.pk)
    assert client.post(reverse(TEST), fields).json()["code"] == "ai_key_unreadable"
    listed = client.get(reverse(MODELS), {"provider": provider.pk}).json()
    assert listed["code"] == "ai_key_unreadable"
    # Another key is taken, and then all is well.
    assert saved(acme, provider, values(server)) == {}
    provider.refresh_from_db()
    assert provider.key == KEY


# --- test of the connection -------------------------------------------------------------------


def test_connection_is_tried_without_saving(acme: House, server: OpenAIServer) -> None:
    client = client_of(acme.owner)
    server.headers.clear()
    fields = values(server, headers_new="X-Team: a", model_to_try="fake")
    answer = client.post(reverse(TEST), fields).json()
    assert answer == {"ok": True, "code": "", "message": "The model “fake” answers."}
    assert {sent["Authorization"] for sent in server.headers} == {f"Bearer {KEY}"}
    assert {sent["X-Team"] for sent in server.headers} == {"a"}
    assert not Provider.objects.of(acme.organization).exists()
    listed = client.post(reverse(TEST), values(server)).json()
    assert listed["ok"]
    assert "models" in listed["message"]


def test_stored_key_is_used_at_its_address(acme: House, server: OpenAIServer) -> None:
    provider = made(acme, server)
    fields = values(server, key_new="", row=provider.pk, model_to_try="fake")
    assert client_of(acme.owner).post(reverse(TEST), fields).json()["ok"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"key_new": "sk-wrong-0123456789"}, "ai_auth"),
        ({"model_to_try": "fake-404"}, "ai_model_not_found"),
        ({"model_to_try": "fake-quota"}, "ai_quota"),
        ({"model_to_try": "fake-402"}, "ai_quota"),
        ({"model_to_try": "fake-429"}, "ai_rate_limited"),
        ({"model_to_try": "fake-500"}, "ai_unavailable"),
        ({"model_to_try": "fake-hang", "timeout": "1"}, "ai_timeout"),
        ({"model_to_try": "fake-odd"}, "ai_not_compatible"),
        ({"base_url": "http://127.0.0.1:{port}/page"}, "ai_not_compatible"),
        ({"base_url": "http://127.0.0.1:{port}/nowhere"}, "ai_not_compatible"),
        ({"base_url": "http://127.0.0.1:{port}/elsewhere"}, "ai_not_compatible"),
        ({"base_url": "http://127.0.0.1:{port}/v1/v1"}, "ai_not_compatible"),
    ],
)
def test_fault_is_named(
    acme: House, server: OpenAIServer, changed: dict[str, str], code: str
) -> None:
    changed = {name: text.replace("{port}", str(server.port)) for name, text in changed.items()}
    answer = client_of(acme.owner).post(reverse(TEST), values(server, **changed)).json()
    assert (answer["ok"], answer["code"]) == (False, code)
    assert answer["message"] == str(providers.SENTENCES[code])
    assert KEY not in answer["message"]


def test_address_where_nobody_listens(
    acme: House, server: OpenAIServer, settings: Settings
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings.OUTGOING_ALLOWED = [f"127.0.0.1:{port}"]
    fields = values(server, base_url=f"http://127.0.0.1:{port}/v1")
    answer = client_of(acme.owner).post(reverse(TEST), fields).json()
    assert answer["code"] == "ai_unreachable"


def test_name_of_a_private_network_is_refused_when_it_is_asked(
    acme: House, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name looks public; what it leads to is known only then."""

    def resolved(*_args: Any, **_kwargs: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    fields = values(server, base_url="https://models.example.com/v1")
    answer = client_of(acme.owner).post(reverse(TEST), fields).json()
    assert answer["code"] == "ai_address"
    assert "OUTGOING_ALLOWED" in answer["message"]


@contextmanager
def distrusted(folder: Path) -> Iterator[int]:
    """A port whose certificate nobody has signed but itself."""
    _public, context = certificate(folder, "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    plain, _peer = listening.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(plain, server_side=True).close()
                except (ssl.SSLError, OSError):
                    plain.close()

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]


def test_certificate_that_is_not_to_be_trusted(
    acme: House, server: OpenAIServer, settings: Settings, tmp_path: Path
) -> None:
    with distrusted(tmp_path) as port:
        settings.OUTGOING_ALLOWED = [f"127.0.0.1:{port}"]
        fields = values(server, base_url=f"https://127.0.0.1:{port}/v1")
        answer = client_of(acme.owner).post(reverse(TEST), fields).json()
    assert answer["code"] == "ai_tls"


# --- lists of models --------------------------------------------------------------------------


def test_models_are_listed_and_kept_for_a_while(acme: House, server: OpenAIServer) -> None:
    provider = made(acme, server)
    client = client_of(acme.owner)
    server.headers.clear()
    first = client.get(reverse(MODELS), {"provider": provider.pk}).json()
    assert "fake-slow" in first["models"]
    assert client.get(reverse(MODELS), {"provider": provider.pk}).json() == first
    assert len(server.headers) == 1
    client.get(reverse(MODELS), {"provider": str(provider.pk), "refresh": "1"})
    assert len(server.headers) == 2
    # What was kept for an older key is not shown.
    saved(acme, provider, values(server, key_new="sk-wrong-0123456789"))
    assert client.get(reverse(MODELS), {"provider": provider.pk}).json()["code"] == "ai_auth"


def test_servers_own_models_are_listed(
    acme: House, server: OpenAIServer, settings: Settings
) -> None:
    """Its address is the server's own affair, so no allow-list is asked."""
    client = client_of(acme.owner)
    assert client.get(reverse(MODELS)).json()["code"] == "ai_no_server_model"
    settings.OUTGOING_ALLOWED = []
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = server.base_url, KEY
    assert "fake" in client.get(reverse(MODELS)).json()["models"]


# --- whose it is ------------------------------------------------------------------------------


def test_anothers_provider_is_not_listed_tested_or_chosen(
    acme: House, globex: House, server: OpenAIServer
) -> None:
    theirs = made(globex, server)
    client = client_of(acme.owner)
    server.headers.clear()
    assert client.get(reverse(MODELS), {"provider": theirs.pk}).status_code == 404
    tried = client.post(reverse(TEST), values(server, key_new="", row=theirs.pk))
    assert tried.status_code == 404
    for fields in ({"provider": theirs.pk}, fallback(theirs, "fake")):
        address = reverse("admin:organizations_agent_change", args=[acme.agent.pk])
        response = client.post(address, {**agent_values(acme.agent), **fields})
        assert response.status_code == 200
        assert set(response.context["adminform"].form.errors) <= {"provider", "fallbacks"}
    acme.agent.refresh_from_db()
    assert acme.agent.draft is None
    # Nor by what was smuggled into a draft.
    acme.agent.draft = {"provider": theirs.pk}
    acme.agent.save()
    with pytest.raises(Exception, match="deleted"):
        agents.publish(acme.agent)
    assert server.headers == []


def test_operator_comes_near_no_provider(acme: House, server: OpenAIServer) -> None:
    provider = made(acme, server)
    client = client_of(acme.operator)
    assert client.get(reverse(MODELS), {"provider": provider.pk}).status_code == 403
    assert client.post(reverse(TEST), values(server)).status_code == 403
    listed = client.get(reverse("admin:organizations_provider_changelist"))
    assert listed.status_code == 403


def test_provider_in_use_is_not_deleted(acme: House, server: OpenAIServer) -> None:
    provider = made(acme, server)
    address = reverse("admin:organizations_provider_delete", args=[provider.pk])
    client = client_of(acme.owner)
    for settings in (
        {"provider": provider.pk},
        {"fallbacks": [{"provider": provider.pk, "model": "fake"}]},
    ):
        agents.keep_draft(acme.agent, settings)
        client.post(address, {"post": "yes"})
        assert Provider.objects.of(acme.organization).filter(pk=provider.pk).exists()
    agents.discard(acme.agent)
    client.post(address, {"post": "yes"})
    assert not Provider.objects.of(acme.organization).exists()


def fallback(provider: Provider, model: str) -> dict[str, Any]:
    return {"fallbacks_1_provider": provider.pk, "fallbacks_1_model": model}


def agent_values(agent: Agent) -> dict[str, Any]:
    """What the form of an unchanged agent sends."""
    return {
        "name": agent.name,
        "temperature": agent.temperature,
        "max_tokens": agent.max_tokens,
        "context_window": agent.context_window,
        "reply_delay": agent.reply_delay,
        "daily_turns_per_visitor": agent.daily_turns_per_visitor,
        "handoff_on": agent.handoff_on,
    }


def test_versions_hold_no_secret(acme: House, server: OpenAIServer) -> None:
    provider = made(acme, server)
    agents.keep_draft(acme.agent, {"provider": provider.pk, "model": "fake"})
    agents.publish(acme.agent, acme.owner, "with a provider")
    version = AgentVersion.objects.of(acme.organization).first()
    assert version is not None
    assert KEY not in str(version.settings)
