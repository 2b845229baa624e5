"""Standard Webhooks: our signatures against the specification's vector and its library."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.model import AlertError, Answer, Verdict
from alerts.webhook import (
    SignatureInvalid,
    headers,
    secret_of,
    sign,
    verdict,
    verify,
    wrap_secret,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = wrap_secret(bytes(range(32)))
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
NOW = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)


def test_the_vector_of_the_specification():
    assert sign(ID, 1614265330, BODY, SECRET) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_same_instant_in_another_zone_gives_the_same_headers():
    beijing = AT.astimezone(timezone(timedelta(hours=8)))
    assert headers(ID, AT, BODY, [SECRET]) == headers(ID, beijing, BODY, [SECRET])


@given(body=st.dictionaries(st.text(), st.text() | st.integers()), seconds=st.floats(0, 0.99))
def test_the_library_of_the_standard_accepts_what_we_sign(body, seconds):
    library = pytest.importorskip("standardwebhooks")
    raw = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    now = datetime.now(UTC) + timedelta(seconds=seconds)  # noqa: TID251  # the library reads the clock
    sent = headers("msg_1", now, raw, [OTHER, SECRET])
    for secret in (SECRET, OTHER):
        assert library.Webhook(secret).verify(raw, sent) == json.loads(raw)


@given(body=st.binary(max_size=200))
def test_we_accept_what_the_library_signs(body):
    library = pytest.importorskip("standardwebhooks")
    text = body.decode("utf-8", "replace")
    signature = library.Webhook(SECRET).sign(ID, AT, text)
    sent = {"Webhook-Id": ID, "Webhook-Timestamp": "1614265330", "Webhook-Signature": signature}
    assert verify(sent, text.encode(), [SECRET], now=AT) == ID


def test_during_a_rotation_either_secret_verifies():
    sent = headers(ID, AT, BODY, [OTHER, SECRET])
    assert len(sent["webhook-signature"].split(" ")) == 2
    for secrets in ([SECRET], [OTHER], [SECRET, OTHER]):
        assert verify(sent, BODY, secrets, now=AT) == ID


def test_every_attempt_has_the_same_id_and_its_own_time():
    first = headers(ID, AT, BODY, [SECRET])
    later = headers(ID, AT + timedelta(minutes=5), BODY, [SECRET])
    assert first["webhook-id"] == later["webhook-id"]
    assert first["webhook-timestamp"] != later["webhook-timestamp"]
    assert first["webhook-signature"] != later["webhook-signature"]


def test_the_tolerance_is_five_minutes_either_way():
    sent = headers(ID, AT, BODY, [SECRET])
    for seconds in (-300, 0, 300):
        assert verify(sent, BODY, [SECRET], now=AT + timedelta(seconds=seconds)) == ID
    for seconds in (-301, 301):
        with pytest.raises(SignatureInvalid, match="away"):
            verify(sent, BODY, [SECRET], now=AT + timedelta(seconds=seconds))


GOOD = headers(ID, AT, BODY, [SECRET])


@pytest.mark.parametrize(
    "spoiled",
    [
        pytest.param({**GOOD, "webhook-signature": "v1"}, id="no comma"),
        pytest.param({**GOOD, "webhook-signature": "v1,a,b"}, id="two commas"),
        pytest.param({**GOOD, "webhook-signature": "garbage"}, id="garbage"),
        pytest.param({**GOOD, "webhook-signature": "é\udcff"}, id="not ascii"),
        pytest.param({**GOOD, "webhook-signature": ""}, id="empty"),
        pytest.param({**GOOD, "webhook-signature": GOOD["webhook-signature"][:-4]}, id="cut"),
        pytest.param({**GOOD, "webhook-id": "msg_other"}, id="another id"),
        pytest.param({**GOOD, "webhook-id": "a.b"}, id="a dot in the id"),
        pytest.param({**GOOD, "webhook-timestamp": "1614265331"}, id="another time"),
        pytest.param({**GOOD, "webhook-timestamp": "soon"}, id="no time"),
        pytest.param({**GOOD, "webhook-timestamp": "9" * 400}, id="a long time"),
        pytest.param({**GOOD, "webhook-timestamp": "١٦١٤٢٦٥٣٣٠"}, id="other digits"),
        pytest.param({"webhook-id": ID}, id="headers missing"),
        pytest.param({}, id="no headers"),
    ],
)
def test_a_spoiled_message_is_refused(spoiled):
    with pytest.raises(SignatureInvalid):
        verify(spoiled, BODY, [SECRET], now=AT)


def test_a_changed_body_or_another_secret_is_refused():
    with pytest.raises(SignatureInvalid, match="no signature fits"):
        verify(GOOD, BODY + b" ", [SECRET], now=AT)
    with pytest.raises(SignatureInvalid, match="no signature fits"):
        verify(GOOD, b"\xff\xfe", [OTHER], now=AT)
    with pytest.raises(SignatureInvalid, match="no signature fits"):
        verify(GOOD, BODY, [], now=AT)


def test_a_secret_has_one_written_form():
    assert secret_of(SECRET) == SECRET
    plain = "a password of thirty characters"
    assert base64.b64decode(secret_of(plain).removeprefix("whsec_")) == plain.encode()
    assert sign(ID, 1, BODY, OTHER.rstrip("=")) == sign(ID, 1, BODY, OTHER)


@pytest.mark.parametrize("secret", ["short", "whsec_", "whsec_AAAA", "whsec_***", ""])
def test_a_weak_or_malformed_secret_is_refused(secret):
    with pytest.raises(AlertError) as refused:
        secret_of(secret)
    assert secret.removeprefix("whsec_") not in str(refused.value) or len(secret) < 7


def test_signing_needs_a_secret_and_an_id_without_a_dot():
    with pytest.raises(AlertError, match="has no secret"):
        headers(ID, AT, BODY, [])
    with pytest.raises(AlertError, match="holds a dot"):
        headers("msg.1", AT, BODY, [SECRET])
    with pytest.raises(AlertError, match="does not start with whsec_"):
        sign(ID, 1, BODY, "plain")


def answer(status, error=None, **given):
    named = {name.replace("_", "-"): value for name, value in given.items()}
    return Answer(status=status, headers=named, body="", error=error)


@pytest.mark.parametrize(
    ("given", "meaning", "wait"),
    [
        pytest.param(answer(200), Verdict.OK, None, id="200"),
        pytest.param(answer(201), Verdict.OK, None, id="201"),
        pytest.param(answer(204), Verdict.OK, None, id="204"),
        pytest.param(answer(301), Verdict.RETRY, None, id="301 is not followed"),
        pytest.param(answer(304), Verdict.RETRY, None, id="304"),
        pytest.param(answer(400), Verdict.RETRY, None, id="400"),
        pytest.param(answer(401), Verdict.RETRY, None, id="401"),
        pytest.param(answer(404), Verdict.RETRY, None, id="404"),
        pytest.param(answer(408), Verdict.RETRY, None, id="408"),
        pytest.param(answer(410), Verdict.DEAD, None, id="410"),
        pytest.param(answer(429), Verdict.THROTTLED, None, id="429"),
        pytest.param(answer(429, Retry_After="30"), Verdict.THROTTLED, 30, id="429 seconds"),
        pytest.param(answer(429, retry_after=" 30 "), Verdict.THROTTLED, 30, id="any case"),
        pytest.param(answer(503, retry_after="999999999999"), Verdict.THROTTLED, 86400, id="503"),
        pytest.param(answer(502), Verdict.THROTTLED, None, id="502"),
        pytest.param(answer(504, retry_after="soon"), Verdict.THROTTLED, None, id="504 nonsense"),
        pytest.param(
            answer(429, retry_after="Tue, 10 Mar 2026 05:09:00 GMT"),
            Verdict.THROTTLED,
            60,
            id="429 date",
        ),
        pytest.param(
            answer(429, retry_after="Tue, 10 Mar 2020 05:09:00 GMT"),
            Verdict.THROTTLED,
            0,
            id="429 past date",
        ),
        pytest.param(answer(429, retry_after="-5"), Verdict.THROTTLED, None, id="429 minus"),
        pytest.param(answer(500), Verdict.RETRY, None, id="500"),
        pytest.param(answer(500, retry_after="7"), Verdict.RETRY, 7, id="500 with a wish"),
        pytest.param(answer(None, "timeout"), Verdict.RETRY, None, id="no answer"),
    ],
)
def test_what_an_answer_means(given, meaning, wait):
    seconds = None if wait is None else timedelta(seconds=wait)
    assert verdict(given, now=NOW) == (meaning, seconds)
