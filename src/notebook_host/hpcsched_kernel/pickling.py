# SPDX-License-Identifier: Apache-2.0
"""Values: the pickles of what names hold."""
import abc
import collections
import datetime
import enum
import functools
import hashlib
import importlib
import io
import logging
import pickle
import struct
import sys
import threading
import types
import typing
import weakref

import cloudpickle

try:
    from xxhash import xxh3_128 as _fast_hash
except ImportError:
    _fast_hash = functools.partial(hashlib.blake2b, digest_size=16)

from .loading import (_array, _call, _cell_set, _class, _class_set, _exception, _function, _function_set, _lru, _make,
                      _ref, _state_set, _uid, _unwrapped, _view)
from .objects import (_ATOMS, _FUNCTION, _UNSHARED, _class_body, _has_cells, _has_identity, _importable, _is_static,
                      _refuse)
from .watching import _names
from .widgets import _widget, _widget_type


def _file(obj):
    for name in ("stdout", "stderr", "stdin"):
        if obj is getattr(sys, name):
            return getattr, (sys, name)
    _refuse(obj)


def _memoryview(obj):
    # bytes, as which cloudpickle sends it, shares nothing with what it views.
    return (memoryview, (obj.obj,)) if obj.c_contiguous and obj == memoryview(obj.obj) else _refuse(obj)


def _method(obj):
    name, owner = obj.__func__.__name__, obj.__self__
    cls = owner if isinstance(owner, type) else type(owner)
    found = next((vars(c)[name] for c in cls.__mro__ if name in vars(c)), None)
    return (getattr, (owner, name)) if _unwrapped(found) is obj.__func__ else (types.MethodType, (obj.__func__, owner))


def _cell(obj):
    try:
        return types.CellType, (), (obj.cell_contents,), None, None, _cell_set
    except ValueError:
        return types.CellType, ()


_constants = {}


def _constant(obj):
    """The name of obj in the module of its type, where it is a constant of that module, as dataclasses.MISSING."""
    cls = type(obj)
    if cls.__module__ == "__main__":
        return None
    found = _constants.get(cls)
    if found is None:
        module = sys.modules.get(cls.__module__)
        found = _constants[cls] = {id(v): n for n, v in list(vars(module).items()) if type(v) is cls} if module else {}
    name = found.get(id(obj))
    return name if name and getattr(sys.modules.get(cls.__module__), name, None) is obj else None


def _of_module(module, name):
    return getattr(importlib.import_module(module), name)


class _Sink:
    __slots__ = ("write",)

    def __init__(self, write):
        self.write = write


