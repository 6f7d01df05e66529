"""Frames per second that one CPU core renders: ``python benchmarks/rooms.py [--size 128 160] [--batch 16]``."""

import argparse
import time

import torch

from depthbench.data import Rooms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(128, 160), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=8)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rooms = Rooms(split=args.batch * args.repeats, size=tuple(args.size))
    batches = [list(range(k, len(rooms), args.repeats)) for k in range(args.repeats)]
    started = time.process_time()
    for batch in batches:
        rooms.__getitems__(batch)  # lays the scenes out, which happens once per process
    layouts = time.process_time() - started
    rates = []
    for batch in batches:
        started = time.process_time()
        rooms.__getitems__(batch)
        rates.append(len(batch) / (time.process_time() - started))
    rates.sort()
    print(f"{args.size[0]}x{args.size[1]}, batches of {args.batch}, one core, CPU time, {args.repeats} batches:")
    print(f"median {rates[len(rates) // 2]:.1f}, best {rates[-1]:.1f}, worst {rates[0]:.1f} frames per second")
    print(f"the first pass, with the layout of its scenes, took {layouts:.1f} s")


if __name__ == "__main__":
    main()
