"""Times of a program's commands: bench_cli.py PROGRAM RUNS. scripts/bench-cli.sh runs it."""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

PROGRAM, RUNS = os.path.abspath(sys.argv[1]), int(sys.argv[2])


def cpu_of(process):
    """Seconds of processor time that a running process has used; the kernel counts in hundredths."""
    with open(f"/proc/{process}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def once(arguments, environment):
    """Wall time to the first byte and to the end, and processor time, in ms."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    child = subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    child.stdout.read(1)
    first = time.perf_counter() - began
    _, said = child.communicate()
    wall = time.perf_counter() - began
    if child.returncode != 0:
        sys.exit(f"{arguments} ended with {child.returncode}: {said.decode()}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return 1e3 * first, 1e3 * wall, 1e3 * cpu


def row(name, arguments, environment, chain=None):
    once(arguments, environment)
    before = cpu_of(chain) if chain else 0
    runs = [once(arguments, environment) for _ in range(RUNS)]
    first, wall, cpu = (statistics.median(column) for column in zip(*runs))
    chains = f"{1e3 * (cpu_of(chain) - before) / RUNS:.1f}" if chain else "-"
    print(f"| `{name}` | {first:.1f} | {wall:.1f} | {cpu:.1f} | {chains} |", flush=True)


def main():
    with tempfile.TemporaryDirectory() as home:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("NEURON_", "BT_"))}
        environment["HOME"] = home
        make = ["wallet", "create", "--wallet.name", "w", "--no-password", "--yes"]
        subprocess.run([PROGRAM, *make], env=environment, check=True, capture_output=True)
        command = [PROGRAM, "localnet", "--port", "0", "--block-time", "12s", "--output", "json"]
        chain = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        try:
            text = b""
            while not text.endswith(b"\n}\n"):
                text += chain.stdout.readline() or sys.exit("the development chain ended")
            url = json.loads(text)["endpoint"]
            print("| command | first byte, ms | end, ms | its processor time, ms | the chain's, ms |\n|---|---|---|---|---|")
            row("--version", ["--version"], environment)
            row("--help", ["--help"], environment)
            row("stake add --help", ["stake", "add", "--help"], environment)
            row("wallet list", ["wallet", "list"], environment)
            row("subnets list", ["subnets", "list", "--network", url], environment, chain.pid)
            row("balance", ["balance", "--network", url, "--wallet.name", "w"], environment, chain.pid)
        finally:
            chain.terminate()
            chain.wait()


main()
