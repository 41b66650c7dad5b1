"""StepWalker: the k-steps that have work, when their tiles and contexts are ready."""

import cocotb

from tb.lib.bench import Scoreboard, bench_test
from tb.lib.models import TICKETS, Side, random_tile


class Program:
    """Random compute instructions, what has to happen before each, and their k-steps."""

    def __init__(self, bench, count, kinds=("sparse", "dense", "select", "popc", "one")):
        self.bench, self.rng, self.config = bench, bench.rng, bench.config
        slots = self.config.slots
        self.loads = {side: [0] * slots for side in "ab"}
        self.tiles = {side: [[0] * self.config.tile_k for _ in range(slots)] for side in "ab"}
        self.turns = [0, 0]
        self.selected, self.predicate, self.micro = (0, 0), (0, 0), None
        self.ops, self.events, self.steps = [], [], []
        for _ in range(count):
            self._add(self.rng.choice(kinds))

    def _add(self, kind):
        rng = self.rng
        if kind == "one" and self.micro is None:
            kind = "select"
        events = []
        if kind not in ("popc", "one"):
            for side in "ab":
                if rng.random() < 0.6:
                    events.append(self._load(side, rng.randrange(self.config.slots)))
        if rng.random() < 0.15:
            acc = rng.getrandbits(1)
            self.turns[acc] += 1
            events.append(("turn", acc, None))
        a, b = rng.randrange(self.config.slots), rng.randrange(self.config.slots)
        k = rng.randrange(self.config.tile_k)
        if kind == "one":
            a, b, k = self.micro
        op = {"a_slot": a, "b_slot": b, "acc": rng.getrandbits(1), "k": k,
              "tile": int(kind in ("sparse", "dense")), "dense": int(kind == "dense"),
              "select": int(kind == "select"), "predicate": int(kind == "popc"),
              "predicated": int(kind == "one" and rng.random() < 0.6),
              "g": rng.randrange(self.config.row_groups),
              "h": rng.randrange(self.config.col_groups),
              "a_loads": self.loads["a"][a] % TICKETS, "b_loads": self.loads["b"][b] % TICKETS}
        op["turns"] = self.turns[op["acc"]] % TICKETS
        if kind == "select":
            self.micro = a, b, k
        self.ops.append(op)
        self.events.append(events)
        self.steps += self._steps(kind, op)

    def _load(self, side, slot):
        tile = random_tile(self.rng, Side.of(self.config, side.upper()))
        self.loads[side][slot] += 1
        self.tiles[side][slot] = tile.groups()
        # The micro-operations read their tiles at their own time: never under them.
        if self.micro and self.micro["ab".index(side)] == slot:
            self.micro = None
        return side, slot, tile.groups()

    def _steps(self, kind, op):
        rows, cols = self.tiles["a"][op["a_slot"]], self.tiles["b"][op["b_slot"]]
        base = {name: op[name] for name in ("a_slot", "b_slot", "acc")}
        if kind == "popc":
            self.predicate = self.selected
            return []
        if kind == "select":
            self.selected = rows[op["k"]], cols[op["k"]]
            return [{**base, "null": 1, "op_last": 1}]
        if kind == "one":
            if op["predicated"] and not (op["g"] < self.predicate[0]
                                         and op["h"] < self.predicate[1]):
                return [{**base, "null": 1, "op_last": 1}]
            return [{**base, "null": 0, "op_last": 1, "single": 1, "dense": 0, "k": op["k"],
                     "g": op["g"], "h": op["h"]}]
        if kind == "dense":
            full = self.config.row_groups, self.config.col_groups
            work = [(k, *full) for k in range(self.config.tile_k)]
        else:
            work = [(k, rows[k], cols[k]) for k in range(self.config.tile_k) if rows[k] and cols[k]]
        steps = [{**base, "null": 0, "op_last": 0, "single": 0, "dense": op["dense"], "k": k,
                  "row_groups": row, "col_groups": col} for k, row, col in work]
        steps = steps or [{**base, "null": 1, "op_last": 0}]
        steps[-1]["op_last"] = 1
        return steps


def comparable(step):
    names = ["a_slot", "b_slot", "acc", "null", "op_last"]
    if not step["null"]:
        names += ["single", "dense", "k"]
        names += ["g", "h"] if step["single"] else ["row_groups", "col_groups"]
    return {name: step[name] for name in names}


