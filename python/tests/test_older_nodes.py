"""Who this machine is, under the names of both generations: keys, owners, and what only a hub can do with them."""

from __future__ import annotations

import io
import json
import stat

import kachery
import kachery_client as kc
import kachery_cloud as kcl
import pytest

NO_HUB = "no hub is configured: set KACHERY_GATEWAY_URL to the address of one"
MISSING = "sha1://" + "0" * 40


# --- kachery_cloud


def test_a_client_id_is_made_only_if_it_is_asked_for(store_dir):
    assert kcl.get_client_id() is None
    assert kcl.get_client_info() is None
    assert not (store_dir / "private.pem").exists()
    client = kcl.get_client_id(generate_if_missing=True)
    assert len(bytes.fromhex(client)) == 32
    assert kcl.get_client_id() == client
    assert stat.S_IMODE((store_dir / "private.pem").stat().st_mode) == 0o600


def test_the_client_id_of_a_test_server_comes_from_the_environment(monkeypatch):
    """gen2's own vector."""
    client = "79b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664"
    monkeypatch.setenv("KACHERY_CLOUD_CLIENT_ID", client)
    monkeypatch.setenv("KACHERY_CLOUD_PRIVATE_KEY", bytes(range(1, 33)).hex())
    assert kcl.get_client_id() == client


def test_what_only_a_hub_can_do_says_that_there_is_none():
    kcl.get_client_id(generate_if_missing=True)
    for call in (kcl.init, kcl.get_client_info, lambda: kcl.admin_delete_file(MISSING)):
        with pytest.raises(kachery.Unavailable) as raised:
            call()
        assert str(raised.value) == NO_HUB


# --- kachery_client


def test_a_node_id_is_there_when_it_is_asked_for(store_dir):
    """gen1's daemon had made one by then."""
    node = kc.main.get_node_id()
    assert len(bytes.fromhex(node)) == 32
    assert kc.main.get_node_id(daemon_port=20431) == node == kcl.get_client_id()


@pytest.fixture
def answer(monkeypatch):
    """What the user types."""

    def set_answer(text):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return set_answer


def test_an_ephemeral_node_is_asked_for_its_owner_once(store_dir, answer, capsys):
    answer("me@example.org\n")
    kc.config_ephemeral_node()
    node = kc.main.get_node_id()
    assert f"Node ID: {node}" in capsys.readouterr().out
    assert (store_dir / "owner").read_text() == "me@example.org"
    answer("")
    kc.config_ephemeral_node()
    assert "already configured" in capsys.readouterr().out
    assert kc.main.get_node_id() == node


def test_an_owner_that_nobody_can_name_is_an_error_and_changes_nothing(store_dir, answer):
    answer("")
    with pytest.raises(kachery.Invalid, match="nobody to answer"):
        kc.config_ephemeral_node()
    assert kcl.get_client_id() is None


def test_a_machine_that_is_made_anew_is_the_same_node_again(store_dir, answer, tmp_path, monkeypatch):
    config = tmp_path / "drive" / "kachery.json"
    answer("me\n")
    kc.setup_colab_ephemeral(str(config))
    node = kc.main.get_node_id()
    written = json.loads(config.read_text())
    assert written == {"publicKey": node, "privateKey": written["privateKey"], "ownerId": "me"}
    assert stat.S_IMODE(config.stat().st_mode) == 0o600, "a private key is nobody else's"

    monkeypatch.setenv("KACHERY_DIR", str(tmp_path / "new machine"))
    kc.setup_colab_ephemeral(str(config))
    assert kc.main.get_node_id() == node
    assert (tmp_path / "new machine" / "owner").read_text() == "me"
    assert stat.S_IMODE((tmp_path / "new machine" / "private.pem").stat().st_mode) == 0o600
    kc.setup_colab_ephemeral(str(config))
    assert kc.main.get_node_id() == node


def test_a_machine_does_not_become_another_node(answer, tmp_path, monkeypatch):
    """The key that it has may be the only copy."""
    answer("me\n")
    kc.setup_colab_ephemeral(str(tmp_path / "config.json"))
    monkeypatch.setenv("KACHERY_DIR", str(tmp_path / "another"))
    node = kc.main.get_node_id()
    with pytest.raises(kachery.Exists, match=node):
        kc.setup_colab_ephemeral(str(tmp_path / "config.json"))
    assert kc.main.get_node_id() == node


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"publicKey":"00","privateKey":"secret","ownerId":"me"}', '{"publicKey":1,"privateKey":2,"ownerId":3}']
)
def test_a_damaged_configuration_is_refused_and_its_secret_not_shown(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(kachery.KacheryError, match="config.json") as raised:
        kc.setup_colab_ephemeral(str(tmp_path / "config.json"))
    assert "secret" not in str(raised.value)
    assert kcl.get_client_id() is None


def test_keys_that_do_not_belong_together_are_refused(tmp_path):
    public = "79b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664"
    config = {"publicKey": public, "privateKey": "11" * 32, "ownerId": "me"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(kachery.KacheryError) as raised:
        kc.setup_colab_ephemeral(str(tmp_path / "config.json"))
    assert "1111" not in str(raised.value)
    assert kcl.get_client_id() is None
