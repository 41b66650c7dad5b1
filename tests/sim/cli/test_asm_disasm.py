"""``dstc asm`` and ``dstc disasm`` as a user calls them."""

import json

import pytest

from dstc_sim.cli import main

TEXT = "LDC acc=0\nTILE acc=0, dense=0, ktiles=1\n    .warp a=0x00000001, b=0x00000001\nHALT\n"
HEX = "0000000000000012\n0000000000010022\n0000000100000001\n0000000000000001\n"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "p.s"
    path.write_text("; a comment\n" + TEXT)
    return path


def run(capsys, *args):
    code = main([str(arg) for arg in args])
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def test_to_standard_output(capsys, source, tmp_path):
    assert run(capsys, "asm", source, "--config", "tiny") == (0, HEX, "")
    (tmp_path / "p.hex").write_text(HEX)
    assert run(capsys, "disasm", tmp_path / "p.hex", "--config", "tiny") == (0, TEXT, "")


@pytest.mark.parametrize("name", ["p.bin", "p.hex"])
def test_through_files(capsys, source, tmp_path, name):
    program, text = tmp_path / name, tmp_path / "back.s"
    code, out, err = run(capsys, "asm", source, "--config", "tiny", "-o", program)
    assert (code, err) == (0, "")
    assert out == f"{program}: 4 words for configuration tiny\n"
    assert (program.read_bytes()[:8] == b"DSTCPROG") == (name == "p.bin")
    config = [] if name == "p.bin" else ["--config", "tiny"]
    assert run(capsys, "disasm", program, *config, "-o", text)[0] == 0
    assert text.read_text() == TEXT
    code, out, _ = run(capsys, "disasm", program, *config, "--addresses")
    assert code == 0
    assert out.splitlines()[3] == f"{'HALT':<43} ; word 3"


def test_json(capsys, source, tmp_path):
    program = tmp_path / "p.bin"
    for args, want in [
        (["asm", source, "--config", "tiny"], {"program": HEX.split()}),
        (["asm", source, "--config", "tiny", "-o", program], {"out": str(program)}),
        (["disasm", program], {"text": TEXT}),
        (["disasm", program, "-o", tmp_path / "p2.s"], {"out": str(tmp_path / "p2.s")}),
    ]:
        code, out, err = run(capsys, *args, "--json")
        assert (code, err) == (0, "")
        assert json.loads(out) == {"config": "tiny", "words": 4} | want


@pytest.mark.parametrize("content, args, message", [
    (b"LDA slot=9", ["asm", "--config", "tiny"],
     "Field slot of LDA must be from 0 to 1 in configuration tiny, not 9 (line 1, column 10)"),
    (b"HALT\xff", ["asm"], "must be UTF-8 text, not byte 0xff at offset 4"),
    (b"", ["asm", "--config", "huge"], "Configuration must be one of "),
    (b"01", ["disasm"], "Option --config must be given for hexadecimal text, not left out"),
    (b"00", ["disasm", "--config", "tiny"], "Instruction must have a known opcode"),
    (b"zz", ["disasm", "--config", "tiny"], "must be one word of 1 to 16 hexadecimal digits"),
    (b"DSTCPROG", ["disasm"], "must be at least 24 bytes, not 8"),
    (None, ["asm"], "Input must be an existing file"),
    (None, ["disasm"], "Input must be an existing file"),
])
def test_refused_in_one_sentence(capsys, tmp_path, content, args, message):
    path, target = tmp_path / "input", tmp_path / "output"
    if content is not None:
        path.write_bytes(content)
    code, out, err = run(capsys, args[0], path, *args[1:], "-o", target)
    assert (code, out) == (2, "")
    assert err.startswith("dstc: ")
    assert message in err
    assert err.count("\n") == 1
    assert not target.exists()


@pytest.mark.parametrize("name", ["asm", "disasm"])
def test_help_has_examples(capsys, name):
    code, out, _ = run(capsys, name, "--help")
    assert code == 0
    assert f"dstc {name} tile" in out
