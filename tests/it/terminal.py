"""Runs a shell script on a pseudo-terminal and answers its questions.

    terminal.py SCRIPT ANSWERS.json      ANSWERS: [[text that ends a question, answer], ...]

Prints what the terminal showed; the exit status is the script's. Each question may come any number of times.
"""

import json
import os
import pty
import select
import sys
import time

script, answers = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8"))
child, terminal = pty.fork()
if child == 0:
    os.execvp("sh", ["sh", "-eu", script])

shown, answered, deadline = b"", 0, time.monotonic() + 500
while time.monotonic() < deadline:
    if not select.select([terminal], [], [], 1)[0]:
        continue
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    shown += data
    for question, answer in answers:
        if question.encode() in shown[answered:] and shown.rstrip(b" ").endswith(b":"):
            answered = len(shown)
            os.write(terminal, answer.encode() + b"\n")
            break
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if time.monotonic() < deadline else 124
sys.stdout.write(shown.decode(errors="replace"))
sys.exit(status)
