"""What does Daeri cost? Measured over real HTTP against one real server process: `make bench`, `python -m bench NAME…`.

CPU is the figure to compare: the time the server's processes were given, divided by the complete and correct replies.
p50 and p99 are of a closed loop and move with whatever else the cores do. CPU moves too, if less, where cores are
shared: the yardstick, a fixed piece of work measured before and after, says how slow the machine was meanwhile.
"""

import daeri.library  # noqa: F401 - before numpy: it says how many threads numpy may take
