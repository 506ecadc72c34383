#!/usr/bin/env python3
"""Files from outside: a missing or malformed data, key, swarm or state file gives one line with its
path and exit status 1, and nothing is overwritten."""

import gzip
import os
import shutil
import struct
import tempfile

from nodes import case, check, finish, run_kith

NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
         "t10k-labels-idx1-ubyte"]
COUNT = {"train": 5000, "t10k": 20}


class Folder:
    """A directory that is gone afterwards."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="kith-test-")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def write(self, name, content):
        with open(self / name, "wb") as file:
            file.write(content)
        return self / name


def content_of(folder):
    """Every file below a folder and its bytes."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if name == "lock" or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                found[path] = file.read(1 << 24)
    return found


def fails(words, *named, folders=(), seconds=20):
    """Exit status 1, one line on standard error with all of `named`; the folders stay as they are."""
    before = [content_of(folder) for folder in folders]
    status, out, err = run_kith(*words, seconds=seconds)
    check(status == 1 and err.count("\n") == 1 and all(str(name) in err for name in named),
          f"{words}: status {status}, {out[-300:]!r}, {err!r}, wanted {named}")
    check(before == [content_of(folder) for folder in folders], f"{words}: files have changed")


def idx(name):
    count = COUNT[name.split("-")[0]]
    if "images" in name:
        return struct.pack(">IIII", 0x803, count, 28, 28) + bytes(count * 784)
    return struct.pack(">II", 0x801, count) + bytes(i % 10 for i in range(count))


def data(folder, **changed):
    """A small data set; `changed` gives other bytes to a file, None leaves it out."""
    place = tempfile.mkdtemp(dir=folder.path)
    for name in NAMES:
        content = changed.get(name.replace("-", "_"), idx(name))
        if content is not None:
            with open(os.path.join(place, name), "wb") as file:
                file.write(content)
    return place


def node(folder, *words):
    return ["node", "--no-peers", "--state", folder / "state", "--epochs", "1", *words]


def a_small_data_set_is_good():
    with Folder() as folder:
        status, _, err = run_kith(*node(folder, "--data", data(folder)))
        check(status == 0, err)
        plain = idx("train-images-idx3-ubyte")
        place = data(folder, train_images_idx3_ubyte=None)
        with gzip.open(os.path.join(place, "train-images-idx3-ubyte.gz"), "wb") as file:
            file.write(plain)
        status, _, err = run_kith(*node(folder, "--data", place))
        check(status == 0, err)


def data_files():
    with Folder() as folder:
        run_kith("key", "new", "--state", folder / "state")
        missing = folder / "nowhere"
        fails(node(folder, "--data", missing), missing, folders=[folder.path])
        for name in NAMES:
            good = idx(name)
            for what, content in {
                "missing": None,
                "empty": b"",
                "short": good[:-1],
                "long": good + b"\0",
                "head": good[:7],
                "magic": b"\0\0\x09\x03" + good[4:],
                "count": good[:4] + b"\xff\xff\xff\xff" + good[8:],
                "text": b"<html>not found</html>",
            }.items():
                place = data(folder, **{name.replace("-", "_"): content})
                fails(node(folder, "--data", place), os.path.join(place, name), ": ",
                      folders=[folder.path])
                shutil.rmtree(place)
        label = idx(NAMES[1])
        place = data(folder, train_labels_idx1_ubyte=label[:-1] + b"\x0a")
        fails(node(folder, "--data", place), os.path.join(place, NAMES[1]), folders=[folder.path])
        shape = struct.pack(">IIII", 0x803, 5000, 28, 27) + bytes(5000 * 28 * 27)
        place = data(folder, train_images_idx3_ubyte=shape)
        fails(node(folder, "--data", place), os.path.join(place, NAMES[0]), folders=[folder.path])


def damaged_gzip_files():
    with Folder() as folder:
        run_kith("key", "new", "--state", folder / "state")
        packed = gzip.compress(idx(NAMES[0]))
        for content in (packed[:-9], packed[:100], b"\x1f\x8b" + bytes(50),
                        packed[:40] + b"\xff" + packed[41:]):
            place = data(folder, train_images_idx3_ubyte=None)
            path = os.path.join(place, NAMES[0] + ".gz")
            with open(path, "wb") as file:
                file.write(content)
            fails(node(folder, "--data", place), path, folders=[folder.path])
        # A small file that unpacks to far more than any data set is refused before it is held.
        place = data(folder, train_images_idx3_ubyte=None)
        path = os.path.join(place, NAMES[0] + ".gz")
        with gzip.open(path, "wb", compresslevel=1) as file:
            for _ in range(256):
                file.write(bytes(1 << 20))
        fails(node(folder, "--data", place), path, folders=[folder.path])


