"""Programs in memory, put together by hand from the tables: operands, instructions, results."""

import numpy as np

from dstc.accelerator.records import ENTRY, PROGRAM, PROGRAM_MAGIC, TILES, TILES_OPCODE
from dstc.beats import TileRecords, encoded_records, result_beats, result_matrix, tile_records
from dstc.conv import encode_map, weight_matrix
from dstc.conv.featuremap import map_matrix
from dstc.conv.program import conv_job
from dstc.conv.words import pack
from dstc.formats import encode

__all__ = ["Convolution", "Directory", "Image", "Product", "row_stride", "tiles", "warp_part"]

SLOT = 64


def warp_part(k_tiles):
    return -(-k_tiles // 128) * 16


def row_stride(k_tiles):
    return warp_part(k_tiles) + -(-k_tiles // 2) * 16


class Directory:
    """Where the rows of a directory are; ``records`` are the addresses of the records."""

    def __init__(self, address, rows, k_tiles, records=()):
        self.address, self.rows, self.k_tiles, self.records = address, rows, k_tiles, records

    def row(self, index):
        return self.address + index * row_stride(self.k_tiles)

    def entry(self, row, k_tile):
        return self.row(row) + warp_part(self.k_tiles) + 8 * k_tile


class Image:
    """A memory from ``base`` on; what nobody has written is noise."""

    def __init__(self, acc, size=1 << 16, base=0x1_0000, seed=0):
        self.acc, self.config, self.base = acc, acc.core, base
        self.rng = np.random.default_rng(seed)
        self.bytes = bytearray(self.rng.bytes(size))
        self.end = base

    def room(self, size, align=16):
        """Address of so many bytes that nobody else uses."""
        start = -(-self.end // align) * align
        self.end = start + size
        assert self.end <= self.base + len(self.bytes), "the image is too small"
        return start

    def write(self, address, content):
        content = np.ascontiguousarray(content).tobytes() if isinstance(
            content, np.ndarray) else bytes(content)
        self.bytes[address - self.base:address - self.base + len(content)] = content

    def read(self, address, size):
        return np.frombuffer(bytes(self.bytes[address - self.base:address - self.base + size]),
                             np.uint8)

    def word(self, address):
        return int.from_bytes(self.read(address, 8).tobytes(), "little")

    def put(self, content, align=16):
        """Write some content where there is room; its address."""
        address = self.room(content.nbytes, align)
        self.write(address, content)
        return address

    def operand(self, encoded):
        """Records and directory of an operand."""
        return self.put_records(tile_records(encoded, self.config), encoded.outer_tiles,
                                encoded.k_tiles, np.diff(encoded.offsets) > 0)

    def put_records(self, records, rows, k_tiles, occupied):
        """Records, each where there is room, and a directory that knows where."""
        beat = records.data.shape[1]
        places = [self.put(records.data[start:stop], max(16, beat)) for start, stop
                  in zip(records.starts[:-1], records.starts[1:], strict=True)]
        directory = Directory(self.room(rows * row_stride(k_tiles)), rows, k_tiles, places)
        self.write(directory.address, bytes(rows * row_stride(k_tiles)))
        for row in range(rows):
            bits = sum(int(occupied[row * k_tiles + k]) << k for k in range(k_tiles))
            self.write(directory.row(row), bits.to_bytes(warp_part(k_tiles), "little"))
            for k in range(k_tiles):
                n = row * k_tiles + k
                beats = int(records.starts[n + 1] - records.starts[n])
                self.write(directory.entry(row, k), ENTRY.pack(place=places[n] >> 4, beats=beats))
        return directory

    def program(self, instructions, post, gather=(), x_list=(), x_directory=0, **changes):
        """Header, instructions and words; fields of the header may be changed.  The address."""
        post, gather = (np.array(words, np.uint64) for words in (post, gather))
        x_list = np.array(x_list, np.uint32)
        fields = {
            "magic": PROGRAM_MAGIC, "version": 1, "lowered": int(gather.size > 0),
            "instructions": len(instructions), "post_words": post.size, "post": self.put(post),
            "gather": self.put(gather), "gather_words": gather.size, "x_records": x_list.size,
            "x_list": self.put(x_list), "x_directory": x_directory,
            "config_id": self.acc.config_id} | changes
        address = self.room(64 * (1 + len(instructions)), 64)
        self.write(address, PROGRAM.pack(**fields))
        for n, instruction in enumerate(instructions):
            self.write(address + 64 * (n + 1), instruction)
        return address


def tiles(**fields):
    """An instruction; what is not named is 0."""
    return TILES.pack(**{field.name: 0 for field in TILES.fields} | {"opcode": TILES_OPCODE}
                      | fields)


class Job:
    """Output tiles of a matrix in memory, and the instructions for them.

    Parameters
    ----------
    image : Image
    shape : pair of int
    b : Directory
        Of the B tiles.
    c : numpy.ndarray or None
        Accumulators.
    raw : bool
        Results are accumulators; otherwise records.
    columns : int
        1, or 2 for pairs where there are two.
    a : Directory, optional
        Of the A tiles; none in a lowered program.
    dense : bool
    """

    def __init__(self, image, shape, b, c, *, raw, columns, a=None, dense=False):
        config = image.config
        self.image, self.config, self.shape, self.raw = image, config, shape, raw
        self.a, self.b, self.dense = a, b, dense
        self.rows, self.cols = -(-shape[0] // config.tile_m), b.rows
        self.tile_bytes = config.c_beats * config.c_beat_bits // 8
        self.c = 0 if c is None else image.put(result_beats(c, config))
        self.blocks = -(-shape[1] // config.tile_k)
        elements = config.tile_m * config.tile_k
        longest = -(-elements // config.a_beat_bits) + elements // config.a_beat_values
        self.slot = -(-longest * config.a_beat_bits // 8 // SLOT) * SLOT
        if raw:
            self.result, self.y = image.room(self.rows * self.cols * self.tile_bytes), None
        else:
            self.result = image.room(self.rows * self.blocks * self.slot, SLOT)
            size = self.rows * row_stride(self.blocks)
            self.y = Directory(image.room(size), self.rows, self.blocks)
            image.write(self.y.address, bytes(size))
        self.instructions = [
            self._tiles(row, range(col, min(col + columns, self.cols)))
            for row in range(self.rows) for col in range(0, self.cols, columns)]

    def block_counts(self, columns):
        """Records of each of some columns of result tiles."""
        most = self.config.channel_blocks
        return [min(most, self.blocks - col * most) for col in columns]

    def _tiles(self, row, columns):
        tile, counts = row * self.cols + columns[0], self.block_counts(columns)
        fields = {"pair": len(columns) - 1, "dense": self.dense, "load_c": self.c > 0,
                  "raw": self.raw, "ktiles": self.b.k_tiles, "b": self.b.row(columns[0])}
        if self.a:
            fields["a"] = self.a.row(row)
        if self.c:
            fields["c"] = self.c + tile * self.tile_bytes
        if self.raw:
            return tiles(**fields, result=self.result + tile * self.tile_bytes)
        first = columns[0] * self.config.channel_blocks
        return tiles(**fields, result=self.result + (row * self.blocks + first) * self.slot,
                     y=self.y.row(row), y_ktiles=self.blocks, y_first=first,
                     blocks0=counts[0], blocks1=counts[1] if len(counts) > 1 else 0)

    def raw_result(self):
        """What is in memory as D."""
        size = self.rows * self.cols * self.tile_bytes
        beats = self.image.read(self.result, size).reshape(-1, self.config.c_beat_bits // 8)
        return result_matrix(beats, self.shape, self.config)

    def map_result(self):
        """What is in memory as records, by way of the directory, whose warp bits are checked."""
        beat = self.config.a_beat_bits // 8
        parts, starts = [], [0]
        for row in range(self.rows):
            for k in range(self.blocks):
                entry = ENTRY.unpack([self.image.word(self.y.entry(row, k))])
                assert entry["place"] << 4 == (self.result
                                               + (row * self.blocks + k) * self.slot)
                parts.append(self.image.read(entry["place"] << 4, entry["beats"] * beat))
                starts.append(starts[-1] + entry["beats"])
        records = TileRecords(data=np.concatenate(parts).reshape(-1, beat),
                              starts=np.array(starts))
        encoded = encoded_records(records, self.shape, self.config)
        for row in range(self.rows):
            bits = int.from_bytes(self.image.read(self.y.row(row), warp_part(self.blocks))
                                  .tobytes(), "little")
            full = np.diff(encoded.offsets)[row * self.blocks:(row + 1) * self.blocks] > 0
            assert bits == sum(int(each) << k for k, each in enumerate(full))
        return encoded.decode()

    @property
    def result_array(self):
        """Accumulators or elements."""
        return self.raw_result() if self.raw else self.map_result()


class Product(Job):
    """A matrix product of arrays of the element type; other parameters as of :class:`Job`."""

    def __init__(self, image, a, b, c=None, *, raw=True, columns=1, dense=False, relu=False):
        config = image.config
        encoded = [encode(matrix, side, config) for matrix, side in ((a, "A"), (b, "B"))]
        a_tiles, b_tiles = (image.operand(each) for each in encoded)
        super().__init__(image, (a.shape[0], b.shape[1]), b_tiles, c, raw=raw, columns=columns,
                         a=a_tiles, dense=dense)
        self.post = []
        for row in range(self.rows):
            rows = min(config.tile_m, self.shape[0] - row * config.tile_m)
            self.post += [pack(config, "POST", relu=int(relu), raw=int(raw), bias=0, params=0,
                               rows=rows, blocks=1 if raw else count)
                          for count in self.block_counts(range(self.cols))]

    def program(self, **changes):
        """Its program in memory; the address."""
        return self.image.program(self.instructions, self.post, **changes)


class Convolution(Job):
    """A convolution of a feature map; ``columns`` as of :func:`dstc.conv.program.conv_job`."""

    def __init__(self, image, x, w, geometry, epilogue, c=None, *, columns=1):
        config = image.config
        encoded = encode_map(x, config)
        weights = encode(weight_matrix(w, geometry), "B", config)
        self.job = conv_job(tile_records(encoded, config), weights, geometry, epilogue,
                            columns=columns, config=config)
        self.x = image.operand(encoded)
        super().__init__(image, (geometry.positions, geometry.outputs), image.operand(weights),
                         None if c is None else map_matrix(c), raw=epilogue.raw, columns=columns)
        self.x_list = [(self.x.entry(*divmod(int(n), encoded.k_tiles)) - self.x.address) // 8
                       for n in self.job.x.order]

    def program(self, **changes):
        """Its program in memory; the address."""
        return self.image.program(self.instructions, self.job.post, self.job.gather, self.x_list,
                                  self.x.address, **changes)
