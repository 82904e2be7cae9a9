# SPDX-License-Identifier: Apache-2.0
"""Widgets of ipywidgets: each goes on under the name that the page knows it by.

A widget is its traits, the functions that observe them, and a comm, whose id is the page's name of it. Another process
makes one of the same name without a message to the page, which notices nothing when that process takes over."""
import sys

from . import loading

try:
    from traitlets import All
    from traitlets.traitlets import EventHandler
except ImportError:
    All = EventHandler = None


def _widget_type():
    """What widgets are of; nothing where nobody has loaded ipywidgets."""
    return getattr(sys.modules.get("ipywidgets"), "Widget", ())


def _widget(widget):
    facts = widget.__getstate__()  # traitlets' own, which leaves observers out
    facts["_trait_values"] = values = dict(facts["_trait_values"])
    comm = values.pop("comm", None)
    observers = [(None if name is All else name, kind, own)
                 for name, kinds in widget._trait_notifiers.items() for kind, found in kinds.items()
                 if (own := [f for f in found if not isinstance(f, EventHandler)])]
    name, target = (comm.comm_id, comm.target_name) if comm else (None, None)
    return _made, (type(widget), name), (facts, observers, name, target), None, None, _set


def _comms():
    from IPython import get_ipython
    return get_ipython().kernel.comm_manager


def _made(cls, name):
    """The widget of that name where it is here: who holds it sees what changes."""
    known = getattr(getattr(_comms().comms.get(name), "_msg_callback", None), "__self__", None)
    if type(known) is not cls:
        return cls.__new__(cls)
    if loading.here.copying:
        loading.here.kept.add(id(known))
    return known


def _set(widget, state):
    if id(widget) in loading.here.kept:
        return
    facts, observers, name, target = state
    comm = widget.comm
    if comm is not None:
        facts["_trait_values"]["comm"] = comm
    widget.__setstate__(facts)
    for trait, kind, found in observers:
        widget._trait_notifiers.setdefault(All if trait is None else trait, {}).setdefault(kind, []).extend(found)
    if comm is None and name:
        _connect(widget, name, target)


def _connect(widget, name, target):
    try:
        from comm import create_comm
    except ImportError:  # before ipykernel 6.18
        from ipykernel.comm import Comm as create_comm
    former = _comms().comms.get(name)
    if former is not None:
        former._closed = True  # else it would tell the page, at its end, that the widget is gone
    made = create_comm(comm_id=name, target_name=target, primary=False)
    _comms().register_comm(made)
    widget.comm = made
