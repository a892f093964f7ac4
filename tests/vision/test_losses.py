"""Losses of segmentation: what is unknown is not heard, what is right costs nothing."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.vision import losses
from oceanclean.vision.augmentation import IGNORE

LOSSES = {"cross_entropy": losses.cross_entropy(), "focal": losses.cross_entropy(gamma=2.0), "dice": losses.dice(),
          "soft_iou": losses.soft_iou(), "lovasz": losses.lovasz(),
          "weighted": losses.cross_entropy(np.asarray([1.0, 2.0, 0.5]))}  # fmt: skip


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    return rng.integers(0, 3, (2, 8, 9)), rng.normal(size=(2, 8, 9, 3)).astype(np.float32)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_right_answer_costs_next_to_nothing_and_a_wrong_one_more_than_chance(name, case):
    target, logits = case
    right = 30.0 * np.eye(3, dtype=np.float32)[target]
    chance = float(LOSSES[name](target, logits))
    assert float(LOSSES[name](target, right)) < 0.01
    assert float(LOSSES[name]((target + 1) % 3, right)) > chance > 0.01


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_ignored_pixels_change_nothing(name, case):
    target, logits = case
    target = target.copy()
    target[:, 4:] = IGNORE
    other = logits.copy()
    other[:, 4:] = 50.0 * np.random.default_rng(2).normal(size=other[:, 4:].shape)
    assert float(LOSSES[name](target, logits)) == pytest.approx(float(LOSSES[name](target, other)), rel=1e-5)


def test_lovasz_of_one_class_is_the_jaccard_loss_of_hard_answers(case):
    target, _ = case
    guess = np.random.default_rng(5).integers(0, 3, target.shape)
    hard = 200.0 * np.eye(3, dtype=np.float32)[guess]
    jaccard = [1 - ((target == k) & (guess == k)).sum() / ((target == k) | (guess == k)).sum() for k in range(3)]
    assert float(losses.lovasz()(target, hard)) == pytest.approx(np.mean(jaccard), abs=1e-4)


def test_class_weights_raise_the_rare_and_leave_out_the_absent():
    weights = losses.class_weights([900, 90, 10, 0])
    assert weights[0] < weights[1] < weights[2]
    assert weights[3] == 0
    assert weights[:3].mean() == pytest.approx(1.0)


def test_a_student_that_agrees_with_its_teacher_pays_the_teachers_doubt_alone(case):
    target, logits = case
    loss = losses.distillation(losses.cross_entropy(), 3, share=1.0, temperature=2.0)
    joined = np.concatenate([target[..., None].astype(np.float32), logits], axis=-1)
    p = np.exp(logits / 2) / np.exp(logits / 2).sum(-1, keepdims=True)
    entropy = -(p * np.log(p)).sum(-1).mean() * 4
    assert float(loss(joined, logits)) == pytest.approx(entropy, rel=1e-4)
    assert float(loss(joined, logits[..., ::-1].copy())) > entropy
