"""The API as generated code, which `make proto` writes from proto/wavesynth/v1; and how large its messages may be."""

__all__ = ["MAX_MESSAGE", "MESSAGE_OVERHEAD"]

#: Bytes of a message, either way.
MAX_MESSAGE = 16 << 20
#: Bytes of a message that are kept for what is neither input nor audio.
MESSAGE_OVERHEAD = 64 << 10
