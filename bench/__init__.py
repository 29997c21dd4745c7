"""What does Daeri cost? Measured over real HTTP against one real server process: `make bench`, `python -m bench NAME…`.

CPU is the figure to compare: the time the server's processes were given, divided by the complete and correct replies.
It hardly moves on a busy machine; p50 and p99 do, because the client and everything else share the cores.
"""
