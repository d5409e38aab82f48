"""Starting, stopping, breaking and saving the product, with its real processes and servers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.product import SECONDS, Product, data_folder, is_web, pids_of, processes_of, wait_until
from tests.services_plugin import ROOT
from webassistant import services
from webassistant.boot import backup, child, folders, installation, postgres, preparation
from webassistant.boot.child import BootError

# A stand-in for the supervisor; its app starts a process that has no death signal.
PARENT = """
import sys, time
from pathlib import Path
from webassistant import services
from webassistant.boot import child
from webassistant.boot.guard import Guard

var = Path(sys.argv[1])
guard = Guard()
urls, started = services.start_services(var, {}, durable=False)
for service in started:
    guard.started(service.child, is_service=True)
grandchild = f"import time; time.sleep(600); {str(var)!r}"
app = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
guard.started(
    child.start(
        "app",
        [sys.executable, "-c", app],
        log=var / "log" / "app.log",
        environment=child.plain_environment(),
        folder=var,
    )
)
print("started", flush=True)
time.sleep(600)
"""


@pytest.fixture
def var() -> Iterator[Path]:
    with data_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def product_var() -> Iterator[Path]:
    """One for all starts of the whole product, so that only the first makes a database."""
    with data_folder() as folder:
        yield folder


@pytest.fixture
def durable_postgres(var: Path) -> Iterator[services.Service]:
    service = services.start_postgres(var)
    yield service
    service.stop()


def query(url: str, text: str) -> object:
    """The first value of the answer, or None where the statement has none."""
    with psycopg.connect(url) as connection:
        cursor = connection.execute(text.encode())
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]


# --- PostgreSQL and Redis ---------------------------------------------------------------------


def test_postgres_has_vectors_and_knows_cyrillic(durable_postgres: services.Service) -> None:
    with psycopg.connect(durable_postgres.url) as connection:
        connection.execute("CREATE EXTENSION vector")
        row = connection.execute(
            "SELECT '[1,2]'::vector <=> '[2,4]', 'ЁЛКА' ILIKE 'ёл%', "
            "to_tsvector('russian', 'Экскурсии') @@ to_tsquery('russian', 'экскурсия')"
        ).fetchone()
    assert row == (0.0, True, True)


def test_postgres_does_not_log_what_rows_hold(
    durable_postgres: services.Service, var: Path
) -> None:
    with psycopg.connect(durable_postgres.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE people (email text UNIQUE)")
        connection.execute("INSERT INTO people VALUES ('anna@example.com')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO people VALUES ('anna@example.com')")
    log = (var / "log" / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "anna" not in log


def test_killed_postgres_recovers_with_its_data(var: Path) -> None:
    first = services.start_postgres(var)
    with psycopg.connect(first.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS number")
        os.kill(first.child.process.pid, signal.SIGKILL)
        first.child.process.wait()
        second = services.start_postgres(var)
    try:
        assert query(second.url, "SELECT number FROM kept") == 42
    finally:
        second.stop()


def test_interrupted_creation_of_the_cluster_is_repeated(var: Path) -> None:
    home = postgres.PostgresHome.under(var)
    half = home.folder / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    service = services.start_postgres(var, durable=False)
    service.stop()
    assert not half.exists()


def test_lock_file_naming_a_stranger_does_not_hinder_postgres(var: Path) -> None:
    services.start_postgres(var, durable=False).stop()
    home = postgres.PostgresHome.under(var)
    stranger = subprocess.Popen(["sleep", "600"], **child.run_as(home.account))
    try:
        (home.data / "postmaster.pid").write_text(f"{stranger.pid}\n{home.data}\n")
        services.start_postgres(var, durable=False).stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_server_left_by_an_earlier_run_is_ended_first(var: Path) -> None:
    first = services.start_redis(var)
    second = services.start_redis(var)
    try:
        assert first.child.process.wait(SECONDS) == 0
        assert second.child.is_alive()
    finally:
        second.stop()


def test_long_folder_has_its_sockets_in_a_short_one(var: Path) -> None:
    deep = var / ("long-" * 20)
    deep.mkdir(mode=0o711)
    urls, started = services.start_services(deep, {}, durable=False)
    try:
        assert query(urls["DATABASE_URL"], "SELECT 1") == 1
        assert str(deep) not in urls["REDIS_URL"]
    finally:
        services.stop_services(started)
        for folder in (deep / "run", postgres.PostgresHome.under(deep).folder / "run"):
            shutil.rmtree(folders.socket_folder(folder))
        shutil.rmtree(folders.hidden_folder(deep), ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as another user")
def test_root_keeps_data_elsewhere_when_its_home_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    service = services.start_postgres(tmp_path, durable=False)
    try:
        assert query(service.url, "SELECT 1") == 1
        assert folders.hidden_folder(tmp_path).exists()
        assert not (tmp_path / "postgres").exists()
    finally:
        service.stop()
        shutil.rmtree(folders.hidden_folder(tmp_path))


def test_named_servers_are_used_instead_of_own(var: Path) -> None:
    named = {"DATABASE_URL": "postgres://elsewhere/x", "REDIS_URL_FILE": "/run/secrets/redis"}
    assert services.start_services(var, named) == ({}, [])


def test_folder_of_somebody_else_is_refused(var: Path) -> None:
    (var / "run").symlink_to("/tmp")
    with pytest.raises(BootError, match="belongs to another user"):
        services.start_redis(var)


def test_missing_redis_is_explained(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("webassistant.boot.redis.importlib.util.find_spec", lambda name: None)
    with pytest.raises(BootError, match="apt install redis-server"):
        services.start_redis(var)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_killed_parent_leaves_no_process_not_even_a_grandchild(var: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(var)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    with parent.stdout:
        assert parent.stdout.readline() == b"started\n"
        wait_until(lambda: len(processes_of(var)) > 4, "the grandchild runs")
        parent.kill()
        parent.wait()
    wait_until(lambda: not processes_of(var), "everything has ended")
    assert "database system is shut down" in (var / "log" / "postgres.log").read_text()


# --- folders, locks, ports, keys --------------------------------------------------------------


def test_second_holder_of_a_data_folder_is_refused(var: Path) -> None:
    with installation.lock(var):
        assert installation.is_locked(var)
        with pytest.raises(BootError, match=f"already running .process {os.getpid()}"):
            installation.lock(var)
    assert not installation.is_locked(var)


def test_busy_port_gives_way_to_the_next_free_one() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert port < installation.free_port("127.0.0.1", port) < port + installation.PORTS_TRIED


def test_secret_key_is_private_and_stays(var: Path) -> None:
    path = var / "secret_key"
    key = installation.secret_key(path)
    assert len(key) > 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert installation.secret_key(path) == key


def test_encryption_key_is_made_in_the_data_folder_unless_it_is_given(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(var))
    monkeypatch.delenv("ENCRYPTION_KEYS", raising=False)
    made = installation.Installation.load().environment["ENCRYPTION_KEYS"]
    assert made == (var / "encryption_key").read_text()
    assert stat.S_IMODE((var / "encryption_key").stat().st_mode) == 0o600
    assert installation.Installation.load().environment["ENCRYPTION_KEYS"] == made
    monkeypatch.setenv("ENCRYPTION_KEYS", "a long random text, another one")
    given = installation.Installation.load().environment["ENCRYPTION_KEYS"]
    assert given == "a long random text, another one"


def test_static_files_are_collected_again_when_one_changes(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (var / "webassistant").mkdir()
    (var / "demo" / "static").mkdir(parents=True)
    (var / "requirements.lock").touch()
    monkeypatch.setattr(preparation, "ROOT", var)
    here = installation.Installation(var / "var", {})
    before = preparation.static_hash(here)
    assert preparation.static_hash(here) == before
    (var / "demo" / "static" / "page.css").write_text("a {}")
    assert preparation.static_hash(here) != before


def test_log_of_a_successor_does_not_show_its_predecessor(var: Path) -> None:
    log = var / "app.log"
    log.write_text("old\n")
    started = child.start(
        "app", ["echo", "new"], log=log, environment=child.plain_environment(), folder=var
    )
    started.process.wait()
    assert started.last_lines() == "new"


# --- backup -----------------------------------------------------------------------------------


def test_backup_brings_back_rows_and_files(durable_postgres: services.Service, var: Path) -> None:
    url, media = durable_postgres.url, var / "media"
    (media / "avatars").mkdir(parents=True)
    (media / "avatars" / "bot.png").write_bytes(b"picture")
    query(url, "CREATE TABLE kept AS SELECT 'Ёлка' AS word")
    archive = backup.save(url, media, var / "backups")
    query(url, "CREATE TABLE later (id int)")
    query(url, "UPDATE kept SET word = ''")
    (media / "avatars" / "bot.png").write_bytes(b"other")
    (media / "new.txt").touch()

    backup.restore(archive, url, media)

    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert query(url, "SELECT word FROM kept") == "Ёлка"
    known = query(url, "SELECT count(*) FROM pg_stats WHERE tablename = 'kept'")
    assert known == 1, "the planner knows nothing of what was restored"
    assert query(url, "SELECT to_regclass('later')") is None
    assert [path.name for path in media.rglob("*.*")] == ["bot.png"]
    assert (media / "avatars" / "bot.png").read_bytes() == b"picture"


def test_restore_refuses_a_used_database_and_changes_nothing(
    durable_postgres: services.Service, var: Path
) -> None:
    archive = backup.save(durable_postgres.url, var / "media", var / "backups")
    query(durable_postgres.url, "CREATE TABLE later AS SELECT 1 AS one")
    with psycopg.connect(durable_postgres.url), pytest.raises(BootError, match="Stop the product"):
        backup.restore(archive, durable_postgres.url, var / "media")
    assert query(durable_postgres.url, "SELECT one FROM later") == 1


def test_restore_refuses_a_file_that_is_no_backup(var: Path) -> None:
    stray = var / "notes.tar.gz"
    stray.write_bytes(b"not an archive")
    with pytest.raises(BootError, match="cannot be read as a backup"):
        backup.restore(stray, "postgres://postgres@/x", var / "media")


def test_password_of_a_database_is_kept_off_the_command_line() -> None:
    address, password = backup.without_password("pgsql://me:p%40ss@db:5432/x?sslmode=require")
    assert address == "postgresql://me@db:5432/x?sslmode=require"
    assert password == "p@ss"


# --- the whole product ------------------------------------------------------------------------


@pytest.fixture
def product(product_var: Path) -> Iterator[Product]:
    started = Product(product_var)
    yield started
    if started.process is not None and started.process.poll() is None:
        started.process.terminate()
        started.process.wait(SECONDS)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_product_starts_refuses_a_second_heals_and_stops(product: Product) -> None:
    running = product.start()
    assert product.is_well()

    second = product.run("run")
    assert second.returncode == 1
    assert "already running" in second.stderr
    refused = product.run("reset", "--yes")
    assert refused.returncode == 1
    assert product.is_well()

    web = next(Path(f"/proc/{pid}") for pid in pids_of(product.var) if is_web(pid))
    os.kill(int(web.name), signal.SIGKILL)
    wait_until(lambda: "web was ended by SIGKILL" in product.said(), "the death is reported")
    wait_until(product.is_well, "the web server is back")

    saved = product.run("backup")
    assert saved.returncode == 0, saved.stderr

    running.send_signal(signal.SIGTERM)
    assert running.wait(SECONDS) == 0
    assert not processes_of(product.var)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_death_of_postgres_stops_all_and_the_next_start_survives_a_kill(
    product: Product,
) -> None:
    running = product.start()
    home = postgres.PostgresHome.under(product.var)
    os.kill(child.first_number(home.data / "postmaster.pid"), signal.SIGKILL)
    assert running.wait(SECONDS) == 1
    assert "postgres was ended by SIGKILL" in product.said()
    assert not processes_of(product.var)

    running = product.start()
    running.kill()
    running.wait()
    wait_until(lambda: not processes_of(product.var), "nothing is left of a killed run")
