"""When a checkpoint or an epoch change is due."""

from __future__ import annotations

from sentinair.store.checkpoint import (
    CHECKPOINT_NS,
    EPOCH_NS,
    Due,
    Marks,
    after_checkpoint,
    after_epoch,
    due,
    next_due_ns,
)

START = Marks(checkpoint_mono_ns=0, checkpoint_seq=10, epoch_mono_ns=0, epoch_seq=10)


def test_nothing_is_due_right_after_both() -> None:
    assert due(START, 0, 10) == Due(checkpoint=False, epoch=False)


def test_a_checkpoint_is_due_after_a_minute_even_without_records() -> None:
    assert not due(START, CHECKPOINT_NS - 1, 10).checkpoint
    assert due(START, CHECKPOINT_NS, 10) == Due(checkpoint=True, epoch=False)


def test_a_checkpoint_is_due_after_a_thousand_records() -> None:
    assert not due(START, 0, 1009).checkpoint
    assert due(START, 0, 1010) == Due(checkpoint=True, epoch=False)


def test_an_epoch_ends_after_a_quarter_of_an_hour_or_ten_thousand_records() -> None:
    assert not due(START, EPOCH_NS - 1, 10_009).epoch
    assert due(START, EPOCH_NS, 10).epoch
    assert due(START, 0, 10_010).epoch


def test_the_next_moment_is_the_earlier_of_both() -> None:
    assert next_due_ns(START) == CHECKPOINT_NS
    late = after_checkpoint(START, EPOCH_NS - 1, 500)
    assert next_due_ns(late) == EPOCH_NS


def test_writing_one_moves_only_its_own_marks() -> None:
    sealed = after_checkpoint(START, 70, 90)
    assert (sealed.checkpoint_mono_ns, sealed.checkpoint_seq) == (70, 90)
    assert (sealed.epoch_mono_ns, sealed.epoch_seq) == (0, 10)
    changed = after_epoch(sealed, 80, 95)
    assert (changed.epoch_mono_ns, changed.epoch_seq) == (80, 95)
    assert (changed.checkpoint_mono_ns, changed.checkpoint_seq) == (70, 90)
