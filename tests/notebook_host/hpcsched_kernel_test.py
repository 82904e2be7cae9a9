# SPDX-License-Identifier: Apache-2.0
"""What the replicas of a kernel send each other, and where large values lie meanwhile."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from kernel_replicas import CHUNKS, MODULE, Kernel, Replicas, run_tests, steady


class Deltas(Replicas):
    """What is in a delta, and what is not."""

    ARGUMENTS = "--inline-max", "20000"

    def dropped(self, ran):
        return dict(ran.delta["dropped"])

    def test_a_cell_that_only_reads_sends_nothing(self):
        self.run_cell("import math, collections\n"
                      "class C:\n    def __init__(self): self.v = {'a', 'b', 'c'}; self.w = {'k': [1, (2, 'x')]}\n"
                      "    def get(self): return self.v\n"
                      "def f(o, d={1: 2}): return o.get(), helper\n"
                      "def helper(): return names\n"
                      "names = ['n%d' % i for i in range(20)] + [str(1)]; c = C(); cs = [c, C()]\n"
                      "s = {'one', 'two', 'three'}; t = ('a' * 3, 'b' + str(2)); m = collections.Counter('abcab')\n"
                      "g = f; n = names[-1]; add = lambda n: n + 1; up = (lambda k: lambda: k)([])")
        for _ in range(4):
            ran = self.run_cell("f(c); cs[0].get(), names[0], s, t, m['a'], g, add(1), math.pi, c.w['k'], helper(), "
                                "up(), C, exec('pass')\nfor n in names: n.upper()", store_history=False)
            self.assertEqual((ran.error, ran.changed, ran.delta["removed"]), (None, [], []))

    def test_only_what_changed_is_sent(self):
        self.run_cell("a = [1]; b = {'k': 1}; d = 'x'; n = 5; big = list(range(100))")
        self.assertEqual(self.run_cell("a.append(n)").changed, ["a"])
        self.assertEqual(self.run_cell("d += 'y'; big").changed, [f"Out[{self.log.count}]", "d"])
        self.assertEqual(self.run_cell("globals()['b'] = 7").changed, ["b"])
        self.assertEqual(self.run_cell("n = 5").changed, [])
        ran = self.run_cell("del a, n")
        self.assertEqual((ran.changed, ran.delta["removed"]), ([], ["a", "n"]))

    def test_keys_follow_what_is_shared(self):
        self.assertEqual(self.run_cell("a = []; b = a; c = {'k': a}; d = [2]; t = ('x',); u = t").changed,
                         ["a,b,c", "d", "t", "u"])
        ran = self.run_cell("b = 1")
        self.assertEqual((ran.changed, ran.delta["removed"]), (["a,c", "b"], ["a,b,c"]))
        ran = self.run_cell("d.append(a)")
        self.assertEqual((ran.changed, ran.delta["removed"]), (["a,c,d"], ["a,c", "d"]))
        ran = self.run_cell("a = c = 0")
        self.assertEqual((ran.changed, ran.delta["removed"]), (["a", "c", "d"], ["a,c,d"]))
        self.assertEqual(self.result("a, b, c, d"), "(0, 1, 0, [2, []])")

    def test_what_cannot_be_pickled_is_told_once(self):
        ran = self.run_cell("f = open('/dev/null'); ok = [1]; g = (i for i in ok); h = [g, ok]; k = {'ok': ok}")
        self.assertEqual(ran.changed, ["k,ok"])
        self.assertEqual(set(self.dropped(ran)), {"f", "g", "h"})
        self.assertIn("hpcsched: 'f' is not replicated (cannot pickle '_io.TextIOWrapper' object): it will be missing "
                      "if another replica takes over\n", ran.err)
        self.assertEqual(ran.err.count("\n"), 3)
        ran = self.run_cell("f.closed, g, h", same=True)
        self.assertEqual((ran.err, self.result("k['ok'] is ok")), ("", "True"))
        ran = self.run_cell("f.close(); ok = k = f = 1")
        self.assertEqual((ran.err, ran.delta["removed"]), ("", ["k,ok"]))
        ran = self.run_cell("import threading; ok = threading.Lock()")
        self.assertEqual((set(self.dropped(ran)), ran.delta["removed"], ran.err.count("'ok'")), ({"ok"}, ["ok"], 1))
        self.assertEqual(self.run_cell("ok").error, "NameError")

    def test_what_refers_to_a_class_that_cannot_travel_does_not_either(self):
        ran = self.run_cell("import threading\nclass L: lock = threading.Lock()\nl = L(); x = 1")
        self.assertEqual((ran.changed, set(self.dropped(ran))), (["threading", "x"], {"L", "l"}))
        ran = self.run_cell("L = l = 2")
        self.assertEqual((ran.changed, ran.err), (["L", "l"], ""))

    def test_errors_and_interrupts_leave_what_was_bound(self):
        ran = self.run_cell("a = [1]; a.append(2); b = undefined")
        self.assertEqual((ran.error, ran.changed), ("NameError", ["a"]))
        executor = self.kernels[1 - self.turn]
        ran = self.run_cell("a.append(3); c = 1\nprint('on', flush=True)\nwhile True: pass",
                            started=lambda: executor.process.send_signal(signal.SIGINT))
        self.assertEqual((ran.error, ran.changed), ("KeyboardInterrupt", ["a", "c"]))
        self.assertEqual(self.result("a, c"), "([1, 2, 3], 1)")

    def test_pathological_values(self):
        ran = self.run_cell("import os, signal\n"
                            "class Raises:\n    def __init__(self, e): self.e = e\n"
                            "    def __reduce__(self): raise self.e\n"
                            "r1, r2, r3 = Raises(KeyError('k')), Raises(KeyboardInterrupt()), Raises(SystemExit())\n"
                            "class Interrupted:\n    def __getstate__(self):\n"
                            "        os.kill(os.getpid(), signal.SIGINT); return {'a': 1}\n"
                            "class Endless:\n    def __getstate__(self):\n"
                            "        while True: os.kill(os.getpid(), signal.SIGINT)\n"
                            "i = Interrupted(); e = Endless(); ok = 1")
        self.assertEqual(set(self.dropped(ran)), {"r1", "r2", "r3", "e"})
        self.assertEqual(self.result("i.a, ok"), "(1, 1)")
        ran = self.run_cell("counted = []\nclass G:\n    def __getstate__(self): counted.append(1); return {'v': 1}\n"
                            "    def __repr__(self): return 'G%d' % self.v\ng = G()")
        self.assertEqual(self.result("g"), "G1")

    def test_silent_cells_and_expressions_count_with_the_next(self):
        self.run_cell("a, b = [], []")
        one = self.kernels[self.turn]
        one.request("execute_request", {"code": "a.append(1); new = 2", "silent": True})
        ran = self.run_cell("pass", same=True, user_expressions={"x": "b.append(3)"})
        self.assertEqual(sorted(ran.changed), ["a", "b", "new"])
        self.assertEqual(self.result("a, b, new"), "([1], [3], 2)")

    def test_a_cell_without_history_has_none(self):
        self.run_cell("a = 1")
        ran = self.run_cell("a + 1", store_history=False)
        self.assertEqual(ran.delta["changed"], [])
        self.assertEqual(ran.delta["execution_count"], 1)
        self.assertEqual(self.result("a, In"), "(1, ['', 'a = 1', 'a, In'])")

    def test_it_is_whole_where_another_that_begins_from_the_log_would_be_as_good(self):
        def whole(code):
            return self.run_cell(code, same=True).delta["whole"]

        self.assertTrue(whole("import os, threading; x = [1]\ndef f(): return x"))
        self.assertFalse(whole("h = open('/dev/null')"))
        self.assertFalse(whole("x"))
        self.assertTrue(whole("h.close(); del h"))
        self.assertFalse(whole("over = threading.Event(); t = threading.Thread(target=over.wait); t.start()"))
        self.assertFalse(whole("over.set(); t.join()"))  # two objects that do not travel
        self.assertTrue(whole("del over, t"))
        self.assertFalse(whole("before = os.getcwd(); os.chdir('/')"))
        self.assertTrue(whole("os.chdir(before)"))
        self.assertFalse(whole("os.environ['HPCSCHED_TEST'] = '1'"))
        self.assertTrue(whole("del os.environ['HPCSCHED_TEST']"))
        self.assertFalse(whole("from ipykernel.comm import Comm; Comm('t');"))
        self.assertTrue(whole("for c in list(get_ipython().kernel.comm_manager.comms.values()): c.close()\ndel c"))
        self.assertTrue(whole("x"))
        self.assertFalse(whole("(i for i in x)"))  # the output
        self.assertFalse(whole("y = 1"))

    def test_threads_and_tasks_that_go_on(self):
        self.run_cell("import threading, os, asyncio\nl = []; (r, w), (r2, w2) = os.pipe(), os.pipe()\n"
                      "def work():\n    os.read(r, 1); l.append(1); os.write(w2, b'.'); os.read(r, 1)\n"
                      "t = threading.Thread(target=work); t.start()")
        ran = self.run_cell("os.write(w, b'.'), os.read(r2, 1)", same=True)
        self.assertIn("l", ran.changed)
        self.run_cell("os.write(w, b'.'); t.join(); t = None", same=True)
        self.run_cell("async def later():\n    await asyncio.sleep(0)\n    l.append(2)\n"
                      "task = asyncio.create_task(later())", same=True)
        self.run_cell("for n in range(5): await asyncio.sleep(0)", same=True)
        self.assertEqual(self.result("l"), "[1, 2]")

    def test_callbacks_of_ipython(self):
        self.run_cell("l = []\ndef note(*_): l.append(1)\nget_ipython().events.register('post_run_cell', note)")
        self.run_cell("1", same=True)
        self.run_cell("get_ipython().events.unregister('post_run_cell', note)", same=True)
        self.assertEqual(self.result("len(l)"), "2")

    def test_devices(self):
        code = "import os; print(os.environ.get('CUDA_VISIBLE_DEVICES'))"
        for devices, seen in ([0, 3], "0,3"), (["MIG-1"], "MIG-1"), ([], ""), (None, "None"):
            metadata = None if devices is None else {"hpcsched": {"devices": devices}}
            self.assertEqual(self.run_cell(code, metadata=metadata).out, seen + "\n")
        self.assertEqual(self.run_cell("%gpu", metadata={"hpcsched": {"devices": [1, 2]}}).out, "1,2\n")
        ran = self.run_cell("%gpu 2\ny = 5")
        self.assertEqual((ran.out, ran.changed, self.result("y")), ("", ["y"], "5"))

    def test_replace_brings_a_replica_to_the_state_of_the_log(self):
        self.run_cell("class C:\n    v = 1\nc = C(); a = [c]; n = 2")
        self.run_cell("n + 1")
        astray = self.kernels[0]
        astray.execute("a.append(5); own = 1; del n; C.v = 7; C.w = 8; open = 3; c.z = 1\n_ = 4")
        astray.execute("own")
        self.assertEqual(astray.install(self.log.whole(), replace=True), [])
        self.turn = 1
        self.assertEqual(self.result("n, a[0] is c, type(c) is C, C.v, hasattr(C, 'w'), vars(c), 'own' in dir(), "
                                     "callable(open), _, Out, In"),
                         "(2,\n True,\n True,\n 1,\n False,\n {},\n False,\n True,\n 3,\n {2: 3},\n ['',\n"
                         "  'class C:\\n    v = 1\\nc = C(); a = [c]; n = 2',\n  'n + 1',\n"
                         "  \"n, a[0] is c, type(c) is C, C.v, hasattr(C, 'w'), vars(c), 'own' in dir(), "
                         "callable(open), _, Out, In\"])")

    def test_replace_prefers_the_newest_of_copies(self):
        self.run_cell("fs = [lambda: 1, lambda: 2]; fs")  # Out[1] is a copy that has the functions itself
        self.run_cell("f = fs[0]; f.mark = 5; fs[1].mark = 6")
        self.run_cell("class C: pass\nc = C(); c")
        self.run_cell("class C: pass\ntype(c).mark = 7")
        for k in self.kernels:
            self.assertEqual(k.install(self.log.whole(), replace=True), [])
        self.assertEqual(self.result("f.mark, fs[1].mark, fs[0] is f, c.mark, type(c) is C, Out[1][0] is f"),
                         "(5, 6, True, 7, False, True)")

    def test_what_cannot_be_installed_is_named_and_alone(self):
        one, other = self.kernels
        folder = tempfile.mkdtemp(dir=self.folder)
        with open(os.path.join(folder, "onlyhere.py"), "w") as file:
            file.write("class V: pass\n")
        ran = one.execute(f"import sys; sys.path.insert(0, {folder!r}); import onlyhere; v = onlyhere.V(); ok = 1\n"
                          "class D(onlyhere.V): pass\nd = D()\ndel sys")
        failed = dict(other.install(ran.delta))
        self.assertEqual(set(failed), {"onlyhere", "v", "D", "d"})
        self.assertIn("No module named 'onlyhere'", failed["v"])
        ran = other.execute("ok = 2; exec('')")  # looks at all names: those that failed here are not gone
        self.assertEqual((ran.changed, ran.delta["removed"]), (["ok"], []))
        self.assertEqual(one.install(ran.delta), [])
        self.assertEqual(one.execute("ok, type(v).__name__, type(d) is D").result, "(2, 'V', True)")

    def test_nonsense_does_no_harm(self):
        one = self.kernels[0]
        one.execute("a = 1")
        bad = [["a", 3, None], ["b", 3, None], ["c", 3, "f" * 64], ["In[5]", 1, None]]
        failed = dict(one.install({"changed": bad, "removed": ["zz"], "execution_count": 7,
                                   "buffers": [b"HPC1", b"xyz"]}))
        self.assertEqual(set(failed), {"a", "b", "c", "In[5]"})
        reply, _ = one.request("hpcsched_install_request", {"changed": 5})
        self.assertEqual(reply["content"]["status"], "error")
        self.assertEqual(one.execute("a").error, "NameError")  # rather than an old value
        self.assertEqual(one.execute("1 + 1").result, "2")

    def test_the_names_of_the_replicas(self):
        self.run_cell("a = [1, 'x']; b = a; n = 5\ndef f(): pass")
        here, there = (k.names() for k in self.kernels)
        self.assertEqual((here["keys"].keys(), here["names"]["b"]), (there["keys"].keys(), there["names"]["b"]))
        self.assertEqual(here["keys"]["a,b"], there["keys"]["a,b"])
        self.assertEqual(set(here["keys"]), {"a,b", "n", "f"})

    # -- large values

    def stored(self):
        return {key: digest for key, _, digest in self.last.delta["changed"] if digest}

    def test_large_values_go_through_the_store(self):
        self.last = self.run_cell("b = bytes(range(256)) * 4000; small = b[:100]\n"
                                  "t = 'x' * 50000; l = list(range(20000))")
        self.assertEqual(set(self.stored()), {"b", "l", "t"})
        self.assertTrue(all(re.fullmatch("[0-9a-f]{64}", d) for d in self.stored().values()))
        self.assertEqual(self.result("len(b), b[:3], len(t), sum(l)"),
                         "(1024000, b'\\x00\\x01\\x02', 50000, 199990000)")
        self.last = self.run_cell("len(b), len(t), l[5]")
        self.assertEqual(self.stored(), {})

    def test_numpy(self):
        if not importable("numpy"):
            self.skipTest("no numpy")
        self.last = self.run_cell("import numpy as np\na = np.arange(100000.)\n"
                                  "v = a[10:20]; w = a[::-2]; m = {'v': a}\n"
                                  "small = np.ones((3, 2), order='F'); o = np.array([[], {}], dtype=object)\n"
                                  "lone = np.arange(50000)[5:9]; z = np.zeros((0, 3)); e = np.int32(7)\n"
                                  "ro = np.arange(3); ro.flags.writeable = False\n"
                                  "st = np.zeros(2, dtype=[('x', 'i4'), ('y', 'U3')])")
        self.assertEqual(set(self.stored()), {"a,m,v,w"})
        self.run_cell("v[0] = -1; small[1, 1] = 5; st['x'] = 4")
        self.assertEqual(self.result("a[10], w[-6], m['v'] is a, np.shares_memory(a, v), np.shares_memory(a, w), "
                                     "a.size"),
                         "(-1.0, 11.0, True, True, True, 100000)")
        self.run_cell("w[:] = 0; small.resize(7, refcheck=False)")
        self.assertEqual(self.result("float(a.sum()), v[1], small.shape, lone, z.shape, e, ro.flags.writeable, "
                                     "st.tolist(), type(o[0]), a.flags.writeable"),
                         "(2499949989.0,\n 0.0,\n (7,),\n array([5, 6, 7, 8]),\n (0, 3),\n 7,\n False,\n"
                         " [(4, ''), (4, '')],\n list,\n True)")
        for _ in range(3):
            self.assertEqual(self.run_cell("a.sum(), small, lone, o, st, v, m", store_history=False).changed, [])
        self.run_cell("huge = np.zeros(3_000_000); huge[5] = 1")
        self.run_cell("huge[6] = 2")
        self.assertEqual(self.result("huge[4:8], huge.flags.aligned"), "(array([0., 1., 2., 0.]), True)")

    def test_pandas(self):
        if not importable("pandas"):
            self.skipTest("no pandas")
        self.run_cell("import pandas as pd\ndf = pd.DataFrame({'a': range(3), 'b': list('xyz')}); idx = df.index")
        self.run_cell("df['c'] = df.a * 2")
        self.run_cell("part = df.copy(); part.loc[0, 'a'] = 9")
        self.assertEqual(self.run_cell("df.head()", store_history=False).changed, [])
        self.assertEqual(self.result("df.a.tolist(), part.a.tolist(), list(df.c), df.b[1]"),
                         "([0, 1, 2], [9, 1, 2], [0, 2, 4], 'y')")


class Full(Replicas):
    """A store that cannot take what it gets."""

    ARGUMENTS = "--inline-max", "20000"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.mkdir(cls.store)
        cls.mounted = os.geteuid() == 0 and not subprocess.call(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", cls.store], stderr=subprocess.DEVNULL)
        if not cls.mounted:  # the next best: no folder can be made
            with open(os.path.join(cls.store, "chunks"), "w"):
                pass

    @classmethod
    def tearDownClass(cls):
        if cls.mounted:
            subprocess.call(["umount", cls.store])
        super().tearDownClass()

    def test_the_name_is_dropped_and_the_user_told(self):
        ran = self.run_cell("import os; x = 1; y = [2]; b = os.urandom(12 << 20)")
        self.assertEqual((ran.changed, [n for n, _ in ran.delta["dropped"]]), (["os", "x", "y"], ["b"]))
        reason = "No space left on device; the store is full: make room there" if self.mounted else "Not a directory"
        self.assertRegex(ran.err, rf"hpcsched: 'b' is not replicated \(the store: cannot .*: {reason}\)")
        left = [f for _, _, files in os.walk(self.store) for f in files if "." in f]
        self.assertEqual(left, [])
        ran = self.run_cell("b = b[:100]; x", same=True)
        self.assertEqual((ran.changed, ran.err), (["Out[2]", "b"], ""))
        self.assertEqual(self.result("len(b), x, y"), "(100, 1, [2])")
        if self.mounted:
            self.run_cell("b = os.urandom(2 << 20)")
            ran = self.run_cell("b += os.urandom(30 << 20)")
            self.assertEqual((ran.changed, ran.delta["removed"]), ([], ["b"]))
            self.assertEqual(self.run_cell("b").error, "NameError")


class LikePlain(unittest.TestCase):
    """A user sees no difference to a plain kernel."""

    def test_what_a_new_kernel_shows(self):
        folder = tempfile.mkdtemp()
        kernels = Kernel(folder), Kernel(folder, MODULE)
        try:
            for code in ("sorted(dir())", "__name__, __doc__, type(get_ipython()).__name__", "%who", "%whos",
                         "import sys, threading, os; [p for p in sys.path if p != os.getcwd()]",
                         "sorted(t.name for t in threading.enumerate())",
                         "sys.modules['__main__'].__dict__ is globals(), '__file__' in globals()", "sorted(vars())",
                         "import warnings; 'a' is 'b'", "'\\d'", "1 +", "x: int = 3; __annotations__",
                         "import signal; signal.getsignal(signal.SIGINT)", "sys.getrecursionlimit()",
                         "class C: pass\nsorted(vars(C))"):
                with self.subTest(code=code):
                    for k in kernels:
                        k.process.poll() is None and k.ready()
                    plain, ran = (k.execute(code) for k in kernels)
                    for what in "out", "result", "error":
                        self.assertEqual(steady(getattr(ran, what)), steady(getattr(plain, what)))
                    self.assertEqual(re.sub(r"ipykernel_\d+", "", ran.err), re.sub(r"ipykernel_\d+", "", plain.err))
        finally:
            for k in kernels:
                k.stop()
            shutil.rmtree(folder)


class NoStore(unittest.TestCase):
    """A kernel without a store, or without the library."""

    def test_large_values_are_dropped_and_the_user_told(self):
        folder = tempfile.mkdtemp()
        kernels = Kernel(folder, MODULE), Kernel(folder, MODULE, "--store", os.path.join(folder, "store"))
        try:
            for kernel, lacks in zip(kernels, ("--store", "--store-library")):
                ran = kernel.ready().execute("x = 1; b = bytes(70000)")
                self.assertEqual((ran.changed, [n for n, _ in ran.delta["dropped"]]), (["x"], ["b"]))
                self.assertIn("hpcsched: 'b' is not replicated (the store: there is none for large values: this kernel "
                              f"was started without {lacks})", ran.err)
        finally:
            for k in kernels:
                k.stop()
            shutil.rmtree(folder)


class Store(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.module = load_module()
        self.store = self.module.Store(os.path.join(self.folder, "store"), CHUNKS)

    def chunks(self):
        return sorted(os.path.join(d, f) for d, _, fs in os.walk(os.path.join(self.folder, "store", "chunks")) for f in fs)

    def test_it_gives_back_what_it_got(self):
        big = os.urandom(9 << 20)
        readonly = memoryview(bytearray(b"yz")).toreadonly()
        for parts in [], [b"x"], [b"ab", b"", big, memoryview(bytearray(b"yz")), readonly, big[:4 << 20]], [b"q" * 1000] * 9000:
            name = self.store.put(parts)
            room = self.store.get(name)
            self.assertEqual(bytes(room), b"".join(parts))
            self.assertFalse(room.readonly)
            self.assertRegex(name, "^[0-9a-f]{64}$")
            self.assertEqual(self.store.put(parts), name)

    def test_nothing_is_held_afterwards(self):
        part = bytearray(b"value")
        before = sys.getrefcount(part)
        self.store.get(self.store.put([part] * 100))
        self.assertEqual(sys.getrefcount(part), before)
        part.append(1)  # BufferError if it were lent
        self.assertRaises(TypeError, self.store.put, [part, 1])
        part.append(2)

    def test_damage_is_seen(self):
        name = self.store.put([b"value" * 1000])
        path, = self.chunks()
        with open(path, "r+b") as file:
            file.write(b"V")
        self.assertRaisesRegex(OSError, "is damaged", self.store.get, name)
        os.unlink(path)
        self.assertRaisesRegex(OSError, "is not in the store", self.store.get, name)
        self.assertRaisesRegex(OSError, "object 0+ is not in the store", self.store.get, "0" * 64)

    def test_what_is_not_there_is_said(self):
        for where, library, reason in (("/dev/null/store", CHUNKS, "Not a directory"),
                                       ("redis+unix:///no/such/socket", CHUNKS, "cannot reach Redis at redis.unix:///no"),
                                       (self.folder, "/no/such/library.so", "/no/such/library.so: cannot open shared")):
            self.assertRaisesRegex(OSError, reason, self.module.Store(where, library).put, [b"x"])


def importable(name):
    import importlib.util
    return importlib.util.find_spec(name) is not None


def load_module():
    import importlib.util
    spec = importlib.util.spec_from_file_location("hpcsched_kernel", os.path.join(MODULE, "__init__.py"),
                                                  submodule_search_locations=[MODULE])
    module = sys.modules["hpcsched_kernel"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    run_tests()
