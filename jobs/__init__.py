"""Ray entry points: `python -m jobs.NAME`."""

import importlib.util

from stylize.interrupts import end_without_trace

end_without_trace()
if importlib.util.find_spec("ray") is None:
    raise ImportError("the jobs need Ray and what they report with: pip install '.[jobs]' in a checkout of the project")
