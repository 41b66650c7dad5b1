"""Records in memory as the hardware slices and checks them, from their tables."""

from amaranth import *

__all__ = ["record_fields", "record_wrong"]

WORD_BITS = 64


def record_fields(spec, record):
    """Each field of a record by name.

    Parameters
    ----------
    spec : RecordSpec
        The table, such as ``dstc.accelerator.records.JOB``.
    record : Value
        Its words, the first one lowest.

    Returns
    -------
    dict of str to Value
    """
    return {field.name: record[WORD_BITS * field.word + field.lsb:][:field.width]
            for field in spec.fields}


def record_wrong(spec, record):
    """Whether a reserved bit is set, or a field out of its range or not aligned."""
    reserved = sum(spec.reserved(word) << WORD_BITS * word for word in range(spec.words))
    wrong = (record & reserved).any()
    values = record_fields(spec, record)
    for field in spec.fields:
        value = values[field.name]
        if field.limit == field.low + 1:
            wrong = wrong | (value != field.low)
            continue
        if field.low:
            wrong = wrong | (value < field.low)
        if field.limit < 1 << field.width:
            wrong = wrong | (value >= field.limit)
        if field.align > 1:
            wrong = wrong | value[:(field.align - 1).bit_length()].any()
    return wrong
