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
    least = min(run[0] for run in runs)
    chains = f"{1e3 * (cpu_of(chain) - before) / RUNS:.1f}" if chain else "-"
    print(f"| `{name}` | {first:.1f} | {least:.1f} | {wall:.1f} | {cpu:.1f} | {chains} |", flush=True)


# Of each kind of command that talks with a chain: what is read, and writes as far as their plan.
OF_THE_CHAIN = [
    "subnets list",
    "subnets show --netuid 155",
    "subnets price --netuid 155",
    "subnets create-cost",
    "metagraph --netuid 155",
    "hyperparameters --netuid 155",
    "balance",
    "wallet overview",
    "wallet inspect",
    "stake list",
    "delegates list",
    "root list",
    "weights show --netuid 155",
    "proxy list",
    "storage System.Number",
    "constant System.BlockHashCount",
    "transfer --to 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY --amount 0.1 --dry-run",
]


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
            print("| command | first byte, ms | the least of them | end, ms | its processor time, ms | the chain's, ms |")
            print("|---|---|---|---|---|---|")
            for name in ["--version", "--help", "stake add --help", "wallet list"]:
                row(name, name.split(), environment)
            for name in OF_THE_CHAIN:
                needs_wallet = name.split()[0] in ("balance", "wallet", "stake", "proxy", "transfer")
                wallet = ["--wallet.name", "w"] if needs_wallet else []
                row(name, [*name.split(), "--network", url, *wallet], environment, chain.pid)
        finally:
            chain.terminate()
            chain.wait()


main()
