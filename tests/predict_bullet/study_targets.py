#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests bench/predict/study_targets.py on a made checkout: study_targets.py SCRIPT."""

import json
import pathlib
import subprocess
import sys
import tempfile


def paint(body, color):
    return {"$type": "set_color", "id": body, "color": color}


RED, BLUE, GREEN = ({"r": r, "g": g, "b": b, "a": 1.0} for r, g, b in ((1, 0, 0), (0, 0, 1), (0, 1, 0)))
BOWL = [paint(1, GREEN), paint(2, RED), paint(6, BLUE), paint(7, GREEN), paint(6, RED)]
PLAIN = [paint(1, GREEN), paint(2, RED), paint(3, BLUE)]

with tempfile.TemporaryDirectory() as folder:
    checkout = pathlib.Path(folder)
    for scenario, name, built in (("contain", "bowl", [BOWL, PLAIN]), ("collide", "box", [PLAIN])):
        config = checkout / "stimuli" / "generation" / "configs" / scenario / name
        config.mkdir(parents=True)
        lines = [json.dumps([{"$type": "set_screen_size"}]) + " trial None"]
        for number, commands in enumerate(built):  # the first list of a trial builds it, the others push
            lines += [f"{json.dumps(commands)} trial {number}", f"[] trial {number}"]
        (config / "tdw_commands.json").write_text("\n".join(lines))
    scenes = checkout / "scenes.jsonl"
    names = [("contain", "bowl_0000"), ("contain", "bowl_0001"), ("collide", "box_0000"), ("link", "gone_0000")]
    scenes.write_text("".join(json.dumps({"scenario": s, "stimulus": n}) + "\n" for s, n in names))
    run = subprocess.run([sys.executable, sys.argv[1], folder, scenes], capture_output=True, text=True, check=True)
    told = [json.loads(line).get("target") for line in run.stdout.splitlines()]
    assert told == [6, None, None, None], told
    assert "1 targets" in run.stderr, run.stderr
    wrong = subprocess.run([sys.executable, sys.argv[1], scenes, scenes], capture_output=True, text=True)
    assert wrong.returncode == 1 and "must be the study's repository" in wrong.stderr, wrong.stderr
print("passed")
