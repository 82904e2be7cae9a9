# SPDX-License-Identifier: Apache-2.0
"""An ipykernel that tells what each cell changed, and takes over what a cell changed elsewhere.

In a replicated notebook one replica executes a cell; what the cell changed in the user's namespace, its *delta*,
goes with the execute_reply and is installed into the other replicas, so that any of them can execute the next cell.

    python3 hpcsched_kernel.py -f CONNECTION_FILE [--store WHERE --store-library PATH] [--inline-max BYTES]

- execute_request: metadata {"hpcsched": {"devices": [...]}} sets CUDA_VISIBLE_DEVICES for the cell. The reply's
  metadata["hpcsched"] = {execution_count, changed: [[key, size, digest or null]], removed: [key],
  dropped: [[name, reason]]}; its buffers are the values of those without a digest. The others are in the store.
- hpcsched_install_request {changed, removed, execution_count, replace, store} with such buffers: takes a delta over.
- hpcsched_names_request: what is here, for comparing replicas.

A key names one value: a variable; `a,b,c`, variables that share mutable objects and therefore travel as one value;
`In[n]` or `Out[n]`. A value is a header of lengths, a pickle and the pickle's buffers (numpy's data, uncopied).
Values refer to a class or function that has a name by an identity of its own (its uid), so that it stays one object
everywhere, also after it was changed in place or its name was given to another one.

What a cell changed is looked for in the names that its code and the functions that it calls have in them, and in all
names where that cannot be told (exec, magics, threads, tasks, callbacks). What does not travel: state outside the
namespace (files, the environment, modules' globals, seeds, the working directory), and with it what was changed
through a module that was given the user's object; that Out[n] shares objects with variables (it is a copy); that two
variables hold the same tuple or string or the `vars()` of an object; iterators of dictionaries, which become lists'.
"""
import abc
import argparse
import asyncio
import collections
import ctypes
import datetime
import dis
import enum
import functools
import gc
import hashlib
import importlib
import importlib.util
import io
import itertools
import logging
import mmap
import operator
import os
import pickle
import re
import signal
import struct
import sys
import threading
import types
import typing
import warnings
import weakref

import cloudpickle

try:
    from xxhash import xxh3_128 as _fast_hash
except ImportError:
    _fast_hash = functools.partial(hashlib.blake2b, digest_size=16)

# ---------------------------------------------------------------------------------------------------------------
# What a pickle refers to when it is loaded. Classes and functions of the notebook have an identity, their uid, the
# same in all replicas: loading one that is here already changes it in place, and all that hold it see the change.

_here = None  # the Replica of this process
_objects = weakref.WeakValueDictionary()  # uid -> class or function
_uids = {}  # id of a class or function -> uid; true only where _objects agrees


def _uid(obj):
    uid = _uids.get(id(obj))
    if uid is None or _objects.get(uid) is not obj:
        uid = os.urandom(8).hex()
        _register(uid, obj)
    return uid


def _register(uid, obj):
    if len(_uids) > 2 * len(_objects) + 1000:
        for i in [i for i, u in _uids.items() if u not in _objects]:
            del _uids[i]
    _objects[uid] = obj
    _uids[id(obj)] = uid


def _make(uid, factory, *args):
    """What factory makes of args and of the object that has this uid already (or None).

    An output is a copy of what was: what it holds that is here already stays as it is."""
    known = _objects.get(uid) if uid else None
    if known is not None and _here.copying:
        _here.kept.add(id(known))
        return known
    obj = factory(known, *args)
    if uid:
        _register(uid, obj)
        _here.held.append(obj)
    return obj


def _ref(uid, name):
    """The class or function with this uid; name says in which value it is, if that one is still to be loaded."""
    obj = _objects.get(uid)
    if obj is None:
        _here.load_name(name)
        obj = _objects.get(uid)
    if obj is None:
        raise LookupError(f"'{name}' is not here")
    return obj


def _unwrapped(attribute):
    return attribute.__func__ if isinstance(attribute, (classmethod, staticmethod)) else attribute


def _call(known, factory, args):
    return factory(*args) if known is None else known


def _function(known, code, where, name, cells):
    """where: None for the user's namespace, the name of a module, or a namespace that exec had."""
    if known is not None and known.__code__.co_freevars == code.co_freevars:
        known.__code__ = code
        return known
    if where is None:
        where = _here.ns
    elif isinstance(where, str):
        where = vars(importlib.import_module(where))
    return types.FunctionType(code, where, name, None, cells)


def _function_set(function, state):
    if id(function) in _here.kept:
        return
    attributes, used, own = state
    function.__globals__.update(used)
    for name, value in attributes.items():
        setattr(function, name, value)
    function.__dict__.clear()
    function.__dict__.update(own)


def _cell_set(cell, state):
    cell.cell_contents = state[0]


def _lru(known, function, parameters):
    if known is not None and known.__wrapped__ is function:
        return known
    return functools.lru_cache(**parameters)(function)


def _class(known, meta, name, bases, body):
    if known is not None and known.__bases__ == bases and type(known) is meta:
        return known
    # The notebook's own metaclasses and __init_subclass__ had their say when the class was defined: what they did
    # to it is in its state, and what they did elsewhere (a register of subclasses, say) in other values.
    new = next(m for m in meta.__mro__ if _importable(m)).__new__
    owner = next(b for base in bases for b in base.__mro__ if "__init_subclass__" in vars(b))
    if _importable(owner):
        return new(meta, name, bases, body)
    told = vars(owner)["__init_subclass__"]
    type.__setattr__(owner, "__init_subclass__", classmethod(lambda cls, **_: None))
    try:
        return new(meta, name, bases, body)
    finally:
        type.__setattr__(owner, "__init_subclass__", told)


