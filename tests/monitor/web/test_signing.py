"""Signing in: five tries, a token in the form, a cookie that scripts cannot read, and back to where one was."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.auth import SESSION_COOKIE
from monitor.web.session import local_path


def test_a_page_sends_a_stranger_to_the_sign_in_and_back(site):
    turned = site.client.get("/?range=7d", follow_redirects=False)
    assert (turned.status_code, turned.headers["location"]) == (303, "/login?next=%2F%3Frange%3D7d")
    gone = site.sign_in(next="/?range=7d")
    assert (gone.status_code, gone.headers["location"]) == (303, "/?range=7d")
    assert site.client.get("/").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/fragments/now",
        "/fragments/inbox",
        "/fragments/table",
        "/fragments/band",
        "/fragments/mentions",
    ],
)
def test_a_fragment_tells_a_stranger_by_its_status(site, path):
    answer = site.client.get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/login")


def test_the_session_cookie_is_out_of_reach(site):
    cookie = site.sign_in().headers.get_list("set-cookie")[0]
    assert cookie.startswith(f"{SESSION_COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie  # plain HTTP on loopback


def test_a_wrong_password_is_told_and_nothing_is_set(site):
    answer = site.sign_in("wrong password")
    assert answer.status_code == 401
    assert "用户名或密码不对" in answer.text
    assert SESSION_COOKIE not in answer.cookies


def test_after_five_failures_even_the_right_password_waits(site):
    assert [site.sign_in("wrong password").status_code for _ in range(6)] == [401] * 5 + [429]
    refused = site.sign_in()
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "901")
    assert "15 分" in refused.text
    site.clock.now += timedelta(minutes=15, seconds=1)
    assert site.sign_in().status_code == 303


@pytest.mark.parametrize("token", ["", "made up", "\u00e9"], ids=["none", "made up", "not ascii"])
def test_a_form_without_our_token_is_refused(site, token):
    site.client.get("/login")
    answer = site.client.post(
        "/login", data={"name": "admin", "password": "correct horse battery", "csrf": token}
    )
    assert answer.status_code == 403
    assert SESSION_COOKIE not in site.client.cookies


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9"])
def test_a_form_from_elsewhere_is_refused(site, origin, field_value):
    token = field_value(site.client.get("/login").text, "csrf")
    form = {"name": "admin", "password": "correct horse battery", "csrf": token}
    assert site.client.post("/login", data=form, headers={"origin": origin}).status_code == 403
    assert (
        site.client.post("/login", data=form, headers={"origin": "http://127.0.0.1"}).url.path
        == "/"
    )


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("/", "/"),
        ("/?range=7d&keyword_list=3", "/?range=7d&keyword_list=3"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nset-cookie: x", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_one_is_never_sent_to_another_host(wanted, path):
    assert local_path(wanted) == path


def test_signing_out_needs_the_token_and_ends_the_session(site, field_value):
    site.sign_in()
    token = field_value(site.client.get("/").text, "csrf")
    site.client.post("/logout", data={"csrf": "made up"}, follow_redirects=False)
    assert site.client.get("/", follow_redirects=False).status_code == 200
    site.client.post("/logout", data={"csrf": token}, follow_redirects=False)
    assert site.client.get("/", follow_redirects=False).status_code == 303


def test_where_nobody_can_sign_in_yet_the_page_says_what_to_do(site_over, sqlite_database):
    bare = site_over(sqlite_database)
    assert "还没有人可以登录" in bare.client.get("/login").text


def test_absurdly_long_input_is_refused_before_it_is_hashed(site):
    assert site.sign_in("x" * 5_000).status_code == 422
