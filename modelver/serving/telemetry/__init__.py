"""What logs, traces, headers and metrics say of the version that answers; all of it reads `now_serving`."""
