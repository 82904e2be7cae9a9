# SPDX-License-Identifier: Apache-2.0
"""Two real kernels that take turns, and a plain ipykernel beside them that runs every cell: all must agree."""
import os
import re

from kernel_replicas import Kernel, Replicas, run_tests, steady

# Names whose values cannot travel.
UNPICKLABLE = {"worker"}
# Of those that are to fail.
FAILING = ("1 / 0; bad", "def broken", "return 5")
# What a plain kernel holds, told by an expression that leaves no trace in it.
PROBE = ("{k: (lambda v: repr(v)[:200])(v) for k, v in list(globals().items()) if not k.startswith('_') and "
         "k not in ('In', 'Out', 'get_ipython', 'exit', 'quit', 'open')}")


def cells():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "torture_cells.ipy"), encoding="utf-8") as f:
        return [c.strip("\n") for c in re.split(r"^# %%.*\n", f.read(), flags=re.M)][1:]


class Torture(Replicas):
    """All cells of torture_cells.ipy, against a plain kernel that runs every one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plain = Kernel(cls.folder)
        cls.plain.ready()

    @classmethod
    def tearDownClass(cls):
        cls.plain.stop()
        super().tearDownClass()

    def names_of_plain(self):
        content = {"code": "", "silent": True, "store_history": False, "user_expressions": {"names": PROBE},
                   "allow_stdin": False}
        reply, _ = self.plain.request("execute_request", content)
        return eval(reply["content"]["user_expressions"]["names"]["data"]["text/plain"])

    def test_all_kernels_agree(self):
        for number, code in enumerate(cells()):
            with self.subTest(cell=number, code=code):
                expected = self.plain.execute(code)
                self.assertEqual(bool(expected.error), any(f in code for f in FAILING), expected.error)
                ran = self.run_cell(code)
                for what in "out", "result", "error":
                    self.assertEqual(steady(getattr(ran, what)), steady(getattr(expected, what)), what)
                self.assertEqual(ran.reply["content"]["execution_count"], expected.reply["content"]["execution_count"])
                follower = self.kernels[1 - self.turn]
                if number % 20 == 19:  # a replica comes anew
                    self.assertEqual(follower.install(self.log.whole(), replace=True), [])
                self.assertEqual(self.shown(follower.names()["names"]), self.shown(self.names_of_plain()))

    def shown(self, names):
        return {k: steady(v) for k, v in names.items() if not k.startswith("_") and k not in UNPICKLABLE}


if __name__ == "__main__":
    run_tests()