class _Pickler(cloudpickle.CloudPickler):
    """Pickles the values of some names of a namespace. What it met is in its attributes."""

    dispatch_table = collections.ChainMap({
        io.TextIOWrapper: _file,
        memoryview: _memoryview,
        types.MethodType: _method,
        types.CellType: _cell,
        weakref.ref: lambda obj: _refuse(obj) if obj() is None else (weakref.ref, (obj(),)),
        weakref.WeakKeyDictionary: lambda obj: (weakref.WeakKeyDictionary, (dict(obj),)),
        weakref.WeakValueDictionary: lambda obj: (weakref.WeakValueDictionary, (dict(obj),)),
        functools.cached_property: lambda obj: (functools.cached_property, (obj.func,),
                                                {"attrname": obj.attrname, "__doc__": obj.__doc__}),
    }, cloudpickle.CloudPickler.dispatch_table)

    def __init__(self, replica, names, shared):
        self.parts, self.buffers = [], []
        super().__init__(_Sink(self.parts.append), protocol=5, buffer_callback=self.buffers.append)
        self.replica, self.names, self.shared = replica, names, shared
        self.refs = set()  # names of classes and functions that the pickle refers to
        self.reach = set()  # global names that its functions use
        self.blind = False  # whether its functions may reach any name
        self.owned = {}  # id -> class or function that is in the pickle itself
        self.alien = set()  # ids of what another process finds elsewhere
        self.owners = {}  # id -> (array that owns memory, ids of the arrays in it)
        self.spaces = {}
        self.ndarray = getattr(sys.modules.get("numpy"), "ndarray", None)
        self.index = getattr(sys.modules.get("pandas"), "Index", ())
        self.widget = _widget_type()

    def reducer_override(self, obj):
        cls = type(obj)
        if cls is types.FunctionType:
            return NotImplemented if _importable(obj) else self.referred(obj) or self.function(obj)
        if issubclass(cls, type):
            if _is_static(obj) or _importable(obj):
                return super().reducer_override(obj)
            return self.referred(obj) or self.cls(obj)
        if cls is self.ndarray:
            return self.array(obj)
        if isinstance(obj, self.widget):
            return _widget(obj)
        if cls is functools._lru_cache_wrapper and not _importable(obj):
            return self.referred(obj) or self.own(obj, _lru, obj.__wrapped__, obj.cache_parameters()) + (vars(obj),)
        if cls is typing.NewType and not _importable(obj):
            return self.referred(obj) or self.own(obj, _call, typing.NewType, (obj.__name__, obj.__supertype__)) + (
                {"__module__": obj.__module__, "__qualname__": obj.__qualname__},)
        if (hasattr(cls, "__getattr__") or isinstance(obj, dict)) and not hasattr(cls, "__setstate__") \
                and not _importable(cls):
            reduced = obj.__reduce_ex__(5)
            if isinstance(reduced, tuple):
                return (*reduced, *[None] * (5 - len(reduced)), _state_set)
        if isinstance(obj, BaseException) and not _importable(cls) and cls.__reduce__ is BaseException.__reduce__:
            kept = {name: getattr(obj, name) for name in ("__cause__", "__context__", "__suppress_context__")}
            return _exception, (cls, obj.args), (vars(obj), kept), None, None, _state_set
        if isinstance(obj, self.index):
            self.alien |= {id(obj), id(getattr(obj, "_data", None)), id(self.owner(getattr(obj, "_data", None)))}
        elif obj is sys.stdout or obj is sys.stderr:
            return getattr, (sys, "stdout" if obj is sys.stdout else "stderr")
        name = _constant(obj)
        if name:
            self.alien.add(id(obj))
            return _of_module, (cls.__module__, name)
        return NotImplemented

    def referred(self, obj):
        """A reference to what has a name outside of this pickle; None for what has not."""
        name = self.replica.named.get(id(obj))
        if name is None or name in self.names:
            return None
        self.refs.add(name)
        return _ref, (_uid(obj), name)

    def own(self, obj, factory, *args):
        self.owned[id(obj)] = obj
        return _make, (_uid(obj), factory, *args)

    def function(self, obj):
        code, space = obj.__code__, obj.__globals__
        names, blind, _ = _names(code)
        used = {}
        if space is self.replica.ns:
            self.reach |= names
            self.blind |= blind
            where = None
        elif vars(sys.modules.get(space.get("__name__"), types)) is space:
            where = space["__name__"]
        else:
            where = self.spaces.setdefault(id(space), {"__name__": space.get("__name__", "builtins")})
            used = {name: space[name] for name in sorted(names) if name in space}
        attributes = {name: getattr(obj, name) for name in _FUNCTION if hasattr(obj, name)}
        state = attributes, used, vars(obj)
        if not _has_cells(obj):
            made = self.own(obj, _function, code, where, obj.__name__, obj.__closure__)
        else:
            self.owned[id(obj)] = obj
            made = _make, (None, _function, code, where, obj.__name__, obj.__closure__)
        return made + (state, None, None, _function_set)

    def cls(self, obj):
        if issubclass(obj, enum.Enum):
            factory, args, state, *_, setter = super().reducer_override(obj)
            return self.own(obj, _call, factory, args) + (state, None, None, setter)
        body = {"__module__": obj.__module__, "__qualname__": obj.__qualname__}
        body.update((name, vars(obj)[name]) for name in ("__slots__", "__orig_bases__") if name in vars(obj))
        registered = [r() for r in abc._get_dump(obj)[0]] if isinstance(obj, abc.ABCMeta) else []
        state = _class_body(obj), [r for r in registered if r is not None]
        return self.own(obj, _class, type(obj), obj.__name__, obj.__bases__, body) + (state, None, None, _class_set)

    def owner(self, array):
        while isinstance(getattr(array, "base", None), self.ndarray or ()):
            array = array.base
        return array

    def array(self, obj):
        owner = self.owner(obj)
        self.owners.setdefault(id(owner), (owner, set()))[1].add(id(obj))
        if obj.dtype.hasobject:
            return NotImplemented
        writable = obj.flags.writeable
        if id(owner) in self.shared and obj is not owner and type(owner) is self.ndarray:
            offset = obj.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
            return _view, (owner, offset, obj.shape, obj.strides, obj.dtype, writable)
        if not (obj.flags.c_contiguous or obj.flags.f_contiguous):
            return NotImplemented
        order = "C" if obj.flags.c_contiguous else "F"
        return _array, (pickle.PickleBuffer(obj), obj.dtype, obj.shape, order, writable)


