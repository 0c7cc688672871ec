"""The native side: the runtime library and loading compiled units."""