def key_files():
    with Folder() as folder:
        good = folder / "good"
        status, out, _ = run_kith("key", "new", "--out", good)
        check(status == 0 and out.split()[1] == good, out)
        check(os.stat(good).st_mode & 0o777 == 0o600, "the key's mode")
        with open(good, "rb") as file:
            key = file.read()
        fails(["key", "new", "--out", good], good, "exists", folders=[folder.path])
        flipped = bytearray(key)
        flipped[key.index(b"seed") + 12] ^= 1
        for what, content in {"empty": b"", "short": key[:-1], "half": key[:80], "long": key + b"x",
                              "flipped": bytes(flipped), "text": b"hello\n",
                              "huge": bytes(1 << 20)}.items():
            path = folder.write(what, content)
            os.chmod(path, 0o600)
            fails(["key", "show", "--key", path], path, folders=[folder.path])
            fails(node(folder, "--key", path), path, folders=[path])
        open_to_all = folder.write("open", key)
        os.chmod(open_to_all, 0o644)
        fails(["key", "show", "--key", open_to_all], open_to_all, folders=[folder.path])
        fails(node(folder, "--key", open_to_all), open_to_all)
        fails(["key", "show", "--key", folder / "none"], folder / "none")
        fails(node(folder, "--key", folder / "none"), folder / "none")
        fails(["key", "show", "--key", folder.path], folder.path)
        fails(["key", "new", "--out", folder / "no/such/key"], folder / "no/such/key")


def a_damaged_key_in_the_state_directory_is_not_replaced():
    with Folder() as folder:
        os.mkdir(folder / "state", 0o700)
        path = folder.write("state/hotkey", b"kith key 1\nbroken")
        os.chmod(path, 0o600)
        fails(node(folder, "--synthetic"), path, folders=[folder.path])


def swarm_files():
    with Folder() as folder:
        status, out, _ = run_kith("swarm", "show")
        check(status == 0, out)
        good = folder.write("good.yaml", out.encode())
        check(run_kith("swarm", "show", good) == (0, out, ""), "what is shown is not read back")
        for what, content, named in [
                ("empty", b"", ":1: "),
                ("classes", b"name: x\nclasses: 1\n", ":2: classes: "),
                ("unknown", b"name: x\n\nspeed: 9\n", ":3: "),
                ("alias", b"name: &a x\n", ":1: "),
                ("binary", bytes(range(256)), ":1: "),
                ("huge", b"#" * 20000, ": ")]:
            path = folder.write(what, content)
            fails(["swarm", "show", path], path + named, folders=[folder.path])
            fails(node(folder, "--swarm", path), path + named)
        fails(["swarm", "show", folder / "none"], folder / "none")
        other = folder.write("other.yaml", b"name: other\ndata: " + b"ab" * 32 + b"\n")
        place = data(folder)
        fails(node(folder, "--swarm", other, "--data", place), place, "digest")


def a_checkpoint(folder):
    """A state directory with a checkpoint, from a short run."""
    words = ["node", "--synthetic", "--no-peers", "--rounds", "3", "--model", "mlp:8", "--state",
             folder / "state"]
    status, _, err = run_kith(*words)
    check(status == 0, err)
    with open(folder / "state/checkpoint", "rb") as file:
        return words, file.read()


def checkpoint_files():
    with Folder() as folder:
        words, good = a_checkpoint(folder)
        path = folder / "state/checkpoint"
        flipped = bytearray(good)
        flipped[len(good) // 2] ^= 4
        for content in (good[:-1], good[:10], b"", good + b"\0", bytes(flipped), bytes(len(good)),
                        b"text\n"):
            folder.write("state/checkpoint", content)
            fails(words, path, folders=[folder.path])
        folder.write("state/checkpoint", good)
        fails([*words[:6], "mlp:9", *words[7:]], path, folders=[folder.path])
        os.truncate(path, (1 << 30) + 1)
        fails(words, path)
        os.unlink(path)
        os.mkfifo(path)
        fails(words, path)
        os.unlink(path)
        os.symlink("/dev/zero", path)
        fails(words, path)


def a_damaged_address_book_is_rebuilt():
    with Folder() as folder:
        words, _ = a_checkpoint(folder)
        words[words.index("--no-peers")] = "--no-dht"
        words[words.index("3")] = "6"
        for content in (b"KTBOOK1\0" + b"\xff" * 1000, b"", os.urandom(5000)):
            folder.write("state/peers", content)
            os.unlink(folder / "state/checkpoint")
            status, _, err = run_kith(*words, "--bind", "127.0.0.1")
            check(status == 0, err)


def a_state_directory_that_cannot_be():
    with Folder() as folder:
        path = folder.write("file", b"x")
        for state in (path, path + "/below"):
            fails(["node", "--synthetic", "--no-peers", "--state", state], state,
                  folders=[folder.path])


def main():
    for test in (a_small_data_set_is_good, data_files, damaged_gzip_files, key_files,
                 a_damaged_key_in_the_state_directory_is_not_replaced, swarm_files,
                 checkpoint_files, a_damaged_address_book_is_rebuilt,
                 a_state_directory_that_cannot_be):
        case(test)
    finish()


if __name__ == "__main__":
    main()
