# SPDX-License-Identifier: Apache-2.0
"""Writes networks as PyTorch users do, scripted and traced, and reads fused ones back.

  models.py write FOLDER              FOLDER/{vgg,resnet,vit,bert}-{scripted,traced}.pt, inputs as .npy and .pt
  models.py compare FILE INPUTS OUT   runs FILE on INPUTS (.npy) and writes its outputs, OUT-0.npy and so on
"""
import sys

import numpy
import torch
from torch import nn


class BasicBlock(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    """As torchvision has it: forward calls a method of its own."""

    def __init__(self, width=8, classes=3):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(BasicBlock(width, width, 1), BasicBlock(width, width, 1))
        self.layer2 = nn.Sequential(BasicBlock(width, 2 * width, 2), BasicBlock(2 * width, 2 * width, 1))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(2 * width, classes)

    def _forward_impl(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer2(self.layer1(x))
        return self.fc(torch.flatten(self.avgpool(x), 1))

    def forward(self, x):
        return self._forward_impl(x)


class VGG(nn.Module):
    def __init__(self, width=8, classes=3):
        super().__init__()
        layers, cin = [], 3
        for w in (width, width, 0, 2 * width, 2 * width, 0):
            if w == 0:
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [nn.Conv2d(cin, w, 3, padding=1), nn.BatchNorm2d(w), nn.ReLU(inplace=True)]
            cin = w
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((4, 4))
        self.classifier = nn.Sequential(nn.Linear(cin * 16, 16), nn.ReLU(True), nn.Dropout(), nn.Linear(16, classes))

    def forward(self, x):
        x = self.avgpool(self.features(x))
        x = x.view(x.size(0), -1)
        return self.classifier(x)


class Attention(nn.Module):
    def __init__(self, dim, heads=2):
        super().__init__()
        self.heads, self.dim = heads, dim
        self.qkv, self.proj, self.drop = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim), nn.Dropout(0.1)

    def forward(self, x):
        b, n = x.shape[0], x.shape[1]
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, self.dim // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        a = self.drop((q @ k.transpose(-2, -1) * (self.dim // self.heads) ** -0.5).softmax(dim=-1))
        return self.proj((a @ v).transpose(1, 2).reshape(b, n, self.dim))


class Layer(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm1, self.attn, self.norm2 = nn.LayerNorm(dim), Attention(dim), nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim), nn.Dropout(0.1))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    def __init__(self, dim=16, layers=3, classes=3):
        super().__init__()
        self.patch = nn.Conv2d(3, dim, 4, 4)
        self.cls = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.pos = nn.Parameter(torch.randn(1, 17, dim) * 0.02)
        self.layers = nn.ModuleList([Layer(dim) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, classes)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.pos
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x)[:, 0])


class Embeddings(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.word, self.place, self.norm = nn.Embedding(20, dim), nn.Embedding(8, dim), nn.LayerNorm(dim)
        self.register_buffer("ids", torch.arange(8).unsqueeze(0))
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        return self.drop(self.norm(self.word(x) + self.place(self.ids)))


class Bert(nn.Module):
    def __init__(self, dim=16, layers=2, classes=2):
        super().__init__()
        self.embeddings = Embeddings(dim)
        self.encoder = nn.Sequential(*[Layer(dim) for _ in range(layers)])
        self.pooler, self.classifier = nn.Linear(dim, dim), nn.Linear(dim, classes)

    def forward(self, x):
        x = self.encoder(self.embeddings(x))
        return self.classifier(torch.tanh(self.pooler(x[:, 0])))


def write(folder):
    torch.manual_seed(3)
    images = torch.rand(5, 3, 16, 16)
    words = torch.randint(20, (5, 8))
    numpy.save(folder + "/images.npy", images.numpy())
    numpy.save(folder + "/words.npy", words.numpy())
    torch.save(images, folder + "/images.pt")
    for name, model, x in (("vgg", VGG(), images), ("resnet", ResNet(), images), ("vit", ViT(), images),
                           ("bert", Bert(), words)):
        with torch.no_grad():
            for key, buffer in model.named_buffers():
                if key.endswith("running_mean"):
                    buffer.normal_(0, 0.1)
                if key.endswith("running_var"):
                    buffer.uniform_(0.5, 1.5)
        model.eval()
        torch.jit.script(model).save(f"{folder}/{name}-scripted.pt")
        torch.jit.trace(model, x[:2]).save(f"{folder}/{name}-traced.pt")
    torch.save(model, folder + "/pickle.pt")
    torch.save(model, folder + "/pickle-old.pt", _use_new_zipfile_serialization=False)


def compare(file, inputs, out):
    network = torch.jit.load(file)
    network.eval()
    with torch.no_grad():
        outputs = network(torch.from_numpy(numpy.load(inputs)))
    for i, each in enumerate(outputs if isinstance(outputs, tuple) else (outputs,)):
        numpy.save(f"{out}-{i}.npy", each.numpy())


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"write": write, "compare": compare}[sys.argv[1]](*sys.argv[2:])
