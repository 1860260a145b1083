"""A process that makes calls, to be killed: prints every reply as soon as it may be seen.

``paying.py URL CACHE COUNT CONCURRENCY``
"""

from __future__ import annotations

import faulthandler
import signal
import sys

from s1kit.curate.calls.answering import answered
from s1kit.curate.calls.cache import Cache
from s1kit.curate.calls.call import Call
from s1kit.curate.calls.endpoint import Endpoint

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is started deaf to Ctrl-C
    faulthandler.register(signal.SIGUSR1)  # what it hangs in, if it ever does
    url, path, count, concurrency = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    calls = (Call("solver", f"q{n}", "m", ({"role": "user", "content": f"q{n}"},)) for n in range(count))
    with Cache(path) as cache:
        caller = Endpoint(url, "m", key_env=None, concurrency=concurrency)
        for call, reply in answered(caller, calls, cache):
            print(call.subject, reply.model_dump_json(), flush=True)
