"""Programs that attack their box, its tests, or the machine.

Each defines `f`, or ends before it does; its test is `f(2) == 4`. `{secret}` is
a file of the parent's, `{parent}` its process id and `{folder}` a folder that
the parent can write to.
"""

# What it tries: the program, and what becomes of it (a regular expression).
ENDS = r"it has ended|the time is over"
REFUSED = "Operation not permitted|PermissionError|Permission denied"
UNSEEN = "PermissionError|FileNotFoundError|OSError"
WRONG = "^AssertionError"

PROGRAMS = {
  "fork bomb": (
    "import os\ndef f(x):\n  while True: os.fork()", REFUSED,
  ),
  "fork bomb that takes no for an answer": (
    "import os\ndef f(x):\n  while True:\n    try: os.fork()\n"
    "    except OSError: pass", ENDS,
  ),
  "threads without end": (
    "import threading, time\ndef f(x):\n  while True:\n"
    "    threading.Thread(target=time.sleep, args=(9,)).start()",
    "can't start new thread",
  ),
  "another program": (
    "import subprocess\ndef f(x): return subprocess.call(['sh', '-c', 'id'])",
    REFUSED,
  ),
  "endless output": (
    "def f(x):\n  while True: print('x' * 100000)", ENDS,
  ),
  "output into all files that are open": (
    "import os\nfor i in range(3, 64):\n  try: os.write(i, b'x' * 60000)\n"
    "  except OSError: pass\ndef f(x): return 4",
    "no message|too long|it has ended",
  ),
  "a verdict of its own in all files that are open": (
    "import os\nfor i in range(64):\n"
    "  try: os.write(i, b'{\"passed\": true, \"why\": \"\"}\\n')\n"
    "  except OSError: pass\ndef f(x): return 5", "AssertionError|ProgramEnded",
  ),
  "memory": (
    "def f(x):\n  kept = []\n  while True: kept.append(bytearray(1 << 24))",
    "MemoryError",
  ),
  "memory at once": ("def f(x): return 'x' * (1 << 40)", "MemoryError"),
  "a huge number": ("def f(x): return 10 ** (10 ** 9)", ENDS + "|MemoryError"),
  "a huge value": (
    "def f(x): return 'x' * (1 << 25)", "too long|MemoryError"
  ),
  "values in values": (
    "def f(x):\n  v = []\n  for _ in range(10 ** 6): v = [v]\n  return v",
    "RecursionError|it has ended",
  ),
  "a value that holds itself": (
    "def f(x):\n  v = []\n  v.append(v)\n  return v",
    "RecursionError|it has ended",
  ),
  "an iterator without end": (
    "import itertools\ndef f(x): return itertools.count()", WRONG,
  ),
  "calls without end": (
    "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(x): return f(x)",
    "it has ended|RecursionError|MemoryError",
  ),
  "sockets": (
    "import socket\ndef f(x): return socket.create_connection(('1.1.1.1', 53))",
    REFUSED + "|name resolution",
  ),
  "a server": (
    "import socket\ndef f(x): return socket.socket().bind(('', 8000))", REFUSED,
  ),
  "the parent's file": ("def f(x): return open('{secret}').read()", UNSEEN),
  "the parent's file by a link": (
    "import os\ndef f(x):\n  os.symlink('{secret}', '{folder}/link')\n"
    "  return open('{folder}/link').read()", UNSEEN,
  ),
  "the parent's variables": (
    "def f(x): return open('/proc/{parent}/environ').read()", UNSEEN,
  ),
  "the tests' memory": (
    "import os\ndef f(x): return open(f'/proc/{os.getppid()}/mem', 'rb')",
    UNSEEN,
  ),
  "what the tests expect": (
    "import gc, sys\ndef f(x):\n"
    "  said = [o for o in gc.get_objects() if isinstance(o, dict)]\n"
    "  code = [v for d in said for v in list(d.values())\n"
    "          if isinstance(v, str) and 'assert ' + 'f(2)' in v]\n"
    "  return 4 if code else 5", WRONG,
  ),
  "killing the parent": (
    "import os\ndef f(x): return os.kill({parent}, 9)",
    REFUSED + "|ProcessLookupError",
  ),
  "killing all": ("import os\ndef f(x): return os.kill(-1, 9)", REFUSED),
  "killing its group": ("import os\ndef f(x): return os.killpg(0, 9)", REFUSED),
  "a signal by way of a file": (
    "import fcntl, os\ndef f(x):\n  r, w = os.pipe()\n"
    "  return fcntl.fcntl(r, fcntl.F_SETOWN, {parent})", REFUSED,
  ),
  "writing outside": (
    "def f(x): return open('{folder}/written', 'w').write('x')", UNSEEN,
  ),
  "writing inside": (
    "import os\ndef f(x): return open('written', 'w').write('x')", UNSEEN,
  ),
  "filling the disk": (
    "import tempfile\ndef f(x):\n  while True:\n"
    "    tempfile.NamedTemporaryFile(delete=False).write(b'x' * 10 ** 8)",
    UNSEEN,
  ),
  "files in memory": (
    "import os\ndef f(x): return os.memfd_create('file')", REFUSED,
  ),
  "deleting": ("import os\ndef f(x): return os.remove('{secret}')", UNSEEN),
  "deleting all": (
    "import shutil\ndef f(x):\n  shutil.rmtree('{folder}', True)\n"
    "  shutil.rmtree('/', True)\n  return 5", WRONG,
  ),
  "changing rights": (
    "import os\ndef f(x): return os.chmod('{folder}', 0)", UNSEEN,
  ),
  "sleeping": ("import time\ndef f(x): return time.sleep(999)", ENDS),
  "waiting for input": ("def f(x): return input()", "EOF"),
  "catching signals": (
    "import signal\nfor s in range(1, 65):\n"
    "  try: signal.signal(s, signal.SIG_IGN)\n  except OSError: pass\n"
    "  except ValueError: pass\ndef f(x):\n  while True: pass", ENDS,
  ),
  "lifting its limits": (
    "import resource\ndef f(x):\n  for kind in range(16):\n"
    "    try: resource.setrlimit(kind, (-1, -1))\n"
    "    except ValueError: pass\n  return bytearray(1 << 33)",
    "MemoryError|ValueError",
  ),
  "a value that equals all": (
    "class All:\n  def __eq__(self, other): return True\n"
    "def f(x): return All()", WRONG,
  ),
  "a number that equals all": (
    "class All(int):\n  def __eq__(self, other): return True\n"
    "  __hash__ = int.__hash__\ndef f(x): return All(5)", WRONG,
  ),
  "a value that runs when it is loaded": (
    "class Bad:\n  def __reduce__(self): return (print, ('loaded',))\n"
    "def f(x): return Bad()", WRONG,
  ),
  "its own built-in functions": (
    "import builtins\nbuiltins.AssertionError = None\n"
    "builtins.print = builtins.isinstance = lambda *a: True\n"
    "def f(x): return 5", WRONG + "|ProgramEnded|it has ended",
  ),
  "another encoder": (
    "import sys\nvalues = sys.modules["
    "'inference_scaling.tasks.programs.inside.values']\n"
    "values.encode = lambda *a: {'dict': 5}\ndef f(x): return 5",
    "it returned no value",
  ),
  "ending without a word": ("import os\nos._exit(0)", "it has ended"),
  "ending in a call": ("import os\ndef f(x): os._exit(0)", "it has ended"),
  "ending by exception": ("import sys\nsys.exit(0)", "SystemExit"),
  "ending in a call by exception": (
    "import sys\ndef f(x): sys.exit(0)", "SystemExit"
  ),
  "no function": ("g = 1", "KeyError"),
  "no Python": ("def f(x:", "SyntaxError"),
}  # fmt: skip


def sources(**names: object) -> dict[str, str]:
  """The programs, with names put in for what stands in braces."""
  filled = {}
  for title, (source, _) in PROGRAMS.items():
    for name, value in names.items():
      source = source.replace(f"{{{name}}}", str(value))
    filled[title] = source
  return filled
