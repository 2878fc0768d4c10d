"""The embedded model: a small encoder that embeds, reads and chooses, without torch and without a network."""

import sys

# OpenVINO reports each import to its maker, from a forked process, unless its telemetry package cannot be imported.
# Nothing may leave the user's machine unasked: None makes that import fail, which OpenVINO provides for.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
