# SPDX-License-Identifier: Apache-2.0
# __main__ is the user's module: what pickles refer to has to be in a package of this name, in every replica.
import importlib.util
import os
import sys

sys.path.pop(0)
_folder = os.path.dirname(os.path.abspath(__file__))
_spec = importlib.util.spec_from_file_location("hpcsched_kernel", os.path.join(_folder, "__init__.py"),
                                               submodule_search_locations=[_folder])
_module = sys.modules["hpcsched_kernel"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
_module.main()