def _class_set(cls, state):
    if id(cls) in _here.kept:
        return
    body, registered = state
    for name in set(_class_body(cls)) - set(body):
        type.__delattr__(cls, name)
    for name, value in body.items():
        type.__setattr__(cls, name, value)
    for sub in registered:
        cls.register(sub)


def _state_set(obj, state):
    """As pickle sets it, but it asks no __getattr__ of the user's for a __setstate__, and dictionaries may be their
    own attributes."""
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    if attributes is obj:
        object.__setattr__(obj, "__dict__", obj)
    elif attributes:
        object.__getattribute__(obj, "__dict__").update(attributes)
    for name, value in (slots or {}).items():
        object.__setattr__(obj, name, value)


def _exception(cls, args):
    """Its own __init__ has other arguments than args, often: the one of the class that is not the user's has these."""
    obj = cls.__new__(cls, *args)
    next(c for c in cls.__mro__ if _importable(c)).__init__(obj, *args)
    return obj


def _view(owner, offset, shape, strides, dtype, writable):
    import numpy
    array = numpy.ndarray(shape, dtype, owner.ravel(order="K"), offset, strides)
    array.flags.writeable = writable
    return array


_COPIED = 16 << 20


def _array(buffer, dtype, shape, order, writable):
    """An array that owns its memory, as a user expects (resize); a large one uses the memory that it came in."""
    import numpy
    if 0 in shape:
        return numpy.empty(shape, dtype)
    array = numpy.frombuffer(buffer, dtype).reshape(shape, order=order)
    if array.nbytes <= _COPIED or (writable and not array.flags.writeable):
        array = array.copy(order="A")
    array.flags.writeable = writable
    return array


# ---------------------------------------------------------------------------------------------------------------
# Pickling.

_ATOMS = {int, str, float, bool, complex, bytes, type(None), type(Ellipsis), types.ModuleType}
# Of these none is in need of being shared; of functions and classes see _Pickler.owned.
_UNSHARED = _ATOMS | {tuple, frozenset, range, slice, types.CodeType, types.BuiltinFunctionType, types.FunctionType,
                      types.MethodType, types.MethodWrapperType, types.WrapperDescriptorType, property, classmethod,
                      staticmethod, types.MethodDescriptorType, types.GetSetDescriptorType,
                      types.MemberDescriptorType, functools._lru_cache_wrapper, typing.TypeVar, typing.NewType}
_FUNCTION = ("__name__", "__qualname__", "__module__", "__doc__", "__defaults__", "__kwdefaults__", "__annotations__",
             "__type_params__")


def _importable(obj):
    """Whether other processes find this very class or function in its module."""
    module = getattr(obj, "__module__", None)
    found = sys.modules.get(module) if isinstance(module, str) and module != "__main__" else None
    try:
        for part in obj.__qualname__.split("."):
            found = getattr(found, part)
    except AttributeError:
        return False
    return found is obj


def _is_static(cls):
    return not cls.__flags__ & (1 << 9)  # Py_TPFLAGS_HEAPTYPE: the interpreter's and extensions' own have it not


def _has_cells(function):
    """Whether it has variables of its own that others may share; the __class__ of super() is none."""
    return function.__code__.co_freevars not in ((), ("__class__",))


def _has_identity(obj):
    """Whether values refer to obj by its name and uid: classes, and functions without a state that others share."""
    if isinstance(obj, types.FunctionType):
        return not _has_cells(obj) and not _importable(obj)
    if isinstance(obj, type):
        return not _is_static(obj) and not _importable(obj)
    return isinstance(obj, (functools._lru_cache_wrapper, typing.NewType)) and not _importable(obj)


# What a class's creation makes of its other arguments, and what copyreg notes there when it pickles an instance.
_MADE = {"__dict__", "__weakref__", "_abc_impl", "__slots__", "__module__", "__qualname__", "__orig_bases__",
         "__slotnames__"}


def _class_body(cls):
    """What was put into the class, without what its creation makes."""
    return {name: value for name, value in vars(cls).items() if name not in _MADE
            and not (isinstance(value, (types.MemberDescriptorType, types.GetSetDescriptorType))
                     and value.__objclass__ is cls)}


def _refuse(obj):
    raise TypeError(f"cannot pickle {type(obj).__module__ + '.' + type(obj).__name__!r} object")


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


# ---------------------------------------------------------------------------------------------------------------
# What code may touch.

# With these, called by name at any level, or (the second) as an attribute or import, no list of names is complete.
_ANYTHING = {"exec", "eval", "globals", "get_ipython", "__import__"}
_ANYTHING_AT = {"exec", "modules", "__main__", "_getframe", "currentframe", "f_globals", "f_locals", "f_back",
                "get_referrers", "get_objects", "__globals__", "user_ns", "run_cell", "run_line_magic",
                "run_cell_magic"}
