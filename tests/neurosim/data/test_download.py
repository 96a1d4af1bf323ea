import contextlib
import gzip
import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from data_files import idx_bytes, publish, small_set

from neurosim import data
from neurosim.data import download as downloading
from neurosim.data.catalog import CATALOG, MIRRORS, PARTS, file_stem
from neurosim.data.download import download, mirrors_of
from neurosim.errors import DataError

ARRAYS = small_set()
FILES = {f"{file_stem(part)}.gz": gzip.compress(idx_bytes(array)) for part, array in ARRAYS.items()}
FIRST = f"{file_stem(PARTS[0])}.gz"


class Mirror:
    """A web server on this machine; `behaviour` is its answer to the first file, or to all."""

    def __init__(self, behaviour="good"):
        self.behaviour = behaviour
        self.requests = []
        self.finished = threading.Event()
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                mirror.requests.append(self.path)
                with contextlib.suppress(OSError):
                    getattr(mirror, mirror.behaviour)(self, FILES[self.path.rsplit("/", 1)[-1]])

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/{behaviour}/"

    def close(self):
        self.finished.set()
        self.server.shutdown()
        self.server.server_close()

    def reply(self, handler, content, length=None):
        handler.send_response(200)
        if length is not False:
            handler.send_header("Content-Length", str(length or len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def good(self, handler, content):
        self.reply(handler, content)

    def recompressed(self, handler, content):
        self.reply(handler, gzip.compress(gzip.decompress(content), 1))

    def no_length(self, handler, content):
        self.reply(handler, content, length=False)

    def altered(self, handler, content):
        unpacked = bytearray(gzip.decompress(content))
        unpacked[-1] ^= 1
        self.reply(handler, gzip.compress(bytes(unpacked)))

    def truncated(self, handler, content):
        self.reply(handler, content[: len(content) // 2], len(content))

    def truncated_silently(self, handler, content):
        self.reply(handler, content[: len(content) // 2], length=False)

    def web_page(self, handler, content):
        self.reply(handler, b"\n<!DOCTYPE html><title>Log in</title>")

    def missing(self, handler, content):
        handler.send_error(404)

    def redirected(self, handler, content):
        handler.send_response(302)
        handler.send_header("Location", handler.path.replace("redirected", "page"))
        self.behaviour = "web_page"
        handler.end_headers()

    def round_and_round(self, handler, content):
        handler.send_response(302)
        handler.send_header("Location", handler.path)
        handler.end_headers()

    def chunk_missing(self, handler, content):
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"ffff\r\n" + content[: len(content) // 2])
        handler.close_connection = True

    def length_of_words(self, handler, content):
        self.reply(handler, content, "many")

    def broken_server(self, handler, content):
        handler.send_error(503)

    def empty(self, handler, content):
        self.reply(handler, b"", length=False)

    def silent(self, handler, content):
        self.finished.wait(10)

    def dripping(self, handler, content):
        self.reply(handler, content[:1], len(content))
        while not self.finished.wait(0.02):
            handler.wfile.write(content[1:2])

    def nonsense(self, handler, content):
        handler.wfile.write(b"SSH-2.0-OpenSSH\r\n")

    def endless(self, handler, content):
        self.reply(handler, b"", length=False)
        while True:
            handler.wfile.write(bytes(2**16))


@pytest.fixture
def serve(monkeypatch):
    """Start mirrors with these behaviours, and use them for MNIST."""
    running = []

    def start(*behaviours):
        running.extend(Mirror(behaviour) for behaviour in behaviours)
        monkeypatch.setitem(MIRRORS, "mnist", tuple(mirror.url for mirror in running))
        return running

    yield start
    for mirror in running:
        mirror.close()


@pytest.fixture(autouse=True)
def nothing_but_tmp(tmp_path, monkeypatch):
    """Hide this machine's data, cache, proxy and internet from every test."""
    for name in (
        "NEUROSIM_DATA",
        "NEUROSIM_OFFLINE",
        "NEUROSIM_MIRROR",
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NEUROSIM_HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    publish(monkeypatch, ARRAYS)


def fetch(tmp_path, **kwargs):
    download(CATALOG["mnist"], tmp_path / "cache", timeout=0.3, progress=False, **kwargs)


def error_of(function, *args, **kwargs):
    with pytest.raises(DataError) as caught:
        function(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("behaviour", ["good", "recompressed", "no_length"])
def test_download(serve, tmp_path, behaviour):
    (mirror,) = serve(behaviour)
    fetch(tmp_path)
    assert names_in(tmp_path / "cache") == sorted(FILES)
    fetch(tmp_path)
    assert len(mirror.requests) == 4


def test_load_downloads_once(serve):
    (mirror,) = serve("good")
    for name in ("mnist", "auto", "mnist"):
        train, test = data.load(name, progress=False)
        assert (train.name, train.note, len(train), len(test)) == ("mnist", "", 60, 20)
    assert len(mirror.requests) == 4
    assert [found.verified for found in data.inspect_sources()] == [True] * 4


BAD = {
    "altered": "its checksum differs",
    "truncated": "stopped after",
    "truncated_silently": "its checksum differs",
    "web_page": "sent a web page",
    "redirected": "sent a web page",
    "missing": "answered 404 Not Found",
    "round_and_round": "answered 302",
    "chunk_missing": "failed",
    "length_of_words": "failed",
    "broken_server": "answered 503",
    "empty": "its checksum differs",
    "silent": "timed out",
    "dripping": "is too slow",
    "nonsense": "failed",
    "endless": "sent more than 1,000,000 bytes",
}


@pytest.mark.parametrize("behaviour", BAD)
def test_bad_mirror_then_a_good_one(serve, tmp_path, monkeypatch, behaviour):
    monkeypatch.setattr(downloading, "_MAX_DOWNLOAD", 1_000_000)
    bad, good = serve(behaviour, "good")
    fetch(tmp_path)
    assert names_in(tmp_path / "cache") == sorted(FILES)
    assert len(good.requests) == 4
    # once, twice for a redirect, or until urllib gives up: the next files come from the good mirror
    assert len(bad.requests) <= (11 if behaviour == "round_and_round" else 2)


@pytest.mark.parametrize("behaviour", BAD)
def test_bad_mirror_alone(serve, tmp_path, monkeypatch, behaviour):
    monkeypatch.setattr(downloading, "_MAX_DOWNLOAD", 1_000_000)
    (mirror,) = serve(behaviour)
    message = error_of(fetch, tmp_path)
    assert BAD[behaviour] in message
    assert FIRST in message
    assert f"127.0.0.1:{mirror.server.server_port}" in message
    assert not (tmp_path / "cache").exists()  # neither a file nor an empty folder


def test_every_mirrors_failure_is_named(serve, tmp_path):
    serve("missing", "altered")
    message = error_of(fetch, tmp_path)
    assert "404" in message
    assert "checksum" in message


def test_an_interrupted_download_goes_on(serve, tmp_path):
    (mirror,) = serve("good")
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / FIRST).write_bytes(FILES[FIRST])
    second = f"{file_stem(PARTS[1])}.gz"
    (cache / second).write_bytes(FILES[second][:20])
    fetch(tmp_path)
    assert len(mirror.requests) == 3
    assert {name: (cache / name).read_bytes() for name in FILES} == FILES


def test_a_damaged_cache_is_repaired(serve, tmp_path):
    serve("good")
    data.load("mnist", progress=False)
    damaged = tmp_path / "home" / "mnist" / FIRST
    damaged.write_bytes(b"")
    train, _ = data.load("mnist", progress=False)
    assert (len(train), train.note) == (60, "")


def test_two_at_once(serve, tmp_path):
    serve("good")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: fetch(tmp_path), range(4)))
    assert names_in(tmp_path / "cache") == sorted(FILES)


DOWNLOADING = """
import sys
from dataclasses import replace
from pathlib import Path
from neurosim.data import download as downloading
from neurosim.data.catalog import CATALOG, MIRRORS, PARTS

MIRRORS["mnist"] = (sys.argv[1],)
published = CATALOG["mnist"] = replace(CATALOG["mnist"], checksums=dict(zip(PARTS, sys.argv[3:])))
downloading.download(published, Path(sys.argv[2]), timeout=10, progress=False)
"""


def start_downloading(mirror, folder):
    """Start a process that downloads into a folder."""
    checksums = [CATALOG["mnist"].checksums[part] for part in PARTS]
    return subprocess.Popen(
        [sys.executable, "-c", DOWNLOADING, mirror.url, str(folder), *checksums], cwd=Path(__file__).parents[3]
    )


def test_two_processes_at_once(serve, tmp_path):
    (mirror,) = serve("good")
    processes = [start_downloading(mirror, tmp_path / "cache") for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert {name: (tmp_path / "cache" / name).read_bytes() for name in names_in(tmp_path / "cache")} == FILES


def test_a_killed_process_leaves_no_file_under_its_name(serve, tmp_path):
    dripping, _ = serve("dripping", "good")
    process = start_downloading(dripping, tmp_path / "cache")
    while not list((tmp_path / "cache").glob(".*.part")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not [name for name in names_in(tmp_path / "cache") if not name.startswith(".")]
    (left,) = (tmp_path / "cache").glob(".*.part")
    fetch(tmp_path)
    assert {name: (tmp_path / "cache" / name).read_bytes() for name in FILES} == FILES
    assert left.exists()  # the second process must assume that the first still runs
    os.utime(left, (time.time() - 7200,) * 2)
    fetch(tmp_path)
    assert names_in(tmp_path / "cache") == sorted(FILES)


def test_offline_asks_nobody(serve, monkeypatch):
    (mirror,) = serve("good")
    assert "downloads are off" in error_of(data.load, "mnist", offline=True)
    assert data.load("auto", offline=True)[0].name == "digits"
    monkeypatch.setenv("NEUROSIM_OFFLINE", "1")
    assert data.load("auto")[0].name == "digits"
    assert mirror.requests == []


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def hang(*_):
    time.sleep(3)
    raise OSError


@pytest.mark.parametrize("trouble", ["no name", "refused", "look-up hangs", "silent", "missing", "web_page"])
def test_auto_falls_back_quickly(serve, monkeypatch, trouble):
    monkeypatch.setattr("neurosim.data.loading._QUICK_TIMEOUT", 0.3)
    data.load("digits")  # drawing them takes longer than the check of the connection
    (good, *_) = serve("good") if trouble not in BAD else serve(trouble)
    if trouble not in BAD:
        first = {"refused": f"http://127.0.0.1:{closed_port()}/"}.get(trouble, "http://no-such-host.invalid/")
        monkeypatch.setitem(MIRRORS, "mnist", (first, good.url))
        if trouble == "look-up hangs":
            monkeypatch.setattr(socket, "create_connection", hang)
    started = time.perf_counter()
    train, _ = data.load("auto", progress=False)
    assert time.perf_counter() - started < 1.5
    assert train.name == "digits"
    assert "not downloaded" in train.note
    if trouble not in BAD:
        assert good.requests == []


def test_mnist_itself_is_worth_the_second_mirror(serve, monkeypatch):
    (good,) = serve("good")
    monkeypatch.setitem(MIRRORS, "mnist", ("http://no-such-host.invalid/", good.url))
    assert data.load("mnist", progress=False)[0].name == "mnist"


def test_cache_that_cannot_be_made(serve, tmp_path):
    serve("good")
    (tmp_path / "home").write_text("a file is in the way")
    assert "set NEUROSIM_HOME" in error_of(data.load, "mnist")
    assert data.load("auto")[0].name == "digits"


def test_own_mirror_comes_first(serve, monkeypatch):
    (mirror,) = serve("good")
    monkeypatch.setitem(MIRRORS, "mnist", ("http://no-such-host.invalid/",))
    monkeypatch.setenv("NEUROSIM_MIRROR", mirror.url)
    assert mirrors_of("mnist") == (f"{mirror.url}mnist/", "http://no-such-host.invalid/")
    assert data.load("auto", progress=False)[0].name == "mnist"


def test_own_mirror_may_be_a_folder(tmp_path, monkeypatch):
    folder = tmp_path / "share" / "mnist"
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    monkeypatch.setenv("NEUROSIM_MIRROR", folder.parent.as_uri())
    assert data.load("auto", progress=False)[0].name == "mnist"


@pytest.mark.parametrize("progress", [True, False])
def test_progress_bar_only_on_a_terminal(serve, tmp_path, monkeypatch, capsys, progress):
    serve("good")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: progress, raising=False)
    download(CATALOG["mnist"], tmp_path / "cache", progress=progress)
    assert ("train-images-idx3-ubyte.gz" in capsys.readouterr().err) == progress


def test_published_mirrors_and_checksums_are_complete():
    assert CATALOG.keys() == MIRRORS.keys()
    for published in CATALOG.values():
        assert set(published.checksums) == set(PARTS)
        assert all(len(digest) == 64 for digest in published.checksums.values())
        assert len(published.class_names) == 10


@pytest.mark.parametrize("behaviour", ["good", "recompressed"])
def test_a_set_known_by_its_compressed_files(serve, monkeypatch, behaviour):
    digests = {part: hashlib.sha256(FILES[f"{file_stem(part)}.gz"]).hexdigest() for part in PARTS}
    monkeypatch.setitem(CATALOG, "mnist", replace(CATALOG["mnist"], checksums={}))
    monkeypatch.setitem(CATALOG, "kmnist", replace(CATALOG["kmnist"], checksums=digests))
    (mirror,) = serve(behaviour)
    monkeypatch.setitem(MIRRORS, "kmnist", (mirror.url,))
    if behaviour == "recompressed":
        assert "its checksum differs" in error_of(data.load, "kmnist", progress=False)
    else:
        train, _ = data.load("kmnist", progress=False)
        assert (train.name, train.class_names[0]) == ("kmnist", "o")
