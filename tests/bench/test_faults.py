import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.accelerator.registers import DeviceErrorCode
from dstc.config import get_config
from dstc_sim.faults.campaign import Outcome, inject
from dstc_sim.faults.catalogue import Fault, Workbench, any_core
from dstc_sim.faults.kinds import KINDS
from dstc_sim.faults.scenario import make_scenario
from dstc_sim.faults.simulated import SimulatedFaultBus

SCRIPT = Path(__file__).parents[2] / "bench" / "faults.py"
ACC = AcceleratorConfig(core=get_config("tiny"), cores=2, data_bits=64)
SYSTEM = ACC.cores, ACC.data_bits


@pytest.fixture(scope="module")
def bench():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("faults", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def workbench(bench):
    bus = SimulatedFaultBus(ACC, memory=bench.MEMORY)
    yield Workbench(make_scenario("product", bus, ACC, bench.WINDOW, 3))
    bus.close()


@pytest.mark.parametrize("name", ["product", "convolution"])
def test_a_few_faults_of_every_class(bench, name):
    seen = list(bench.trials(ACC, name, 2, seed=5))
    assert [kind for kind, _ in seen] == [kind for kind in KINDS for _ in range(2)]
    bad = [f"{trial.fault.what}: {trial.outcome.value}, {trial.story}" for _, trial in seen
           if not trial.outcome.good]
    assert not bad, "\n".join(bad)


def test_every_class_has_faults_of_its_name(workbench):
    for kind, makers in KINDS.items():
        fault = next(makers(workbench))()
        assert fault.kind == kind
        assert (fault.pokes or fault.registers or fault.beat or fault.burst or fault.hold
                or fault.event)


def test_the_oracle_finds_what_the_golden_model_finds(workbench):
    fault = workbench.judged("none", "nothing is wrong")
    assert fault.exact and not fault.errors
    assert fault.want["d"].tobytes() == workbench.scenario.want["d"].tobytes()


def poke_of_c(workbench):
    """Another number in C, whatever it was."""
    at = workbench.scenario.programs[0].instructions[0].fields["c"]
    return at, np.float32(12345.0).tobytes()


def test_the_oracle_knows_what_changed_bytes_mean(workbench):
    fault = workbench.judged("c", "another C", poke_of_c(workbench))
    changed = fault.want["d"] != workbench.scenario.want["d"]
    assert changed.sum() == 1 and changed[0, 0]
    assert inject(workbench.scenario, fault, 1).outcome == Outcome.EXACT


READ = any_core(DeviceErrorCode.READ)


@pytest.mark.parametrize("changes, outcome", [
    # The result is that of another C, and nobody expected it.
    ({"exact": True}, Outcome.SILENT),
    # An error was due and none came.
    ({"errors": READ}, Outcome.SILENT),
    # Another code than the one that came.
    ({"beat": 5, "errors": any_core(DeviceErrorCode.WRITE)}, Outcome.WRONG_ERROR),
    # The memory stands still and the device is told never to give up.
    ({"hold": ("r",), "at": 50, "errors": READ, "registers": (("TIMEOUT", 0),)}, Outcome.HUNG),
    ({"beat": 5, "errors": READ}, Outcome.ERROR),
])
def test_bad_outcomes_are_told(workbench, changes, outcome):
    fault = Fault(kind="test", what="test", pokes=(poke_of_c(workbench),), **changes)
    trial = inject(workbench.scenario, fault, 0)
    assert trial.outcome == outcome and bool(trial.story) != outcome.good


def test_a_wrong_address_is_another_error(workbench):
    scenario = workbench.scenario
    makers = KINDS["instruction"](workbench)
    fault = next(makers)()
    [error] = fault.errors
    assert inject(scenario, fault, 2).outcome == Outcome.ERROR
    for wrong in (replace(error, address=error.address + 64), replace(error, core=error.core + 1)):
        trial = inject(scenario, replace(fault, errors=frozenset([wrong])), 2)
        assert trial.outcome == Outcome.WRONG_ERROR and f"{wrong.address:#x}" in trial.story


def test_a_spoilt_next_job_is_told(workbench, monkeypatch):
    scenario = workbench.scenario
    want = {"d": scenario.want["d"] + 1}
    monkeypatch.setattr(scenario, "want", want)
    fault = Fault(kind="clear", what="clear", event="clear", at=20)
    assert inject(scenario, fault, 0).outcome == Outcome.LASTING


def test_page_and_exit_codes(bench, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "SYSTEMS", (SYSTEM,))
    monkeypatch.setattr(bench, "SCENARIOS", {"product": bench.SCENARIOS["product"]})
    monkeypatch.setattr(bench, "KINDS", {kind: KINDS[kind] for kind in ("instruction", "reset")})
    files = tmp_path / "new" / "a.json", tmp_path / "new" / "a.md"
    options = ["--count", "2", "--json", str(files[0]), "--markdown", str(files[1])]
    assert bench.main(options) == 0
    report = json.loads(files[0].read_text())
    assert [row["class"] for row in report["rows"]] == ["instruction", "reset"]
    assert report["rows"][0]["codes"] == {str(int(DeviceErrorCode.INSTRUCTION)): 2}
    text = files[1].read_text()
    assert text.startswith("# Injected faults") and "| reset | 2 | 0 | 0 | 2 | - |" in text

    def wrong(scenario, fault, seed):
        return replace(inject(scenario, fault, seed), outcome=Outcome.SILENT, story="on purpose")

    for file in files:
        file.unlink()
    monkeypatch.setattr(bench, "inject", wrong)
    assert bench.main(options) == 1
    assert "on purpose" in capsys.readouterr().out and not files[0].exists()