_ANYTHING_IN_CELL = {"vars", "locals", "dir"}
# What these were given is called at any time later.
_LATER = {"call_later", "call_soon", "call_soon_threadsafe", "call_at", "add_callback", "setitimer", "alarm"}
_SUSPECT = _ANYTHING | _ANYTHING_AT | _ANYTHING_IN_CELL
_OUTPUT = re.compile(r"_(_|__|oh|\d+)?|Out")
_code_names = {}


def _names(code, cell=False):
    """(names in the code and the codes in it, whether these cannot be all that it touches, whether it goes on later).

    The names are those of variables and of attributes: too many rather than too few."""
    found = _code_names.get(id(code))
    if found is not None and found[0] is code:
        return found[1]
    names, codes = set(), [code]
    for c in codes:
        names.update(c.co_names)
        codes += [k for k in c.co_consts if type(k) is types.CodeType]
    blind = False
    if names & _SUSPECT or any(map(_OUTPUT.fullmatch, names)):
        for c in codes:
            for i in dis.get_instructions(c):
                if i.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
                    blind |= (i.argval in _ANYTHING or cell and i.argval in _ANYTHING_IN_CELL
                              or _OUTPUT.fullmatch(i.argval) is not None)
                elif i.opname.startswith(("LOAD_", "IMPORT_")):
                    blind |= i.argval in _ANYTHING_AT
    result = frozenset(names), blind, bool(names & _LATER)
    if not cell:
        if len(_code_names) > 10_000:
            _code_names.clear()
        _code_names[id(code)] = code, result
    return result


def _compiled(source, mode="exec"):
    """Code of a cell or None; without the warnings, which the user gets from IPython."""
    shown, warnings.showwarning = warnings.showwarning, lambda *_, **__: None
    try:
        return compile(source, "<cell>", mode, 0x2000, True)  # PyCF_ALLOW_TOP_LEVEL_AWAIT
    except Exception:
        return None
    finally:
        warnings.showwarning = shown


def _is_elsewhere(obj):
    """Whether a value that refers to obj holds nothing of it that could change."""
    return type(obj) in _ATOMS or isinstance(obj, type) and (
        _is_static(obj) or id(obj) in _here.named or _importable(obj))


def _mark(obj):
    """What an unchanged class or function still consists of, the same objects; None where this needs a pickle."""
    if isinstance(obj, types.FunctionType):
        if _has_cells(obj) or obj.__dict__ or obj.__kwdefaults__:
            return None
        if obj.__defaults__ and not all(type(v) in _ATOMS for v in obj.__defaults__):
            return None
        notes = obj.__annotations__
        if not all(map(_is_elsewhere, notes.values())):
            return None
        return [obj, obj.__code__, obj.__name__, obj.__qualname__, obj.__doc__, obj.__module__,
                *(obj.__defaults__ or ()), *notes, *notes.values()]
    if type(obj) is not type or not all(map(_is_elsewhere, obj.__bases__)):
        return None
    mark = [obj, *obj.__bases__]
    for name, value in vars(obj).items():
        if name == "__slotnames__":
            continue
        mark.append(name)
        kind = type(value)
        if kind in (classmethod, staticmethod):
            mark.append(value)
            value = value.__func__
            kind = type(value)
        if kind is property:
            parts = [value, *(_mark(f) if isinstance(f, types.FunctionType) else [f] if f is None else None
                              for f in (value.fget, value.fset, value.fdel))]
            if None in parts:
                return None
            mark += itertools.chain(parts[:1], *parts[1:])
        elif kind is types.FunctionType:
            part = _mark(value)
            if part is None:
                return None
            mark += part
        elif kind in _ATOMS or kind in (types.GetSetDescriptorType, types.MemberDescriptorType):
            mark.append(value)
        elif name == "__annotations__" and all(map(_is_elsewhere, value.values())):
            mark += [*value, *value.values()]
        else:
            return None
    return mark


def _same(mark, other):
    return mark is not None and other is not None and len(mark) == len(other) and all(map(operator.is_, mark, other))


# ---------------------------------------------------------------------------------------------------------------
# The store of large values.

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


# ---------------------------------------------------------------------------------------------------------------
# The namespace of this replica, and what the others have of it.

_HISTORY = re.compile(r"_(_|__|oh|ih|dh|i{1,3}|i?\d+)?|In|Out")
_OUT = re.compile(r"Out\[(\d+)\]")
_OURS = tuple(f"{os.sep}{package}{os.sep}" for package in ("ipykernel", "tornado", "zmq", "jupyter_client", "asyncio"))


class Uninterrupted:
    """Keeps off interrupts by the user, who would lose the delta; the third ends a pickling that does not end."""

    def __enter__(self):
        self.count = None
        try:
            self.before = signal.signal(signal.SIGINT, self.interrupt)
        except ValueError:  # not in the main thread: no interrupt comes here
            self.before = None
        return self

    def interrupt(self, *_):
        if self.count is not None:
            self.count += 1
            if self.count == 3:
                raise KeyboardInterrupt("interrupted")

    def value(self, *args):
        self.count = 0
        try:
            return Value(*args)
        finally:
            self.count = None

    def __exit__(self, *_):
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)


