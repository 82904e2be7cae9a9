#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tells which body the study asked about, where the file of scenes does not.

Of what is contained or linked the study made one body the target, by chance, and gave it the colour of the one that it
had let vanish. The commands with which it was built say so; the shared file of scenes leaves colours out. This reads
those commands from a checkout of the study's public repository (cogtoolslab/physics-benchmarking-neurips2021) and
writes the scenes with a "target" for `hpcsched predict physics --scenes`.

Usage: study_targets.py CHECKOUT SCENES > scenes_with_targets.jsonl
"""

import json
import pathlib
import re
import sys


def first_commands(folder):
    """The commands that built each scene of a folder, by its number."""
    out = {}
    for line in (folder / "tdw_commands.json").read_text().splitlines():
        numbered = re.fullmatch(r"(\[.*\]) trial (\d+)\s*", line)
        if numbered and int(numbered[2]) not in out:
            out[int(numbered[2])] = json.loads(numbered[1])
    return out


def target_of(commands):
    """The body that was painted again, in the colour of the one that vanished; None: the second is the target."""
    painted = {}
    target = None
    for c in commands:
        if c["$type"] == "set_color":
            if c["id"] in painted and c["color"] == painted.get(2):
                target = c["id"]
            painted.setdefault(c["id"], c["color"])
    return target


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    configs = pathlib.Path(sys.argv[1]) / "stimuli" / "generation" / "configs"
    if not configs.is_dir():
        sys.exit(f"study_targets: there is no folder {configs}; CHECKOUT must be the study's repository")
    read = {}
    told = 0
    with open(sys.argv[2]) as scenes:
        for line in scenes:
            scene = json.loads(line)
            name, number = scene["stimulus"].rsplit("_", 1)
            folder = configs / scene["scenario"] / name
            if folder not in read:
                read[folder] = first_commands(folder) if folder.is_dir() else {}
            target = target_of(read[folder].get(int(number), []))
            if target is not None:
                scene["target"] = target
                told += 1
            print(json.dumps(scene, separators=(",", ":")))
    print(f"study_targets: {told} targets", file=sys.stderr)


if __name__ == "__main__":
    main()
