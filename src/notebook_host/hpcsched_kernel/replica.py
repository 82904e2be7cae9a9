# SPDX-License-Identifier: Apache-2.0
"""The namespace of this replica, and what the others have of it."""
import asyncio
import gc
import itertools
import operator
import os
import pickle
import re
import signal
import sys
import threading
import types

from . import loading
from .loading import _objects
from .objects import _ATOMS, _has_identity
from .pickling import Value, _is_mutable
from .store import Store
from .watching import _OUTPUT, _compiled, _mark, _names, _same

_HISTORY = re.compile(r"_(_|__|oh|ih|dh|i{1,3}|i?\d+)?|In|Out")
_OUT = re.compile(r"Out\[(\d+)\]")
_OURS = (os.path.dirname(__file__) + os.sep, *(f"{os.sep}{package}{os.sep}" for package in (
    "ipykernel", "tornado", "zmq", "jupyter_client", "asyncio")))


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
        loading.here = self
        self.shell, self.store, self.inline_max = shell, store, inline_max
        self.ns = shell.user_ns
        self.outs = shell.history_manager.output_hist
        self.fresh = dict(self.ns)  # what a new kernel has
        self.callbacks = {event: len(found) for event, found in shell.events.callbacks.items()}
        self.threads = set(threading.enumerate())
        self.process = self.of_process()
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
        self.outputs_here = set()  # outputs that are not replicated
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
            if code is None or not (any(p in code.co_filename for p in _OURS)):
                return True
        return False

    @staticmethod
    def of_process():
        """What of the process code may change and no delta has."""
        try:
            folder = os.getcwd()
        except OSError:
            folder = None
        environment = dict(getattr(os.environ, "_data", os.environ))  # as bytes: to decode them takes a cell's time
        for devices in ("CUDA_VISIBLE_DEVICES", b"CUDA_VISIBLE_DEVICES"):
            environment.pop(devices, None)
        return folder, environment

    def whole(self):
        """Whether an interpreter that begins with what the others have is as good as this one, as far as can be told:
        nothing is here that is not replicated, nothing runs, and the process is as it was. Modules are not looked into.
        """
        here = any(name in self.ns and id(self.ns[name]) == value for name, value in self.told.items())
        return not (here or self.outputs_here or self.unbounded() or self.process != self.of_process())

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
        self.outputs_here.update(name for name in dropped if name.endswith("]"))
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
                      "over", file=sys.stderr, flush=True)

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