class Replica:
    """What of a shell's namespace is replicated: finds what a cell changed, installs what one changed elsewhere."""

    INLINE_TOTAL = 4 << 20  # bytes of a cell's changes that go through the log: an entry of it has a limit

    def __init__(self, shell, store=Store(None, None), inline_max=65536):
        global _here
        _here = self
        self.shell, self.store, self.inline_max = shell, store, inline_max
        self.ns = shell.user_ns
        self.outs = shell.history_manager.output_hist
        self.fresh = dict(self.ns)  # what a new kernel has
        self.callbacks = {event: len(found) for event, found in shell.events.callbacks.items()}
        self.threads = set(threading.enumerate())
        self.held = []  # what is loaded, until all is: values refer to it
        self.copying, self.kept = False, set()  # whether an output is loaded; ids of what it found here
        self.pending = {}  # name -> the load of its value, while installing
        self.later = False  # whether code of the user's runs between the cells
        self.forget()

    def forget(self):
        self.state = {}  # key -> Value that the other replicas have, or None where it is not known
        self.key_of = {}  # name -> key
        self.failed = set()  # keys whose value could not be loaded here
        self.atoms, self.marks = {}, {}  # name -> what was found unchanged if it still is this
        self.identities, self.named = {}, {}  # name -> class or function; id of it -> the name it is referred to by
        self.told = {}  # name -> id of the value of which the user knows that it is not replicated
        self.before, self.known = ([], []), set()  # names, ids of their values; names
        self.seen = set()  # names that the last capture dealt with
        self.settled, self.others = True, False
        self.between = set()  # names that were used since the last look, not by a cell
        self.unknown = False  # whether anything may have changed since then
        self.outs_length = len(self.outs)
        self.look()

    def doubt(self):
        """What the others have is not known: all goes with the next delta."""
        self.unknown = True
        self.state = dict.fromkeys(self.state)

    # -- names

    def value(self, name):
        return self.outs[int(name[4:-1])] if name.endswith("]") else self.ns[name]

    def is_users(self, name):
        """Whether name is a variable of the user's, or an output."""
        if name.endswith("]"):
            return int(name[4:-1]) in self.outs
        if name not in self.ns or type(name) is not str or not name.isidentifier():
            return False
        if _HISTORY.fullmatch(name):
            return name in ("_", "__", "___") and self.ns[name] is not getattr(self.shell.displayhook, name)
        return name not in self.fresh or self.ns[name] is not self.fresh[name]

    def look(self):
        """The names that are bound to another object than at the last look, or are new or gone."""
        names, ids = list(self.ns), list(map(id, self.ns.values()))
        old, old_ids = self.before
        n = len(old)
        if names[:n] == old:
            found = names[n:] + list(itertools.compress(old, map(operator.ne, ids, old_ids)))
        else:
            was, now = dict(zip(old, old_ids)), dict(zip(names, ids))
            found = [name for name in was.keys() | now.keys() if was.get(name) != now.get(name)]
        self.before, self.known = (names, ids), set(names)
        return found

    def expected(self, used, count):
        """Whether as many names are here as the last look and the names that the cell uses can explain."""
        names = {*used, f"_i{count}", f"_{count}", "_i", "_ii", "_iii"}
        come = sum(name in self.ns and name not in self.known for name in names)
        gone = sum(name in self.known and name not in self.ns for name in names)
        return len(self.ns) == len(self.known) + come - gone

    def settle(self):
        """After the reply: what else is here now, and whether other code than the next cell's will run meanwhile.

        So the look at all names, which is slow, is in a cell's way only if its code does not tell what it binds."""
        if not self.settled:
            self.settled = True
            self.between.update(name for name in self.look() if name not in self.seen
                                and (name in self.key_of or self.is_users(name)))
            self.others = self.unbounded()

    def identify(self, names):
        """Notes which of the names are of classes and functions, and returns the names whose values refer to one that
        had such a name."""
        changed = set()
        for name in names:
            obj, old = self.ns.get(name), self.identities.get(name)
            if obj is old:
                continue
            if type(obj) in _ATOMS or not _has_identity(obj) or not self.is_users(name):
                obj = None
            if obj is not old:
                changed.add(name)
                self.identities.pop(name, None)
                if obj is not None:
                    self.identities[name] = obj
        if changed:
            named = {}
            for name in sorted(self.identities):
                obj = self.identities[name]
                if id(obj) not in named or self.named.get(id(obj)) == name:
                    named[id(obj)] = name
            self.named = named
        if not changed:
            return ()
        found = [name for key, v in self.state.items() if v and v.refs & changed for name in self.members(key)]
        for name in found:
            self.marks.pop(name, None)
        return found

    # -- what changed

    def unbounded(self):
        """Whether other code than the cells' runs here."""
        if self.later:
            return True
        for event, found in self.shell.events.callbacks.items():
            if len(found) > self.callbacks.get(event, 0):
                return True
        if self.shell.ast_transformers:
            return True
        if any(t not in self.threads and t.name != "hpcsched" for t in threading.enumerate()):
            return True
        try:
            tasks = asyncio.all_tasks()
        except RuntimeError:
            return False
        for task in tasks:
            code = getattr(task.get_coro(), "cr_code", None)
            if code is None or not (code.co_filename == __file__ or any(p in code.co_filename for p in _OURS)):
                return True
        return False

    def used_by(self, source, mode="exec"):
        """(names in the source, whether it may touch others)."""
        if mode == "exec":
            source = source.strip()
            if source.startswith("%gpu"):
                source = source.partition("\n")[2]
            if "\n" not in source:  # IPython may take the first word for a magic or a macro
                word = re.match(r"\w*", source).group()
                if (type(self.ns[word]).__module__ in ("IPython.core.macro", "IPython.core.autocall")
                        if word in self.ns else word and self.shell.find_line_magic(word)):
                    return set(), True
        code = _compiled(source, mode)
        if code is None:
            return set(), True
        names, blind, later = _names(code, cell=True)
        self.later |= later
        return names, blind

    def use(self, source, expressions=()):
        """Code that runs without a delta: it counts with the next."""
        names, blind = self.used_by(source)
        self.between |= names
        self.unknown |= blind
        for e in expressions:
            names, blind = self.used_by(e, "eval")
            self.between |= names
            self.unknown |= blind

    def everything(self):
        return {*filter(self.is_users, list(self.ns)), *(name for name in self.key_of if not name.endswith("]"))}

    def reached(self, names):
        """(the names, with those that code of their values uses, whether that code may touch any)."""
        queue, seen = list(names), set()
        for name in queue:
            key = self.key_of.get(name)
            if key is not None and key not in seen:
                seen.add(key)
                value = self.state.get(key)
                if value is not None:
                    if value.blind:
                        return queue, True
                    queue += value.reach
        return queue, False

    def rest(self):
        """All names: code was met that may touch any."""
        return [*self.identify(self.look()), *self.everything()]

    def capture(self, source, expressions, count, stored, guard):
        """The delta since the last one: (metadata of the reply, buffers)."""
        self.settle()
        self.use(source, expressions)
        used, self.between = self.between, set()
        reached, blind = self.reached(used)
        everything = self.unknown or self.others or blind
        self.unknown = False
        bound = self.look() if everything or not self.expected(used, count) else reached
        dropped = {}
        queue = [*bound, *reached, *self.identify(bound)]
        if everything:
            queue += self.everything()
        out = f"Out[{count}]"
        shown = stored and count in self.outs
        if len(self.outs) != self.outs_length + shown or any(map(_OUTPUT.fullmatch, used)):
            queue += [name for name in self.key_of if name.endswith("]")]
        self.outs_length = len(self.outs)
        if shown:
            queue.append(out)
        seen, alone, same, all_seen = set(), {}, set(), everything
        while queue:
            name = queue.pop()
            if name in seen:
                continue
            key = self.key_of.get(name)
            if key is None and name not in self.ns and name != out:
                continue
            seen.add(name)
            value = None
            if key is not None:
                if key in self.failed and name not in self.ns:
                    seen.discard(name)
                    continue
                queue += self.members(key)
                value = self.state.get(key)
                if value is not None:
                    queue += value.reach
            if self.is_users(name):
                if self.unchanged(name, key):
                    same.add(name)
                else:
                    try:
                        value = alone[name] = guard.value(self, [name])
                    except BaseException as e:
                        dropped[name] = str(e) or type(e).__name__
                        value = None
                        if not self.harmless(self.value(name)) and not all_seen:
                            all_seen = True
                            queue += self.rest()
                    if value is not None:
                        queue += value.reach
            if value is not None and value.blind and not all_seen:
                all_seen = True
                queue += self.rest()
        values = self.grouped(alone, guard)
        self.seen, self.settled = seen, False
        return self.delta(source, values, seen, same, dropped, count, stored)

    def unchanged(self, name, key):
        """Whether a look at the object suffices to know that it is as it was."""
        if key != name or self.state.get(key) is None or name.endswith("]"):
            return False
        obj = self.ns[name]
        if type(obj) in _ATOMS:
            return self.atoms.get(name, self) is obj
        return name in self.marks and _same(_mark(obj), self.marks[name])

    def harmless(self, obj):
        """Whether what cannot be pickled, as a file or a lock, holds nothing that code could reach through it."""
        queue, seen = [obj], set()
        for obj in queue:
            if len(queue) > 200:
                return False
            if id(obj) in seen or type(obj) in _ATOMS or isinstance(obj, type):
                continue
            seen.add(id(obj))
            if isinstance(obj, (list, set, bytearray, types.FunctionType, types.GeneratorType, types.FrameType)):
                return False
            queue += gc.get_referents(obj)
        return not any(type(obj).__module__ == "__main__" for obj in queue)

    def grouped(self, alone, guard):
        """The values, those that share mutable objects as one."""
        group = {name: name for name in alone}

        def root(name):
            while group[name] != name:
                name = group[name]
            return name

        if sum(v.pickler is not None for v in alone.values()) > 1:
            first = {}
            for name, value in alone.items():
                if name.endswith("]"):
                    continue  # outputs are copies
                for i, obj in value.mutable().items():
                    other = first.setdefault(i, name)
                    if other is not name and root(other) != root(name) and _is_mutable(obj):
                        group[root(name)] = root(other)
        together = {}
        for name in alone:
            together.setdefault(root(name), []).append(name)
        values = {}
        for names in map(sorted, together.values()):
            key = ",".join(names)
            try:
                values[key] = alone[key] if len(names) == 1 else guard.value(self, names)
            except BaseException:  # together they cannot: without what they share
                values.update((name, alone[name]) for name in names)
        return values

    def delta(self, source, values, seen, same, dropped, count, stored):
        entries, buffers = [], []
        # What refers to a class or function that is not replicated is not either.
        lost = set(dropped)
        while lost:
            found = {key for key, v in [*self.state.items(), *values.items()] if v and v.refs & lost}
            lost = set()
            for key in found:
                for name in self.members(key):
                    if name not in dropped:
                        dropped[name] = f"refers to {', '.join(sorted((values.get(key) or self.state[key]).refs))}"
                        lost.add(name)
                values.pop(key, None)
            seen = seen | lost
        known = {}
        for key, value in sorted(values.items(), key=lambda item: (item[1].kind, item[0])):
            old = self.state.get(key)
            digest = value.hashed()
            if old is None or old.digest != digest:
                try:
                    entries.append([key, value.size, self.put(value, buffers)])
                except Exception as e:
                    reason = getattr(e, "strerror", None) or str(e)
                    dropped.update((name, f"the store: {reason}") for name in self.members(key))
                    continue
            known[key] = value
        old_keys = {self.key_of[name] for name in seen if name in self.key_of}
        kept = {self.key_of[name] for name in same}
        removed = sorted(old_keys - kept - set(known))
        for key in removed:
            self.drop(key)
        for key, value in known.items():
            self.note(key, value)
        if stored:
            entries.append(self.input(count, buffers))
        self.tell(dropped)
        for name in set(self.told) - set(dropped):
            if name not in self.ns or name in self.key_of:
                del self.told[name]
        return {"execution_count": count, "changed": entries, "removed": removed,
                "dropped": sorted(map(list, dropped.items()))}, buffers

    def put(self, value, buffers):
        """Where the value travels: in the buffers (None), or in the store (its digest there)."""
        if value.size > self.inline_max or sum(map(len, buffers)) + value.size > self.INLINE_TOTAL:
            return self.store.put(value.parts)
        buffers.append(b"".join(value.parts))
        return None

    def members(self, key):
        return key.split(",")

    def drop(self, key):
        self.state.pop(key, None)
        self.failed.discard(key)
        for name in self.members(key):
            if self.key_of.get(name) == key:
                del self.key_of[name]
            self.atoms.pop(name, None)
            self.marks.pop(name, None)

    def note(self, key, value):
        """The others have this value of key now."""
        self.state[key] = value.settled() if value else None
        self.failed.discard(key)
        names = self.members(key)
        for name in names:
            self.key_of[name] = key
            self.atoms.pop(name, None)
            self.marks.pop(name, None)
        if value and len(names) == 1 and not key.endswith("]"):
            obj = self.ns[key]
            if type(obj) in _ATOMS:
                if type(obj) not in (str, bytes) or len(obj) < 4096:  # not to keep what the user lets go
                    self.atoms[key] = obj
            elif value.kind == Value.DEFINITION:
                self.marks[key] = _mark(obj)

    def input(self, count, buffers):
        """The entry of the cell's source. Its file name comes along: tracebacks show it."""
        history = self.shell.history_manager
        files = getattr(self.shell.compile, "_filename_map", None) or {None: 0}
        file = next(reversed(files))
        inputs = history.input_hist_parsed[-1], history.input_hist_raw[-1], file if files[file] == count else None
        payload = pickle.dumps(inputs, 5)
        self.state[f"In[{count}]"] = None
        buffers.append(payload)
        return [f"In[{count}]", len(payload), None]

    def tell(self, dropped):
        for name, reason in dropped.items():
            if name.endswith("]"):
                continue
            value = self.ns.get(name)
            if self.told.get(name) != id(value):
                self.told[name] = id(value)
                print(f"hpcsched: '{name}' is not replicated ({reason}): it will be missing if another replica takes "
                      "over", file=sys.stderr)

    # -- taking over what changed elsewhere

    def use_store(self, where):
        """Large values are there from now on: each kernel has a place of its own, known when it is installed first."""
        if where and where != self.store.where:
            self.store = Store(where, self.store.path)

    def install(self, *delta):
        """Installs a delta; returns [[key, reason]] of what could not be."""
        # What goes here was not deleted by the user, or it was, elsewhere: __del__ is not to be heard here.
        silenced = [(c, vars(c)["__del__"]) for c in list(_objects.values())
                    if isinstance(c, type) and "__del__" in vars(c)]
        for cls, _ in silenced:
            type.__delattr__(cls, "__del__")
        try:
            return self.install_all(*delta)
        finally:
            if silenced:
                gc.collect()
            for cls, function in silenced:
                if not any(cls is loaded for loaded in self.held):
                    type.__setattr__(cls, "__del__", function)
            self.held.clear()

    def install_all(self, changed, removed, count, replace, buffers):
        if replace:
            self.reset()
        shown = self.shell.displayhook
        follows = all(self.ns.get(u, "") is getattr(shown, u) for u in ("_", "__", "___") if u in self.ns)
        gone = {name for key in removed for name in self.members(key)}
        for key in removed:
            self.drop(key)
        buffers = iter(buffers)
        entries = [(key, next(buffers, b"") if digest is None else digest) for key, _, digest in changed]
        values = dict(sorted((e for e in entries if not e[0].startswith("In[")), key=self.rank))
        self.failures, self.loaded = {}, set()
        while True:  # again, as long as this helps: a value may need another one in a way that only loading tells
            before = len(self.loaded)
            self.pending = {name: (key, values[key]) for key in values if key not in self.loaded
                            and self.failures.get(key, (None, True))[1] for name in self.members(key)}
            for key in values:
                self.load_name(self.members(key)[0])
            if not self.failures or len(self.loaded) == before:
                break
        for key in self.failures:  # rather nothing than what it was before
            gone.update(self.members(key))
        names = {name for key in values for name in self.members(key)}
        for key in self.loaded | set(self.failures):
            for name in self.members(key):
                if self.key_of.get(name, key) != key:
                    self.drop(self.key_of[name])
                self.key_of[name] = key
        for name in gone:
            if self.key_of.get(name) in (None, *self.failures):
                self.unbind(name)
        self.inputs([e for e in entries if e[0].startswith("In[")])
        if any(name.endswith("]") for name in names | gone):
            self.outputs(follows)
        self.identify(names | gone)
        for key in values:
            try:
                self.note(key, Value(self, self.members(key)) if key in self.loaded else None)
            except BaseException:
                self.note(key, None)
        self.failed |= set(self.failures)
        if count is not None:
            self.shell.execution_count = count + 1
        self.look()
        self.outs_length = len(self.outs)
        return [[key, reason] for key, (reason, _) in self.failures.items()]

    @staticmethod
    def rank(entry):
        """Modules first, then classes and functions, variables, outputs: what they refer to is there, mostly."""
        key, payload = entry
        kind = Value.OTHER if isinstance(payload, str) or len(payload) < 5 else memoryview(payload).cast("B")[4]
        return key.startswith("Out["), kind, key

    def load_name(self, name):
        """Loads the value that has name in it, if it is still to be loaded."""
        key, payload = self.pending.get(name, (None, None))
        if key is None:
            return
        names = self.members(key)
        for n in names:
            self.pending.pop(n, None)
        before = self.copying, self.kept
        self.copying, self.kept = key.startswith("Out["), set()
        try:
            if isinstance(payload, str):
                payload = self.store.get(payload)
            obj = Value.unpacked(payload)
            values = [obj] if len(names) == 1 else obj
            for n, value in zip(names, values, strict=True):
                self.bind(n, value)
        except BaseException as e:
            reason = f"{type(e).__name__}: {e}"
            self.failures[key] = reason, not isinstance(e, (ImportError, OSError, ValueError))
        else:
            self.loaded.add(key)
            self.failures.pop(key, None)
        finally:
            self.copying, self.kept = before

    def bind(self, name, value):
        if name.endswith("]"):
            number = int(name[4:-1])
            self.outs[number] = value
            self.shell.push({f"_{number}": value}, interactive=False)
        else:
            self.ns[name] = value
            self.shell.user_ns_hidden.pop(name, None)

    def unbind(self, name):
        if name.endswith("]"):
            self.outs.pop(int(name[4:-1]), None)
            self.ns.pop(f"_{name[4:-1]}", None)
        elif name in self.fresh:
            self.ns[name] = self.fresh[name]
        else:
            self.ns.pop(name, None)

    def outputs(self, follows):
        """Sets _, __ and ___ as displaying the outputs would have."""
        last = [self.outs[n] for n in sorted(self.outs)[:-4:-1]]
        last += [""] * (3 - len(last))
        shown = self.shell.displayhook
        shown._, shown.__, shown.___ = last
        if follows:
            self.shell.push({"_": last[0], "__": last[1], "___": last[2]}, interactive=False)

    def inputs(self, entries):
        history = self.shell.history_manager
        for key, payload in sorted(entries, key=lambda e: int(e[0][3:-1])):
            number = int(key[3:-1])
            try:
                source, raw, file = pickle.loads(payload)
            except Exception as e:
                self.failures[key] = f"{type(e).__name__}: {e}", False
                continue
            for kept, text in (history.input_hist_parsed, source), (history.input_hist_raw, raw):
                kept += [""] * (number + 1 - len(kept))
                kept[number] = text
            self.state[key] = None
            self.shell.push({f"_i{number}": raw}, interactive=False)
            self.show_source(source, number, raw, file)
        if entries:
            last = (["", "", "", ""] + list(history.input_hist_raw)[1:])[:-5:-1]
            history._i00, history._i, history._ii, history._iii = last
            self.shell.push({"_i": last[1], "_ii": last[2], "_iii": last[3]}, interactive=False)

    def show_source(self, source, number, raw, file):
        """Makes tracebacks through the cell's functions, and inspect, show its lines."""
        compiler = self.shell.compile
        if file is None or not hasattr(compiler, "cache"):
            return
        compiler.get_code_name = lambda *_: file
        try:
            compiler.cache(source, number, raw_code=raw)
        except Exception:
            pass
        finally:
            del compiler.get_code_name

    def reset(self):
        """The namespace of a new kernel."""
        history, shown = self.shell.history_manager, self.shell.displayhook
        for name in [name for name in self.ns if name not in self.fresh]:
            self.ns.pop(name, None)
            self.shell.user_ns_hidden.pop(name, None)
        self.ns.update(self.fresh)
        try:  # the numbers of the cells begin anew, and IPython's database has each once in a session
            history.end_session()
            history.new_session()
        except Exception:
            pass
        history.input_hist_parsed[:] = [""]
        history.input_hist_raw[:] = [""]
        history.output_hist.clear()
        history.output_hist_reprs.clear()
        history._i00 = history._i = history._ii = history._iii = ""
        shown._ = shown.__ = shown.___ = ""
        self.shell.execution_count = 1
        self.forget()

    def names(self):
        """What is here, for comparing replicas: {key: digest}, {name: repr}."""
        def digest(key):
            try:
                return Value(self, self.members(key)).hashed().hex()
            except BaseException as e:
                return f"{type(e).__name__}: {e}"

        def shown(name):
            try:
                return repr(self.value(name))[:200]
            except BaseException as e:
                return f"{type(e).__name__}: {e}"
        return ({key: digest(key) for key in self.state if not key.startswith("In[")},
                {name: shown(name) for name in list(self.ns) if self.is_users(name)})