def _deep(function, *args):
    """Calls function where there is much more stack: for lists of lists of lists..."""
    def run():
        try:
            function(*args)
        except BaseException as e:
            raised.append(e)
    raised = []
    size, limit = threading.stack_size(512 << 20), sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(100_000)
        thread = threading.Thread(target=run, name="hpcsched")
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(size)
    if raised:
        raise raised[0]


def _is_mutable(obj):
    """Whether two that hold obj must hold one obj. By convention what hashes by its value does not change."""
    if isinstance(obj, (enum.Enum, logging.Logger, datetime.tzinfo)):
        return False
    cls = type(obj)
    if cls.__hash__ is None or cls.__hash__ is object.__hash__ or cls.__module__ == "__main__":
        return True
    try:
        return hash(obj) in (id(obj), object.__hash__(obj))
    except Exception:
        return True


class Value:
    """The pickle of the values of some names, and what is known of it."""

    MAGIC = b"HPC1"
    MODULE, DEFINITION, OTHER = range(3)

    def __init__(self, replica, names):
        self.key = ",".join(names)
        values = [replica.value(name) for name in names]
        first = values[0]
        self.kind = (Value.OTHER if len(values) > 1 else Value.MODULE if isinstance(first, types.ModuleType)
                     else Value.DEFINITION if _has_identity(first) else Value.OTHER)
        self.refs = self.reach = frozenset()
        self.blind, self.pickler = False, None
        if len(names) == 1 and type(first) in _ATOMS and type(first) is not types.ModuleType:
            self.parts = self.packed([pickle.dumps(first, 5)], [])
        else:
            self.pickle(replica, names, first if len(values) == 1 else tuple(values))
        self.size = sum(map(len, self.parts))
        self.digest = None

    def pickle(self, replica, names, value):
        shared = set()
        while True:
            p = _Pickler(replica, names, shared)
            try:
                p.dump(value)
            except (RecursionError, pickle.PicklingError) as e:
                if "recursion" not in str(e):
                    raise
                p = _Pickler(replica, names, shared)
                _deep(p.dump, value)
            twice = {i for i, (_, arrays) in p.owners.items() if len(arrays) > 1}
            if twice <= shared:
                break
            shared |= twice  # these arrays are views of one: again, as views
        self.refs, self.reach, self.blind, self.pickler = p.refs, p.reach | p.refs, p.blind, p
        self.parts = self.packed(p.parts, [b.raw() for b in p.buffers])

    def packed(self, stream, buffers):
        lengths = [len(b) << 1 | b.readonly for b in buffers]
        head = [self.MAGIC + struct.pack(f"<BIQ{len(lengths)}Q", self.kind, len(lengths), sum(map(len, stream)),
                                         *lengths)]
        parts = head + stream
        if buffers:
            at = sum(map(len, parts))
            for b in buffers:  # at multiples of 64, so that arrays can use the memory as it comes
                parts += [bytes(-at % 64), b]
                at += -at % 64 + len(b)
        return parts

    @staticmethod
    def unpacked(payload):
        """The object in a payload (anything with the buffer interface)."""
        view = memoryview(payload).cast("B")
        if bytes(view[:4]) != Value.MAGIC:
            raise ValueError("not a value")
        _, count, length = struct.unpack_from("<BIQ", view, 4)
        at = 4 + struct.calcsize("<BIQ")
        lengths = struct.unpack_from(f"<{count}Q", view, at)
        at += 8 * count
        stream = view[at:at + length]
        at += length
        buffers = []
        for n in lengths:
            at += -at % 64
            buffers.append(view[at:at + (n >> 1)])
            if not n & 1 and view.readonly:
                buffers[-1] = bytearray(buffers[-1])
            elif n & 1:
                buffers[-1] = buffers[-1].toreadonly()
            at += n >> 1
        return pickle.loads(stream, buffers=buffers)

    def hashed(self):
        if self.digest is None:
            h = _fast_hash()
            for part in self.parts:
                h.update(part)
            self.digest = h.digest()
        return self.digest

    def mutable(self):
        """id -> object, of all that other values could share with this one."""
        p = self.pickler
        if p is None:
            return {}
        met = {i: obj for i, (_, obj) in p.memo.copy().items()
               if type(obj) not in _UNSHARED and not isinstance(obj, type) and i not in p.alien}
        met.update((i, owner) for i, (owner, _) in p.owners.items() if i not in p.alien)
        met.update(p.owned)
        return met

    def settled(self):
        """Lets go of the objects: from now on this is a record of what the others have."""
        self.hashed()
        self.parts = self.pickler = None
        return self
