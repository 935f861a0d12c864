"""The file system of fsspec: other people's libraries read what is stored, by its URI."""

from __future__ import annotations

import datetime
import io
import multiprocessing
import os
import pickle

import kachery
import pytest

fsspec = pytest.importorskip("fsspec")

MISSING = "sha1://" + "0" * 40


@pytest.fixture
def np():
    return pytest.importorskip("numpy")


@pytest.fixture
def fs():
    return fsspec.filesystem("kachery")


def names_of(uri: kachery.URI) -> list[str]:
    digest = uri.digest
    return [uri, f"sha1://{digest}", f"sha1://{digest}?label=x", f"kachery://{digest}", f"kachery://sha1/{digest}/a/b"]


def test_every_spelling_is_read():
    for name in names_of(kachery.store_text("one\ntwo\n")):
        with fsspec.open(name) as file:
            assert file.read() == b"one\ntwo\n"
        with fsspec.open(name, "r") as file:
            assert list(file) == ["one\n", "two\n"]
    digest = kachery.store_bytes(b"x", algorithm="sha256").digest
    for name in (f"sha256://{digest}", f"kachery://{digest}/label", f"kachery://sha256/{digest}"):
        assert fsspec.open(name).open().read() == b"x"
    with pytest.raises(kachery.Invalid):
        fsspec.open("kachery://" + "0" * 50).open()


def test_one_content_has_one_key_in_caches(fs):
    uri = kachery.store_text("text")
    assert {fs.ukey(name) for name in names_of(uri)} == {f"sha1:{uri.digest}"}
    assert {fs.checksum(name) for name in names_of(uri)} == {int(uri.digest, 16)}


def test_what_is_there_is_told(fs):
    uri = kachery.store_text("0123456789", label="data [1]*.txt")
    info = fs.info(uri)
    assert (info["name"], info["size"], info["type"]) == (uri, 10, "file")
    assert fs.ls(uri, detail=False) == fs.glob(uri) == fs.find(uri) == [uri]
    assert (fs.exists(uri), fs.isfile(uri), fs.isdir(uri), fs.size(uri)) == (True, True, False, 10)
    now = datetime.datetime.now(datetime.timezone.utc)
    assert abs(fs.created(uri) - now) < datetime.timedelta(minutes=1)
    assert fs.unstrip_protocol(uri) == uri
    assert (fs.exists(MISSING), fs.isfile(MISSING), fs.glob(MISSING)) == (False, False, [])
    for look in (fs.info, fs.open, fs.cat, fs.ls):
        with pytest.raises(FileNotFoundError):
            look(MISSING)


def test_damaged_content_is_not_called_missing(fs):
    uri = kachery.store_text("text " * 1000)
    path = kachery.load_file(uri)
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.write(b"T")
    for look in (fs.exists, fs.info, fs.cat, fs.open):
        with pytest.raises(kachery.Corrupt):
            look(uri)


def test_parts_are_read(fs):
    uri = kachery.store_text("0123456789")
    assert fs.cat_file(uri) == b"0123456789"
    assert fs.cat_file(uri, 2, 5) == b"234"
    assert fs.cat_file(uri, -3) == b"789"
    assert fs.cat_ranges([uri, uri], [0, 5], [2, 7]) == [b"01", b"56"]
    assert (fs.head(uri, 2), fs.tail(uri, 2)) == (b"01", b"89")
    assert fs.cat([uri, uri]) == {uri: b"0123456789"}


def test_copies_are_whole_or_not_there(fs, tmp_path):
    uri = kachery.store_text("text", label="t.txt")
    fs.get(uri, str(tmp_path / "folder") + "/")
    fs.get_file(uri, str(tmp_path / "one"))
    fs.get_file(uri, into := io.BytesIO())
    assert (tmp_path / "folder" / "t.txt").read_text() == (tmp_path / "one").read_text() == into.getvalue().decode()
    with pytest.raises(FileNotFoundError):
        fs.get_file(MISSING, str(tmp_path / "one"))
    assert (tmp_path / "one").read_text() == "text"


