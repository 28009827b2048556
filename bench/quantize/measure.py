"""Runs a command and writes its exit status, wall time, processor time and peak memory.

    python measure.py RESULT.json COMMAND [ARGUMENT ...]

Wall time runs from before the process starts until it has ended; processor time (of all cores) and peak resident memory are
what the kernel counted.
"""
import json
import resource
import subprocess
import sys
import time

result, *command = sys.argv[1:]
start = time.perf_counter()
status = subprocess.run(command).returncode
seconds = time.perf_counter() - start
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
bytes_per_unit = 1 if sys.platform == "darwin" else 1024
with open(result, "w", encoding="utf-8") as file:
    json.dump({
        "status": status,
        "seconds": seconds,
        "cpuSeconds": usage.ru_utime + usage.ru_stime,
        "peakBytes": usage.ru_maxrss * bytes_per_unit,
    }, file)
