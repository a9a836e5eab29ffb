from safetensors.torch import save_file

from imprint_core.models import foundation_model
from imprint_core.models.loading import load_model
from imprint_core.models.weights import available_weights, user_weights


def test_weights_folder_precedes_the_cache(no_weights, squeezenet_state):
    fm = foundation_model("squeezenet1_1")
    assert available_weights(fm) is None
    folder = no_weights / "IMPRINT_WEIGHTS"
    folder.mkdir()
    save_file(squeezenet_state, folder / "squeezenet1_1.safetensors")
    assert available_weights(fm) == user_weights(fm) == folder / "squeezenet1_1.safetensors"
    assert load_model(fm).weights_file == "squeezenet1_1.safetensors"