class Machine:
    """Loads tiles and lets contexts take turns, each after the instructions before it ended."""

    def __init__(self, bench, program, hurry):
        self.bench, self.program, self.hurry = bench, program, hurry
        self.ended = 0
        slots = bench.config.slots
        self.values = {"loads_a": [0] * slots, "loads_b": [0] * slots, "turns": [0, 0]}
        self.groups = {side: [[0] * bench.config.tile_k for _ in range(slots)] for side in "ab"}
        self.popcs = [n for n, op in enumerate(program.ops) if op["predicate"]]

    async def run(self):
        """Prepare what each instruction needs, in order."""
        for n, events in enumerate(self.program.events):
            for kind, which, groups in events:
                while self._before(n) > self.ended:
                    await self.bench.tick()
                while self.bench.rng.random() > self.hurry:
                    await self.bench.tick()
                if kind == "turn":
                    self._bump("turns", which)
                else:
                    self.groups[kind][which] = groups
                    self.bench.set(f"groups_{kind}", self.groups[kind])
                    self._bump(f"loads_{kind}", which)

    def _before(self, n):
        """Instructions before instruction n that emit something."""
        return n - sum(1 for popc in self.popcs if popc < n)

    def _bump(self, port, which):
        values = self.values[port]
        values[which] = (values[which] + 1) % TICKETS
        self.bench.set(port, values)

    def ready(self, op):
        """Whether tiles, and context, are there for an instruction."""
        values = self.values
        return (op["predicate"] or (values["loads_a"][op["a_slot"]] == op["a_loads"]
                                    and values["loads_b"][op["b_slot"]] == op["b_loads"]),
                op["predicate"] or values["turns"][op["acc"]] == op["turns"])


async def check_waits(bench, machine):
    """No instruction starts early, and the waits are told."""
    index = 0
    while True:
        # The counts as they were driven, before anyone changes them after this edge.
        await bench.tick()
        if bench.in_reset or index == len(machine.program.ops):
            continue
        op = machine.program.ops[index]
        valid, ready = bench.get("i__valid"), bench.get("i__valid") and bench.get("i__ready")
        loads = {port: bench.get(port) for port in ("loads_a", "loads_b", "turns")}
        loaded = op["predicate"] or (loads["loads_a"][op["a_slot"]] == op["a_loads"]
                                     and loads["loads_b"][op["b_slot"]] == op["b_loads"])
        turn = op["predicate"] or loads["turns"][op["acc"]] == op["turns"]
        operand, context = bench.get("wait_operand"), bench.get("wait_context")
        assert valid or not (operand or context), "nobody waits"
        assert not ready or (loaded and turn), f"instruction {index} started early"
        assert not operand or not loaded
        assert not context or (loaded and not turn)
        if valid and not bench.get("o__valid"):
            assert operand == int(not loaded)
            assert context == int(loaded and not turn)
        index += ready


async def run_program(bench, source, sink, program, hurry):
    board = Scoreboard(bench, "o")
    board.expect(comparable(step) for step in program.steps)
    machine = Machine(bench, program, hurry)

    def take(step):
        board.take(comparable(step))
        machine.ended += step["op_last"]

    sink.sink = take
    tasks = [cocotb.start_soon(check_waits(bench, machine)), cocotb.start_soon(machine.run())]
    source.put(*program.ops)
    await board.finish()
    await bench.until(lambda: source.idle, "every instruction")
    await bench.tick(2)
    for task in tasks:
        task.cancel()


@bench_test
async def random_programs(bench):
    source, sink = bench.driver("i"), bench.monitor("o")
    await bench.start()
    for hurry in (1, 0.5, 0.1, 1, 0.3):
        await bench.reset()
        for port in ("loads_a", "loads_b", "turns", "groups_a", "groups_b"):
            bench.set(port, 0)
        source.stall, sink.stall = bench.random_stall(), bench.random_stall()
        await run_program(bench, source, sink, Program(bench, 60), hurry)


@bench_test
async def no_gap_between_instructions(bench):
    """One k-step per cycle, also from one instruction to the next."""
    source, sink = bench.driver("i"), bench.monitor("o")
    await bench.start()
    program = Program(bench, 30, kinds=("sparse", "dense"))
    # All tiles there from the start: the last ones of the program for every instruction.
    tiles, loads = program.tiles, program.loads
    for side in "ab":
        bench.set(f"groups_{side}", tiles[side])
        bench.set(f"loads_{side}", [count % TICKETS for count in loads[side]])
    bench.set("turns", [count % TICKETS for count in program.turns])
    steps = 0
    for op in program.ops:
        op.update(a_loads=loads["a"][op["a_slot"]] % TICKETS, turns=program.turns[op["acc"]],
                  b_loads=loads["b"][op["b_slot"]] % TICKETS)
        steps += len(program._steps("dense" if op["dense"] else "sparse", op))
    source.put(*program.ops)
    await bench.until(lambda: len(sink.taken) == steps, "every k-step")
    assert sink.taken[-1] - sink.taken[0] == steps - 1
