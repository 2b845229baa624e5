"""Keys, passwords, sessions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor import auth
from monitor.auth import Scope, SignInGuard
from monitor.storage import keys

SECRET = b"one secret"
NOW = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)


@pytest.fixture
def database(sqlite_database):
    return sqlite_database


def make(database, *scopes, **more):
    wanted = {Scope(scope) for scope in scopes or ("read",)}
    return auth.create_key(database, SECRET, name="大屏", scopes=wanted, now=NOW, **more)


def test_a_key_has_the_published_form_and_is_never_stored(database):
    made = make(database)
    assert auth.KEY_FORMAT.fullmatch(made.text)
    assert made.text.startswith(f"jw_live_{made.id}_")
    with database.read() as connection:
        row = keys.get(connection, made.id)
    assert made.text.split("_")[3][:32].encode() not in bytes(row["secret_hash"])
    assert len(bytes(row["secret_hash"])) == 32


def test_two_keys_are_never_the_same():
    assert len({auth.new_key(SECRET).text for _ in range(100)}) == 100


@pytest.mark.parametrize("at", [9, 17, 30, -7, -1])
def test_one_wrong_letter_is_refused_by_the_checksum(at):
    text = auth.new_key(SECRET).text
    wrong = text[:at] + ("a" if text[at] != "a" else "b") + text[at:][1:]
    assert auth.split_key(wrong) is None
    assert auth.split_key(text) is not None


@pytest.mark.parametrize(
    "text",
    ["", "jw_live_", "jw_live_12345678_", "密钥", "jw_live_12345678_" + "a" * 38, "x" * 5000],
)
def test_what_is_no_key_is_refused_without_the_database(text):
    assert auth.split_key(text) is None


@pytest.mark.parametrize(
    ("more", "later", "revoked", "known"),
    [
        ({}, timedelta(days=3650), False, True),
        ({}, timedelta(0), True, False),
        ({"expires_at": NOW + timedelta(hours=1)}, timedelta(minutes=59), False, True),
        ({"expires_at": NOW + timedelta(hours=1)}, timedelta(hours=1), False, False),
    ],
    ids=["without an end", "revoked", "before its end", "at its end"],
)
def test_a_key_is_known_until_it_ends(database, more, later, revoked, known):
    made = make(database, **more)
    if revoked:
        with database.write() as connection:
            keys.revoke(connection, made.id, now=NOW)
    assert (auth.key_row(database, SECRET, made.text, now=NOW + later) is not None) is known


def test_a_key_of_another_installation_is_unknown(database):
    made = make(database)
    assert auth.key_row(database, b"another secret", made.text, now=NOW) is None


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        ("read", {"read"}),
        ("ingest", {"ingest"}),
        ("respond", {"respond", "read"}),
        ("admin", {"read", "ingest", "respond", "admin"}),
    ],
)
def test_scopes_imply_each_other(database, given, allowed):
    row = auth.key_row(database, SECRET, make(database, given).text, now=NOW)
    assert {scope.value for scope in auth.principal_of_key(row).scopes} == allowed


def add_person(database, name="小林", password="correct horse"):
    with database.write() as connection:
        keys.set_password(database, connection, name, auth.hash_password(password), now=NOW)


def test_a_password_is_checked_and_an_unknown_name_is_only_a_wrong_password(database):
    add_person(database)
    assert auth.check_password(database, "小林", "correct horse")["name"] == "小林"
    assert auth.check_password(database, "小林", "wrong horse") is None
    assert auth.check_password(database, "nobody", "correct horse") is None


def test_the_hash_for_unknown_names_can_really_be_verified():
    # if it could not be parsed, the answer for unknown names would come at once and tell them apart
    assert not auth.password_matches(auth._NOBODY, "x")
    assert auth._hasher.check_needs_rehash(auth._NOBODY) is False


def test_a_short_password_is_refused():
    with pytest.raises(ValueError, match="10"):
        auth.hash_password("short")


def session(database):
    add_person(database)
    person = auth.check_password(database, "小林", "correct horse")
    return auth.sign_session(SECRET, person, now=NOW)


@pytest.mark.parametrize(
    ("later", "known"),
    [(timedelta(0), True), (timedelta(hours=11), True), (timedelta(hours=12), False)],
)
def test_a_session_lasts_twelve_hours(database, later, known):
    cookie = session(database)
    found = auth.session_principal(database, SECRET, cookie, now=NOW + later)
    assert (found is not None and found.name == "小林") is known


def test_a_new_password_ends_the_sessions(database):
    cookie = session(database)
    add_person(database, password="another password")
    assert auth.session_principal(database, SECRET, cookie, now=NOW) is None


@pytest.mark.parametrize("change", ["x{}", "{}x", "{}.x", "", ".", "e30.x"])
def test_a_forged_session_is_nobody(database, change):
    cookie = session(database)
    assert auth.session_principal(database, SECRET, change.format(cookie), now=NOW) is None


def test_a_csrf_token_belongs_to_its_session(database):
    cookie = session(database)
    token = auth.csrf_token(SECRET, cookie)
    assert auth.csrf_matches(SECRET, cookie, token)
    assert not auth.csrf_matches(SECRET, "another session", token)
    assert not auth.csrf_matches(SECRET, cookie, None)
    assert token not in cookie


def test_five_failed_sign_ins_make_the_sixth_wait():
    guard = SignInGuard()
    for minute in range(5):
        assert guard.wait(["小林", "10.0.0.1"], now=NOW) == timedelta(0)
        guard.failed(["小林", "10.0.0.1"], now=NOW + timedelta(minutes=minute))
    later = NOW + timedelta(minutes=5)
    assert guard.wait(["小林", "10.9.9.9"], now=later) == timedelta(minutes=10)
    assert guard.wait(["小王", "10.0.0.1"], now=later) == timedelta(minutes=10)
    assert guard.wait(["小王", "10.9.9.9"], now=later) == timedelta(0)
    assert guard.wait(["小林"], now=NOW + timedelta(minutes=15)) == timedelta(0)
