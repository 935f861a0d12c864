"""What `kachery` says of itself is true: types, documents, the stub of the native module, zones, progress, imports."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import kachery
import pytest
from kachery import _native, _progress

PACKAGE = Path(kachery.__file__).parent
FUNCTIONS = [name for name in kachery.__all__ if isinstance(getattr(kachery, name), types.FunctionType)]
CLASSES = ["ContentFile", "ContentText", "Entry", "Feed", "Finding", "Info", "KacheryError", "Proved", "RequestFileResult", "Subfeed",
           "URI", "Verification", "WhoAmI"]


# --- Documents and types


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
def test_every_public_name_is_documented(name):
    validate = pytest.importorskip("numpydoc.validate").validate
    # Not wanted: a line break after the quotes, "See Also", an example and an extended summary for each, a verb first.
    unwanted = {"EX01", "ES01", "GL01", "GL02", "SA01", "SS05"}
    assert [error for error in validate(f"kachery.{name}")["errors"] if error[0] not in unwanted] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_error_is_documented(name):
    assert "\n    Raises\n    ------\n" in getattr(kachery, name).__doc__


def test_the_package_is_typed():
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "python/kachery"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2])
    assert ran.returncode == 0, ran.stdout + ran.stderr


def parameters_of(definition: ast.FunctionDef) -> list[bool]:
    """For each parameter but self, whether None may be given."""
    arguments = [*definition.args.posonlyargs, *definition.args.args]
    texts = [ast.unparse(argument.annotation) for argument in arguments if argument.arg != "self"]
    return ["None" in text or text == "_Progress" for text in texts]


def functions_of(module: ast.Module) -> dict[str, list[bool] | None]:
    """Names as in "Session.read", with their parameters; None for properties and other values."""
    found: dict[str, list[bool] | None] = {}
    for node in module.body:
        entries = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        for entry in entries:
            if isinstance(entry, ast.FunctionDef):
                found[prefix + entry.name] = None if entry.decorator_list else parameters_of(entry)
            elif isinstance(entry, ast.AnnAssign):
                found[prefix + ast.unparse(entry.target)] = None
    return found


def native_functions() -> dict[str, list[bool] | None]:
    found: dict[str, list[bool] | None] = {}
    for holder, prefix in [(_native, ""), *((c, f"{c.__name__}.") for c in vars(_native).values() if isinstance(c, type))]:
        for name, value in vars(holder).items():
            if hasattr(value, "__nb_signature__"):
                # Without what Python cannot parse: the types of arrays, and the places of defaults.
                signature = re.sub(r"ndarray\[[^]]*\]| = \\\d+", "memoryview", value.__nb_signature__[0][0])
                definition = ast.parse(signature + ": ...").body[0]
                found[prefix + name] = parameters_of(definition)
            elif name == "__version__" or (prefix and not name.startswith("_")):
                found[prefix + name] = None
    return found


def test_the_stub_has_what_the_native_module_has():
    stub = functions_of(ast.parse((PACKAGE / "_native.pyi").read_text()))
    assert len(stub) > 15
    assert stub == native_functions()


# --- Zones


HERE_ONLY = {"link_file", "link_many", "verify", "get_mutable", "set_mutable", "delete_mutable", "create_feed", "load_feed", "load_subfeed",
             "list_feeds", "delete_feed", "check_proof", "check_history"}


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in HERE_ONLY])
def test_a_zone_is_never_silently_left_out(name, tmp_path, store_dir):
    """What was meant for a zone and only went to this machine would be lost to those who wait for it."""
    assert "zone" in inspect.signature(getattr(kachery, name)).parameters
    (tmp_path / "file").write_text("1")
    arguments = [[tmp_path / "file"] if name.endswith(("_many", "_missing")) else str(tmp_path / "file")]
    with pytest.raises(kachery.Unavailable, match='"lab" is out of reach: no hub is configured'):
        getattr(kachery, name)(*([] if name == "whoami" else arguments), zone="lab")
    assert not store_dir.exists()


@pytest.mark.parametrize("name", sorted(HERE_ONLY))
def test_what_is_of_this_machine_only_takes_no_zone(name):
    assert "zone" not in inspect.signature(getattr(kachery, name)).parameters


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name.startswith("store_")])
def test_a_zone_and_this_machine_only_is_a_contradiction(name, tmp_path):
    argument = [tmp_path] if name == "store_many" else "1"
    with pytest.raises(kachery.Invalid, match="give one of the two"):
        getattr(kachery, name)(argument, zone="lab", local=True)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name.startswith(("load_", "open", "cat", "info")) and name not in HERE_ONLY])
def test_a_zone_and_nobody_else_is_a_contradiction(name):
    with pytest.raises(kachery.Invalid, match="give one of the two"):
        getattr(kachery, name)("sha1://" + "0" * 40, zone="lab", local_only=True)


@pytest.mark.parametrize("call", [
    lambda: kachery.whoami(), lambda: kachery.find_missing([]), lambda: kachery.upload_many([]), lambda: kachery.fetch_many([]),
], ids=["whoami", "find_missing", "upload_many", "fetch_many"])
def test_what_only_a_hub_can_do_says_that_there_is_none(call):
    with pytest.raises(kachery.Unavailable) as raised:
        call()
    assert str(raised.value) == "no hub is configured: set KACHERY_GATEWAY_URL to the address of one"


def test_where_nobody_else_is_to_be_asked_the_hub_is_not(tmp_path, monkeypatch):
    monkeypatch.delenv("KACHERY_DIR")
    monkeypatch.setenv("KACHERY_OFFLINE_STORAGE_DIR", str(tmp_path / "offline"))
    monkeypatch.setenv("KACHERY_GATEWAY_URL", "http://127.0.0.1:9")
    assert kachery.load_text(kachery.store_text("here")) == "here"
    with pytest.raises(kachery.NotFound):
        kachery.load_text("sha1://" + "0" * 40)
    with pytest.raises(kachery.Unavailable, match="KACHERY_OFFLINE_STORAGE_DIR"):
        kachery.store_text("there", zone="lab")


# --- Progress


@pytest.fixture
def large(tmp_path):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(400 << 20)
    return tmp_path / "large"


@pytest.mark.parametrize("transfer", [
    lambda path, uri, report: kachery.store_file(path, progress=report),
    lambda path, uri, report: kachery.link_many([path], progress=report),
    lambda path, uri, report: kachery.load_file(uri, dest=path.with_name("copy"), progress=report),
    lambda path, uri, report: kachery.load_bytes(uri, progress=report),
    lambda path, uri, report: kachery.verify([uri], progress=report),
], ids=["store_file", "link_many", "load_file", "load_bytes", "verify"])
def test_transfers_tell_how_far_they_are(large, transfer):
    uri = kachery.link_file(large)
    seen: list[tuple[int, int]] = []
    transfer(large, uri, lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] > 0


@pytest.mark.parametrize("name", ["open", "info", "load_bytes", "load_file"])
def test_what_must_be_hashed_first_tells_so(name, large, store_dir):
    uri = kachery.link_file(large)
    (store_dir / "index.db").unlink()
    code = (
        "import kachery\ndef enough(done, total): raise EOFError\n"
        f"try: kachery.{name}({str(uri)!r}, progress=enough)\nexcept EOFError: print('told')"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "told\n"


def test_true_prints_a_line_now_and_then_where_no_terminal_is(capsys, monkeypatch, large):
    monkeypatch.setattr(_progress, "_LINE_EVERY_S", 0.05)
    kachery.link_file(large, progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(r"(kachery: linking: [\d.]+ [kMG]?B of 419\.4 MB\n)+", captured.err)
    kachery.link_file(large, progress=False)
    assert capsys.readouterr().err == ""


def test_true_shows_a_bar_on_a_terminal(large):
    pytest.importorskip("tqdm")
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    code = f"import kachery; kachery.link_file({str(large)!r}, progress=True)"
    child = subprocess.Popen([sys.executable, "-c", code], stderr=theirs, stdout=subprocess.PIPE)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # The terminal's other side is closed.
        pass
    assert child.communicate(timeout=60) == (b"", None)
    assert b"linking" in shown and b"419M" in shown
    os.close(ours)


@pytest.mark.parametrize(("size", "text"), [
    (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB"), (4 * 10**15, "4000.0 TB"),
])
def test_sizes_are_readable(size, text):
    assert _progress.human_size(size) == text


# --- Looking at what is stored


def test_info_says_where_content_is(tmp_path):
    (tmp_path / "file").write_text("text")
    stored = kachery.info(kachery.store_bytes(b"other"))
    assert (stored.kind, stored.size) == ("object", 5)
    assert Path(stored.path).read_bytes() == b"other"
    linked = kachery.info(kachery.link_file(tmp_path / "file"))
    assert linked == kachery.Info("link", str(tmp_path / "file"), 4)
    assert kachery.info(str(tmp_path / "file")).kind == "path"
    with pytest.raises(kachery.NotFound):
        kachery.info("sha1://" + "0" * 40)


def test_verify_finds_what_is_wrong(tmp_path, store_dir):
    missing = "sha1://" + "0" * 40
    assert kachery.verify() == kachery.Verification(0, 0, 0)
    assert [finding.uri for finding in kachery.verify([missing]).missing] == [missing]
    good, bad = kachery.store_text("good"), kachery.store_text("bad")
    (tmp_path / "file").write_text("linked")
    link = kachery.link_file(tmp_path / "file")
    assert kachery.verify().sound and kachery.verify([]) == kachery.Verification(0, 0, 0)
    path = Path(kachery.load_file(bad))
    path.chmod(0o644)
    path.write_text("BAD")
    (tmp_path / "file").write_text("changed")
    assert kachery.verify([good]).sound and kachery.verify(good).objects == 1
    report = kachery.verify()
    assert (report.objects, report.links, report.sound) == (2, 1, False)
    assert [finding.uri for finding in report.damaged] == [f"sha1://{bad.digest}"]
    assert {finding.uri for finding in report.stale_links} == {f"sha1://{link.digest}"}
    assert "file" in report.stale_links[0].what
    with pytest.raises(kachery.Invalid):
        kachery.verify(["nonsense"])


# --- Values that change


@pytest.mark.parametrize("key", [
    "text", 1, 1.5, True, ["a", {"b": [1]}], {"z": 1, "a": None}, "", "\N{SNOWMAN}", kachery.URI("sha1://" + "0" * 40),
])
def test_a_value_changes_under_its_key(key):
    with pytest.raises(kachery.NotFound, match="no mutable"):
        kachery.get_mutable(key)
    assert kachery.get_mutable(key, None) is None
    assert kachery.set_mutable(key, {"v": [1, 2.5, "\N{SNOWMAN}", None]})
    assert kachery.get_mutable(key) == {"v": [1, 2.5, "\N{SNOWMAN}", None]}
    assert not kachery.set_mutable(key, "late", update=False)
    assert kachery.set_mutable(key, "new") and kachery.get_mutable(key) == "new"
    assert kachery.delete_mutable(key) and not kachery.delete_mutable(key)
    assert kachery.get_mutable(key, "none") == "none"


def test_keys_that_json_says_are_one_are_one():
    kachery.set_mutable({"a": 1, "b": [2]}, 1)
    assert kachery.get_mutable({"b": (2,), "a": 1}) == 1
    for key in (None, 1 << 53, float("nan"), object()):
        with pytest.raises((ValueError, TypeError)):
            kachery.set_mutable(key, 1)
    for value in (None, float("inf"), {1, 2}):
        with pytest.raises((ValueError, TypeError)):
            kachery.set_mutable("key", value)
    assert kachery.get_mutable("key", "unset") == "unset"


# --- Imports


def python_without(*packages: str) -> list[str]:
    """A Python in which they are not installed, whatever is."""
    hidden = "; ".join(f"sys.modules[{package!r}] = None" for package in packages)
    return [sys.executable, "-c", f"import sys; {hidden}; exec(sys.stdin.read())"]


def test_without_numpy_the_message_says_what_to_install():
    uri = kachery.store_bytes(b"x")
    code = f"""
import kachery
for function, argument in ((kachery.store_npy, [1]), (kachery.load_npy, {str(uri)!r})):
    try: function(argument)
    except ModuleNotFoundError as error: print(error)
print(kachery.load_pkl(kachery.store_pkl({{"a": [1, kachery.URI({str(uri)!r})]}})))
"""
    ran = subprocess.run(python_without("numpy"), input=code, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == [
        "store_npy needs numpy: pip install numpy",
        "load_npy needs numpy: pip install numpy",
        f"{{'a': [1, '{uri}']}}",
    ]


def test_importing_reads_nothing_heavy():
    heavy = {"numpy", "json", "simplejson", "pickle", "dataclasses", "fsspec", "tqdm", "html", "inspect"}
    code = f"import sys, kachery; print(sorted({heavy!r} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
