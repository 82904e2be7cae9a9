# SPDX-License-Identifier: Apache-2.0
"""An ipykernel that tells what each cell changed, and takes over what a cell changed elsewhere.

In a replicated notebook one replica executes a cell; what the cell changed in the user's namespace, its *delta*,
goes with the execute_reply and is installed into the other replicas, so that any of them can execute the next cell.

    python3 hpcsched_kernel -f CONNECTION_FILE [--store WHERE --store-library PATH] [--inline-max BYTES]

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
from .kernel import main
from .replica import Replica
from .store import Store

__all__ = ["Replica", "Store", "main"]
