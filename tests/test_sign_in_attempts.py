"""Guessing passwords: how often, from where, and who is never locked out by it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from organizations import attempts, signin
from organizations.models import SignInAttempt
from tests.conftest import House

PASSWORD = "correct horse battery"
ATTACKER, HOME = "203.0.113.5", "198.51.100.7"


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """What is told here is how often passwords are compared, not how slowly."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def house(acme: House) -> House:
    """Acme, whose owner has a password."""
    acme.owner.user.set_password(PASSWORD)
    acme.owner.user.save()
    return acme


def browser(language: str = "en") -> Client:
    return Client(headers={"accept-language": language})


def sign_in(client: Client, username: str, password: str, address: str = ATTACKER) -> Any:
    fields = {"username": username, "password": password}
    return client.post(reverse("admin:login"), fields, REMOTE_ADDR=address)


def guess(username: str, times: int, address: str = ATTACKER) -> list[int]:
    return [sign_in(browser(), username, f"wrong {at}", address).status_code for at in range(times)]


def test_guesses_end_with_a_sentence_and_a_time(house: House) -> None:
    """The right password is not looked at either, or a guesser would learn it."""
    name = house.owner.user.username
    assert guess(name, attempts.ACCOUNT) == [200] * attempts.ACCOUNT
    client = browser()
    refused = sign_in(client, name, PASSWORD)
    assert refused.status_code == 429
    assert "Too many attempts to sign in. Wait 15 min" in refused.text
    assert 0 < int(refused["Retry-After"]) <= 900
    assert "_auth_user_id" not in client.session
    assert "Слишком много попыток" in sign_in(browser("ru"), name, PASSWORD).text


def test_an_account_that_is_not_there_answers_the_same(house: House) -> None:
    """Nobody learns which names exist."""
    there, nowhere = house.owner.user.username, "nobody-at-all"
    for name, address in ((there, "203.0.113.8"), (nowhere, "203.0.113.9")):
        assert guess(name, attempts.ACCOUNT, address) == [200] * attempts.ACCOUNT
    pages = [sign_in(browser(), name, "x", HOME) for name in (there, nowhere)]
    assert [page.status_code for page in pages] == [429, 429]
    # But for the name that was typed and the form's own secret, they are one page.
    secret = re.compile(r'name="csrfmiddlewaretoken" value="[^"]+"')
    one, other = (secret.sub("", page.text) for page in pages)
    assert one.replace(there, "") == other.replace(nowhere, "")


def test_a_network_that_tries_many_names_is_refused(house: House) -> None:
    """One password for every account is guessing too; other networks go on."""
    for at in range(attempts.NETWORK):
        assert sign_in(browser(), f"name-{at}", "summer").status_code == 200
    assert sign_in(browser(), "another", "summer").status_code == 429
    assert sign_in(browser(), house.owner.user.username, PASSWORD, HOME).status_code == 302


def test_a_known_browser_is_not_locked_out_by_strangers(house: House) -> None:
    """Whoever has signed in here before gets in while somebody guesses from elsewhere."""
    name, home = house.owner.user.username, browser()
    assert sign_in(home, name, PASSWORD, HOME).status_code == 302
    home.post(reverse("admin:logout"))
    guess(name, attempts.ACCOUNT)
    assert sign_in(browser(), name, PASSWORD, HOME).status_code == 429
    assert sign_in(home, name, PASSWORD, HOME).status_code == 302


def test_a_known_browser_has_its_own_limit_for_its_own_account(house: House) -> None:
    """The cookie opens no second account, and no endless tries of its own."""
    name, home = house.owner.user.username, browser()
    sign_in(home, name, PASSWORD, HOME)
    home.post(reverse("admin:logout"))
    other = house.operator.user.username
    for account in (name, other):
        codes = [sign_in(home, account, "wrong", HOME).status_code for _ in range(11)]
        assert codes == [200] * attempts.ACCOUNT + [429]


def test_a_link_signs_in_whatever_was_tried(house: House) -> None:
    """`make sign-in` is the way in for an owner without a known browser."""
    guess(house.owner.user.username, attempts.ACCOUNT)
    client = browser()
    assert client.post(signin.path_for(house.owner.user)).status_code == 302
    client.post(reverse("admin:logout"))
    assert sign_in(client, house.owner.user.username, PASSWORD).status_code == 302


def test_signing_in_forgets_what_was_mistyped(house: House) -> None:
    """Nine slips yesterday and today are not ten."""
    name = house.owner.user.username
    for _ in range(3):
        guess(name, attempts.ACCOUNT - 1)
        assert sign_in(browser(), name, PASSWORD).status_code == 302


def test_tries_count_for_a_quarter_of_an_hour(house: House) -> None:
    """Then the account opens by itself."""
    name = house.owner.user.username
    guess(name, attempts.ACCOUNT)
    SignInAttempt.objects.update(made_at=F("made_at") - attempts.WINDOW - timedelta(seconds=1))
    assert sign_in(browser(), name, PASSWORD).status_code == 302
    assert not SignInAttempt.objects.exists()


def test_nothing_kept_names_anybody(house: House) -> None:
    """Neither the account nor the address can be read from the rows."""
    guess(house.owner.user.username, 1)
    kept = [row.key for row in SignInAttempt.objects.all()]
    assert len(kept) == 2
    assert all(len(key) == 64 and int(key, 16) for key in kept)


@pytest.mark.django_db(transaction=True)
def test_a_hundred_at_once_get_no_further_than_in_a_row() -> None:
    """Tries are counted before the password is compared."""

    def one(_: int) -> int:
        try:
            return int(sign_in(browser(), "somebody", "x").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(one, range(40)))
    assert codes.count(200) == attempts.ACCOUNT
    assert codes.count(429) == 40 - attempts.ACCOUNT
