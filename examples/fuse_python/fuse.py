# SPDX-License-Identifier: Apache-2.0
"""Fuses two networks of PyTorch with hpcsched, and checks what comes back. Usage: fuse.py [PROGRAM]"""
import subprocess
import sys
import tempfile

import torch
from torch import nn


def network(classes):
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1),
                         nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, classes))


torch.manual_seed(1)
pictures = torch.rand(600, 3, 16, 16) * torch.rand(600, 3, 1, 1)
tasks = {"strongest": (network(3), pictures.mean((2, 3)).argmax(1)),  # which colour is strongest
         "bright": (network(2), (pictures.mean((1, 2, 3)) > 0.25).long())}
with tempfile.TemporaryDirectory() as folder:
    torch.save(pictures, f"{folder}/pictures.pt")
    for name, (model, labels) in tasks.items():
        optimiser = torch.optim.Adam(model.parameters(), 1e-2)
        for step in range(150):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(pictures), labels).backward()
            optimiser.step()
        torch.jit.script(model.eval()).save(f"{folder}/{name}.pt")
    subprocess.run([sys.argv[1] if len(sys.argv) > 1 else "hpcsched", "fuse", f"{folder}/strongest.pt",
                    f"{folder}/bright.pt", "-i", f"{folder}/pictures.pt", "-o", f"{folder}/fused.pt", "--threads", "1",
                    "--drop", "0.05", "--budget", "20s", "--iterations", "20", "--quiet"], check=True)
    fused = torch.jit.load(f"{folder}/fused.pt")
    with torch.no_grad():
        for name, outputs in zip(tasks, fused(pictures)):
            same = (outputs.argmax(1) == tasks[name][0](pictures).argmax(1)).float().mean()
            print(f"{name}: the fused network chooses as the original on {100 * same:.1f} % of the pictures")
            assert same > 0.9
