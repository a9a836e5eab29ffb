import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint_core.embeddings import open_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.class_specs import (
    CLASS_SETS,
    DRAWS,
    PAPER_TASKS,
    canonical,
    d_in_1,
    joined,
    parse_classes,
    parse_task,
)
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.framework.recipe import Recipe

ANIMALS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
HUNDRED = tuple(f"class {chr(97 + i // 10)}{chr(97 + i % 10)}" for i in range(100))


@pytest.mark.parametrize("name", CLASS_SETS)
def test_class_sets_choose_classes_that_exist(name):
    for count in (1, 2, 3, 10, 100):
        chosen = list(CLASS_SETS[name].choose(count))
        assert len(set(chosen)) == len(chosen)
        assert all(0 <= c < count for c in chosen)


@pytest.mark.parametrize(
    ("spec", "chosen"),
    [
        ("all", range(10)),
        ("EVEN ", range(0, 10, 2)),
        ("odd", range(1, 10, 2)),
        ("short", range(3)),
        ("ten", range(10)),
        ("0,2,5-7", (0, 2, 5, 6, 7)),
        (" Cat , DOG,9 ", (3, 5, 9)),
        ("truck, 0 - 1", (0, 1, 9)),
        ("1in1", range(10)),
    ],
)
def test_a_subset_keeps_numbers_and_names(spec, chosen):
    grouping = parse_classes(spec, ANIMALS)
    assert not grouping.remapped
    assert grouping.groups == tuple((c,) for c in chosen)
    assert grouping.numbers == tuple(chosen)
    assert grouping.number_of == {c: c for c in chosen}
    assert grouping.names == ANIMALS
    assert grouping.largest == 1


@pytest.mark.parametrize(
    ("spec", "groups", "names"),
    [
        ("animals=cat+dog+bird, vehicles=ship+truck", ((2, 3, 5), (8, 9)), ("animals", "vehicles")),
        ("dog+cat,0", ((3, 5), (0,)), ("cat + dog", "airplane")),
        ("1+5-6, 9", ((1, 5, 6), (9,)), ("automobile + dog + frog", "truck")),
        ("low=0-4, 5-6", ((0, 1, 2, 3, 4), (5,), (6,)), ("low", "dog", "frog")),
        ("feline = cat", ((3,),), ("feline",)),
        ("all=0-9", (tuple(range(10)),), ("all",)),
        ("0+1+2+3", ((0, 1, 2, 3),), ("airplane + automobile + 2 more",)),
    ],
)
def test_merged_classes_are_numbered_from_0(spec, groups, names):
    grouping = parse_classes(spec, ANIMALS)
    assert grouping.remapped
    assert grouping.groups == groups
    assert grouping.names == names
    assert grouping.numbers == tuple(range(len(groups)))
    assert grouping.number_of == {c: i for i, group in enumerate(groups) for c in group}
    assert grouping.largest == max(map(len, groups))


def test_groupings_are_equal_if_they_define_the_same_task():
    assert parse_classes("2, 0", ANIMALS) == parse_classes("airplane,BIRD", ANIMALS)
    assert parse_classes("0-9", ANIMALS) == parse_classes("all", ANIMALS) == parse_classes("ten", ANIMALS)
    assert parse_classes("dog + cat, 1", ANIMALS) == parse_classes("3+5,automobile", ANIMALS)
    assert hash(parse_classes("3 in 1 - 2", ANIMALS)) == hash(parse_classes("3in1-2", ANIMALS))
    assert canonical("3 In 1 - 2") == "3in1-2"
    assert canonical(" 3in1-1") == "3in1"
    assert canonical("Even") == "even"
    assert canonical(" a=Cat +\tDog ") == "a=Cat + Dog"


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("", "No class is named; write classes such as 0, 2, 5-7 or groups such as 0+1, 2+3."),
        ("  ", "No class is named; write classes such as"),
        ("prime", "There is no class 'prime' here; write a number from 0 to 9, a name such as 'airplane', or a class"),
        ("10", "There is no class '10' here; write a number from 0 to 9"),
        ("8-12", "There is no class '8-12' here"),
        ("-1", "There is no class '-1' here"),
        ("9" * 5000, "There is no class '999999999"),
        ("7-5", "The range 7-5 runs backwards; write 5-7."),
        ("0,,1", "A class is missing beside a ',', '+' or '='"),
        ("0,", "A class is missing beside a ',', '+' or '='"),
        ("0+", "A class is missing beside a ',', '+' or '='"),
        ("a=", "A class is missing beside a ',', '+' or '='"),
        ("=0", "'=0' has no name before its '='; write one there, or no '='."),
        ("a=b=0", "There is no class 'b=0' here"),
        ("0,1,0", "Class 0 (airplane) is named twice; a class can be in one group only."),
        ("0-5,4+9", "Class 4 (deer) is named twice"),
        ("cat+3", "Class 3 (cat) is named twice"),
        ("a=0,a=1", "Two groups are called 'a'; give them different names, or join them by '+'."),
        ("dog=cat,dog", "Two groups are called 'dog'"),
        ("x" * 31 + "=0", "The name 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' is too long; at most 30 characters."),
        ("6in1", "'6 in 1' can't be made of 10 classes; d can be 1 to 5."),
        ("0in1", "'0 in 1' can't be made of 10 classes; d can be 1 to 5."),
        ("2in1-11", "There is no draw 11 of '2 in 1'; draws are numbered 1 to 10."),
        ("2in1-0", "There is no draw 0 of '2 in 1'"),
    ],
)
def test_invalid_specs_raise_errors(spec, sentence):
    with pytest.raises(ImprintError) as raised:
        parse_classes(spec, ANIMALS)
    assert str(raised.value).startswith(sentence)
    assert len(str(raised.value)) < 300


