"""Local weights of any chat model that transformers can run, as one of the models that Groundtune asks.

Importing this package loads neither torch nor transformers: that happens when weights are loaded.
"""

from groundtune.models.transformers.adapter import record_base
from groundtune.models.transformers.chat import TransformersChat
from groundtune.models.transformers.fingerprint import weights_sha256
from groundtune.models.transformers.load import Device, DType, LocalWeights, load_weights

__all__ = [
    "DType",
    "Device",
    "LocalWeights",
    "TransformersChat",
    "load_weights",
    "record_base",
    "weights_sha256",
]
