# SPDX-License-Identifier: Apache-2.0
"""What code may touch, and what has not changed."""
import dis
import itertools
import operator
import re
import types
import warnings

from . import loading
from .objects import _ATOMS, _has_cells, _importable, _is_static

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
        _is_static(obj) or id(obj) in loading.here.named or _importable(obj))


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
