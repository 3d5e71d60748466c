"""A storm of puts, telling each key once it is promised, to be killed in the middle. Run by test_folder_store."""

import io
import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from imgfn.core.key import Key
from imgfn.stores.folder.store import FolderStore


def storm(store: FolderStore, thread: int) -> None:
    for number in range(256):
        key = Key(f"folder-{number % 3}/{thread}-{number % 7}")
        store.put(key, io.BytesIO(bytes([number]) * 200_000), 200_000, "image/png", {"number": str(number)})
        os.write(1, f"{key} {number}\n".encode())  # in one piece, whatever the other threads do


if __name__ == "__main__":
    shared = FolderStore(Path(sys.argv[1]))
    print("ready", flush=True)
    for thread in range(4):
        threading.Thread(target=storm, args=(shared, thread)).start()
