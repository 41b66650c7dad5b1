"""Prove everything: ``python -m formal [--quick]``; exits with 1 if a proof fails."""

import argparse
import sys
import time

from .proofs import all_proofs, quick_proofs
from .prover import ProofError, prove


def main() -> int:
    """Prove, print a line for each proof; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m formal", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the part that the tests run")
    started, failed, count = time.perf_counter(), 0, 0
    for proof in quick_proofs() if parser.parse_args().quick else all_proofs():
        since = time.perf_counter()
        try:
            outcome = prove(proof.make().system())
            start = "after reset" if outcome.reachable else "from a state that may be unreachable"
            text = "proven" if outcome.holds else (
                f"{', '.join(outcome.failed)} fails in cycle {outcome.cycles} {start}")
        except ProofError as error:
            text = f"undecided: {error}"
        count += 1
        failed += text != "proven"
        print(f"{proof.name}: {text} ({time.perf_counter() - since:.1f} s)", flush=True)
    print(f"{count - failed} of {count} proven in {time.perf_counter() - started:.0f} s")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
