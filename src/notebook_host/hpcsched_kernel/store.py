# SPDX-License-Identifier: Apache-2.0
"""The store of large values."""
import ctypes
import mmap
import os


class Buffer(ctypes.Structure):
    """Python's Py_buffer: the only way to the address of what is read-only."""

    _fields_ = [("address", ctypes.c_void_p), ("object", ctypes.c_void_p), ("size", ctypes.c_ssize_t),
                ("item_size", ctypes.c_ssize_t), ("readonly", ctypes.c_int), ("dimensions", ctypes.c_int),
                ("format", ctypes.c_char_p), ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p),
                ("suboffsets", ctypes.c_void_p), ("internal", ctypes.c_void_p)]


class Store:
    """Values by digest, in a folder or a Redis: hpcsched's chunk_store, through its library (chunks_api.hpp).

    It is opened when it is needed first: a kernel starts without it. Nothing is copied on the way."""

    def __init__(self, where, library):
        self.where, self.path, self.library, self.handle = where, library, None, ctypes.c_void_p()

    def call(self, name, *args):
        """OSError with the reason where the call fails."""
        if getattr(self.library, "hpcsched_chunks_" + name)(*args):
            reason = ctypes.create_string_buffer(1000)
            self.library.hpcsched_chunks_last_error(reason, ctypes.c_size_t(len(reason)))
            raise OSError(reason.value.decode(errors="replace"))

    def opened(self):
        if not self.where or not self.path:
            lacks = "--store" if not self.where else "--store-library"
            raise OSError(f"there is none for large values: this kernel was started without {lacks}")
        if not self.handle:
            self.library = ctypes.CDLL(self.path)
            self.call("open", os.fsencode(self.where), 0, ctypes.byref(self.handle))
        return self.handle

    def put(self, parts):
        """Stores the bytes of the parts, one after the other; the object's name. OSError where that cannot be."""
        handle, views = self.opened(), (Buffer * len(parts))()
        taken = 0
        try:
            for part, view in zip(parts, views):
                ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(part), ctypes.byref(view), 0)
                taken += 1
            addresses = (ctypes.c_void_p * len(parts))(*[v.address for v in views])
            sizes = (ctypes.c_size_t * len(parts))(*[v.size for v in views])
            digest, size = ctypes.create_string_buffer(32), ctypes.c_uint64()
            self.call("put", handle, addresses, sizes, ctypes.c_size_t(len(parts)), digest, ctypes.byref(size))
        finally:
            for view in views[:taken]:
                ctypes.pythonapi.PyBuffer_Release(ctypes.byref(view))
        return digest.raw.hex()

    def get(self, name):
        """The bytes that were put; OSError where they are not there or not the same."""
        handle, digest, size = self.opened(), bytes.fromhex(name), ctypes.c_uint64()
        self.call("size", handle, digest, ctypes.byref(size))
        if not size.value:
            return memoryview(bytearray())
        # Memory that nobody clears before it is filled; private, as that of any other value is.
        room = mmap.mmap(-1, size.value, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.call("get", handle, digest, ctypes.byref(ctypes.c_char.from_buffer(room)), size)
        return memoryview(room)
