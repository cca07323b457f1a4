# F06: what is installed is pinned by hash, every package of it, and a package that differs is not installed.
import base64
import hashlib
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
SHA512 = re.compile(r"sha512-[A-Za-z0-9+/]{86}==")
REGISTRY = "https://registry.npmjs.org/"
LOCK = tomllib.loads((ROOT / "uv.lock").read_text())
NPM = json.loads((ROOT / "package-lock.json").read_text())


def faults_of_python(lock):
    """Every file of every package that is not from the index, or has no hash."""
    found = []
    for package in lock["package"]:
        name = package["name"]
        if name == "mext":
            found += [] if package["source"] == {"editable": "."} else [f"{name}: {package['source']}"]
            continue
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        if package["source"] != {"registry": "https://pypi.org/simple"} or not files:
            found.append(f"{name}: {package['source']}, {len(files)} files")
        found += [
            f"{name}: {each['url']}"
            for each in files
            if not SHA256.fullmatch(each.get("hash", ""))
            or not each["url"].startswith("https://files.pythonhosted.org/")
        ]
    return found


def faults_of_npm(lock):
    return [
        name
        for name, package in lock["packages"].items()
        if name
        and not (
            SHA512.fullmatch(package.get("integrity", ""))
            and package.get("resolved", REGISTRY).startswith(REGISTRY)  # none: the registry
        )
    ]


def test_f06_every_python_package_is_pinned_by_hash():
    assert len(LOCK["package"]) > 100
    assert faults_of_python(LOCK) == []


def test_f06_every_npm_package_is_pinned_by_hash():
    assert NPM["lockfileVersion"] == 3
    assert len(NPM["packages"]) > 10
    assert faults_of_npm(NPM) == []


@pytest.mark.parametrize(
    "change",
    [
        {"hash": ""},
        {"hash": "md5:" + "0" * 32},
        {"hash": "sha256:00"},
        {"url": "https://example.com/x.whl"},
        {"hash": "sha256:" + "G" * 64},
    ],
)
def test_f06_a_file_without_a_proper_hash_is_noticed(change):
    package = {"name": "x", "source": {"registry": "https://pypi.org/simple"}}
    good = {"url": "https://files.pythonhosted.org/x.whl", "hash": "sha256:" + "0" * 64}
    assert faults_of_python({"package": [{**package, "wheels": [good]}]}) == []
    assert len(faults_of_python({"package": [{**package, "wheels": [good | change]}]})) == 1


@pytest.mark.parametrize(
    "source", [{"git": "https://github.com/x/y"}, {"url": "https://x"}, {"registry": "https://pypi.example"}]
)
def test_f06_a_package_from_elsewhere_and_one_without_files_are_noticed(source):
    assert faults_of_python({"package": [{"name": "x", "source": source}]}) != []
    assert faults_of_python({"package": [{"name": "x", "source": {"registry": "https://pypi.org/simple"}}]}) != []
    hashed = {"integrity": f"sha512-{'A' * 86}=="}
    assert faults_of_npm({"packages": {"": {}, "node_modules/x": hashed}}) == []
    assert faults_of_npm({"packages": {"": {}, "node_modules/x": {**hashed, "resolved": "https://x.example/x"}}}) != []
    assert faults_of_npm({"packages": {"": {}, "node_modules/x": {"resolved": f"{REGISTRY}x"}}}) != []


def test_f06_what_pyproject_asks_for_is_in_the_lock():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [project["project"]["dependencies"], *project["dependency-groups"].values()]
    asked = {re.split(r"[\[<>=!~ ;]", each)[0].lower().replace("_", "-") for group in groups for each in group}
    assert asked - {package["name"] for package in LOCK["package"]} == set()


def test_f06_the_targets_install_from_the_locks_alone():
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"uv sync .*--locked", makefile)
    assert "npm ci --ignore-scripts" in makefile
    assert not re.search(r"npm install|uv sync (?!.*--locked)", makefile)


# The installer itself: the same package with one changed byte is not installed.
@pytest.mark.parametrize("tampered", [False, True])
def test_f06_a_package_whose_hash_differs_is_not_installed(tmp_path, tampered):
    wheel = tmp_path / "wheels" / "harmless-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    make_wheel(wheel, "value = 1\n")
    pinned = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if tampered:
        make_wheel(wheel, "value = 2\n")
    (tmp_path / "requirements.txt").write_text(f"harmless==1.0 --hash=sha256:{pinned}\n")
    command = [
        str(Path(sys.executable).parent / "uv"),
        "pip",
        "install",
        "--no-index",
        "--find-links",
        str(wheel.parent),
    ]
    command += [
        "--require-hashes",
        "--no-cache",
        "--target",
        str(tmp_path / "target"),
        "-r",
        str(tmp_path / "requirements.txt"),
    ]
    done = subprocess.run([*command, "--python", sys.executable], capture_output=True, text=True, check=False)
    assert (done.returncode != 0) is tampered, done.stderr
    assert (tmp_path / "target" / "harmless.py").exists() is not tampered
    if tampered:
        assert "Hash mismatch" in done.stderr


def make_wheel(path, code):
    files = {
        "harmless.py": code,
        "harmless-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: harmless\nVersion: 1.0\n",
        "harmless-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},{len(text)}\n"
        for name, text in files.items()
    )
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {
            **files,
            "harmless-1.0.dist-info/RECORD": record + "harmless-1.0.dist-info/RECORD,,\n",
        }.items():
            wheel.writestr(name, text)
