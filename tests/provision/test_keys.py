"""Keys of a bench: made anew, readable by their owner only, understood by openssl."""

from __future__ import annotations

import ssl
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from agent.cli import main
from agent.clock import SystemClock
from agent.contract.jws import Signer
from agent.errors import KeyFileError, UserError
from agent.provision.bench import Bench
from agent.provision.keys import load_public, load_ring, load_signer

NODE = "romagna-faentina/brisighella/n-0017"
STORE = "romagna-faentina/centre/store-1"
AT = 1777624200.0


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench.make(tmp_path / "keys", at=AT)


def test_the_ring_knows_each_signer_by_role_and_name(bench: Bench) -> None:
    made = [bench.add_signer("node", NODE, at=AT), bench.add_signer("store", STORE, at=AT)]
    assert list(load_ring(bench.ring)) == made


def test_the_signing_key_is_the_one_of_the_ring(bench: Bench) -> None:
    key = bench.add_signer("node", NODE, at=AT)
    signer = load_signer(bench.signing_key(NODE))
    assert (signer.kid, signer.public) == (key.kid, key.public)
    assert load_public(bench.signing_key(NODE).with_suffix(".pub.pem")) == key.public


def test_two_folders_share_no_key(tmp_path: Path) -> None:
    kids = [Bench.make(tmp_path / run, at=AT).add_signer("node", NODE, at=AT).kid for run in ("one", "two")]
    assert kids[0] != kids[1]


def test_private_keys_are_for_their_owner_only(bench: Bench) -> None:
    bench.add_signer("node", NODE, at=AT)
    secrets = [*bench.folder.rglob("*.key"), bench.signing_key(NODE)]
    assert len(secrets) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}


def test_nothing_is_replaced(bench: Bench) -> None:
    bench.add_signer("node", NODE, at=AT)
    before = bench.signing_key(NODE).read_bytes()
    with pytest.raises(KeyFileError, match="there already"):
        bench.add_signer("node", NODE, at=AT)
    with pytest.raises(KeyFileError, match="there already"):
        Bench.make(bench.folder, at=AT)
    assert bench.signing_key(NODE).read_bytes() == before


def test_a_key_that_everybody_can_read_is_not_used(bench: Bench) -> None:
    bench.add_signer("node", NODE, at=AT)
    bench.signing_key(NODE).chmod(0o644)
    with pytest.raises(KeyFileError, match="everybody"):
        load_signer(bench.signing_key(NODE))


@pytest.mark.parametrize("text", ["", "hello", "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n", "é"])
def test_what_is_no_key_is_said_with_its_path(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sign.pem"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(KeyFileError, match=r"sign\.pem"):
        load_signer(path)


@pytest.mark.parametrize("text", ["", "{}", '{"keys":[{}]}', '{"keys":7}', "[]"])
def test_what_is_no_ring_is_a_key_file_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "ring.json").write_text(text)
    with pytest.raises(KeyFileError):
        load_ring(tmp_path / "ring.json")


def test_a_missing_file_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError) as said:
        load_signer(tmp_path / "absent.pem")
    assert "absent.pem" in said.value.message
    assert "piazza keys" in said.value.hint


def test_openssl_and_the_standard_libraries_read_our_keys(bench: Bench) -> None:
    key = bench.add_signer("node", NODE, at=AT)
    path = bench.signing_key(NODE)
    private = load_pem_private_key(path.read_bytes(), password=None)
    assert private.public_key() == load_pem_public_key(path.with_suffix(".pub.pem").read_bytes())
    said = subprocess.run(
        ["openssl", "pkey", "-in", path, "-noout", "-text"], capture_output=True, text=True, check=True
    )
    assert key.public.hex()[:30] in said.stdout.replace(":", "").replace(" ", "").replace("\n", "")


def test_a_key_that_openssl_made_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sign.pem"
    path.touch(mode=0o600)
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True)
    assert isinstance(load_signer(path), Signer)


def test_certificates_name_the_party_with_dots_and_begin_a_day_early(bench: Bench) -> None:
    bench.add_signer("node", NODE, at=AT)
    found = x509.load_pem_x509_certificate(bench.tls(NODE).certificate.read_bytes())
    assert found.subject.rfc4514_string() == "CN=romagna-faentina.brisighella.n-0017"
    assert found.not_valid_before_utc.timestamp() == AT - 86_400


def test_broker_and_client_trust_each_other(tmp_path: Path) -> None:
    """A handshake in memory: the certificates are good for TLS 1.3 with both sides authenticated."""
    today = SystemClock().now()
    bench = Bench.make(tmp_path, at=today)
    bench.add_reader("watch", at=today)
    server_side, client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server_side.verify_mode = ssl.CERT_REQUIRED
    for side, files in ((server_side, bench.broker), (client_side, bench.tls("watch"))):
        side.load_verify_locations(bench.ca)
        side.load_cert_chain(files.certificate, files.key)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(down, up, server_hostname="localhost")
    server = server_side.wrap_bio(up, down, server_side=True)
    for turn in (client, server, client, server):
        _shake(turn)
    peer = server.getpeercert()
    assert peer
    assert peer["subject"] == ((("commonName", "watch"),),)


def _shake(side: ssl.SSLObject) -> None:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return


def test_a_name_too_long_for_a_certificate_is_the_users_to_mend(bench: Bench) -> None:
    with pytest.raises(UserError, match="64"):
        bench.add_signer("node", f"{'u' * 30}/{'c' * 30}/n-0017", at=AT)


def test_a_name_that_is_no_name_is_the_users_to_mend(bench: Bench) -> None:
    with pytest.raises(UserError, match="union/comune/node"):
        bench.add_signer("node", "n-0017", at=AT)


def test_the_command_makes_and_shows_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "keys")
    codes = [
        main(["keys", *words])
        for words in (["init", folder], ["node", folder, NODE], ["store", folder, STORE], ["watcher", folder, "watch"])
    ]
    capsys.readouterr()
    assert [*codes, main(["keys", "show", folder])] == [0, 0, 0, 0, 0]
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in shown] == [["node", NODE], ["store", STORE]]


def test_the_command_ends_with_two_where_the_user_can_mend_it(tmp_path: Path) -> None:
    assert main(["keys", "show", str(tmp_path)]) == 2
    assert main(["keys", "node", str(tmp_path), NODE]) == 2