@pytest.mark.parametrize("write", [
    lambda fs, uri, path: fs.open(uri, "wb"),
    lambda fs, uri, path: fs.open(uri, "a"),
    lambda fs, uri, path: fs.pipe(uri, b"x"),
    lambda fs, uri, path: fs.put(path, uri),
    lambda fs, uri, path: fs.rm(uri),
    lambda fs, uri, path: fs.cp(uri, uri),
    lambda fs, uri, path: fs.mv(uri, uri),
    lambda fs, uri, path: fs.touch(uri),
    lambda fs, uri, path: fs.mkdir(uri),
    lambda fs, uri, path: fs.makedirs(uri),
    lambda fs, uri, path: fs.rmdir(uri),
])
def test_writing_is_refused_with_the_way_to_store(fs, tmp_path, write):
    (tmp_path / "file").write_text("other")
    uri = kachery.store_text("text")
    with pytest.raises(PermissionError, match="kachery.store_file"):
        write(fs, uri, str(tmp_path / "file"))
    assert kachery.load_text(uri) == "text"


def test_fsspec_caches_hold_it(tmp_path):
    uri = kachery.store_text("text")
    for cache in ("simplecache", "filecache"):
        with fsspec.open(f"{cache}::{uri}", **{cache: {"cache_storage": str(tmp_path / cache)}}) as file:
            assert file.read() == b"text"
        assert any((tmp_path / cache).iterdir())


def test_a_zone_is_not_silently_left_out():
    with pytest.raises(kachery.Unavailable, match="no hub"):
        fsspec.filesystem("sha1", zone="lab")


def content_of(fs, name: str) -> bytes:
    return fs.cat_file(name)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_child_processes_read_too(fs, method):
    uri = kachery.store_text("text")
    assert pickle.loads(pickle.dumps(fs)).cat_file(uri) == b"text"
    assert pickle.loads(pickle.dumps(fsspec.open(uri))).open().read() == b"text"
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.starmap_async(content_of, [(fs, str(uri))] * 4).get(60) == [b"text"] * 4


# --- The libraries people use


def test_numpy_reads_through_it(np):
    array = np.arange(1000.0).reshape(10, 100)
    with fsspec.open(kachery.store_npy(array)) as file:
        np.testing.assert_array_equal(np.load(file), array)


def test_pandas_reads_csv_and_parquet_by_uri(np, tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": np.arange(1000), "b": [f"row {i}" for i in range(1000)]})
    frame.to_csv(tmp_path / "f.csv.gz", index=False)
    uri = kachery.store_file(tmp_path / "f.csv.gz")
    assert pandas.read_csv(uri).equals(frame)
    assert pandas.read_csv(kachery.open(uri), compression="gzip").equals(frame)
    pytest.importorskip("pyarrow")
    frame.to_parquet(tmp_path / "f.parquet")
    uri = kachery.store_file(tmp_path / "f.parquet")
    assert pandas.read_parquet(uri).equals(frame)
    assert pandas.read_parquet(kachery.open(uri), columns=["a"]).equals(frame[["a"]])


def test_zarr_reads_a_zipped_store_by_uri(np, tmp_path):
    zarr = pytest.importorskip("zarr", minversion="3")
    values = np.arange(10_000, dtype=np.float32).reshape(100, 100)
    with zarr.storage.ZipStore(tmp_path / "z.zip", mode="w") as store:
        zarr.create_array(store, data=values, chunks=(10, 10))
    uri = kachery.store_file(tmp_path / "z.zip")
    np.testing.assert_array_equal(zarr.open("zip::" + uri, mode="r")[37:42, 5], values[37:42, 5])


def test_h5py_reads_through_both(np, tmp_path):
    h5py = pytest.importorskip("h5py")
    values = np.arange(100_000).reshape(100, 1000)
    with h5py.File(tmp_path / "f.h5", "w") as made:
        made.create_dataset("x", data=values, chunks=(10, 100), compression="gzip")
    uri = kachery.store_file(tmp_path / "f.h5")
    for opened in (kachery.open(uri), fsspec.open(uri).open()):
        with opened as file, h5py.File(file, "r") as read:
            np.testing.assert_array_equal(read["x"][13:57, 5:400], values[13:57, 5:400])


def test_xarray_reads_netcdf_through_both(np, tmp_path):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("netCDF4")
    pytest.importorskip("h5netcdf")
    data = xarray.Dataset({"t": (("x", "y"), np.random.default_rng(1).random((30, 40)))}, {"x": np.arange(30)})
    data.to_netcdf(tmp_path / "f.nc", engine="netcdf4")
    uri = kachery.store_file(tmp_path / "f.nc")
    for opened in (kachery.open(uri), fsspec.open(uri).open()):
        with opened as file, xarray.open_dataset(file, engine="h5netcdf") as read:
            assert read.equals(data)
    with xarray.open_dataset(str(uri), engine="h5netcdf") as read:
        assert read.equals(data)
