from imprint_core.collapse.merged_tasks import KSelectionJob, all_tasks, curve_key, largest_d, merged_tasks
from imprint_core.evaluation.experiment import Experiment
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS

RECIPE = PRESETS["own"].recipe


def seeds_of(tasks, draw):
    return {task.experiment(RECIPE, None).seeds for task in tasks if task.draw == draw}


def test_tasks_of_few_and_many_classes(bundled):
    assert [largest_d(c) for c in (1, 2, 4, 10, 100)] == [0, 1, 2, 5, 10]
    info = bundled["resnet50", "mnist"]
    few = merged_tasks(info, 10, 2)
    assert [(t.d, t.draw, t.spec) for t in few[:2]] == [(1, 1, "1in1-1"), (2, 1, "2in1-1")]
    assert len(few) == 10
    assert seeds_of(few, 1) != seeds_of(few, 2)
    # Ten draws, eight seeds.
    assert len(all_tasks([info], lambda info: len(info.class_names), 10)) == 8
    assert Recipe("mean", 7).with_k().gen == "kmeans"
    assert Recipe("ls", 7, "none", "none", "none").with_k().gen == "kls"
    assert Recipe("random", 7).with_k() == Recipe("random", 1)


def test_keys_depend_on_everything_that_changes_results(bundled):
    info = bundled["resnet50", "mnist"]
    task = merged_tasks(info, 10, 1)[1]
    keys = {
        curve_key(task, RECIPE, None),
        curve_key(task, RECIPE, 5),
        curve_key(task, Recipe("random", 3), None),
        curve_key(merged_tasks(info, 10, 2)[6], RECIPE, None),
        curve_key(merged_tasks(bundled["resnet50", "digits"], 10, 1)[1], RECIPE, None),
    }
    assert len(keys) == 5
    assert curve_key(task, Recipe("kmeans", 3), None) == curve_key(task, RECIPE, None)
    job = KSelectionJob(Experiment(info, "all", 20, RECIPE, (5,)), (1, 2))
    assert len({job.key(0), job.key(1), KSelectionJob(job.experiment.with_(seeds=(6,)), (1, 2)).key(0)}) == 3
    assert job.fold_count(20) == 50
    assert KSelectionJob(job.experiment, (1,)).fold_count(20) == 0
