"""What failures of a connection mean to a person."""

from __future__ import annotations

import random
import socket
import ssl
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.errors import ConfigError, KeyFileError
from agent.provision.bench import Bench
from agent.transport import Address
from agent.transport.backoff import Backoff
from agent.transport.tls import common_name, context, explain, explain_alert, is_loopback

ADDRESS = Address("broker.example", 8883, ca="ca.pem", certificate="tls.pem", key="tls.key")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", "wants a certificate"),
        ("[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca", "does not know the authority"),
        ("[SSL: SSLV3_ALERT_CERTIFICATE_EXPIRED]", "our certificate has expired"),
        ("[SSL: SSLV3_ALERT_CERTIFICATE_REVOKED]", "was revoked"),
        ("[SSL: SSLV3_ALERT_BAD_CERTIFICATE]", "does not accept our certificate"),
        ("[SSL: TLSV1_ALERT_PROTOCOL_VERSION]", "no TLS version that we accept"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "does not speak TLS"),
    ],
)
def test_an_alert_is_a_refusal_with_a_sentence_and_a_hint(said: str, meant: str):
    why = explain_alert(said, ADDRESS)
    assert why is not None
    assert (why.refused, bool(why.hint)) == (True, True)
    assert meant in why.why


def test_words_that_are_no_alert_mean_nothing():
    assert explain_alert("failed to receive on socket: [Errno 104] Connection reset by peer", ADDRESS) is None


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "Connection refused"), TimeoutError("timed out"), socket.gaierror(-3, "?")]
)
def test_nobody_there_is_no_refusal(error: OSError):
    why = explain(error, ADDRESS, at=0.0)
    assert not why.refused
    assert why.why.startswith("no broker answers at broker.example:8883: ")


def test_a_wrong_clock_is_named_with_its_date():
    error = ssl.SSLCertVerificationError("certificate is not yet valid")
    error.verify_code, error.verify_message = 9, "certificate is not yet valid"
    why = explain(error, ADDRESS, at=180.0)
    assert why.why == (
        "the certificate of broker.example:8883 is not valid yet if it is 1970-01-01 00:03 UTC,"
        " as the clock of this machine says"
    )


def test_any_other_failure_of_tls_is_told_as_it_is():
    error = ssl.SSLError(1, "[SSL: NO_SHARED_CIPHER] no shared cipher")
    error.reason = "NO_SHARED_CIPHER"
    assert "NO_SHARED_CIPHER" in explain(error, ADDRESS, at=0.0).why


def test_a_name_that_no_machine_has_is_told_from_a_machine_that_is_away():
    unknown = explain(socket.gaierror(socket.EAI_NONAME, "Name or service not known"), ADDRESS, at=0.0)
    assert (unknown.why, unknown.unknown, unknown.refused) == ("no machine is called broker.example", True, False)
    away = explain(socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), ADDRESS, at=0.0)
    assert (away.unknown, away.refused) == (False, False)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_these_names_stay_on_this_machine(host: str):
    assert is_loopback(host)
    assert context(Address(host)) is None


@pytest.mark.parametrize("host", ["localhost.example", "10.0.0.1", "0.0.0.0", "", "127.0.0.1.example"])
def test_these_do_not(host: str):
    assert not is_loopback(host)
    with pytest.raises(ConfigError):
        context(Address(host))


def test_tls_below_1_2_is_never_spoken(tmp_path: Path):
    bench = Bench.make(tmp_path / "keys", at=SystemClock().now())
    bench.add_reader("anna", at=SystemClock().now())
    files = bench.tls("anna")
    made = context(Address("x", ca=str(bench.ca), certificate=str(files.certificate), key=str(files.key)))
    assert made is not None
    assert made.minimum_version == ssl.TLSVersion.TLSv1_2
    assert (made.check_hostname, made.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert common_name(str(files.certificate)) == "anna"


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path):
    (tmp_path / "tls.pem").write_text("a letter to the mayor")
    with pytest.raises(KeyFileError, match=r"tls\.pem: not a certificate"):
        common_name(str(tmp_path / "tls.pem"))


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_waits_grow_within_bounds_and_are_short_again_after_a_success(seed: int, tries: int):
    some = Backoff(random.Random(seed))
    waits = [some.next_s() for _ in range(tries)]
    assert all(0.25 <= wait <= 30.0 for wait in waits)
    assert all(2 * later >= earlier for earlier, later in pairwise(waits))
    some.reset()
    assert some.next_s() <= 0.5


def test_a_refusal_waits_longer_from_the_first_time_on():
    assert 7.5 <= Backoff(random.Random(1)).next_s(at_least_s=15.0) <= 15.0
