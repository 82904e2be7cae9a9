# SPDX-License-Identifier: Apache-2.0
"""What objects are: which have a name of their own that others find, which may be shared."""
import functools
import sys
import types
import typing

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
