"""The number format that a training computes in: bfloat16 where the processor multiplies it, else float32.

Weights, norms and sums stay float32 in either; what differs is the products of layers.
"""

from __future__ import annotations

import functools

import torch


@functools.cache
def training_dtype(device_type: str) -> torch.dtype:
    """bfloat16 or float32.  device_type: ``cpu`` or ``cuda``.

    On x86 PyTorch has fast bfloat16 layers from AVX-512 on (best with AMX). Elsewhere, as on most desktops, the same
    layers fall back to loops that take ten times as long as float32.
    """
    if device_type != "cpu":
        return torch.bfloat16
    onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    fast = onednn and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if fast else torch.float32


def autocast(device_type: str) -> torch.autocast:
    """A context in which layers compute in ``training_dtype``."""
    dtype = training_dtype(device_type)
    return torch.autocast(device_type, dtype=torch.bfloat16, enabled=dtype is torch.bfloat16)
