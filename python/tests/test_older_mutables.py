"""The mutables of both generations: values under keys, of this machine only."""

from __future__ import annotations

import subprocess
import sys

import kachery
import kachery_client as kc
import kachery_cloud as kcl
import pytest

# --- kachery_client


def test_mutables_keep_whatever_json_can_say():
    for value in ("text", 1, 1.5, True, [1, None], {"a": {"b": "é"}}, ""):
        assert kc.set("key", value) is True
        assert kc.get("key") == value
    assert kc.get("other") is None


def test_a_key_can_be_an_object_whose_order_does_not_count():
    assert kc.set({"a": 1, "b": [2]}, "x")
    assert kc.get({"b": [2], "a": 1}) == "x"
    assert kc.get('{"a":1,"b":[2]}') is None, "a text is another key"


def test_without_update_a_value_is_not_replaced():
    assert kc.set("key", 1, update=False) is True
    assert kc.set("key", 2, update=False) is False
    assert kc.get("key") == 1
    assert kc.set("key", 2) is True
    assert kc.get("key") == 2


def test_delete_says_whether_there_was_something():
    kc.set("key", 1)
    assert kc.delete("key") is True
    assert kc.delete("key") is False
    assert kc.get("key") is None


def test_get_string_is_the_text_of_whatever_is_kept():
    kc.set("n", 5)
    kc.set("d", {"a": None})
    assert kc.get_string("n") == "5"
    assert kc.get_string("d") == "{'a': None}"
    assert kc.get_string("none") is None


def test_none_is_no_key_and_no_value():
    for call in (lambda: kc.set(None, 1), lambda: kc.set("key", None), lambda: kc.get(None)):
        with pytest.raises(kachery.Invalid, match="cannot be None"):
            call()


def test_mutables_are_seen_by_other_processes():
    kc.set(["shared", 1], {"a": 1})
    code = "import kachery_client as kc; print(kc.get(['shared', 1]))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout == "{'a': 1}\n", ran.stderr


# --- kachery_cloud


def test_a_mutable_is_a_text_under_a_key_with_folders(store_dir):
    kcl.set_mutable_local("@a/@b/k", "vé\r\n")
    assert kcl.get_mutable_local("@a/@b/k") == "vé\r\n"
    assert (store_dir / "mutables" / "@a" / "@b" / "k").read_bytes() == "vé\r\n".encode(), "as the older program keeps it"
    kcl.set_mutable_local("plain", "")
    assert kcl.get_mutable_local("plain") == ""
    assert kcl.get_mutable_local("none") is None
    assert kcl.get_mutable_local("none", "default") == "default"
    assert kcl.get_mutable_local("none", default_value="default") == "default"
    with pytest.raises(kachery.Invalid, match="is a str, not int"):
        kcl.set_mutable_local("k", 3)


def test_a_mutable_and_a_folder_can_be_deleted():
    for key in ("@a/@b/k", "@a/k", "@other/k"):
        kcl.set_mutable_local(key, "v")
    kcl.delete_mutable_local("@a/k")
    assert kcl.get_mutable_local("@a/k") is None
    kcl.delete_mutable_folder_local("@a")
    assert kcl.get_mutable_local("@a/@b/k") is None
    assert kcl.get_mutable_local("@other/k") == "v"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: kcl.set_mutable_local("a/b", "v"), "Invalid mutable key: a/b"),
        (lambda: kcl.set_mutable_local("@a/../b", "v"), "Invalid mutable key: @a/../b"),
        (lambda: kcl.set_mutable_local("@a", "v"), "Invalid mutable key: @a"),
        (lambda: kcl.get_mutable_local("@a/@b"), "Invalid mutable key: @a/@b"),
        (lambda: kcl.delete_mutable_local("@a/none"), "Mutable does not exist: @a/none"),
        (lambda: kcl.delete_mutable_folder_local("@a/x"), "Not a mutable folder: @a/x"),
        (lambda: kcl.delete_mutable_folder_local("@none"), "Mutable folder does not exist: @none"),
        (lambda: kcl.delete_mutable_local("@a/@b"), "Mutable key is a folder: @a/@b"),
    ],
)
def test_a_key_that_cannot_be_says_so_in_the_words_of_the_older_program(call, text):
    kcl.set_mutable_local("@a/@b/k", "v")
    with pytest.raises(kachery.KacheryError) as raised:
        call()
    assert str(raised.value).startswith(text)
