# SPDX-License-Identifier: Apache-2.0
"""What a pickle refers to when it is loaded.

Classes and functions of the notebook have an identity, their uid, the same in all replicas: loading one that is here
already changes it in place, and all that hold it see the change."""
import functools
import importlib
import os
import types
import weakref

from .objects import _class_body, _importable

here = None  # the Replica of this process
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
    if known is not None and here.copying:
        here.kept.add(id(known))
        return known
    obj = factory(known, *args)
    if uid:
        _register(uid, obj)
        here.held.append(obj)
    return obj


def _ref(uid, name):
    """The class or function with this uid; name says in which value it is, if that one is still to be loaded."""
    obj = _objects.get(uid)
    if obj is None:
        here.load_name(name)
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
        where = here.ns
    elif isinstance(where, str):
        where = vars(importlib.import_module(where))
    return types.FunctionType(code, where, name, None, cells)


def _function_set(function, state):
    if id(function) in here.kept:
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
    if id(cls) in here.kept:
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
