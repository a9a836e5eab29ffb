import gzip
import io
import json
import pickle
import tarfile
import zipfile
from contextlib import suppress

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from imprint_core.errors import ImprintError
from imprint_core.models import foundation_model, loading
from imprint_core.models.libraries import user_weights
from imprint_core.models.saved_weights import save_weights
from imprint_core.models.weights import _WRAPPERS, read_parameters, read_state
from tests.models.conftest import PrintOnUnpickling

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2), "n": torch.tensor(3)}
AGAIN = r"it is truncated or damaged\. Download or copy it again\."


def saved(content, **options):
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"folder/{name.replace('_', '.')}", content)
    return buffer.getvalue()


def tarred(name, content):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def torchscript():
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 3)), buffer)
    return buffer.getvalue()


def write(path, state, prefixes=()):
    """Save a state dict: in .safetensors with the prefixes in the names, in .pth in nested dictionaries."""
    nested = path.suffix == ".pth"
    for prefix in reversed(prefixes):
        state = {prefix: state, "epoch": 3} if nested else {f"{prefix}.{name}": v for name, v in state.items()}
    if nested:
        torch.save(state, path)
    else:
        save_file(state, path)
    return path


def assert_same(actual, expected):
    assert set(actual) == set(expected)
    for name, tensor in expected.items():
        torch.testing.assert_close(actual[name], tensor, rtol=0, atol=0)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
INDEX = json.dumps({"metadata": {"total_size": 1}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}).encode()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is empty. Download or copy it again"),
        (POINTER, "it is a Git LFS pointer. Get the file itself with 'git lfs pull'"),
        (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "it is a web page. Download the file itself"),
        (b"\xef\xbb\xbf\r\n<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "it is a web page"),
        (INDEX, "it is the index of a sharded checkpoint. Merge its parts"),
        (b'{"architecture": "resnet18"}', "it is a JSON file"),
        ("Zugriff nicht möglich\n".encode(), "it is a text file"),
        (gzip.compress(saved(STATE)), "it is compressed. Unpack it"),
        (tarred("storages", saved(STATE)), "it is a tar archive. Unpack it, or save the state dict again"),
        (zipped(weights_safetensors=save(STATE)), "it is a zip archive. Unpack it"),
        (torchscript(), r"it is a TorchScript archive. Save the state dict .* torch.jit.load\(file\).state_dict\(\)"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "it is an HDF5 file. Convert"),
        (b"\x00\x01\x02\x03" * 99, "it is in another format, or damaged. Save the state dict as .safetensors"),
    ],
    ids=[
        "empty",
        "pointer",
        "html",
        "xml",
        "index",
        "json",
        "text",
        "gzip",
        "tar",
        "zip",
        "torchscript",
        "hdf5",
        "binary",
    ],
)
def test_files_without_weights_are_named_for_what_they_are(tmp_path, suffix, content, sentence):
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    expected = r"\.safetensors file" if suffix == ".safetensors" else r"file of torch\.save"
    with pytest.raises(ImprintError, match=rf"^'w\{suffix}' is not a complete {expected}: {sentence}") as caught:
        read_state(path)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (saved(STATE), rf"is not a complete file of torch\.save: {AGAIN}"),
        # The name of a class may be cut off, and then look like another class.
        (saved(STATE, _use_new_zipfile_serialization=False), f"is not a .*: {AGAIN}|holds more than tensors"),
        (save(STATE), rf"is not a complete \.safetensors file: {AGAIN}"),
    ],
    ids=["zip", "pickle", "safetensors"],
)
@given(st.data())
@settings(max_examples=30, deadline=None)
def test_every_truncated_or_damaged_file_raises_a_clear_error(tmp_path_factory, content, sentence, data):
    path = tmp_path_factory.getbasetemp() / "damaged.pth"
    path.write_bytes(content[: data.draw(st.integers(16, len(content) - 1))])
    with pytest.raises(ImprintError, match=sentence):
        read_state(path)
    damaged = bytearray(content)
    damaged[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged)
    # The byte may be one of a weight.
    with suppress(ImprintError):
        read_state(path)


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".pth", save(STATE)),
        (".safetensors", save(STATE)),
        (".pth", saved(STATE)),
        (".pt", saved(STATE)),
        (".bin", saved(STATE, _use_new_zipfile_serialization=False)),
        (".pth", saved({"epoch": 3, "lr": [0.1], "state_dict": STATE, "optimizer": {"state": {0: torch.ones(2)}}})),
    ],
    ids=["safetensors", "same", "zip", "pt", "pickle", "checkpoint"],
)
def test_files_are_read_by_their_content(tmp_path, suffix, content):
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    assert_same(read_parameters(path, STATE), STATE)


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
def test_file_named_safetensors_is_never_unpickled(tmp_path, monkeypatch, options):
    monkeypatch.setattr(torch, "load", None)
    path = tmp_path / "w.safetensors"
    path.write_bytes(saved(STATE, **options))
    with pytest.raises(ImprintError, match=r"is not a complete \.safetensors file: it is a file of torch\.save"):
        read_state(path)


@pytest.mark.parametrize(
    "content", [saved(PrintOnUnpickling()), pickle.dumps(PrintOnUnpickling())], ids=["zip", "pickle"]
)
def test_file_that_could_run_code_is_refused(tmp_path, content, capsys):
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(ImprintError, match=r"'w\.pth' holds more than tensors, which could run code when read"):
        read_state(path)
    assert "unpickled" not in capsys.readouterr().out