# ---------------------------------------------------------------------------------------------------------------
# The kernel.

_DEVICES = "CUDA_VISIBLE_DEVICES"


def _kernel_class(store, inline_max):
    from ipykernel.ipkernel import IPythonKernel

    class HpcschedKernel(IPythonKernel):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.replica = None
            self.cell = None  # (source, expressions, execution count before) of the cell that runs
            for name in ("hpcsched_install_request", "hpcsched_names_request"):
                self.shell_handlers[name] = getattr(self, name)
            told = self.shell_handlers.get("comm_msg")
            if told:  # widgets: the user's functions are called between the cells
                self.shell_handlers["comm_msg"] = lambda *args: (self.touched(), told(*args))[1]
            self.shell.register_magic_function(self.gpu, "line", "gpu")
            send = self.session.send

            def send_with_delta(stream, msg_or_type, *args, **kwargs):
                if self.cell is not None and isinstance(msg_or_type, str) and msg_or_type == "execute_reply":
                    told, buffers = self.captured()
                    kwargs["metadata"] = {**(kwargs.get("metadata") or {}), "hpcsched": told}
                    kwargs["buffers"] = [*(kwargs.get("buffers") or ()), *buffers]
                return send(stream, msg_or_type, *args, **kwargs)

            self.session.send = send_with_delta

        def ready(self):
            # Not before the first request: what the start-up files defined is in every new kernel.
            if self.replica is None:
                self.replica = Replica(self.shell, store, inline_max)
            return self.replica

        def touched(self):
            self.ready().unknown = True

        async def execute_request(self, stream, ident, parent, *args, **kwargs):
            replica, content = self.ready(), parent["content"]
            devices = ((parent.get("metadata") or {}).get("hpcsched") or {}).get("devices")
            source = content.get("code", ""), list((content.get("user_expressions") or {}).values())
            before = os.environ.get(_DEVICES)
            if devices is not None:
                os.environ[_DEVICES] = ",".join(map(str, devices))
            self.cell = None if content.get("silent") else (*source, self.shell.execution_count)
            try:
                return await super().execute_request(stream, ident, parent, *args, **kwargs)
            finally:
                if self.cell is not None or content.get("silent"):
                    replica.use(*source)
                    replica.settled = False
                asyncio.get_running_loop().call_soon(replica.settle)
                self.cell = None
                if devices is not None:
                    if before is None:
                        os.environ.pop(_DEVICES, None)
                    else:
                        os.environ[_DEVICES] = before

        def captured(self):
            source, expressions, before = self.cell
            self.cell = None
            count = self.shell.execution_count - 1
            with Uninterrupted() as guard:
                try:
                    return self.replica.capture(source, expressions, count, count >= before, guard)
                except BaseException as e:
                    self.log.exception("hpcsched: the changes of a cell were not found")
                    self.replica.doubt()
                    return {"execution_count": count, "changed": [], "removed": [],
                            "dropped": [["*", f"{type(e).__name__}: {e}"]]}, []
                finally:
                    sys.stderr.flush()

        def hpcsched_install_request(self, stream, ident, parent):
            content = parent["content"]
            with Uninterrupted():
                try:
                    self.ready().use_store(content.get("store"))
                    failed = self.ready().install(content.get("changed", []), content.get("removed", []),
                                                  content.get("execution_count"), content.get("replace", False),
                                                  parent.get("buffers", []))
                    reply = {"status": "ok", "failed": failed}
                except BaseException as e:
                    self.log.exception("hpcsched: a delta was not installed")
                    reply = {"status": "error", "ename": type(e).__name__, "evalue": str(e), "failed": [["*", str(e)]]}
            self.session.send(stream, "hpcsched_install_reply", reply, parent, ident=ident)

        def hpcsched_names_request(self, stream, ident, parent):
            keys, names = self.ready().names()
            reply = {"status": "ok", "execution_count": self.shell.execution_count - 1, "keys": keys, "names": names}
            self.session.send(stream, "hpcsched_names_reply", reply, parent, ident=ident)

        def gpu(self, line):
            """%gpu N, the first line of a cell: it is to have N GPUs. %gpu: which ones it has."""
            if not line.strip():
                print(os.environ.get(_DEVICES, "all"))

    return HpcschedKernel


def main(argv=None):
    from ipykernel.kernelapp import IPKernelApp

    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument("--store")
    parser.add_argument("--store-library")
    parser.add_argument("--inline-max", type=int, default=65536)
    ours, theirs = parser.parse_known_args(sys.argv[1:] if argv is None else argv)
    sys.argv[1:] = theirs
    kernel_class = _kernel_class(Store(ours.store, ours.store_library), ours.inline_max)
    IPKernelApp.launch_instance(argv=theirs, kernel_class=kernel_class)


if __name__ == "__main__":
    # __main__ is the user's module: what pickles refer to has to be in one of this name, in every replica.
    sys.path.pop(0)
    _spec = importlib.util.spec_from_file_location("hpcsched_kernel", __file__)
    _module = sys.modules["hpcsched_kernel"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_module)
    _module.main()