def test_too_few_classes_raise_errors():
    with pytest.raises(ImprintError, match="'odd' leaves no class of 1; choose other classes"):
        parse_classes("odd", ("only",))
    with pytest.raises(ImprintError, match="'2 in 1' can't be made of 1 classes; it takes two classes or more"):
        parse_classes("2in1", ("only",))
    with pytest.raises(ImprintError, match="The dataset has no classes"):
        parse_classes("all", ())


def test_ambiguous_names_raise_errors():
    names = ("crane", "Crane", "crane", "T-shirt")
    with pytest.raises(ImprintError, match="2 classes are called 'crane'; write the number, 0 or 2"):
        parse_classes("crane", names)
    assert parse_classes("Crane", names).numbers == (1,)
    assert parse_classes("t-SHIRT", names).numbers == (3,)
    with pytest.raises(ImprintError, match="3 classes are called 'CRANE'"):
        parse_classes("CRANE", names)


@given(st.data())
def test_written_groupings_are_parsed_back(data):
    order = data.draw(st.permutations(range(10)))
    cuts = sorted(data.draw(st.sets(st.integers(1, 9), min_size=1)))
    groups = [order[a:b] for a, b in zip([0, *cuts], [*cuts, data.draw(st.integers(cuts[-1] + 1, 10))], strict=True)]
    write = [data.draw(st.sampled_from([str, ANIMALS.__getitem__, lambda c: ANIMALS[c].upper()])) for _ in groups]
    given_names = [data.draw(st.sampled_from(["", f"group {i}"])) for i in range(len(groups))]
    spec = ", ".join(
        (f"{name} = " if name else "") + " + ".join(how(c) for c in group)
        for name, how, group in zip(given_names, write, groups, strict=True)
    )
    grouping = parse_classes(spec, ANIMALS)
    expected = tuple(tuple(sorted(g)) for g in groups)
    if any(given_names) or any(len(g) > 1 for g in groups):
        assert grouping.groups == expected
        for name, label, group in zip(given_names, grouping.names, expected, strict=True):
            assert label == (name or joined([ANIMALS[c] for c in group]))
    else:
        assert grouping.groups == tuple(sorted(expected))
    assert set(grouping.number_of) == {c for g in groups for c in g}
    assert all(0 <= number < len(grouping.names) for number in grouping.numbers)
    assert parse_classes(canonical(spec), ANIMALS) == grouping


@given(st.text(max_size=60) | st.text(alphabet="0123456789in,+=- catdog", max_size=60))
def test_any_text_is_a_grouping_or_raises_an_error(text):
    try:
        grouping = parse_classes(text, ANIMALS)
    except ImprintError:
        return
    assert grouping.groups
    assert len(grouping.number_of) == sum(map(len, grouping.groups))


@given(st.integers(1, 12), st.integers(1, DRAWS), st.integers(2, 120))
def test_d_in_1_merges_d_classes_each(d, draw, count):
    if d > count // 2:
        with pytest.raises(ImprintError):
            d_in_1(d, draw, count)
        return
    groups = d_in_1(d, draw, count)
    assert groups == d_in_1(d, draw, count)
    assert len(groups) == min(10, count // d)
    assert {len(g) for g in groups} == {d}
    flat = [c for g in groups for c in g]
    assert len(set(flat)) == len(flat)
    assert set(flat) <= set(range(count))
    # The same permutation for every d.
    singles = [c for g in d_in_1(1, draw, count) for c in g]
    shared = min(len(singles), len(flat))
    assert flat[:shared] == singles[:shared]


def test_draws_differ():
    assert len({tuple(d_in_1(3, draw, 100)) for draw in range(1, DRAWS + 1)}) == DRAWS
    first, second = (parse_classes(spec, HUNDRED) for spec in ("3in1", "3in1-2"))
    assert first == parse_classes("3in1-1", HUNDRED)
    assert first != second
    assert len(first.names) == 10
    assert first.remapped


def test_long_names_are_shortened():
    assert joined(["cat", "dog"]) == "cat + dog"
    assert joined(["cat", "dog", "a very long name indeed", "b", "c"]) == "cat + dog + 3 more"
    assert joined(["European fire salamander", "bullfrog", "slug"]) == "European fire salamander + 2 more"
    assert joined(["x" * 100, "y"]) == "x" * 23 + "… + 1 more"
    assert joined(["x" * 100]) == "x" * 29 + "…"


def test_the_papers_tasks_have_names():
    assert len(PAPER_TASKS) == 12
    assert parse_task("mnist-even") == ("mnist", "even")
    assert parse_task(" Fashion_MNIST-short ") == ("fashion_mnist", "short")
    assert parse_task("cifar10") == ("cifar10", "all")
    assert parse_task("tiny_imagenet_100:3 in 1-2") == ("tiny_imagenet_100", "3in1-2")
    assert parse_task("cifar10: animals=cat+dog, ship") == ("cifar10", "animals=cat+dog, ship")
    for wrong in ("", ":even", "mnist:", " : "):
        with pytest.raises(ImprintError, match="is not a task; write a dataset, a dataset with its classes such as"):
            parse_task(wrong)


def test_accuracy_over_k_bends_at_d(bundled):
    """A merged class has d modes, so fewer proxies miss some of them (paper §5.3, published for other FMs)."""
    embeddings = open_set(bundled["vit_tiny_patch16_224", "tiny_imagenet_100"])
    for spec in ("5in1", "5in1-2"):
        evaluator = Evaluator(choose_classes(embeddings, spec), Recipe().space)
        first, five, ten = np.median(evaluator.accuracy_over_k(Recipe(), (1, 5, 10), 300, SEEDS[:3]), axis=1)
        assert five > first + 10
        assert abs(ten - five) < 5
