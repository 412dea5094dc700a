"""The web page: the same service for browsers, which have no bidirectional gRPC."""