def test_state_dict_that_contains_itself_is_read_once(tmp_path):
    state = dict(STATE)
    state["model"] = state
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(ImprintError, match=r"more than once, with the prefixes '' and 'model\.'"):
        read_parameters(tmp_path / "w.pth", STATE)


@given(
    st.lists(st.sampled_from(_WRAPPERS), max_size=3),
    st.lists(st.sampled_from(_WRAPPERS), max_size=3),
    st.sampled_from([".pth", ".safetensors"]),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_prefixes_do_not_change_the_loaded_weights(tmp_path_factory, squeezenet_state, outer, inner, suffix, with_head):
    fm, folder = foundation_model("squeezenet1_1"), tmp_path_factory.getbasetemp()
    state = {k: v for k, v in squeezenet_state.items() if with_head or not k.startswith("classifier")}
    plain = loading.load_model(fm, write(folder / "plain.safetensors", squeezenet_state)).weights_digest
    prefixed = {".".join([*inner, name]): tensor for name, tensor in state.items()}
    assert loading.load_model(fm, write(folder / f"wrapped{suffix}", prefixed, outer)).weights_digest == plain


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    "names",
    [
        # Names of a network may begin like a prefix, and the prefix may be there in addition.
        {"model.a": "model.a", "model.b": "model.b"},
        {"model.a": "model.model.a", "model.b": "model.model.b"},
        {"model.a": "model.a", "a": "a"},
        {"model.a": "model.model.a", "a": "model.a"},
        {"model.a": "module.model.a", "module.a": "module.module.a"},
        # Tensors outside of the prefix are other parts of a checkpoint.
        {"a": "module.a", "b": "module.b", None: "n_averaged"},
        {"a": "state_dict.model.a", "b": "state_dict.model.b", None: "state_dict.loss.weight"},
        {"a": "model.a", "b": "model.b", None: "model_ema.a"},
    ],
)
def test_expected_names_decide_which_prefix_is_removed(tmp_path, suffix, names):
    state = {name: torch.full((2,), float(i)) for i, name in enumerate(names.values())}
    expected = {name: state[saved_name] for name, saved_name in names.items() if name}
    path = write(tmp_path / f"w{suffix}", state)
    assert_same(read_parameters(path, expected), expected)


def test_unexpected_names_remain_for_the_error(tmp_path):
    path = write(tmp_path / "w.safetensors", {"a": torch.zeros(1), "module.b": torch.zeros(1)})
    assert set(read_parameters(path, ["a", "b"])) == {"a", "module.b"}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_two_state_dicts_that_fit_raise_a_clear_error(tmp_path, suffix):
    path = write(tmp_path / f"w{suffix}", {f"{p}.a": torch.zeros(1) for p in ("model", "state_dict")})
    with pytest.raises(ImprintError, match=r"more than once, with the prefixes 'state_dict\.' and 'model\.'. Save one"):
        read_parameters(path, ["a"])


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_other_float_types_are_converted(tmp_path, squeezenet_state, suffix, dtype):
    fm = foundation_model("squeezenet1_1")
    other = {name: tensor.to(dtype) for name, tensor in squeezenet_state.items()}
    paths = [write(tmp_path / f"other{suffix}", other)]
    paths += [write(tmp_path / f"float{suffix}", {name: tensor.float() for name, tensor in other.items()})]
    assert len({loading.load_model(fm, path).weights_digest for path in paths}) == 1


def test_quantized_weights_raise_a_clear_error(tmp_path, squeezenet_state):
    path = write(tmp_path / "w.pth", squeezenet_state | {"features.0.weight": torch.ones(64, 3, 3, 3).to(torch.int8)})
    with pytest.raises(ImprintError, match=r"1 not of float type: features\.0\.weight is torch\.int8\. Give a state"):
        loading.load_model(foundation_model("squeezenet1_1"), path)


@pytest.mark.parametrize(
    ("content", "suffix", "target"),
    [(save, ".safetensors", ".safetensors"), (saved, ".bin", ".pth")],
)
def test_saved_weights_replace_earlier_ones_of_any_format(no_weights, squeezenet_state, content, suffix, target):
    fm, folder = foundation_model("squeezenet1_1"), no_weights / "IMPRINT_WEIGHTS"
    folder.mkdir()
    for other in (".safetensors", ".pth"):
        (folder / f"squeezenet1_1{other}").write_bytes(POINTER)
    new = {f"module.{name}": tensor for name, tensor in squeezenet_state.items()}
    path = save_weights(fm, io.BytesIO(content(new)), suffix)
    assert list(folder.iterdir()) == [path] == [user_weights(fm)]
    assert path.suffix == target
    assert loading.load_model(fm).weights_file == f"squeezenet1_1{target}"


def test_upload_of_another_file_is_named_for_what_it_is(no_weights):
    with pytest.raises(ImprintError, match=r"'squeezenet1_1\.safetensors' is not .*: it is a Git LFS pointer"):
        save_weights(foundation_model("squeezenet1_1"), io.BytesIO(POINTER))
    assert list((no_weights / "IMPRINT_WEIGHTS").iterdir()) == []
