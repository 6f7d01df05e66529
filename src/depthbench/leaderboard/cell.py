"""The process of one model on one data set: ``python -m depthbench.leaderboard.cell ORDER PARENT``.

The order is a JSON file with the words of an ``evaluate`` command. The outcome is written last and as a whole.
"""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from depthbench.config.doors import through_doors
from depthbench.config.mistakes import MISTAKES, explain
from depthbench.files import read_json, write_atomically
from depthbench.launch.parent_death import die_with_parent

OUTCOME = ".outcome.json"


def write_order(path: Path, words: list[str], label: str, protocols: list[str], result: Path) -> None:
    """The work of a process: evaluate by these words, under these of its protocols, into this file."""
    content = {"words": words, "label": label, "protocols": protocols, "result": str(result)}
    write_atomically(path, json.dumps(content, indent=1) + "\n", durable=False)


def outcome_of(result: Path) -> dict[str, Any]:
    """The outcome of a process: ``refused`` sentences by protocol, or ``failed``; nothing if it did not end.

    Raises:
        UserError: if the file is damaged.
    """
    return read_json(result.with_suffix(OUTCOME))


def main(arguments: list[str] | None = None) -> int:
    """Entry point of the process; 0, or 2 after a failure, which is also written down."""
    order, parent = sys.argv[1:] if arguments is None else arguments
    die_with_parent(int(parent))
    content = read_json(Path(order))
    result = Path(content["result"])
    try:
        outcome: dict[str, Any] = {"refused": fill(content["words"], content["label"], content["protocols"], result)}
    except (*MISTAKES, OSError) as error:
        print(explain(error), file=sys.stderr)
        outcome = {"failed": explain(error)}
    except Exception as error:
        write_atomically(result.with_suffix(OUTCOME), json.dumps({"failed": f"{type(error).__name__}: {error}"}))
        raise
    write_atomically(result.with_suffix(OUTCOME), json.dumps(outcome) + "\n")
    return 2 if "failed" in outcome else 0


def fill(words: list[str], label: str, protocols: list[str], result: Path) -> dict[str, str]:
    """Evaluate, and write the result; the sentences of protocols that can't score it.

    Raises:
        UserError: if it can't be evaluated at all.
    """
    # Here and not above: torch takes seconds to import, in which the parent may be gone.
    from depthbench.evaluation.chosen import NoProtocolFitsError
    from depthbench.evaluation.command_line import read_evaluate_request
    from depthbench.evaluation.evaluate import evaluate
    from depthbench.evaluation.tables import write
    from depthbench.inference.foreign import open_model
    from depthbench.leaderboard.panels import keep_panels
    from depthbench.training.devices import choose_device

    request = read_evaluate_request(through_doors(words))
    (one,) = request.inputs
    chosen = {name: config for name, config in request.protocols.items() if name in protocols}
    request = replace(request, inputs=[replace(one, name=label)], protocols=chosen, every=True, output=[result])
    try:
        device = choose_device(request.options["device"])
        found = evaluate(request, device, open_model, keep_panels(result.with_suffix(".npz"), device))
    except NoProtocolFitsError as error:
        return error.refused
    write(found, result)
    return found.refused


if __name__ == "__main__":
    os.environ.pop("RANK", None)
    sys.exit(main())
