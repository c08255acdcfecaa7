"""Ray entry points: `python -m jobs.NAME`."""

import importlib.util
import sys

from stylize.interrupts import end_without_trace, is_command

end_without_trace()
if importlib.util.find_spec("ray") is None:
    _LACKING = "the jobs need Ray and what they report with: pip install 'stylize[jobs]'"
    if is_command():
        from stylize.terminal import say

        say(f"error: {_LACKING}", file=sys.stderr)
        sys.exit(2)
    raise ImportError(_LACKING)
